"""What the service holds of a patient besides prescriptions: who is responsible for multidose, who subscribes to M8.

One card for each national identity number that anything was registered for. Rules: rules.md X and S.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from uuid import UUID

from reseptformidler.domain.hode import Organisation


class Kortsteg(StrEnum):
    """What can happen to a card; also the name of the event in the history."""

    MULTIDOSELEGE_REGISTRERT = "multidoselege_registrert"
    MULTIDOSELEGE_AVREGISTRERT = "multidoselege_avregistrert"
    MULTIDOSEAPOTEK_REGISTRERT = "multidoseapotek_registrert"
    MULTIDOSEAPOTEK_AVREGISTRERT = "multidoseapotek_avregistrert"
    LIB_MOTTATT = "lib_mottatt"
    ABONNEMENT_REGISTRERT = "abonnement_registrert"
    ABONNEMENT_AVSLUTTET = "abonnement_avsluttet"


@dataclass(frozen=True, slots=True)
class Multidoseansvarlig:
    """A doctor or pharmacy that registered with M27.1 (rules.md X14, X15)."""

    organisasjon: Organisation
    """As messages to it name it: organisation with ENH and HER, and the doctor in it (HPR number and name)."""
    gjelder_fra: date


@dataclass(frozen=True, slots=True)
class Abonnement:
    """A doctor's subscription to M8 (M24.1; rules.md S): to whom, and its last day."""

    organisasjon: Organisation
    til: date

    @property
    def hpr(self) -> str:
        """Whose it is."""
        person = self.organisasjon.professional
        return person.ident("HPR") if person is not None else ""


@dataclass(frozen=True, slots=True)
class Libmelding:
    """An M25 message that the service holds: its MsgId, its type (list 8279) and the service's clock when it came."""

    msg_id: UUID
    type: str
    mottatt: datetime


@dataclass(frozen=True, slots=True)
class Pasientkort:
    """All that is registered of one patient, in one version."""

    kort_id: UUID
    """MsgId of the message that made the card: its name in the history."""
    versjon: int
    ident: str
    """The national identity number it was made under."""
    endret: datetime
    """The last change that M9.21 tells of."""
    lege: Multidoseansvarlig | None = None
    apotek: Multidoseansvarlig | None = None
    parter: tuple[str, ...] = ()
    """HER-ids that M9.21 tells of the last change: those responsible after it, and those before it."""
    abonnement: tuple[Abonnement, ...] = ()
    meldinger: tuple[Libmelding, ...] = ()
    """The M25 messages that are held, oldest first; the store keeps exactly these."""
