"""M27.1: who may register and deregister whom, what the card then holds, and who is told."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from lxml import etree

from reseptformidler.domain.aktor import Aktortype, Facts, Person
from reseptformidler.domain.decision import Decision, Hendelse, Needs
from reseptformidler.domain.hode import Patient
from reseptformidler.domain.pasientkort import Multidoseansvarlig, Pasientkort
from reseptformidler.meldinger.m271_multidoseansvar import M271_APOTEK, M271_LEGE
from tests.meldinger import bygg
from tests.meldinger.bygg import (
    ANNEN_HPR,
    ANNET_FNR,
    APOTEK,
    BANDASJIST,
    FNR,
    LEGE,
    LEGEKONTOR,
    MSG_ID,
    NOW,
    Sak,
    avslag,
    hode,
    lege,
    legekontor,
    pasient,
    person_ident,
    sak,
    skiller,
    uten_nummer,
    utleverer,
)
from tests.meldinger.lister import DAG, KORT_ID, kort, multidoseapotek, multidoselege, tilstand

ANNET_APOTEK = replace(APOTEK, her="8091831", navn="Apoteket Vågen")
I_MORGEN, I_OVERMORGEN = DAG + timedelta(days=1), DAG + timedelta(days=2)
ANNEN_LEGE = multidoselege(ANNEN_HPR, fra=DAG - timedelta(days=30))


def payload(status: str, fra: str) -> str:
    """M271."""
    parts: dict[str, str | None] = {"Status": bygg.kode("Status", status), "GjelderFra": fra}
    return bygg.xml("M271", M271_LEGE.namespaces[0], parts)


def fra_lege(
    status: str = "R", fra: Any = DAG, patient: Patient | None = None, facts: Facts | None = None, **sender: Any
) -> Sak:
    """An M27.1 by the doctor."""
    head = hode("ERM271", legekontor(**sender), patient=patient or pasient())
    return sak(M271_LEGE, payload(status, str(fra)), head, facts or Facts(avsender=LEGEKONTOR, helsepersonell=LEGE))


def fra_apotek(status: str = "R", fra: Any = DAG, aktor: Any = APOTEK) -> Sak:
    """An M27.1 by the pharmacy."""
    head = hode("ERM271", utleverer(aktor), patient=pasient())
    return sak(M271_APOTEK, payload(status, str(fra)), head, Facts(avsender=aktor))


def over(melding: Sak, kortet: Pasientkort | None = None) -> Decision:
    """The decision where this card is."""
    return melding.avgjor(tilstand(kortet))


def kortet(decision: Decision) -> Pasientkort:
    """The card after it."""
    assert decision.kort is not None
    return decision.kort


def svar(decision: Decision) -> list[str]:
    """The names in the M27.2."""
    assert decision.reply is not None
    assert decision.reply.type == "ERM272"
    root = etree.fromstring(decision.reply.payload)
    assert root.findtext("{*}RegistrertEndring") == "true"
    return [one.findtext("{*}Navn") or "" for one in root.iterfind("{*}*[{*}Navn]")]


def test_7419_229_registration_status() -> None:
    """R or A (list 7496)."""
    skiller(229, (fra_lege("R"), fra_lege("A"), fra_apotek("A")), (fra_lege("X"), fra_apotek("X")))


def test_P10_patient_by_national_number() -> None:
    """As in M25 (R1608, change of 2015-05-01)."""
    skiller(257, fra_lege(), fra_lege(patient=uten_nummer()))
    skiller(115, fra_lege(), fra_lege(patient=pasient(idents=(person_ident("FNR", "21014605159"),))))


def test_R4_only_a_doctor_is_a_multidose_doctor() -> None:
    """A dentist is refused (207)."""
    tannlege = replace(LEGE, kategorier=("TL",))
    person = lege(type=None)
    facts = Facts(avsender=LEGEKONTOR, helsepersonell=tannlege)
    skiller(207, fra_lege(professional=person), fra_lege(professional=person, facts=facts))


def test_X11_the_doctors_organisation_has_a_her_id() -> None:
    """7419/37, as of every prescriber."""
    uten = legekontor().idents[:1]
    skiller(37, fra_lege(), fra_lege(idents=uten))


def test_7419_388_not_for_this_sender() -> None:
    """A bandasjist packs no multidose, nor does a net pharmacy."""
    andre = (BANDASJIST, replace(APOTEK, type=Aktortype.NETTAPOTEK), replace(BANDASJIST, type=Aktortype.NETTAPOTEK))
    skiller(388, fra_apotek(), [fra_apotek(aktor=aktor) for aktor in andre])


def test_X17_prescribers_sign_pharmacies_do_not() -> None:
    """HIS 3014 6.1.4."""
    assert M271_LEGE.signed
    assert not M271_APOTEK.signed


def test_needs_the_card_by_all_numbers() -> None:
    """Former numbers too."""
    facts = Facts(personer={FNR: Person((ANNET_FNR, FNR))})
    assert M271_LEGE.needs(fra_lege().mottatt, facts) == Needs(kort=(ANNET_FNR, FNR))


def test_X15_first_doctor() -> None:
    """The card is made with what messages to the doctor need; nobody is told; the answer names nobody."""
    decision = over(fra_lege(fra=f"{DAG}+01:00"))
    assert svar(decision) == []
    assert decision.owed == ()
    registrert = Multidoseansvarlig(legekontor(professional=lege(type=None)), DAG)
    assert kortet(decision) == Pasientkort(
        MSG_ID, 1, FNR, NOW, numre=(FNR,), leger=(registrert,), parter=(LEGEKONTOR.her,)
    )
    assert decision.hendelser == (Hendelse(MSG_ID, 1, "multidoselege_registrert", "", LEGEKONTOR.her),)


def test_X14_change_of_doctor_is_told_to_the_former() -> None:
    """M28 to the former, who is in the answer and is told by M9.21 too; the pharmacy stays."""
    foer = kort(leger=(ANNEN_LEGE,))
    decision = over(fra_lege(), foer)
    assert svar(decision) == ["Tommy Fos Sjursen", APOTEK.navn]
    (m28,) = decision.owed
    assert (m28.type, m28.to, m28.patient) == ("M28", ANNEN_LEGE.mottaker, pasient())
    assert (m28.ref_to_parent, m28.ref_to_conversation) == (str(MSG_ID), str(MSG_ID))
    root = etree.fromstring(m28.payload)
    assert root.findtext("{*}AktivFra") == f"{DAG}+01:00"
    assert root.findtext("{*}Multidoselege/{*}Navn") == "Anja Fos Eidsvik"
    nytt = kortet(decision)
    assert [one.hpr for one in nytt.leger] == [bygg.HPR]
    assert (nytt.kort_id, nytt.versjon, nytt.apotek) == (KORT_ID, 4, foer.apotek)
    assert nytt.parter == tuple(sorted({LEGEKONTOR.her, APOTEK.her}))


def test_the_same_doctor_again() -> None:
    """A new address takes effect; nobody is told that nobody is new."""
    decision = over(fra_lege(name="Nytt kontor"), kort())
    assert decision.owed == ()
    assert [one.organisasjon.name for one in kortet(decision).leger] == ["Nytt kontor"]


def test_X14_a_registration_for_a_day_ahead() -> None:
    """Until then the former doctor stays; both are told of what happens."""
    decision = over(fra_lege(fra=I_MORGEN), kort(leger=(ANNEN_LEGE,)))
    assert [one.hpr for one in kortet(decision).leger] == [ANNEN_HPR, bygg.HPR]
    assert [owed.type for owed in decision.owed] == ["M28"]


def test_7419_155_doctor_registered_ahead() -> None:
    """One change waits at a time: another doctor's registration for a day ahead is not replaced, the own one is."""
    venter = multidoselege(ANNEN_HPR, fra=I_MORGEN)
    for kortet_ in (kort(leger=(venter,)), kort(leger=(multidoselege(), venter))):
        assert avslag(over(fra_lege(fra=I_OVERMORGEN), kortet_)) == ["155"]
    egen = kort(leger=(ANNEN_LEGE, multidoselege(fra=I_MORGEN)))
    assert [one.gjelder_fra for one in kortet(over(fra_lege(fra=I_OVERMORGEN), egen)).leger] == [
        ANNEN_LEGE.gjelder_fra,
        I_OVERMORGEN,
    ]
    begynt = kort(leger=(ANNEN_LEGE,))
    assert over(fra_lege(fra=I_OVERMORGEN), begynt).accepted


