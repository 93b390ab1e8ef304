"""M3: a pharmacy has the authority applied to, and what the M14 says and carries."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from uuid import UUID

import pytest
from lxml import etree

from reseptformidler.domain.aktor import Aktor, Aktortype, Facts
from reseptformidler.domain.decision import Decision, Hendelse, Needs, Tilstand, Vedlegg
from reseptformidler.domain.livslop import NEXT, REFUSALS, Fase, Steg
from reseptformidler.domain.resept import Ekspederingsanmodning, Las, Resept, Status
from reseptformidler.meldinger.m3_anmodning import M3
from tests.meldinger import bygg
from tests.meldinger.bygg import APOTEK, BANDASJIST, LAS, MSG_ID, NOW, RESEPT_ID, Sak, avslag, resept, skiller
from tests.meldinger.faser import I_HVER_FASE

XSD = Path(__file__).parents[2] / "xsd"
NS = "http://www.kith.no/xmlstds/eresept/m3/2010-05-01"
SLV = Aktor(her="100000", navn="Legemiddelverket", type=Aktortype.LEGEMIDDELVERKET, enh="974761122")
ANNET_APOTEK = replace(APOTEK, her="8094997", navn="Dal apotek")
SAMTALE, M94 = UUID(int=91), UUID(int=94)
VURDERES = resept(soknad_slv="1")
"""E, and to be judged at the pharmacy."""


def m3(aktor: Aktor = APOTEK, resept_id: str = str(RESEPT_ID)) -> Sak:
    """A request from a pharmacy, after its M9.4."""
    payload = bygg.xml("AnmodningSLV", NS, {"ReseptId": resept_id, "Kommentar": "Ikke på lista"})
    etree.XMLSchema(file=XSD / "m3-2010-05-01.xsd").assertValid(etree.fromstring(payload))
    head = bygg.hode("ERM3", bygg.utleverer(aktor), ref_to_parent=str(M94), ref_to_conversation=str(SAMTALE))
    return bygg.sak(M3, payload, head, Facts(avsender=aktor, legemiddelverket=SLV))


def sokt(stored: Resept, aktor: Aktor = APOTEK) -> Decision:
    """The decision on a stored prescription."""
    return m3(aktor).avgjor(Tilstand(resepter=(stored,)))


def test_7419_272_request_for_no_uuid() -> None:
    """A ReseptId that is no UUID is refused."""
    skiller(272, m3(), m3(resept_id="123"))


def test_needs() -> None:
    """The one prescription, in whatever state it is."""
    assert M3.needs(m3().mottatt, Facts()) == Needs(resepter=(RESEPT_ID,), alle=True)


@pytest.mark.parametrize("las", [None, LAS])
def test_G1_G3_the_application_goes_to_the_authority(las: Las | None) -> None:
    """Status B and application state 2, whether the pharmacy keeps it or has let it go; the M3 is kept with it."""
    decision = sokt(replace(VURDERES, las=las))
    (changed,) = decision.changed
    assert (changed.status, changed.soknad_slv, changed.las) == (Status.UNDER_BEHANDLING_SLV, "2", las)
    assert (changed.soknad_sendt, changed.svar_slv) == (date(2026, 3, 2), None)
    fra, til = (Fase.U, Fase.B_U) if las else (Fase.E, Fase.B)
    assert decision.hendelser == (Hendelse(RESEPT_ID, 2, Steg.SOKNAD_SENDT, fra, til),)
    assert decision.kept_with == RESEPT_ID


def test_F8_F10_the_M14_carries_the_M1_and_the_M3() -> None:
    """To the authority, in the conversation of the M3, of which it names the MsgId (R1108 4.3.1)."""
    (m14,) = sokt(VURDERES).owed
    assert (m14.type, m14.receiver, m14.resept_id) == ("M14", SLV.her, RESEPT_ID)
    assert (m14.ref_to_parent, m14.ref_to_conversation) == (str(MSG_ID), str(SAMTALE))
    assert m14.attachments == (Vedlegg(RESEPT_ID, RESEPT_ID), Vedlegg(RESEPT_ID, MSG_ID))
    payload = etree.fromstring(m14.payload)
    etree.XMLSchema(file=XSD / "m14-2008-12-12.xsd").assertValid(payload)
    assert [each.text for each in payload] == [str(RESEPT_ID), str(MSG_ID)]


def test_7419_98_application_not_sent() -> None:
    """Not while the authority decides, and not again once it has said yes (domain.md b.2 #13)."""
    for fase in (Fase.B, Fase.B_U, Fase.B_T, Fase.B_U_T):
        assert avslag(sokt(I_HVER_FASE[fase]())) == ["98"]
    assert avslag(sokt(resept(soknad_slv="3"))) == ["98"]
    assert avslag(sokt(VURDERES)) == []


def test_7419_41_no_application_for_an_ordinary_drug() -> None:
    """Only a prescription that is an application can be applied for (R0908 4.2.9, C5)."""
    assert avslag(sokt(resept())) == ["41"]


def test_7419_1_application_for_unknown_prescription() -> None:
    """What is not here cannot be applied for."""
    assert avslag(m3().avgjor(Tilstand())) == ["1"]


def test_7419_69_70_41_what_another_has_or_nobody_may_have() -> None:
    """Held by another, tied to another, expired; the holder may apply also after it has expired."""
    assert avslag(sokt(replace(VURDERES, las=LAS), ANNET_APOTEK)) == ["69"]
    tied = replace(VURDERES, ekspanm=Ekspederingsanmodning(APOTEK.her, APOTEK.navn, "U"))
    assert [avslag(sokt(tied, one)) for one in (ANNET_APOTEK, APOTEK)] == [["70"], []]
    expired = replace(VURDERES, utloper=NOW.date() - timedelta(days=1))
    assert [avslag(sokt(one)) for one in (expired, replace(expired, las=LAS))] == [["41"], []]


def test_7419_387_no_application_by_a_bandasjist() -> None:
    """Applications are of drugs (C4)."""
    assert avslag(sokt(VURDERES, BANDASJIST)) == ["387"]


@pytest.mark.parametrize("fase", list(I_HVER_FASE))
def test_every_phase_is_answered(fase: Fase) -> None:
    """In each phase the step of the table is made or refused with its code."""
    stored = I_HVER_FASE[fase]()
    decision = sokt(replace(stored, soknad_slv=stored.soknad_slv or "1"))
    til = NEXT.get((fase, Steg.SOKNAD_SENDT))
    assert [h.til for h in decision.hendelser] == ([til] if til else [])
    assert avslag(decision) == ([] if til else [str(REFUSALS[fase, Steg.SOKNAD_SENDT])])
