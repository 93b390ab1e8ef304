"""M27.1, a doctor or a pharmacy begins or ends its responsibility for a patient's multidose; M27.2 answers, and M28
tells the former doctor (HIS 3014 6.1.4, 6.2, 6.3; rules.md X11–X15, X17).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date, datetime

from lxml import etree

from reseptformidler.domain import koder
from reseptformidler.domain.aktor import Aktor, Aktortype, Facts
from reseptformidler.domain.decision import Decision, Finding, Hendelse, Needs, Owed, Reply, Tilstand, refused
from reseptformidler.domain.hode import MsgInfo, Organisation
from reseptformidler.domain.kalender import norsk_dag
from reseptformidler.domain.pasientkort import (
    Kortsteg,
    Multidoseansvarlig,
    Pasientkort,
    ansvarlig,
    avregistrert,
    fortalt,
    gjeldende,
    registrert,
)
from reseptformidler.meldinger import avsender, lib
from reseptformidler.meldinger.krav import krav
from reseptformidler.meldinger.krav_lege import BARE_LEGE
from reseptformidler.meldinger.melding import Avsendertype, MeldingType, Mottatt, Rule
from reseptformidler.reasons import reason
from reseptformidler.wire import innhold
from reseptformidler.wire.multidose import m28, m272


@dataclass(frozen=True, slots=True)
class Registrering:
    """What an M27.1 says. `status`: list 7496."""

    status: str
    gjelder_fra: date | None


def parse(payload: etree._Element) -> Registrering:
    """Read an M271 that the schema has accepted."""
    status = innhold.kode(payload, "Status")
    return Registrering(status.v if status is not None else "", innhold.dato(payload, "GjelderFra"))


def needs(m: Mottatt, facts: Facts) -> Needs:
    """The patient's card."""
    return Needs(kort=lib.numre(m, facts))


def decide_lege(m: Mottatt, tilstand: Tilstand, facts: Facts, now: datetime) -> Decision:
    """A doctor. Another doctor's registration is replaced; one that is still ahead is not (155)."""
    foer, dag, hpr = _kort(m, tilstand, facts, now), norsk_dag(now), avsender.rekvirent(m.head).ident("HPR")
    leger = gjeldende(foer.leger, dag)
    egne = [one for one in leger if one.hpr == hpr]
    if _begynner(m):
        if any(one.gjelder_fra > dag and one.hpr != hpr for one in leger):
            return refused(Finding(reason(155), "M271/Status"))
        etter = replace(foer, leger=registrert(leger, _ansvarlig(m), dag))
        return _endret(m, foer, etter, facts, now, Kortsteg.MULTIDOSELEGE_REGISTRERT, _m28(m, foer, dag))
    if not egne:
        return refused(Finding(reason(152), "HealthcareProfessional/Ident"))
    etter = replace(foer, leger=avregistrert(leger, egne, _fra(m), dag))
    return _endret(m, foer, etter, facts, now, Kortsteg.MULTIDOSELEGE_AVREGISTRERT)


def decide_apotek(m: Mottatt, tilstand: Tilstand, facts: Facts, now: datetime) -> Decision:
    """A pharmacy. Another one must have ended its responsibility before this one's begins (X12)."""
    foer, dag, her = _kort(m, tilstand, facts, now), norsk_dag(now), m.head.sender.ident("HER")
    apotek = gjeldende(foer.apotek, dag)
    egne = [one for one in apotek if one.her == her]
    if _begynner(m):
        if any(one.her != her and (one.aktiv_til is None or one.aktiv_til > _fra(m)) for one in apotek):
            return refused(Finding(reason(154), "M271/Status"))
        etter = replace(foer, apotek=registrert(apotek, _ansvarlig(m), dag))
        return _endret(m, foer, etter, facts, now, Kortsteg.MULTIDOSEAPOTEK_REGISTRERT)
    if not egne:
        return refused(Finding(reason(153), "Sender/Organisation/Ident"))
    etter = replace(foer, apotek=avregistrert(apotek, egne, _fra(m), dag))
    return _endret(m, foer, etter, facts, now, Kortsteg.MULTIDOSEAPOTEK_AVREGISTRERT)


