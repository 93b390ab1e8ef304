"""Registers from files."""

from __future__ import annotations

from dataclasses import fields
from datetime import date
from pathlib import Path

import pytest

from reseptformidler.domain.aktor import (
    KJERNEJOURNAL,
    LEGEMIDDELVERKET,
    Aktor,
    Aktortype,
    Fastlege,
    Forelder,
    Helsepersonell,
    Person,
)
from reseptformidler.registers.files import RegisterError
from reseptformidler.registers.fixed import AktorEntry, FixedRegisters, HelsepersonellEntry, PersonEntry

DOCUMENTED = Path(__file__).parents[2] / "docs" / "registers.md"

FILE = """
[[aktor]]
her = "9999901"
navn = "Prøve Apotek"
type = "apotek"
enh = "310000000"
lok = "310000019"
ako = "99999"
svartelistet = true

[[helsepersonell]]
hpr = "999900001"
fnr = "01835500191"
fornavn = "Prøve"
etternavn = "Lege"
rett_til = 2030-12-31
kort = ["0000-0000-999900001", "0000-0000-999900002"]

[[refnr]]
hpr = "999900001"
numre = ["0000100005", "0000100013"]
"""


def written(folder: Path, text: str, name: str = "registers.toml") -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def test_what_a_file_says(tmp_path: Path) -> None:
    """Organisations by HER-id, people by certificate, reference numbers with their prescriber."""
    registers = FixedRegisters.load([written(tmp_path, FILE)])
    assert registers.aktor("9999901") == Aktor(
        "9999901", "Prøve Apotek", Aktortype.APOTEK, "310000000", "310000019", "99999", svartelistet=True
    )
    person = Helsepersonell("999900001", "01835500191", "Prøve", "Lege", rett_til=date(2030, 12, 31))
    for kort in ("0000-0000-999900001", "0000-0000-999900002"):
        assert registers.helsepersonell_by_person(kort) == person
    assert registers.refnr == (("0000100005", "999900001"), ("0000100013", "999900001"))


def test_what_no_file_says(tmp_path: Path) -> None:
    """Unknown numbers, and empty ones, are None."""
    registers = FixedRegisters.load([written(tmp_path, FILE)])
    for unknown in ("", "1"):
        assert registers.aktor(unknown) is None
        assert registers.helsepersonell_by_person(unknown) is None


def test_a_later_file_wins(tmp_path: Path) -> None:
    """What it does not speak of stays."""
    later = '[[aktor]]\nher = "9999901"\nnavn = "Nytt navn"\ntype = "bandasjist"\nenh = "310000000"\n'
    registers = FixedRegisters.load([written(tmp_path, FILE), written(tmp_path, later, "later.toml")])
    aktor = registers.aktor("9999901")
    assert aktor is not None
    assert (aktor.navn, aktor.type, aktor.svartelistet) == ("Nytt navn", Aktortype.BANDASJIST, False)
    assert registers.helsepersonell_by_person("0000-0000-999900001") is not None


@pytest.mark.parametrize(
    "old, new, says",
    [
        ('enh = "310000000"', 'enh = "310000001"', "aktor[1].enh: is no organisation number"),
        ('her = "9999901"', 'her = "HER9999901"', "aktor[1].her: String should match"),
        ('type = "apotek"', 'type = "kiosk"', "aktor[1].type: Input should be 'rekvirent'"),
        ('navn = "Prøve Apotek"', 'navn = ""', "aktor[1].navn: String should have at least 1 character"),
        ("svartelistet = true", "svartlistet = true", "aktor[1].svartlistet: Extra inputs are not permitted"),
        ('hpr = "999900001"\nfnr', 'hpr = "1"\nfnr', "helsepersonell[1].hpr: is no HPR number"),
        ('fnr = "01835500191"', 'fnr = "01835500192"', "helsepersonell[1].fnr: is no fødselsnummer"),
        ('"0000100013"', '"0000100014"', "refnr[1].numre[2]: is no reference number"),
        ('"0000100013"', '"0000100005"', "refnr: numre: number 2 repeats number 1"),
        ("[[refnr]]", "[[refn]]", "refn: Extra inputs are not permitted"),
        ("[[refnr]]", "[[refnr", "not TOML"),
        ("= true", "= ja", "not TOML"),
    ],
)
def test_a_wrong_file_is_told(tmp_path: Path, old: str, new: str, says: str) -> None:
    """The text gives the file and the place, and no identity number."""
    assert old in FILE
    path = written(tmp_path, FILE.replace(old, new, 1))
    with pytest.raises(RegisterError) as told:
        FixedRegisters.load([path])
    assert str(told.value).startswith(f"{path}: {says}")
    assert "0183550019" not in str(told.value)


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    """It is not there, or not UTF-8."""
    with pytest.raises(RegisterError, match=r"nowhere\.toml: No such file"):
        FixedRegisters.load([tmp_path / "nowhere.toml"])
    path = tmp_path / "latin.toml"
    path.write_bytes('navn = "Bodø"'.encode("latin-1"))
    with pytest.raises(RegisterError, match=r"latin\.toml: not UTF-8"):
        FixedRegisters.load([path])


