"""M15: the authority answers an application; what becomes of the prescription, and who is told."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from pathlib import Path
from uuid import UUID

import pytest
from lxml import etree

from reseptformidler.domain.aktor import Aktor, Aktortype, Facts
from reseptformidler.domain.decision import Decision, Hendelse, Needs, Tilstand
from reseptformidler.domain.livslop import NEXT, REFUSALS, Fase, Steg, fase
from reseptformidler.domain.resept import Resept, Status
from reseptformidler.meldinger.m15_soknadssvar import M15
from reseptformidler.wire.msghead import NAMESPACE
from reseptformidler.wire.required import missing
from tests.meldinger import bygg
from tests.meldinger.bygg import (
    ANNEN_HPR,
    APOTEK,
    LAS,
    LEGEKONTOR,
    MSG_ID,
    RESEPT_ID,
    TILBAKEKALT,
    Sak,
    avslag,
    kode,
    resept,
    skiller,
)
from tests.meldinger.faser import I_HVER_FASE

XSD = Path(__file__).parents[2] / "xsd"
NS = "http://www.kith.no/xmlstds/eresept/m15/2006-10-06"
SLV = Aktor(her="100000", navn="Legemiddelverket", type=Aktortype.LEGEMIDDELVERKET, enh="974761122")
SAMTALE, M14 = UUID(int=1), UUID(int=14)


def m15(innvilget: str | None = "1", aktor: Aktor = SLV, resept_id: str = str(RESEPT_ID)) -> Sak:
    """An answer from the authority; None leaves Innvilget out."""
    parts: dict[str, str | None] = {
        "ReseptId": resept_id,
        "Innvilget": kode("Innvilget", innvilget) if innvilget is not None else None,
        "BegrunnelseAvslag": "Finnes på lista" if innvilget == "2" else None,
        "Saksbehandler": "123TA",
    }
    head = bygg.hode("ERM15", bygg.utleverer(aktor), ref_to_parent=str(M14), ref_to_conversation=str(SAMTALE))
    return bygg.sak(M15, bygg.xml("SvarSLV", NS, parts), head, Facts(avsender=aktor))


def hel(sak: Sak) -> etree._Element:
    """As much of the whole message as what it lacks is judged by."""
    head = '<MsgInfo><Type V="ERM15"/><MsgId>1</MsgId></MsgInfo><Document/>'
    root = etree.fromstring(f'<MsgHead xmlns="{NAMESPACE}">{head}</MsgHead>')
    root[1].append(sak.mottatt.payload)
    return root


def svart(stored: Resept, innvilget: str = "1") -> Decision:
    """The decision on a stored prescription."""
    return m15(innvilget).avgjor(Tilstand(resepter=(stored,)))


def etter(decision: Decision) -> Resept:
    """The one prescription that changed."""
    assert avslag(decision) == []
    (changed,) = decision.changed
    return changed


def test_7419_379_sender_is_authority() -> None:
    """Nobody but the medicines authority answers applications."""
    skiller(379, m15(), (m15(aktor=LEGEKONTOR), m15(aktor=replace(APOTEK, ako=""))))


def test_7419_272_answer_for_no_uuid() -> None:
    """A ReseptId that is no UUID is refused."""
    skiller(272, m15(), m15(resept_id="1234567890"))


def test_7419_99_innvilget_code() -> None:
    """Innvilget says 1 or 2 of list 1101; without it the same code is given before the schema's."""
    skiller(99, (m15("1"), m15("2")), (m15("N"), m15("")))
    assert [one.reason.code for one in missing(hel(m15(None)))] == ["99"]
    assert list(missing(hel(m15()))) == []


def test_needs() -> None:
    """The one prescription, in whatever state it is."""
    assert M15.needs(m15().mottatt, Facts()) == Needs(resepter=(RESEPT_ID,), alle=True)


def test_7419_1_answer_for_unknown_prescription() -> None:
    """What is not here has no application."""
    assert avslag(m15().avgjor(Tilstand())) == ["1"]