def _kort(m: Mottatt, tilstand: Tilstand, facts: Facts, now: datetime) -> Pasientkort:
    """The patient's card; where there is none, the one before its first version."""
    numre = lib.numre(m, facts)
    return tilstand.pasientkort(numre) or Pasientkort(m.msg_id, 0, numre[0], endret=now)


def _begynner(m: Mottatt) -> bool:
    registrering: Registrering = m.content
    return registrering.status == "R"


def _fra(m: Mottatt) -> date:
    fra: date | None = m.content.gjelder_fra
    assert fra is not None
    return fra


def _ansvarlig(m: Mottatt) -> Multidoseansvarlig:
    return Multidoseansvarlig(_organisasjon(m.head), _fra(m))


def _organisasjon(head: MsgInfo) -> Organisation:
    """X15: who sends it, the doctor by HPR number and name alone."""
    person = head.professional
    if person is not None:
        hpr = tuple(ident for ident in person.idents if ident.type.v == "HPR")
        person = replace(person, type=None, idents=hpr)
    return replace(head.sender, part=None, professional=person)


def _endret(
    m: Mottatt,
    foer: Pasientkort,
    etter: Pasientkort,
    facts: Facts,
    now: datetime,
    steg: Kortsteg,
    owed: tuple[Owed, ...] = (),
) -> Decision:
    """X14: the answer shows who was responsible when the message came."""
    nytt = fortalt(foer, replace(etter, versjon=foer.versjon + 1), lib.numre(m, facts), now)
    dag, her = norsk_dag(now), m.head.sender.ident("HER")
    svar = m272(ansvarlig(foer.leger, dag), ansvarlig(foer.apotek, dag))
    fra, til = ("", her) if _begynner(m) else (her, "")
    return Decision(
        reply=Reply("ERM272", svar),
        kort=nytt,
        hendelser=(Hendelse(nytt.kort_id, nytt.versjon, steg, fra, til),),
        owed=owed,
    )


def _m28(m: Mottatt, foer: Pasientkort, dag: date) -> tuple[Owed, ...]:
    """To the former doctor, where that is another."""
    former, ny = ansvarlig(foer.leger, dag), _ansvarlig(m)
    if former is None or former.hpr == ny.hpr:
        return ()
    return (Owed("M28", former.mottaker, None, m.head.msg_id_text, m.samtale, m28(ny), m.head.patient),)


def _annen_utleverer(aktor: Aktor | None) -> bool:
    return aktor is not None and aktor.utleverer and aktor.type is not Aktortype.APOTEK


REGLER: tuple[Rule, ...] = (
    *lib.PASIENT,
    krav(229, "M271/Status", lambda m, _: m.content.status not in koder.REGISTRERING),
    krav(320, "M271/GjelderFra", lambda m, _: m.content.gjelder_fra is None),
)
IKKE_APOTEK = krav(
    388,
    "Sender/Organisation",
    lambda _, facts: _annen_utleverer(facts.avsender),
    kilde="X12",
    needs_facts=True,
)
"""A bandasjist packs no multidose, and a net pharmacy has the pharmacy that it belongs to."""


def _type(
    service: str,
    avsendertype: Avsendertype,
    rules: tuple[Rule, ...],
    decide: Callable[[Mottatt, Tilstand, Facts, datetime], Decision],
) -> MeldingType:
    return MeldingType(
        token="m271",  # noqa: S106  # the schema's token, no secret
        code="ERM271",
        dn=koder.MELDINGSTYPE.navn["ERM271"],
        namespaces=("http://www.kith.no/xmlstds/eresept/m271/2013-04-16",),
        root="M271",
        operations=((service, "M27_1"),),
        avsender=avsendertype,
        signed=avsendertype is Avsendertype.REKVIRENT,
        reply="ERM272",
        parse=parse,
        rules=(*rules, *REGLER),
        needs=needs,
        decide=decide,
    )


M271_APOTEK = _type(
    "Utleverer", Avsendertype.UTLEVERER, (*avsender.RAPPORTERENDE_UTLEVERER, IKKE_APOTEK), decide_apotek
)
M271_LEGE = _type("Rekvirent", Avsendertype.REKVIRENT, (*avsender.FORSKRIVER, *BARE_LEGE), decide_lege)
