"""M9.5KJ and M9.6KJ: Kjernejournal and nobody else, and which prescriptions it is sent."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from pathlib import Path
from uuid import UUID

from lxml import etree

from reseptformidler.domain.aktor import Aktor, Aktortype, Facts, Person
from reseptformidler.domain.decision import Decision, Needs, Tilstand
from reseptformidler.domain.hode import Organisation
from reseptformidler.domain.livslop import Fase
from reseptformidler.domain.resept import Resept
from reseptformidler.meldinger.m95kj_reseptliste import M95KJ
from tests.meldinger import bygg
from tests.meldinger.bygg import ANNET_FNR, FNR, LEGEKONTOR, REFNR, Sak, org_ident, resept, skiller
from tests.meldinger.faser import I_HVER_FASE as I_FASE

XSD = Path(__file__).parents[2] / "xsd"
NS = "http://www.kith.no/xmlstds/eresept/m95kj/2015-05-01"
KJ = Aktor("8143060", "Nasjonal kjernejournal", Aktortype.KJERNEJOURNAL, "994598759")
AVSENDER = Organisation(name=KJ.navn, idents=(org_ident("ENH", KJ.enh), org_ident("HER", KJ.her)))


def m95kj(fnr: str = FNR, sender: Organisation = AVSENDER, aktor: Aktor | None = KJ, *numre: str) -> Sak:
    """A question from Kjernejournal."""
    payload = bygg.xml("M95KJ", NS, {"Fnr": fnr})
    etree.XMLSchema(file=XSD / "m95kj-2015-05-01.xsd").assertValid(etree.fromstring(payload))
    facts = Facts(avsender=aktor, personer=dict.fromkeys(numre, Person(numre)))
    return bygg.sak(M95KJ, payload, bygg.hode("ERM95", sender), facts)


def ids(sak: Sak, *resepter: Resept) -> list[str]:
    """The ids in the list; the M1s are attached in its order."""
    dokumenter = {r.resept_id: str(r.resept_id).encode() for r in resepter}
    decision = sak.avgjor(Tilstand(resepter, dokumenter=dokumenter))
    assert decision == Decision(reply=decision.reply)
    assert decision.reply is not None
    assert (decision.reply.type, decision.reply.compressed) == ("ERM96", False)
    root = etree.fromstring(decision.reply.payload)
    etree.XMLSchema(file=XSD / "m96kj-2015-05-01.xsd").assertValid(root)
    found = [e.text or "" for e in root.iter("{*}ReseptId")]
    assert [one.decode() for one in decision.reply.attachments] == found
    return found


def test_7419_159_kjernejournal_her_given() -> None:
    """Kjernejournal is known by its HER-id: the message names it."""
    skiller(159, m95kj(), m95kj(sender=replace(AVSENDER, idents=(org_ident("ENH", KJ.enh),)), aktor=None))


def test_7419_160_kjernejournal_her_known() -> None:
    """The HER-id is that of Kjernejournal in the registers, not another's and not an unknown one."""
    sender = replace(AVSENDER, idents=(org_ident("ENH", LEGEKONTOR.enh), org_ident("HER", LEGEKONTOR.her)))
    skiller(160, m95kj(), (m95kj(sender=sender, aktor=LEGEKONTOR), m95kj(aktor=None)))


def test_P8_the_number_must_be_right() -> None:
    """Its list has no status: a bad number is refused (115)."""
    skiller(115, m95kj(), m95kj("21014605159"))


def test_needs_all_numbers() -> None:
    """What is open of the person, with the M1s."""
    sak = m95kj(FNR, AVSENDER, KJ, ANNET_FNR, FNR)
    assert M95KJ.needs(sak.mottatt, sak.facts) == Needs(pasienter=(ANNET_FNR, FNR), dokumenter=True)
    assert M95KJ.personer(sak.mottatt) == (FNR,)


def test_Q1_states_and_K3() -> None:
    """E and U; not what has expired."""
    assert {fase for fase, make in I_FASE.items() if ids(m95kj(), make())} == {Fase.E, Fase.U, Fase.U_T}
    assert ids(m95kj(), resept(utloper=date(2026, 3, 1))) == []


def test_L7_locked_is_left_out() -> None:
    """There is no RefNr to ask with."""
    assert ids(m95kj(), resept(last=True, refnr=REFNR)) == []


def test_newest_first() -> None:
    """By date of prescription."""
    old = resept(resept_id=UUID(int=1), forskrivningsdato=date(2026, 1, 1))
    assert ids(m95kj(), old, resept()) == [str(resept().resept_id), str(old.resept_id)]
