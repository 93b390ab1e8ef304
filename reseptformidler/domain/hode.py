"""What stands in the head of a message (MsgHead v1.2, HIS 80601), as values.

The names are the schema's own. Nothing here is validated beyond its type: the rules are data in `meldinger`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, datetime
from uuid import UUID

OID = "2.16.578.1.12.4.1.1."
"""Root of the code lists of the standard: a list's OID is this and its number."""


@dataclass(frozen=True, slots=True)
class Kode:
    """A coded value: CS has V and DN; CV has S (the list's OID) too, and may have OT."""

    v: str
    dn: str = ""
    s: str = ""
    ot: str = ""


@dataclass(frozen=True, slots=True)
class Ident:
    """An identifier and the code of its kind (list 8116 for persons, 9051 for organisations)."""

    id: str
    type: Kode


@dataclass(frozen=True, slots=True)
class Address:
    """A postal address; each part as it stood, absent parts empty."""

    type: Kode | None = None
    street: str = ""
    postal_code: str = ""
    city: str = ""
    postbox: str = ""
    county: Kode | None = None
    country: Kode | None = None


@dataclass(frozen=True, slots=True)
class TeleCom:
    """A telephone number or the like: what kind (TypeTelecom, may be absent) and the URL in TeleAddress/@V."""

    type: Kode | None
    address: str


@dataclass(frozen=True, slots=True)
class HealthcareProfessional:
    """The person who acts: in prescriber messages identified by HPR (9 digits, zero-padded)."""

    type: Kode | None = None
    family_name: str = ""
    middle_name: str = ""
    given_name: str = ""
    idents: tuple[Ident, ...] = ()

    def ident(self, kind: str) -> str:
        """The identifier of one kind, or an empty text."""
        return _ident(self.idents, kind)


@dataclass(frozen=True, slots=True)
class Organisation:
    """A sender or receiver; `part` is the nested unit, where one stands."""

    name: str = ""
    idents: tuple[Ident, ...] = ()
    address: Address | None = None
    telecom: tuple[TeleCom, ...] = ()
    part: Organisation | None = None
    professional: HealthcareProfessional | None = None

    def ident(self, kind: str) -> str:
        """The identifier of one kind, or an empty text."""
        return _ident(self.idents, kind)

    def as_receiver(self) -> Organisation:
        """A sender as the Receiver of what answers it: as it stood, but its people by HPR number and HER-id alone.

        The published answers leave a sender's fødselsnummer out.
        """
        person = self.professional
        if person is not None:
            person = replace(person, idents=tuple(one for one in person.idents if one.type.v in ("HPR", "HER")))
        return replace(self, part=self.part.as_receiver() if self.part is not None else None, professional=person)


@dataclass(frozen=True, slots=True)
class Patient:
    """The person the message is about; every part may be absent in the schema."""

    family_name: str = ""
    middle_name: str = ""
    given_name: str = ""
    date_of_birth: date | None = None
    sex: Kode | None = None
    idents: tuple[Ident, ...] = ()
    address: Address | None = None

    def ident(self, kind: str) -> str:
        """The identifier of one kind, or an empty text."""
        return _ident(self.idents, kind)


@dataclass(frozen=True, slots=True)
class MsgInfo:
    """The head of one message. `msg_id` is None where the text in MsgId is no UUID (7419/314)."""

    type: Kode
    gen_date: datetime
    gen_date_text: str
    msg_id: UUID | None
    msg_id_text: str
    sender: Organisation
    receiver: Organisation
    patient: Patient | None = None
    ref_to_parent: str = ""
    ref_to_conversation: str = ""

    @property
    def professional(self) -> HealthcareProfessional | None:
        """The acting person, wherever in the sender's organisation it stands."""
        unit: Organisation | None = self.sender
        while unit is not None:
            if unit.professional is not None:
                return unit.professional
            unit = unit.part
        return None


def _ident(idents: tuple[Ident, ...], kind: str) -> str:
    return next((ident.id for ident in idents if ident.type.v == kind), "")
