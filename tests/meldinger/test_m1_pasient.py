"""The patient of an M1: each rule with a patient that passes and one that does not (rules.md P; EO278 point 2)."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest

from reseptformidler.domain import koder
from reseptformidler.domain.aktor import Facts
from reseptformidler.domain.hode import Kode, Patient
from reseptformidler.domain.ident import is_dnr
from reseptformidler.meldinger import m1_resept
from tests.meldinger.bygg import (
    ANNET_FNR,
    DNR,
    FNR,
    LEGE,
    LEGEKONTOR,
    REFNR,
    Sak,
    hode,
    m1,
    pasient,
    person_ident,
    sak,
    skiller,
    uten_nummer,
)

FACTS = Facts(avsender=LEGEKONTOR, helsepersonell=LEGE)
LAST = {"RefNr": REFNR, "LastResept": "true"}
EGET = {**LAST, "RekvLegensNavn": "true"}
PRAKSIS = {**LAST, "TilEgenPraksis": "true"}
FODT = date(1946, 1, 21)


def med(patient: Patient | None, **resept: str | None) -> Sak:
    """An M1 for this patient."""
    return sak(m1_resept.TYPE, m1(**resept), hode("ERM1", patient=patient), FACTS)


def dnr(**changes: object) -> Patient:
    """A patient with D-number, date of birth and sex."""
    return replace(pasient(idents=(person_ident("DNR", DNR),), date_of_birth=FODT), **changes)  # type: ignore[arg-type]


@pytest.mark.parametrize("last", ["true", "false"])
def test_P1_P2_the_published_combinations_are_accepted(last: str) -> None:
    """FNR; DNR with date of birth and sex; date of birth, sex and RefNr: each also locked (EO278 point 2)."""
    for patient in (pasient(), dnr(), uten_nummer()):
        assert med(patient, RefNr=REFNR, LastResept=last).koder == []
    assert med(pasient(sex=None)).koder == []


def test_P3_P4_own_name_and_own_practice_are_accepted() -> None:
    """The prescriber in the patient's place: date of birth, sex, RefNr, locked, no number."""
    assert med(uten_nummer(), **EGET).koder == []
    assert med(uten_nummer(), **PRAKSIS).koder == []


def test_a_dnr_in_the_place_of_the_fnr_is_a_dnr() -> None:
    """112 and 261 speak of a D-number given as FNR."""
    patient = pasient(idents=(person_ident("FNR", DNR),), date_of_birth=FODT)
    assert is_dnr(DNR)
    assert med(patient).koder == []
    assert med(replace(patient, date_of_birth=None, sex=None)).koder == ["112", "261"]


def test_a_head_without_patient_lacks_everything() -> None:
    """All findings are collected into one answer."""
    assert med(None).koder == ["162", "163", "260", "5"]


def test_7419_5_patient_identity_missing() -> None:
    """Neither number nor date of birth nor RefNr."""
    skiller(5, med(pasient()), med(uten_nummer(date_of_birth=None)))


def test_7419_71_refnr_without_national_number() -> None:
    """Without national number the prescription is protected by RefNr (P6)."""
    skiller(71, med(uten_nummer(), RefNr=REFNR), med(uten_nummer()))


def test_7419_111_fnr_without_date_of_birth() -> None:
    """With FNR no date of birth is sent, with DNR it is."""
    skiller(111, (med(pasient()), med(dnr())), med(pasient(date_of_birth=FODT)))


def test_7419_112_dnr_with_date_of_birth() -> None:
    """A D-number needs the date of birth."""
    skiller(112, med(dnr()), med(dnr(date_of_birth=None)))


def test_7419_113_date_of_birth_without_fnr() -> None:
    """Another kind of number needs the date of birth."""
    pass_nr = (person_ident("PNR", "A1234"),)
    skiller(113, med(uten_nummer(idents=pass_nr), RefNr=REFNR), med(uten_nummer(idents=pass_nr, date_of_birth=None)))


def test_7419_114_refnr_with_date_of_birth() -> None:
    """RefNr alone does not say whose it is."""
    skiller(114, med(uten_nummer(), RefNr=REFNR), med(uten_nummer(date_of_birth=None), RefNr=REFNR))


def test_7419_115_patient_ident_check_digits() -> None:
    """The number has right check digits; a help number (FHN) is not asked for any."""
    galt = pasient(idents=(person_ident("FNR", "21014605159"),))
    fhn = uten_nummer(idents=(person_ident("FHN", "81014605159"),))
    skiller(115, (med(pasient()), med(dnr()), med(fhn, RefNr=REFNR)), med(galt))


def test_7419_162_patient_given_name_missing() -> None:
    """The patient has a given name."""
    skiller(162, med(pasient()), med(pasient(given_name="")))


def test_7419_163_patient_family_name_missing() -> None:
    """The patient has a family name."""
    skiller(163, med(pasient()), med(pasient(family_name="")))


def test_7419_170_sex_in_code_list() -> None:
    """Sex is in list 3101."""
    skiller(170, med(pasient(sex=koder.KJONN.cs("9"))), med(pasient(sex=Kode("7", "x"))))


def test_7419_215_own_name_date_of_birth() -> None:
    """In own name or to the own practice the prescriber's date of birth stands."""
    ukjent = uten_nummer(date_of_birth=None)
    skiller(
        215, (med(uten_nummer(), **EGET), med(uten_nummer(), **PRAKSIS)), (med(ukjent, **EGET), med(ukjent, **PRAKSIS))
    )


def test_7419_258_locked_with_refnr() -> None:
    """A locked prescription has a RefNr (L1)."""
    skiller(258, (med(pasient()), med(pasient(), **LAST)), med(pasient(), LastResept="true"))


def test_7419_260_sex_without_fnr() -> None:
    """Without number a known sex is given."""
    skiller(
        260,
        med(uten_nummer(sex=koder.KJONN.cs("2")), RefNr=REFNR),
        (med(uten_nummer(sex=None), RefNr=REFNR), med(uten_nummer(sex=koder.KJONN.cs("0")), RefNr=REFNR)),
    )


def test_7419_261_dnr_with_sex() -> None:
    """A D-number needs the sex."""
    skiller(261, med(dnr()), med(dnr(sex=None)))


def test_7419_269_own_name_locked_without_fnr() -> None:
    """In own name: locked, and no national number."""
    skiller(
        269,
        med(uten_nummer(), **EGET),
        (med(pasient(), **EGET), med(uten_nummer(), **{**EGET, "LastResept": "false"})),
    )


def test_7419_270_own_practice_locked_without_fnr() -> None:
    """To the own practice: locked, and no national number."""
    skiller(
        270,
        med(uten_nummer(), **PRAKSIS),
        (med(pasient(), **PRAKSIS), med(uten_nummer(), **{**PRAKSIS, "LastResept": None})),
    )


def test_7419_275_fnr_or_dnr_not_both() -> None:
    """One number, of one kind."""
    begge = (person_ident("FNR", FNR), person_ident("DNR", DNR))
    skiller(275, med(dnr()), med(dnr(idents=begge)))


def test_another_kind_of_number_beside_the_fnr_is_no_matter() -> None:
    """Only FNR and DNR exclude each other."""
    assert med(pasient(idents=(person_ident("FNR", ANNET_FNR), person_ident("DUF", "200816832910")))).koder == []
