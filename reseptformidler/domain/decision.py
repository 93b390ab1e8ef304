"""What a message type decides, as one value: the answer, and every change that is committed before it leaves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from reseptformidler.domain.hode import Organisation, Patient
from reseptformidler.domain.pasientkort import Pasientkort
from reseptformidler.domain.resept import Resept, Utlevering
from reseptformidler.reasons import Reason


@dataclass(frozen=True, slots=True)
class Finding:
    """A reason and where it was found: `detail` names elements, never their values."""

    reason: Reason
    detail: str = ""
    opplysning: str = ""
    """What the sender's user is told besides, in Norwegian: organisations and times, never persons."""


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer message: its type (list 8279), its payload and the attached messages, as bytes.

    `payload` is one XML element without declaration; each attachment is a whole message, not yet in base64.
    """

    type: str
    payload: bytes
    attachments: tuple[bytes, ...] = ()
    compressed: bool = False
    """Whether the attachments are gzipped (RefDoc/Compression, list 1204: GZ), as Komprimering asked for (Q14)."""
    patient: Patient | None = None
    """The head's patient, where the answer names one."""
    annotations: tuple[str, ...] = ()
    """What is said of each attachment (Document/Annotation), in their order; empty texts where there is nothing."""
    remade: tuple[Remade, ...] = ()
    """Attachments too, after the others."""


@dataclass(frozen=True, slots=True)
class Remade:
    """A message that was owed once and is not kept, written again to be attached (the M6 in M9.8)."""

    owed: Owed
    made: datetime
    """Its GenDate."""


@dataclass(frozen=True, slots=True)
class Hendelse:
    """One row of history: which prescription, or patient's card, became which version, by what event, from where."""

    resept_id: UUID
    versjon: int
    hendelse: str
    fra: str
    til: str


@dataclass(frozen=True, slots=True)
class Vedlegg:
    """A message that is carried byte for byte: one of those that are kept with a prescription."""

    resept_id: UUID
    msg_id: UUID


@dataclass(frozen=True, slots=True)
class Owed:
    """An asynchronous message that the change owes somebody: one row of the outbox, rendered when it is committed."""

    type: str
    """M5.2, M6, M7, M8, M8.1, M20, M21, M14 …: what list 8279 has with ERM before it and without the dot."""
    to: Organisation
    """The Receiver of the head. Its HER-id leads to it; without one the type does (docs/receivers.md)."""
    resept_id: UUID | None
    """What is owed of one prescription arrives in the order of its changes."""
    ref_to_parent: str
    ref_to_conversation: str
    payload: bytes
    """One XML element without declaration."""
    patient: Patient | None = None
    attachments: tuple[Vedlegg, ...] = ()
    sender: Organisation | None = None
    """The Sender of the head where that is not the service: an M14 is the prescriber's application (R1108 4.1.2)."""

    @property
    def receiver(self) -> str:
        """HER-id; empty where the registers know none."""
        return self.to.ident("HER")


@dataclass(frozen=True, slots=True)
class Tilstand:
    """What the store holds of what a message asked for (`Needs`), at one moment."""

    resepter: tuple[Resept, ...] = ()
    utleveringer: tuple[Utlevering, ...] = ()
    """Oldest first: in the order in which they were reported."""
    refnr: tuple[RefNr, ...] = ()
    dokumenter: Mapping[UUID, bytes] = field(default_factory=dict)
    """The messages as they came, by MsgId: an M1 by its ReseptId, an M10 by its own, an M25 that a card holds."""
    kort: tuple[Pasientkort, ...] = ()
    """The cards of the patients that were asked for and of those of `Needs.endret`; none where nothing is known."""
    ledige_refnr: tuple[str, ...] = ()
    """As many reference numbers as `Needs.nye_refnr` asked for, which nobody was issued."""
    tatt: bool = False
    """What the message would create under its MsgId is there already, made by another sender's message."""

    def resept(self, resept_id: UUID) -> Resept | None:
        """The prescription of that id, if it is here."""
        return next((r for r in self.resepter if r.resept_id == resept_id), None)

    def refnummer(self, refnr: str) -> RefNr | None:
        """The reference number's entry, if it was ever issued."""
        return next((r for r in self.refnr if r.refnr == refnr), None)

    def pasientkort(self, numbers: Sequence[str]) -> Pasientkort | None:
        """The card of a person with these national numbers, the present one first: a later number's card wins."""
        return next((kort for number in numbers for kort in self.kort if kort.ident == number), None)


@dataclass(frozen=True, slots=True)
class RefNr:
    """A reference number: issued to one prescriber, bound to the first patient it is used for (rules.md L5, L6).

    `pasient` names the patient it is bound to (see m1_resept.refnr_pasient), None while unused.
    """

    refnr: str
    hpr: str
    pasient: str | None = None
    aktiv: bool = True
    """Some prescription under it is still there; an inactive one that was used is refused (51)."""


@dataclass(frozen=True, slots=True)
class Nodsok:
    """The emergency search: date of birth (ISO), given and family name (Q3)."""

    fdato: str
    fornavn: str
    etternavn: str


@dataclass(frozen=True, slots=True)
class Endret:
    """Cards that concern an organisation (HER-id) and have changed after a moment (M9.21)."""

    her: str
    etter: datetime


@dataclass(frozen=True, slots=True)
class Needs:
    """What a decision must know of the store: prescriptions by id, patient, reference number or emergency search."""

    resepter: tuple[UUID, ...] = ()
    pasienter: tuple[str, ...] = ()
    """National identity numbers."""
    refnr: tuple[str, ...] = ()
    nodsok: Nodsok | None = None
    alle: bool = False
    """Those in every state, not only E (and U)."""
    dokumenter: bool = False
    """The messages themselves (M1, M10) and the utleveringer too."""
    kort: tuple[str, ...] = ()
    """National identity numbers whose cards are asked for."""
    kort_dokumenter: bool = False
    """The M25 messages that these cards hold too."""
    endret: Endret | None = None
    nye_refnr: int = 0
    """How many unused reference numbers."""


@dataclass(frozen=True, slots=True)
class Decision:
    """The outcome. With `refusals` nothing else but the message and its answer is stored."""

    refusals: tuple[Finding, ...] = ()
    notes: tuple[Finding, ...] = ()
    """Said in an accepting AppRec (13, 14)."""
    reply: Reply | None = None
    new: Resept | None = None
    changed: tuple[Resept, ...] = ()
    """The new versions: each `versjon` is one more than the loaded one."""
    utlevering: Utlevering | None = None
    annullert: UUID | None = None
    """MsgId of the M10 that this one annuls."""
    refnr: RefNr | None = None
    """Binds this number to its `pasient`."""
    issued: tuple[RefNr, ...] = ()
    """Numbers of `Tilstand.ledige_refnr` that are issued now."""
    kort: Pasientkort | None = None
    """The new version of a patient's card: one more than the loaded one, 1 where there was none."""
    kept_with: UUID | None = None
    """The changed prescription that the message itself is kept with, where neither `new`, `utlevering` nor `annullert`
    says so already: an M5, M3 or M15, which others are sent copies of."""
    hendelser: tuple[Hendelse, ...] = ()
    owed: tuple[Owed, ...] = ()

    @property
    def accepted(self) -> bool:
        """Whether the message was accepted."""
        return not self.refusals


def refused(*findings: Finding) -> Decision:
    """A refusal for these reasons."""
    assert findings
    return Decision(refusals=findings)
