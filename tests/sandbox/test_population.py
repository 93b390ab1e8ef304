"""The sandbox's people and organisations."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from reseptformidler.client.parter import Pasient
from reseptformidler.domain import ident
from reseptformidler.sandbox import population
from reseptformidler.sandbox.population import (
    ALLE_AKTORER,
    ALLE_LEGER,
    BARN,
    LEGER,
    MANN,
    MED_DNR,
    PERSONER,
    PUBLISERTE_LEGER,
    SAERLIGE_AKTORER,
    SAERLIGE_LEGER,
    SAERLIGE_PERSONER,
    TIDLIGERE_NUMMER,
    UTEN_NUMMER,
    person,
    refnumre,
    registers,
)

OURS = [lege for lege in ALLE_LEGER if lege not in PUBLISERTE_LEGER]


def agrees(one: Pasient) -> bool:
    """Whether the number says the date of birth and the sex that stand beside it."""
    return ident.birth_date(one.ident) == one.fdato and (int(one.ident[8]) % 2 == 1) == (one.kjonn == MANN)


def test_about_a_hundred_and_all_different() -> None:
    """No number is given twice."""
    assert len(ALLE_AKTORER) + len(ALLE_LEGER) >= 100
    assert len({one.her for one in ALLE_AKTORER}) == len(ALLE_AKTORER)
    for numbers in (
        [one.helsepersonell.hpr for one in ALLE_LEGER],
        [one.helsepersonell.fnr for one in ALLE_LEGER],
        [one.kort for one in ALLE_LEGER],
        [number for one in ALLE_LEGER for number in refnumre(one)],
    ):
        assert len(set(numbers)) == len(numbers)


def test_every_number_has_right_check_digits() -> None:
    """Organisation numbers, fødselsnummer, reference numbers."""
    assert all(ident.is_orgnr(one.enh) and (not one.lok or ident.is_orgnr(one.lok)) for one in ALLE_AKTORER)
    assert all(ident.is_fnr(one.helsepersonell.fnr) and ident.is_hpr(one.helsepersonell.hpr) for one in ALLE_LEGER)
    assert all(ident.is_refnr(number) for one in LEGER for number in refnumre(one))


def test_all_of_it_shows_that_it_is_synthetic() -> None:
    """Months +80 for everybody; ours in ranges of their own."""
    everybody = [one.helsepersonell.fnr for one in ALLE_LEGER] + [one.ident for one in (*PERSONER, *MED_DNR, *BARN)]
    assert all(80 < int(number[2:4]) <= 92 for number in everybody)
    assert all(one.helsepersonell.hpr.startswith("9990") and one.kort.startswith("0000-0000-") for one in OURS)
    ours = [one for one in ALLE_AKTORER if one.navn.startswith("Sandkasse")]
    assert all(one.her.startswith("990") and one.enh.startswith("310") for one in ours)
    assert len(ours) == len(ALLE_AKTORER) - 8


def test_patients_of_every_kind() -> None:
    """With fødselsnummer, with D-number, without number, children: about thirty."""
    assert len((*PERSONER, *MED_DNR, *UTEN_NUMMER, *BARN)) >= 30
    assert all(ident.is_fnr(one.ident) and agrees(one) for one in (*PERSONER, *BARN))
    assert all(ident.is_dnr(one.ident) and agrees(one) for one in MED_DNR)
    assert all(not one.ident and not one.ident_type for one in UTEN_NUMMER)


@given(st.sets(st.integers(0, 1_000_000), min_size=2))
def test_as_many_patients_as_wanted(numbers: set[int]) -> None:
    """Each number gives another fødselsnummer, and the same one each time."""
    people = [person(number) for number in numbers]
    assert len({one.ident for one in people}) == len(numbers)
    assert all(ident.is_fnr(one.ident) and agrees(one) for one in people)
    assert people == [person(number) for number in numbers]


def test_the_prescriber_as_patient() -> None:
    """P3, P4: without number, with the date of birth and the sex of the prescriber."""
    lege = LEGER[1]
    patient = lege.som_pasient()
    assert not patient.ident
    assert patient.fdato == ident.birth_date(lege.helsepersonell.fnr)
    assert (patient.kjonn == MANN) == (int(lege.helsepersonell.fnr[8]) % 2 == 1)


def test_the_published_actors_are_known() -> None:
    """The published messages find their senders, and the signer of the first one by its certificate."""
    known = registers()
    for her, enh in (("8095068", "100169444"), ("8091390", "988453315"), ("8090688", "983044778")):
        aktor = known.aktor(her)
        assert aktor is not None
        assert aktor.enh == enh
    signer = known.helsepersonell_by_person("9578-4050-100732353")
    assert signer is not None
    assert signer.hpr == "431002737"


def test_those_with_something_about_them() -> None:
    """Each differs from the ordinary ones in what its name says."""
    assert not SAERLIGE_LEGER["uten A-rett"].helsepersonell.a_preparat
    assert SAERLIGE_LEGER["død"].helsepersonell.dodsdato is not None
    assert SAERLIGE_LEGER["jordmor"].helsepersonell.kategorier == ("JO",)
    assert SAERLIGE_LEGER["spesialist"].kontor.spesialist
    assert SAERLIGE_AKTORER["svartelistet apotek"].svartelistet
    assert not SAERLIGE_AKTORER["deaktivert legekontor"].aktiv
    plain = [population.LEGEKONTOR[0], population.APOTEK[0], population.BANDASJISTER[0]]
    assert all(one.aktiv and one.godkjent and one.cpa and not one.svartelistet for one in plain)


def test_what_the_person_register_knows() -> None:
    """All with a national number, each with a fastlege; a former number leads to the present one."""
    people = (*PERSONER, *MED_DNR, *BARN)
    known = registers().personer([*(one.ident for one in people), TIDLIGERE_NUMMER])
    assert len(known) == len(people) + 1
    assert all(one.fastlege is not None and one.etternavn for one in known.values())
    assert known[TIDLIGERE_NUMMER].nummer != TIDLIGERE_NUMMER
    assert TIDLIGERE_NUMMER in known[known[TIDLIGERE_NUMMER].nummer].numre
    of = {name: known[one.ident] for name, (one, _) in SAERLIGE_PERSONER.items()}
    assert of["adressesperret"].gradert
    assert len(of["har sperret en lege"].sperret) == 1
    assert [(one.foreldreansvar, one.gradert) for one in of["barn"].foreldre] == [(True, False)] * 2
    assert [one.gradert for one in of["barn av adressesperret"].foreldre] == [True, False]
    assert [one.foreldreansvar for one in of["barn av en med foreldreansvar"].foreldre] == [False, True]


def test_the_authorities_of_the_sandbox() -> None:
    """They are who applications and reports are sent to."""
    assert registers().legemiddelverket == population.LEGEMIDDELVERKET
    assert registers().kjernejournal == population.KJERNEJOURNAL
