"""M24.1, a fastlege subscribes to the dispensing reports (M8) of a patient or ends it, and M24.2 (HIS 3007, HIS 3008).

The messages still speak of the patient's consent (samtykke), which is no longer asked for. What is wrong in form is
refused with an AppRec; what the fastlege register speaks against, with an M24.2 (rules.md S2).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, datetime

from lxml import etree

from reseptformidler.domain import koder
from reseptformidler.domain.aktor import Facts
from reseptformidler.domain.decision import Decision, Hendelse, Needs, Reply, Tilstand
from reseptformidler.domain.hode import Kode, Patient
from reseptformidler.domain.ident import is_person_number
from reseptformidler.domain.kalender import norsk_dag
from reseptformidler.domain.pasientkort import Abonnement, Kortsteg, Pasientkort
from reseptformidler.meldinger import avsender
from reseptformidler.meldinger.krav import krav
from reseptformidler.meldinger.melding import Avsendertype, MeldingType, Mottatt, pasientens_nummer
from reseptformidler.meldinger.rapportering import senere_mottaker
from reseptformidler.wire import innhold
from reseptformidler.wire.m242 import svar_samtykke

_INGEN = Patient()
_UTEN, _MED = "uten", "med"
"""What the history says of a card: without or with a subscription of this doctor."""


@dataclass(frozen=True, slots=True)
class Samtykke:
    """What an M24.1 says."""

    gitt_av: Kode
    til: date | None
    """The last day of the subscription; None where no calendar has the day."""
    type: Kode
    verdi: Kode | None
    """List 1101: yes begins a subscription, no ends it."""

    @property
    def gis(self) -> bool:
        """Whether it begins a subscription."""
        return self.verdi is not None and self.verdi.v == "1"


def parse(payload: etree._Element) -> Samtykke:
    """Read a Samtykke that the schema has accepted."""
    return Samtykke(
        gitt_av=innhold.kode(payload, "SamtykkeGittAv") or Kode(""),
        til=innhold.dato(payload, "SamtykkeTil"),
        type=innhold.kode(payload, "TypeSamtykke") or Kode(""),
        verdi=innhold.kode(payload, "Samtykkeverdi"),
    )


def needs(m: Mottatt, facts: Facts) -> Needs:
    """The patient's card."""
    return Needs(kort=_numre(m, facts))


def decide(m: Mottatt, tilstand: Tilstand, facts: Facts, now: datetime) -> Decision:
    """Register, end, or say why not. To end what was never begun leaves nothing to do, and is no error."""
    kort = tilstand.pasientkort(_numre(m, facts))
    if m.content.gis:
        begrunnelse = _avvist(m, facts, norsk_dag(now))
        return _svart(begrunnelse) if begrunnelse else _registrert(m, kort, facts, now)
    return _avsluttet(m, kort)


def _numre(m: Mottatt, facts: Facts) -> tuple[str, ...]:
    (nummer,) = pasientens_nummer(m)
    return facts.numre(nummer)


def _hpr(m: Mottatt) -> str:
    return avsender.rekvirent(m.head).ident("HPR")


def _avvist(m: Mottatt, facts: Facts, dag: date) -> str:
    """The cause of list 7458, empty for none. Only doctors are in the fastlege register."""
    assert facts.helsepersonell is not None
    assert m.content.til is not None
    (nummer,) = pasientens_nummer(m)
    person = facts.personer.get(nummer)
    if "LE" not in facts.helsepersonell.kategorier:
        return "1"
    if person is None or person.fastlege is None or person.fastlege.hpr.zfill(9) != _hpr(m):
        return "2"
    return "3" if m.content.til < dag else ""


def _registrert(m: Mottatt, kort: Pasientkort | None, facts: Facts, now: datetime) -> Decision:
    """A doctor has one subscription to a patient: the newest, wherever it was registered from."""
    assert m.content.til is not None
    kort = kort or Pasientkort(m.msg_id, 0, _numre(m, facts)[0], endret=now)
    nytt = Abonnement(senere_mottaker(m.head), m.content.til)
    fra = _UTEN if _andres(kort, m) == kort.abonnement else _MED
    return _endret(kort, (*_andres(kort, m), nytt), Kortsteg.ABONNEMENT_REGISTRERT, fra, _MED)


def _avsluttet(m: Mottatt, kort: Pasientkort | None) -> Decision:
    if kort is None or _andres(kort, m) == kort.abonnement:
        return _svart()
    return _endret(kort, _andres(kort, m), Kortsteg.ABONNEMENT_AVSLUTTET, _MED, _UTEN)


def _andres(kort: Pasientkort, m: Mottatt) -> tuple[Abonnement, ...]:
    return tuple(one for one in kort.abonnement if one.hpr != _hpr(m))


def _endret(kort: Pasientkort, abonnement: tuple[Abonnement, ...], steg: Kortsteg, fra: str, til: str) -> Decision:
    """The next version of the card. Its `endret` stays: M9.21 tells of multidose alone."""
    etter = replace(kort, versjon=kort.versjon + 1, abonnement=abonnement)
    return replace(_svart(), kort=etter, hendelser=(Hendelse(etter.kort_id, etter.versjon, steg, fra, til),))


def _svart(begrunnelse: str = "") -> Decision:
    return Decision(reply=Reply("ERM242", svar_samtykke(begrunnelse)))


def _pasient(m: Mottatt) -> Patient:
    return m.head.patient or _INGEN


def _uten_gyldig_nummer(m: Mottatt, _: Facts) -> bool:
    numre = pasientens_nummer(m)
    return not numre or not all(map(is_person_number, numre))


REGLER = (
    krav(115, "Patient/Ident", _uten_gyldig_nummer, kilde="HIS 3007 6.1.1"),
    krav(275, "Patient/Ident", lambda m, _: len(pasientens_nummer(m)) > 1),
    krav(162, "Patient/GivenName", lambda m, _: not _pasient(m).given_name, kilde="HIS 3007 6.1.1"),
    krav(163, "Patient/FamilyName", lambda m, _: not _pasient(m).family_name, kilde="HIS 3007 6.1.1"),
    krav(116, "Samtykke/Samtykkeverdi", lambda m, _: m.content.verdi is None, kilde="S1"),
    krav(230, "Samtykke/Samtykkeverdi", lambda m, _: koder.JA_NEI.lacks(m.content.verdi), kilde="S3"),
    krav(320, "Samtykke/SamtykkeGittAv", lambda m, _: koder.SAMTYKKE_GITT_AV.lacks(m.content.gitt_av), kilde="S3"),
    krav(320, "Samtykke/SamtykkeTil", lambda m, _: m.content.til is None, kilde="S3"),
    krav(320, "Samtykke/TypeSamtykke", lambda m, _: koder.SAMTYKKE.lacks(m.content.type), kilde="HIS 3007 6.2.1"),
)

M241 = MeldingType(
    token="m241",  # noqa: S106  # the schema's token, no secret
    code="ERM241",
    dn=koder.MELDINGSTYPE.navn["ERM241"],
    namespaces=("http://www.kith.no/xmlstds/eresept/m241/2009-02-20",),
    root="Samtykke",
    operations=(("Rekvirent", "M24_1"),),
    avsender=Avsendertype.REKVIRENT,
    signed=True,
    reply="ERM242",
    parse=parse,
    rules=(*avsender.REKVIRENT, *REGLER),
    needs=needs,
    decide=decide,
)