def test_a_yes_makes_it_dispensable() -> None:
    """B becomes E, application state 3, and the day of the answer is kept (domain.md b.2 #14)."""
    decision = svart(I_HVER_FASE[Fase.B]())
    after = etter(decision)
    assert (after.status, after.soknad_slv, after.svar_slv) == (Status.EKSPEDERBAR, "3", date(2026, 3, 2))
    assert decision.hendelser == (Hendelse(RESEPT_ID, 2, Steg.SOKNAD_INNVILGET, Fase.B, Fase.E),)
    assert decision.kept_with == RESEPT_ID


def test_a_no_is_final() -> None:
    """B becomes A, application state 4, and nobody holds it (domain.md b.2 #15)."""
    for stored in (I_HVER_FASE[Fase.B](), I_HVER_FASE[Fase.B_U]()):
        after = etter(svart(stored, "2"))
        assert (after.status, after.soknad_slv, after.las) == (Status.AVSLATT_SLV, "4", None)


def test_G3_who_holds_it_goes_on() -> None:
    """A yes leaves the lock where it was."""
    after = etter(svart(I_HVER_FASE[Fase.B_U]()))
    assert (after.vist_status, after.las) == (Status.UNDER_EKSPEDERING, LAS)


@pytest.mark.parametrize("innvilget", ["1", "2"])
def test_G4_F8_the_answer_is_passed_on(innvilget: str) -> None:
    """To the prescriber, and to the pharmacy that holds it; as it was written, in its conversation."""
    assert [owed.receiver for owed in svart(I_HVER_FASE[Fase.B](), innvilget).owed] == [LEGEKONTOR.her]
    decision = svart(I_HVER_FASE[Fase.B_U](), innvilget)
    assert [(o.type, o.receiver) for o in decision.owed] == [("M15", LEGEKONTOR.her), ("M15", APOTEK.her)]
    assert {(o.ref_to_parent, o.ref_to_conversation) for o in decision.owed} == {(str(MSG_ID), str(SAMTALE))}
    schema = etree.XMLSchema(file=XSD / "m15-2006-10-06.xsd")
    for owed in decision.owed:
        payload = etree.fromstring(owed.payload)
        schema.assertValid(payload)
        assert etree.tostring(payload) == etree.tostring(m15(innvilget).mottatt.payload)


def test_T7_a_recall_that_waited_takes_effect() -> None:
    """B with a recall becomes T whatever the answer is; M5.2 and, for another doctor's recall, M7 say so."""
    recall = replace(TILBAKEKALT, hpr=ANNEN_HPR, her="1")
    for innvilget in ("1", "2"):
        decision = svart(replace(I_HVER_FASE[Fase.B_T](), tilbakekalt=recall), innvilget)
        assert etter(decision).status is Status.TILBAKEKALT
        told = [(owed.type, owed.receiver) for owed in decision.owed]
        assert told == [("M15", LEGEKONTOR.her), ("M5.2", "1"), ("M7", LEGEKONTOR.her)]


def test_T7_T2_a_recall_goes_on_waiting_for_the_dispensing() -> None:
    """Held and recalled, it is under dispensing after a yes: nobody is told of a recall that has no effect yet."""
    decision = svart(I_HVER_FASE[Fase.B_U_T]())
    assert fase(etter(decision)) is Fase.U_T
    assert [owed.type for owed in decision.owed] == ["M15", "M15"]


def test_7419_41_nothing_was_applied_for() -> None:
    """An answer where no application is under way, and a second one, are refused."""
    assert avslag(svart(resept())) == ["41"]
    assert avslag(svart(etter(svart(I_HVER_FASE[Fase.B]())), "2")) == ["41"]
    assert avslag(svart(etter(svart(I_HVER_FASE[Fase.B](), "2")))) == ["63"]


@pytest.mark.parametrize("i_fase", list(I_HVER_FASE))
@pytest.mark.parametrize("innvilget, steg", [("1", Steg.SOKNAD_INNVILGET), ("2", Steg.SOKNAD_AVSLATT)])
def test_every_phase_is_answered(i_fase: Fase, innvilget: str, steg: Steg) -> None:
    """In each phase the step of the table is made or refused with its code."""
    decision = svart(I_HVER_FASE[i_fase](), innvilget)
    til = NEXT.get((i_fase, steg))
    assert [h.til for h in decision.hendelser] == ([til] if til else [])
    assert avslag(decision) == ([] if til else [str(REFUSALS[i_fase, steg])])
