"""M9NA1, a net pharmacy asks for a patient's prescriptions for who has logged in there, and M9NA2 (HIS 3016, 3017).

The list shows what is E and U; what is U cannot be ordered, and an order is dispensed by M9.1 to M10 like any other
(rules.md N7, N11). It is empty, without a word why, where somebody's address is protected (N10).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from lxml import etree

from reseptformidler.domain import koder
from reseptformidler.domain.aktor import Facts
from reseptformidler.domain.decision import Decision, Needs, Reply, Tilstand
from reseptformidler.domain.kalender import norsk_dag
from reseptformidler.domain.resept import Resept
from reseptformidler.meldinger import nettkunde
from reseptformidler.meldinger.innsyn import finnes, nyeste_forst
from reseptformidler.meldinger.krav import krav
from reseptformidler.meldinger.melding import Avsendertype, MeldingType, Mottatt
from reseptformidler.wire import innhold
from reseptformidler.wire.m9na2 import reseptliste
from reseptformidler.wire.msghead import read_uuid

_K = "http://www.kith.no/xmlstds/eresept/"
NAMESPACES = {
    f"{_K}m9na1/2023-10-01": f"{_K}m9na2/2023-10-01",
    f"{_K}m9na1/2016-06-06": f"{_K}m9na2/2016-10-26",
}
"""The namespace of a question and that of its answer."""


@dataclass(frozen=True, slots=True)
class Sok:
    """What an M9NA1 asks for; the patient stands in the head."""

    svar_i: str
    """Namespace of the M9NA2 that answers."""
    kunde: str
    refnr: tuple[str, ...]
    """Of locked prescriptions that are to be shown too (N9)."""


def parse(payload: etree._Element) -> Sok:
    """Read M9NA1 of either version."""
    return Sok(
        svar_i=NAMESPACES[etree.QName(payload).namespace or ""],
        kunde=nettkunde.kunde(payload),
        refnr=innhold.texts(payload, "RefNr"),
    )


def _parent_alone(m: Mottatt, _: Facts) -> bool:
    return bool(m.head.ref_to_parent) and not m.head.ref_to_conversation


def _wrong_parent(m: Mottatt, _: Facts) -> bool:
    parent = read_uuid(m.head.ref_to_parent)
    return bool(m.head.ref_to_parent or m.head.ref_to_conversation) and parent in (None, m.head.msg_id)


def _unequal(m: Mottatt, _: Facts) -> bool:
    references = {read_uuid(m.head.ref_to_parent), read_uuid(m.head.ref_to_conversation)}
    return len(references - {None}) > 1


RULES = (
    krav(302, "ConversationRef/RefToConversation", _parent_alone, kilde="F12"),
    krav(226, "ConversationRef/RefToParent", _wrong_parent, kilde="F12"),
    krav(316, "ConversationRef", _unequal, kilde="F12"),
)


def needs(m: Mottatt, facts: Facts) -> Needs:
    """The patient's prescriptions in state E. A reference number opens what is locked, and leads to nobody else's."""
    return Needs(pasienter=facts.numre(nettkunde.pasient(m)))


def decide(m: Mottatt, tilstand: Tilstand, facts: Facts, now: datetime) -> Decision:
    """The list, newest first; nothing changes by being looked at."""
    dag = norsk_dag(now)
    funnet = nyeste_forst(r for r in tilstand.resepter if finnes(r, dag, alle=False) and _visible(r, m, facts))
    skjermet = nettkunde.er_skjermet(m, facts)
    payload = reseptliste(m.content.svar_i, [] if skjermet else funnet)
    patient = m.head.patient if skjermet else nettkunde.navngitt(m, facts)
    return Decision(reply=Reply("ERM9NA2", payload, patient=patient))


def _visible(resept: Resept, m: Mottatt, facts: Facts) -> bool:
    unlocked = not resept.last or resept.refnr in m.content.refnr
    return unlocked and nettkunde.kan_vises(resept, m, facts)


M9NA1 = MeldingType(
    token="m9na1",  # noqa: S106  # the schema's token, no secret
    code="ERM9NA1",
    dn=koder.MELDINGSTYPE.navn["ERM9NA1"],
    namespaces=tuple(NAMESPACES),
    root="M9NA1",
    operations=(("NA", "M9na1"),),
    avsender=Avsendertype.NETTAPOTEK,
    signed=False,
    reply="ERM9NA2",
    parse=parse,
    rules=(*nettkunde.REGLER, *RULES),
    needs=needs,
    decide=decide,
    personer=nettkunde.personer,
    only_reads=True,
)
