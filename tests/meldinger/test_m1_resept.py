"""What an M1 becomes: the stored prescription, its reference number, and what it owes others."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest
from lxml import etree

from reseptformidler.domain.aktor import LEGEMIDDELVERKET, Facts, Person
from reseptformidler.domain.decision import Decision, Needs, RefNr, Tilstand, Vedlegg
from reseptformidler.domain.hode import HealthcareProfessional, Patient
from reseptformidler.domain.livslop import Fase, fase
from reseptformidler.domain.resept import Resept, Status
from reseptformidler.meldinger import m1_resept
from tests.meldinger import bygg
from tests.meldinger.bygg import (
    ANNEN_HPR,
    ANNET_FNR,
    APOTEK,
    FNR,
    HPR,
    MSG_ID,
    NOW,
    REFNR,
    Sak,
    avslag,
    forskrivning,
    handelsvare,
    hode,
    legemiddel,
    m1,
    pasient,
    person_ident,
    sak,
    uten_mt,
    uten_nummer,
    utstedt,
)

FACTS = Facts(avsender=bygg.LEGEKONTOR, helsepersonell=bygg.LEGE, mottaker_ekspanm=APOTEK)
UTSTEDT = Tilstand(refnr=(utstedt(),))


def med(dok: str | None = None, patient: Patient | None = None, **resept: str | None) -> Sak:
    """An M1."""
    return sak(m1_resept.TYPE, m1(dok, **resept), hode("ERM1", patient=patient or pasient()), FACTS)


def ny(decision: Decision) -> Resept:
    """The prescription of an accepting decision."""
    assert decision.accepted
    assert decision.new is not None
    return decision.new


def test_a_prescription_is_born_dispensable() -> None:
    """E, version 1, with one row of history and nothing owed."""
    decision = med().avgjor()
    resept = ny(decision)
    assert fase(resept) is Fase.E
    assert (resept.resept_id, resept.versjon, resept.mottatt, resept.samtale) == (MSG_ID, 1, NOW, str(MSG_ID))
    assert (resept.forskrivningsdato, resept.utloper) == (date(2026, 3, 2), date(2027, 3, 1))
    (hendelse,) = decision.hendelser
    assert (hendelse.versjon, hendelse.hendelse, hendelse.fra, hendelse.til) == (1, "rekvirert", "ingen", "E")
    assert decision.owed == ()
    assert decision.changed == ()


def test_patient_prescriber_and_item_are_kept_for_the_lists() -> None:
    """Names as they stand in the head; the date of birth comes from the number (P5)."""
    resept = ny(med(patient=pasient(middle_name="B.")).avgjor())
    p = resept.pasient
    assert (p.ident, p.ident_type, p.fdato, p.kjonn) == (FNR, "FNR", date(1946, 1, 21), "1")
    assert (p.fornavn, p.mellomnavn, p.etternavn) == ("OTTAR", "B.", "KNUTSEN")
    assert p.adresse is not None
    assert resept.rekvirent.navn == "Anja Fos Eidsvik"
    assert (resept.rekvirent.hpr, resept.rekvirent.her) == (HPR, bygg.LEGEKONTOR.her)
    assert (resept.vare.nr, resept.vare.navn_form_styrke) == ("429076", "Cosylan Mikst 1,7 mg/ml")
    assert (resept.vare.pakningsstr, resept.vare.reiterasjon) == ("300", 0)


def test_a_middle_name_stands_between() -> None:
    """NavnRekvirent is given, middle and family name with one space."""
    person = HealthcareProfessional(family_name="Amir", middle_name="FOS", given_name="Aas", idents=bygg.lege().idents)
    head = hode("ERM1", bygg.legekontor(professional=person), patient=pasient())
    assert ny(sak(m1_resept.TYPE, m1(), head, FACTS).avgjor()).rekvirent.navn == "Aas FOS Amir"


def test_the_dnr_is_kept_with_its_kind() -> None:
    """A D-number given as FNR is stored as what it is."""
    patient = pasient(idents=(person_ident("FNR", bygg.DNR),), date_of_birth=date(1946, 1, 21))
    assert ny(med(patient=patient).avgjor()).pasient.ident_type == "DNR"


def test_goods_and_mixtures_are_named() -> None:
    """Goods by name, else by product group; a mixture by its own name (M9.2)."""
    assert ny(med(handelsvare()).avgjor()).vare.navn_form_styrke == "Teststrimler"
    assert ny(med(handelsvare(None)).avgjor()).vare.navn_form_styrke == "Blodsukkertester"
    blanding = ny(med(legemiddel(Forskrivning=forskrivning("Legemiddelblanding"))).avgjor())
    assert (blanding.vare.navn_form_styrke, blanding.vare.legemiddelblanding) == ("", "Salve 2 %")


def test_flags_are_kept() -> None:
    """Locked, hidden from guardians, in own name, earliest dispensing."""
    felt = {"RefNr": REFNR, "LastResept": "true", "Vergeinnsynsreservasjon": "true", "RekvLegensNavn": "true"}
    resept = ny(med(patient=uten_nummer(), TidligsteUtlevering="2026-04-01", **felt).avgjor(UTSTEDT))
    assert (resept.last, resept.vergereservert, resept.eget_navn, resept.egen_praksis) == (True, True, True, False)
    assert resept.tidligste_utlevering == date(2026, 4, 1)
    assert (resept.pasient.ident, resept.pasient.ident_type) == ("", "")


def test_7419_10_resept_exists() -> None:
    """A ReseptId that another sender's prescription has is refused."""
    assert med().avgjor().accepted
    assert avslag(med().avgjor(Tilstand(tatt=True))) == ["10"]


