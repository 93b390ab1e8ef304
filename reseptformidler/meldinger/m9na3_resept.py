"""M9NA3, a net pharmacy asks for more about one prescription of its customer's list, and M9NA4 (HIS 3018, 3019).

What the stored prescription has no field for is read in its M1. A locked one is told about by its ReseptId alone: M9NA3
has no place for a RefNr, and only a list asked for with it named that id (rules.md F12, N9).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from lxml import etree

from reseptformidler.domain import koder
from reseptformidler.domain.aktor import Facts
from reseptformidler.domain.decision import Decision, Finding, Needs, Reply, Tilstand, refused
from reseptformidler.domain.kalender import norsk_dag
from reseptformidler.domain.utlevert import utlevert
from reseptformidler.meldinger import nettkunde
from reseptformidler.meldinger.innsyn import finnes
from reseptformidler.meldinger.krav import krav
from reseptformidler.meldinger.melding import Avsendertype, MeldingType, Mottatt
from reseptformidler.reasons import reason
from reseptformidler.wire import innhold
from reseptformidler.wire.m9na4 import Rekvirert, utvidet
from reseptformidler.wire.msghead import payload, read_uuid
from reseptformidler.wire.parse import parse as parse_message


@dataclass(frozen=True, slots=True)
class Foresporsel:
    """What an M9NA3 asks for; the patient stands in the head."""

    kunde: str
    resept_id: UUID | None
    """None where the text is no UUID."""


def parse(payload: etree._Element) -> Foresporsel:
    """Read M9NA3."""
    return Foresporsel(nettkunde.kunde(payload), read_uuid(innhold.text(payload, "ReseptId")))


RULES = (krav(272, "M9NA3/ReseptId", lambda m, _: m.content.resept_id is None),)


def needs(m: Mottatt, _facts: Facts) -> Needs:
    """The prescription in any state, with its M1 and what was dispensed on it."""
    assert m.content.resept_id is not None
    return Needs(resepter=(m.content.resept_id,), alle=True, dokumenter=True)


def decide(m: Mottatt, tilstand: Tilstand, facts: Facts, now: datetime) -> Decision:
    """Tell all, or that there is nothing: what may not be seen is answered as if it were not there (N8, N10)."""
    resept = tilstand.resept(m.content.resept_id)
    if resept is None or nettkunde.er_skjermet(m, facts) or not nettkunde.kan_vises(resept, m, facts):
        return refused(Finding(reason(1), "M9NA3/ReseptId"))
    if not finnes(resept, norsk_dag(now), alle=False):
        return refused(Finding(reason(41), "M9NA3/ReseptId"))
    gitt = [u for u in tilstand.utleveringer if u.resept_id == resept.resept_id and u.annullert_av is None]
    answer = utvidet(
        resept,
        _rekvirert(tilstand.dokumenter[resept.resept_id]),
        next((u.egenandel for u in reversed(gitt) if u.egenandel), ()),
        utlevert(gitt),
    )
    reply = Reply("ERM9NA4", answer, patient=nettkunde.navngitt(m, facts))
    return Decision(reply=reply)


def _rekvirert(m1: bytes) -> Rekvirert:
    resept = payload(parse_message(m1))
    dok = innhold.child(resept, "ReseptDokLegemiddel")
    institusjon = innhold.kode(innhold.child(innhold.child(resept, "Instituert"), "Organisasjon"), "InstitusjonsID")
    return Rekvirert(
        ref_kode=innhold.kode(dok, "RefKode"),
        resh=institusjon.v if institusjon is not None else "",
        bytteres=innhold.kode(dok, "BytteresRekvirent"),
        kortdose=innhold.kode(innhold.child(dok, "Forskrivning"), "Kortdose"),
    )


M9NA3 = MeldingType(
    token="m9na3",  # noqa: S106  # the schema's token, no secret
    code="ERM9NA3",
    dn=koder.MELDINGSTYPE.navn["ERM9NA3"],
    namespaces=("http://www.kith.no/xmlstds/eresept/m9na3/2016-06-06",),
    root="M9NA3",
    operations=(("NA", "M9na3"),),
    avsender=Avsendertype.NETTAPOTEK,
    signed=False,
    reply="ERM9NA4",
    parse=parse,
    rules=(*nettkunde.REGLER, *RULES),
    needs=needs,
    decide=decide,
    personer=nettkunde.personer,
)