def test_X13_deregistration_by_the_registered_doctor_alone() -> None:
    """Another doctor is refused (152); nobody follows, so nobody is told by M28."""
    assert avslag(over(fra_lege("A"))) == ["152"]
    assert avslag(over(fra_lege("A"), kort(leger=(ANNEN_LEGE,)))) == ["152"]
    decision = over(fra_lege("A"), kort())
    assert kortet(decision).leger == ()
    assert decision.owed == ()
    assert kortet(decision).parter == tuple(sorted({LEGEKONTOR.her, APOTEK.her}))
    assert decision.hendelser == (Hendelse(KORT_ID, 4, "multidoselege_avregistrert", LEGEKONTOR.her, ""),)


def test_deregistration_for_a_day_ahead() -> None:
    """The doctor stays until then, and lists show the day (AktivTil)."""
    (igjen,) = kortet(over(fra_lege("A", fra=I_MORGEN), kort())).leger
    assert igjen.aktiv_til == I_MORGEN


def test_7419_154_one_pharmacy_at_a_time() -> None:
    """X12: another one is refused until the present one's responsibility ends, now or on the day that follows on."""
    assert avslag(over(fra_apotek(aktor=ANNET_APOTEK), kort())) == ["154"]
    assert avslag(over(fra_apotek(aktor=ANNET_APOTEK), kort(apotek=(multidoseapotek(fra=I_MORGEN),)))) == ["154"]
    slutter = kort(apotek=(multidoseapotek(til=I_OVERMORGEN),))
    assert avslag(over(fra_apotek(fra=I_MORGEN, aktor=ANNET_APOTEK), slutter)) == ["154"]
    decision = over(fra_apotek(fra=I_OVERMORGEN, aktor=ANNET_APOTEK), slutter)
    assert [one.her for one in kortet(decision).apotek] == [APOTEK.her, ANNET_APOTEK.her]
    assert over(fra_apotek(), kort()).accepted


def test_first_pharmacy() -> None:
    """The answer names the doctor, as the published one does; no doctor need be there."""
    decision = over(fra_apotek(), kort(apotek=()))
    assert svar(decision) == ["Anja Fos Eidsvik"]
    assert [one.her for one in kortet(decision).apotek] == [APOTEK.her]
    assert decision.hendelser == (Hendelse(KORT_ID, 4, "multidoseapotek_registrert", "", APOTEK.her),)
    assert over(fra_apotek()).accepted


@pytest.mark.parametrize("foer", [None, kort(apotek=()), kort(apotek=(multidoseapotek(ANNET_APOTEK),))])
def test_deregistration_by_the_registered_pharmacy_alone(foer: Pasientkort | None) -> None:
    """Another one is refused (153)."""
    assert avslag(over(fra_apotek("A"), foer)) == ["153"]
    decision = over(fra_apotek("A"), kort())
    assert kortet(decision).apotek == ()
    assert svar(decision) == ["Anja Fos Eidsvik", APOTEK.navn]