def test_the_format_follows_the_domain() -> None:
    """Each field of the two values can be given in a file, and nothing else but the certificates."""
    assert set(AktorEntry.model_fields) == {field.name for field in fields(Aktor)}
    assert set(HelsepersonellEntry.model_fields) - {"kort"} == {field.name for field in fields(Helsepersonell)}


def test_the_documented_example_can_be_read(tmp_path: Path) -> None:
    """The example of docs/registers.md is a file that is accepted, and its tables name every field."""
    text = DOCUMENTED.read_text(encoding="utf-8")
    example = text.split("```toml\n", 1)[1].split("```", 1)[0]
    assert FixedRegisters.load([written(tmp_path, example)]).refnr
    for name in (*AktorEntry.model_fields, *HelsepersonellEntry.model_fields, *PersonEntry.model_fields):
        assert f"`{name}`" in text


PERSON = """
[[aktor]]
her = "9999902"
navn = "Prøve Legekontor"
type = "rekvirent"
enh = "310000000"

[[aktor]]
her = "9999903"
navn = "Prøve Legemiddelverk"
type = "legemiddelverket"
enh = "310000000"

[[helsepersonell]]
hpr = "999900001"
fnr = "01835500191"
fornavn = "Prøve"
etternavn = "Lege"

[[person]]
numre = ["13116900216", "01835500191"]
gradert = true
foreldre = [{ nummer = "21014605158", foreldreansvar = false }]
sperret = ["999900001"]
fastlege = "999900001"
fastlege_her = "9999902"
"""


def test_a_person_is_found_under_every_number(tmp_path: Path) -> None:
    """The present one and the former ones lead to the same person; an unknown number to nobody."""
    registers = FixedRegisters.load([written(tmp_path, PERSON)])
    kontor = registers.aktor("9999902")
    assert kontor is not None
    wanted = Person(
        numre=("13116900216", "01835500191"),
        gradert=True,
        foreldre=(Forelder("21014605158", foreldreansvar=False),),
        sperret=frozenset({"999900001"}),
        fastlege=Fastlege("999900001", "Prøve", "Lege", kontor),
    )
    asked = ("13116900216", "01835500191", "21014605158")
    assert registers.personer(asked) == dict.fromkeys(asked[:2], wanted)


def test_a_parents_protected_address_is_told_with_the_child(tmp_path: Path) -> None:
    """Who asks about a child may know one parent only; of a parent who is not registered nothing is known."""
    parent = '[[person]]\nnumre = ["21014605158"]\netternavn = "Knutsen"\ngradert = true\n'
    child = FixedRegisters.load([written(tmp_path, PERSON)]).personer(["13116900216"])["13116900216"]
    assert [one.gradert for one in child.foreldre] == [False]
    known = FixedRegisters.load([written(tmp_path, PERSON + parent)]).personer(["13116900216", "21014605158"])
    assert [one.gradert for one in known["13116900216"].foreldre] == [True]
    assert known["21014605158"] == Person(("21014605158",), gradert=True, etternavn="Knutsen")


def test_a_fastlege_that_nobody_knows_is_none(tmp_path: Path) -> None:
    """Without the person or the office in the files there is nobody to send to."""
    for missing in ('hpr = "999900001"\nfnr', '\nher = "9999902"'):
        other = missing.replace("999900001", "999900009").replace("9999902", "9999909")
        registers = FixedRegisters.load([written(tmp_path, PERSON.replace(missing, other))])
        assert registers.personer(["13116900216"])["13116900216"].fastlege is None


def test_the_authorities(tmp_path: Path) -> None:
    """Those of the files, else as they are publicly known."""
    registers = FixedRegisters.load([written(tmp_path, PERSON)])
    assert (registers.legemiddelverket.her, registers.kjernejournal) == ("9999903", KJERNEJOURNAL)
    assert FixedRegisters().legemiddelverket == LEGEMIDDELVERKET


def test_a_number_belongs_to_one_person(tmp_path: Path) -> None:
    """A number that stands with two persons would make them one."""
    twice = PERSON + '[[person]]\nnumre = ["01835500191"]\n'
    with pytest.raises(RegisterError, match="person: numre: number 3 repeats number 2"):
        FixedRegisters.load([written(tmp_path, twice)])
