"""What the service holds of a patient besides prescriptions: who is responsible for multidose, who subscribes to M8.

One card for each national identity number that anything was registered for. Rules: rules.md X and S.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from enum import StrEnum
from uuid import UUID

from reseptformidler.domain.aktor import mottaker
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
    """The M27.1's sender: name, numbers, address and telephone; the doctor in it has HPR number and name."""
    gjelder_fra: date
    aktiv_til: date | None = None
    """The first day on which it no longer applies: it was deregistered for a day that was ahead."""

    @property
    def her(self) -> str:
        """HER-id of the organisation."""
        return self.organisasjon.ident("HER")

    @property
    def hpr(self) -> str:
        """HPR number of the doctor; empty for a pharmacy."""
        person = self.organisasjon.professional
        return person.ident("HPR") if person is not None else ""

    @property
    def mottaker(self) -> Organisation:
        """As the Receiver of M25.2, M25.3 and M28 (X15)."""
        one = self.organisasjon
        return mottaker(one.name, one.ident("ENH"), self.her, one.professional)


def ansvarlig(registrerte: Sequence[Multidoseansvarlig], dag: date) -> Multidoseansvarlig | None:
    """Who is responsible on a day: the last whose registration has begun, if it has not ended."""
    begynt = [one for one in registrerte if one.gjelder_fra <= dag]
    if not begynt or (begynt[-1].aktiv_til is not None and begynt[-1].aktiv_til <= dag):
        return None
    return begynt[-1]


def gjeldende(registrerte: Sequence[Multidoseansvarlig], dag: date) -> tuple[Multidoseansvarlig, ...]:
    """Who is responsible on a day, and who will be later: what is left of the registrations."""
    now = ansvarlig(registrerte, dag)
    return tuple(one for one in registrerte if one is now or one.gjelder_fra > dag)


def registrert(
    registrerte: Sequence[Multidoseansvarlig], ny: Multidoseansvarlig, dag: date
) -> tuple[Multidoseansvarlig, ...]:
    """After a registration: it counts from its own day, and until then who is responsible now is so (X14)."""
    now = ansvarlig(registrerte, dag)
    return (ny,) if now is None or ny.gjelder_fra <= dag else (now, ny)


def avregistrert(
    registrerte: Sequence[Multidoseansvarlig], egne: Sequence[Multidoseansvarlig], fra: date, dag: date
) -> tuple[Multidoseansvarlig, ...]:
    """After somebody's deregistration from a day on: `egne` end then, or are gone if that is now."""
    return tuple(
        replace(one, aktiv_til=fra) if one in egne else one
        for one in gjeldende(registrerte, dag)
        if one not in egne or fra > max(dag, one.gjelder_fra)
    )


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
    numre: tuple[str, ...] = ()
    """All national identity numbers that the person had at that change, the present one first."""
    leger: tuple[Multidoseansvarlig, ...] = ()
    """Who is responsible now, and who will be from a day ahead; `ansvarlig` tells them apart."""
    apotek: tuple[Multidoseansvarlig, ...] = ()
    parter: tuple[str, ...] = ()
    """HER-ids that M9.21 tells of the last change: those registered after it, and those before it."""
    abonnement: tuple[Abonnement, ...] = ()
    meldinger: tuple[Libmelding, ...] = ()
    """The M25 messages that are held, oldest first; the store keeps exactly these."""

    @property
    def registrerte(self) -> tuple[str, ...]:
        """HER-ids of all that are registered for multidose."""
        return tuple(one.her for one in (*self.leger, *self.apotek))

    @property
    def siste(self) -> Libmelding | None:
        """The M25 message that came last."""
        return self.meldinger[-1] if self.meldinger else None


def fortalt(foer: Pasientkort, etter: Pasientkort, numre: tuple[str, ...], now: datetime) -> Pasientkort:
    """The new version with a change at `now` that M9.21 tells those of who were registered before or are so after."""
    parter = tuple(sorted({*foer.registrerte, *etter.registrerte}))
    return replace(etter, endret=now, numre=numre, parter=parter)