def test_what_is_loaded() -> None:
    """Nothing but the reference number where there is one: an ordinary prescription costs one round trip."""
    assert m1_resept.needs(med().mottatt, Facts()) == Needs()
    assert m1_resept.needs(med(RefNr=REFNR).mottatt, Facts()) == Needs(refnr=(REFNR,))


# ------------------------------------------------------------------------------------------ drugs without authorisation


def test_G2_a_direct_application_begins_at_the_authority() -> None:
    """B with application state 2, and an M14."""
    decision = med(legemiddel(LegemiddelUtenMt=uten_mt("true"))).avgjor()
    resept = ny(decision)
    assert (resept.status, resept.soknad_slv) == (Status.UNDER_BEHANDLING_SLV, "2")
    assert (resept.soknad_sendt, resept.svar_slv) == (date(2026, 3, 2), None)
    (m14,) = decision.owed
    assert (m14.type, m14.to.ident("ENH"), m14.ref_to_parent) == ("M14", LEGEMIDDELVERKET.enh, str(MSG_ID))
    assert (m14.ref_to_conversation, m14.attachments) == (str(MSG_ID), (Vedlegg(MSG_ID, MSG_ID),))
    assert [each.text for each in etree.fromstring(m14.payload)] == [str(MSG_ID)]
    assert [(h.hendelse, h.til) for h in decision.hendelser] == [("rekvirert_soknad", "B")]


@pytest.mark.parametrize(
    "dok", [legemiddel(LegemiddelUtenMt=uten_mt("false")), legemiddel(Forskrivning=forskrivning("Legemiddelblanding"))]
)
def test_G1_C5_an_application_may_wait_for_the_pharmacist(dok: str) -> None:
    """E with application state 1, and no M14."""
    decision = med(dok).avgjor()
    assert (ny(decision).status, ny(decision).soknad_slv) == (Status.EKSPEDERBAR, "1")
    assert decision.owed == ()


# ---------------------------------------------------------------------------------------------------- dispatch request


@pytest.mark.parametrize("metode", ["U", "L"])
def test_E1_a_dispatch_request_is_passed_on(metode: str) -> None:
    """The prescription is bound to the utleverer, who is sent an M21."""
    ekspanm = bygg.ekspanm(MetodeEkspedering=bygg.kode("MetodeEkspedering", metode))
    decision = med(EkspAnm=ekspanm, RefNr=REFNR).avgjor(UTSTEDT)
    bundet = ny(decision).ekspanm
    assert bundet is not None
    assert (bundet.her, bundet.navn, bundet.metode, bundet.oppfylt) == (APOTEK.her, APOTEK.navn, metode, False)
    (m21,) = decision.owed
    assert (m21.type, m21.receiver, m21.resept_id) == ("M21", APOTEK.her, MSG_ID)
    payload = etree.fromstring(m21.payload)
    assert [(etree.QName(each).localname, each.text) for each in payload[:4]] == [
        ("ReseptId", str(MSG_ID)),
        ("RefNr", REFNR),
        ("Fnr", FNR),
        ("Navn", "OTTAR KNUTSEN"),
    ]
    assert payload.findtext("{*}EkspAnm/{*}Utleverer") == APOTEK.her
    assert (m21.ref_to_parent, m21.ref_to_conversation, m21.attachments) == (str(MSG_ID), str(MSG_ID), ())


