"""M9.3 and M9.4: one utleverer takes a prescription under dispensing and gets all that is known of it."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from lxml import etree

from reseptformidler.domain import koder
from reseptformidler.domain.aktor import Aktor, Aktortype, Facts
from reseptformidler.domain.decision import Decision, Hendelse, Needs, Tilstand
from reseptformidler.domain.livslop import NEXT, Fase, Steg
from reseptformidler.domain.resept import Ekspederingsanmodning, Las, Resept, Utlevering
from reseptformidler.meldinger.m93_nedlasting import M93
from tests.meldinger import bygg
from tests.meldinger.bygg import APOTEK, BANDASJIST, LAS, NOW, REFNR, RESEPT_ID, Sak, avslag, resept, skiller
from tests.meldinger.faser import I_HVER_FASE as I_FASE

XSD = Path(__file__).parents[2] / "xsd"
NS = "http://www.kith.no/xmlstds/eresept/m93/2010-06-04"
ANNET_APOTEK = replace(APOTEK, her="8094997", navn="Dal apotek")
M1 = b"<M1>\xc3\xa5</M1>"


def m93(aktor: Aktor = APOTEK, **changes: str | None) -> Sak:
    """A download from a pharmacy."""
    parts: dict[str, str | None] = {
        "ReseptId": str(RESEPT_ID),
        "Kansellering": None,
        "RefNr": None,
        "AnsattId": "4321",
        **changes,
    }
    payload = bygg.xml("M93", NS, parts)
    etree.XMLSchema(file=XSD / "m93-2010-06-04.xsd").assertValid(etree.fromstring(payload))
    head = bygg.hode("ERM93", bygg.utleverer(aktor), ref_to_parent="m92", ref_to_conversation="m91")
    return bygg.sak(M93, payload, head, Facts(avsender=aktor))


def lagret(stored: Resept, *utleveringer: Utlevering) -> Tilstand:
    """What the store holds of a prescription: its M1, and the M10 of each dispensing under its own id."""
    documents = {u.msg_id: b"<M10>%d</M10>" % u.msg_id.int for u in utleveringer}
    return Tilstand(resepter=(stored,), utleveringer=utleveringer, dokumenter={stored.resept_id: M1, **documents})


def hent(stored: Resept, sak: Sak | None = None) -> Decision:
    """The decision on a download of a stored prescription."""
    return (sak or m93()).avgjor(lagret(stored))


def svar(decision: Decision) -> etree._Element:
    """The M9.4 that answers, valid against its schema."""
    assert decision.reply is not None
    assert decision.reply.type == "ERM94"
    root = etree.fromstring(decision.reply.payload)
    etree.XMLSchema(file=XSD / "m94-2010-07-01.xsd").assertValid(root)
    return root


def utlevering(number: int, **changes: Any) -> Utlevering:
    """A dispensing of one package on the prescription."""
    made = Utlevering(
        msg_id=UUID(int=number),
        resept_id=RESEPT_ID,
        her=APOTEK.her,
        dato=date(2026, 3, 1),
        antall=Decimal(1),
        avsluttet=False,
    )
    return replace(made, **changes)


# ------------------------------------------------------------------------------------------------------ the question


def test_7419_272_download_of_no_uuid() -> None:
    """A ReseptId that is no UUID is refused, also beside a Kansellering."""
    skiller(272, m93(), (m93(ReseptId="123"), m93(ReseptId="123", Kansellering=bygg.kode("Kansellering", "7"))))


def test_7419_161_download_with_wrong_refnr() -> None:
    """A RefNr must have a right check digit (L2)."""
    skiller(161, m93(RefNr=REFNR), m93(RefNr="1234567890"))


def test_7419_320_Q10_unknown_cause_of_kansellering() -> None:
    """The cause of a Kansellering is one of list 7411: no default stands in for it."""
    skiller(320, m93(Kansellering=bygg.kode("Kansellering", "16")), m93(Kansellering=bygg.kode("Kansellering", "12")))


def test_needs() -> None:
    """The one prescription with its documents; nothing for a Kansellering."""
    assert M93.needs(m93().mottatt, Facts()) == Needs(resepter=(RESEPT_ID,), alle=True, dokumenter=True)
    assert M93.needs(m93(Kansellering=bygg.kode("Kansellering", "4")).mottatt, Facts()) == Needs()


# ------------------------------------------------------------------------------------------------------ the decision


def test_Q8_download_locks() -> None:
    """E becomes U with the pharmacy as holder, and the history has the step."""
    decision = hent(resept())
    (changed,) = decision.changed
    assert changed.las == Las(APOTEK.her, APOTEK.navn, NOW, "m91")
    assert changed.versjon == 2
    assert decision.hendelser == (Hendelse(RESEPT_ID, 2, Steg.NEDLASTET, Fase.E, Fase.U),)
    assert decision.owed == ()


def test_holder_may_download_again() -> None:
    """The holder gets it again, in status U; the lock stays the one it was (domain.md b.2 #4)."""
    decision = hent(resept(las=LAS))
    (changed,) = decision.changed
    assert changed.las == LAS
    assert svar(decision)[0].get("V") == "U"


def test_7419_1_resept_found() -> None:
    """A prescription that is not here is refused as unknown."""
    assert avslag(m93().avgjor(Tilstand())) == ["1"]
    assert hent(resept()).accepted


@pytest.mark.parametrize("days, expected", [(0, []), (-1, ["41"])])
def test_7419_41_status_allows_download(days: int, expected: list[str]) -> None:
    """Utloper is the last day of a download; whoever holds it already may still get it again."""
    utloper = NOW.date() + timedelta(days=days)
    assert avslag(hent(resept(utloper=utloper))) == expected
    assert avslag(hent(resept(utloper=utloper, las=LAS))) == []


def test_7419_62_status_invalid() -> None:
    """Status X cannot be downloaded."""
    assert avslag(hent(I_FASE[Fase.X]())) == ["62"]


def test_7419_63_status_application_refused() -> None:
    """Status A cannot be downloaded."""
    assert avslag(hent(I_FASE[Fase.A]())) == ["63"]


def test_7419_64_status_with_authority() -> None:
    """Status B cannot be downloaded, with or without a recall that waits; but who holds it may get it again (G3)."""
    assert [avslag(hent(I_FASE[fase]())) for fase in (Fase.B, Fase.B_T)] == [["64"], ["64"]]
    again = hent(I_FASE[Fase.B_U]())
    assert svar(again).find("{*}Status").get("V") == "B"  # type: ignore[union-attr]
    assert again.changed[0].las == LAS


def test_7419_96_status_closed() -> None:
    """Status R cannot be downloaded."""
    assert avslag(hent(I_FASE[Fase.R]())) == ["96"]


def test_7419_97_status_recalled() -> None:
    """Status T cannot be downloaded."""
    assert avslag(hent(I_FASE[Fase.T]())) == ["97"]


def test_7419_69_locked_by_another() -> None:
    """What one utleverer holds no other gets, whatever else waits; it is told who, and since when in Norway."""
    for fase in (Fase.U, Fase.U_T, Fase.B_U, Fase.B_U_T):
        refusal = hent(I_FASE[fase](), m93(ANNET_APOTEK))
        assert avslag(refusal) == ["69"]
        assert refusal.refusals[0].opplysning == "Under ekspedering hos Fjell apotek siden 02.03.2026 kl. 10.00"
        assert avslag(hent(I_FASE[fase]())) == []


@pytest.mark.parametrize(
    "metode, oppfylt, expected", [("U", False, ["70"]), ("U", True, []), ("L", False, ["70"]), ("L", True, ["70"])]
)
def test_7419_70_ekspanm_to_another(metode: str, *, oppfylt: bool, expected: list[str]) -> None:
    """A dispatch request ties the first dispensing, for LAR every one, to the utleverer it names (E5)."""
    tied = resept(ekspanm=Ekspederingsanmodning(APOTEK.her, APOTEK.navn, metode, oppfylt))
    assert avslag(hent(tied, m93(ANNET_APOTEK))) == expected
    assert avslag(hent(tied)) == []


def test_7419_258_161_locked_prescription_needs_its_refnr() -> None:
    """A locked prescription is given only with its own RefNr (L7), and its state is told to nobody else."""
    locked = resept(last=True, refnr=REFNR)
    assert avslag(hent(locked)) == ["258"]
    assert avslag(hent(locked, m93(RefNr=bygg.ANNET_REFNR))) == ["161"]
    assert avslag(hent(locked, m93(RefNr=REFNR))) == []
    assert avslag(hent(replace(I_FASE[Fase.T](), last=True, refnr=REFNR))) == ["258"]


def test_7419_387_bandasjist_only_handelsvare() -> None:
    """A bandasjist gets Varegruppe A only (C4)."""
    goods = resept(vare=replace(resept().vare, varegruppe="A"))
    assert avslag(hent(resept(), m93(BANDASJIST))) == ["387"]
    assert avslag(hent(goods, m93(BANDASJIST))) == []
    nettbutikk = replace(BANDASJIST, type=Aktortype.NETTAPOTEK)
    assert avslag(hent(resept(), m93(nettbutikk))) == ["387"]
    assert avslag(hent(resept(), m93(replace(nettbutikk, ako=APOTEK.ako)))) == []


def test_Q9_kansellering_changes_nothing() -> None:
    """An errand that ends after the list locks nothing and is answered by an AppRec, whatever it names."""
    for resept_id in (str(RESEPT_ID), None):
        sak = m93(ReseptId=resept_id, Kansellering=bygg.kode("Kansellering", "1"))
        assert sak.avgjor(Tilstand()) == Decision()


@pytest.mark.parametrize("fase", list(I_FASE))
def test_every_phase_is_answered(fase: Fase) -> None:
    """In each phase a download is refused or makes the step of the table; nothing is left open."""
    decision = hent(I_FASE[fase]())
    til = NEXT.get((fase, Steg.NEDLASTET))
    assert decision.accepted is (til is not None)
    assert [h.til for h in decision.hendelser] == ([til] if til else [])


# -------------------------------------------------------------------------------------------------------- the answer


def test_answer_holds_the_state_before_and_the_m1_as_it_came() -> None:
    """As in the published answer: status E for the download that locks; the M1 attached byte for byte."""
    decision = hent(resept())
    (only,) = svar(decision)
    assert dict(only.attrib) == {"V": "E", "DN": "Ekspederbar"}
    assert decision.reply is not None
    assert decision.reply.attachments == (M1,)


def test_answer_holds_earlier_dispensings() -> None:
    """Each dispensing that is not annulled follows the M1 as its M10 came, with all it says (U11), oldest first."""
    annulled = utlevering(2, annullert_av=UUID(int=9))
    foreign = utlevering(4, resept_id=UUID(int=99))
    decision = m93().avgjor(lagret(resept(), utlevering(1), annulled, utlevering(3), foreign))
    assert decision.reply is not None
    assert decision.reply.attachments == (M1, b"<M10>1</M10>", b"<M10>3</M10>")


def test_U2_egenandel_as_last_reported() -> None:
    """Four periods, from the last report that had them; none when none had."""
    periods = tuple((date(2026, month, 1), Decimal(f"{month}.50")) for month in (1, 4, 7, 10))
    decision = m93().avgjor(lagret(resept(), utlevering(1), utlevering(2, egenandel=periods), utlevering(3)))
    found = [(e[0].text, dict(e[1].attrib)) for e in svar(decision).iter("{*}Egenandel")]
    assert found == [(start.isoformat(), {"V": f"{paid}", "U": "NOK"}) for start, paid in periods]
    assert list(svar(m93().avgjor(lagret(resept(), utlevering(1)))).iter("{*}Egenandel")) == []


@pytest.mark.parametrize("value", sorted(koder.SOKNAD_SLV.navn))
def test_StatusSoknadSlv(value: str) -> None:
    """The state of an application stands beside the status (list 7436)."""
    found = svar(hent(resept(soknad_slv=value))).find("{*}StatusSoknadSlv")
    assert found is not None
    assert dict(found.attrib) == {"V": value, "DN": koder.SOKNAD_SLV.navn[value]}


def test_G4_the_answer_of_the_authority_is_told() -> None:
    """When the application was sent and answered, and that it was granted (R1408 4.5); nothing where none was sent."""
    dates = {"soknad_sendt": date(2026, 2, 20), "svar_slv": date(2026, 2, 25)}
    granted = svar(hent(resept(soknad_slv="3", **dates)))
    assert [(etree.QName(each).localname, each.text) for each in granted][:3] == [
        ("DatoSoknadSendtSLV", "2026-02-20"),
        ("SvarSLVDato", "2026-02-25"),
        ("InnvligetGodkjFritak", "true"),
    ]
    assert [etree.QName(each).localname for each in svar(hent(resept(soknad_slv="1")))] == ["Status", "StatusSoknadSlv"]


def test_F7_a_download_after_an_M21_stands_in_the_conversation_of_the_M1() -> None:
    """Without M9.1: the conversation began with the M1, and the lock remembers it."""
    tied = resept(ekspanm=Ekspederingsanmodning(APOTEK.her, APOTEK.navn, "L"))
    asked = m93()
    head = replace(asked.mottatt.head, ref_to_parent=str(UUID(int=21)), ref_to_conversation=str(RESEPT_ID))
    decision = hent(tied, replace(asked, mottatt=replace(asked.mottatt, head=head)))
    assert decision.changed[0].las == Las(APOTEK.her, APOTEK.navn, NOW, str(RESEPT_ID))