def test_the_registers_are_asked_about_the_chosen_utleverer() -> None:
    """annen_aktor names the HER-id of the dispatch request, nothing without one."""
    assert m1_resept.TYPE.annen_aktor(med(EkspAnm=bygg.ekspanm()).mottatt.content) == APOTEK.her
    assert m1_resept.TYPE.annen_aktor(med().mottatt.content) == ""


# --------------------------------------------------------------------------------------------------- reference numbers


def test_7419_52_refnr_of_rekvirent() -> None:
    """A number that was never issued, or to another prescriber, is refused; padding of the HPR number is no matter."""
    assert avslag(med(RefNr=REFNR).avgjor()) == ["52"]
    assert avslag(med(RefNr=REFNR).avgjor(Tilstand(refnr=(utstedt(hpr=ANNEN_HPR),)))) == ["52"]
    assert med(RefNr=REFNR).avgjor(UTSTEDT).accepted


def test_7419_75_refnr_of_patient() -> None:
    """One number, one patient (L5)."""
    egen, annens = utstedt(pasient=FNR), utstedt(pasient=ANNET_FNR)
    assert med(RefNr=REFNR).avgjor(Tilstand(refnr=(egen,))).accepted
    assert avslag(med(RefNr=REFNR).avgjor(Tilstand(refnr=(annens,)))) == ["75"]


def test_L5_a_new_number_makes_no_other_patient() -> None:
    """A number bound under a former identity is the same patient's still, and stays bound as it was."""
    known = replace(FACTS, personer={FNR: Person((FNR, ANNET_FNR))})
    bundet = utstedt(pasient=ANNET_FNR)
    decision = m1_resept.decide(med(RefNr=REFNR).mottatt, Tilstand(refnr=(bundet,)), known, NOW)
    assert decision.accepted
    assert decision.refnr == bundet


def test_7419_363_patient_has_a_new_identity() -> None:
    """Under a former number it is accepted with a note; under the present one, or of an unknown person, without."""
    for numbers, noted in (((ANNET_FNR, FNR), ["363"]), ((FNR, ANNET_FNR), []), ((), [])):
        known = replace(FACTS, personer={FNR: Person(numbers)} if numbers else {})
        decision = m1_resept.decide(med().mottatt, Tilstand(), known, NOW)
        assert decision.accepted
        assert [note.reason.code for note in decision.notes] == noted


def test_7419_51_refnr_not_used_up() -> None:
    """A used number is good for the same patient while a prescription under it is left (L6)."""
    brukt = utstedt(pasient=FNR, aktiv=False)
    assert med(RefNr=REFNR).avgjor(Tilstand(refnr=(utstedt(aktiv=False),))).accepted
    assert avslag(med(RefNr=REFNR).avgjor(Tilstand(refnr=(brukt,)))) == ["51"]


def test_L5_the_first_use_binds_the_number() -> None:
    """The decision carries the binding, and the next prescription of the same patient is accepted on it."""
    decision = med(RefNr=REFNR).avgjor(UTSTEDT)
    assert decision.refnr == RefNr(refnr=REFNR, hpr=HPR, pasient=FNR)
    assert med(RefNr=REFNR).avgjor(Tilstand(refnr=(decision.refnr,))).accepted


def test_L5_own_name_needs_another_number() -> None:
    """In own name, to the own practice, and an ordinary patient without number: three that share nothing."""
    last = {"RefNr": REFNR, "LastResept": "true"}
    slag: list[dict[str, str | None]] = [
        {**last, "RekvLegensNavn": "true"},
        {**last, "TilEgenPraksis": "true"},
        {**last},
    ]
    bundet = [med(patient=uten_nummer(), **felt).avgjor(UTSTEDT).refnr for felt in slag]
    for felt, egen in zip(slag, bundet, strict=True):
        for refnr in bundet:
            assert refnr is not None
            decision = med(patient=uten_nummer(), **felt).avgjor(Tilstand(refnr=(refnr,)))
            assert avslag(decision) == ([] if refnr is egen else ["75"])


def test_a_patient_without_number_is_known_by_birth_and_name() -> None:
    """The same person whatever the letters' case, another with another name or date of birth."""
    refnr = med(patient=uten_nummer(), RefNr=REFNR).avgjor(UTSTEDT).refnr
    assert refnr is not None
    tilstand = Tilstand(refnr=(refnr,))
    assert med(patient=uten_nummer(family_name="Knutsen"), RefNr=REFNR).avgjor(tilstand).accepted
    for annen in (uten_nummer(given_name="ANNE"), uten_nummer(date_of_birth=date(1946, 1, 22))):
        assert avslag(med(patient=annen, RefNr=REFNR).avgjor(tilstand)) == ["75"]
