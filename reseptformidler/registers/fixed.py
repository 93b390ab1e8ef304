"""Registers from files: what `--registers FILE` reads, where the live registers are not used.

The format is TOML, described in docs/registers.md; every value is checked when it is read.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from types import MappingProxyType
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints, model_validator

from reseptformidler.domain import ident
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
from reseptformidler.registers.files import read


@dataclass(frozen=True, slots=True)
class Registrert:
    """A person as the files have it: `Person`, with the fastlege by HPR number and by HER-id of the office."""

    numre: tuple[str, ...]
    gradert: bool = False
    foreldre: tuple[Forelder, ...] = ()
    sperret: frozenset[str] = frozenset()
    fastlege: str = ""
    fastlege_her: str = ""
    fornavn: str = ""
    mellomnavn: str = ""
    etternavn: str = ""


class FixedRegisters:
    """Registers that do not change. Later entries win over earlier ones with the same key."""

    def __init__(
        self,
        aktorer: Iterable[Aktor] = (),
        helsepersonell: Iterable[Helsepersonell] = (),
        kort: Mapping[str, str] = MappingProxyType({}),
        refnr: Mapping[str, str] = MappingProxyType({}),
        personer: Iterable[Registrert] = (),
    ) -> None:
        """`kort`: HPR number by the subject serialNumber of a person's certificates; `refnr`: HPR number by RefNr."""
        self._aktorer = {aktor.her: aktor for aktor in aktorer}
        self._helsepersonell = {person.hpr: person for person in helsepersonell}
        self._kort = dict(kort)
        self._refnr = dict(refnr)
        self._personer = {nummer: person for person in personer for nummer in person.numre}

    @classmethod
    def load(cls, paths: Iterable[Path]) -> FixedRegisters:
        """The registers in these files; a later file wins. RegisterError: a file cannot be read or breaks a rule."""
        loaded = cls()
        for path in paths:
            loaded = loaded.merged(read(path, RegisterFile).registers())
        return loaded

    def merged(self, later: FixedRegisters) -> FixedRegisters:
        """These registers and `later`, which wins."""
        return FixedRegisters(
            (*self._aktorer.values(), *later._aktorer.values()),
            (*self._helsepersonell.values(), *later._helsepersonell.values()),
            self._kort | later._kort,
            self._refnr | later._refnr,
            (*self._personer.values(), *later._personer.values()),
        )

    def aktor(self, her: str) -> Aktor | None:
        """The organisation with this HER-id."""
        return self._aktorer.get(her)

    def helsepersonell_by_person(self, subject_serial: str) -> Helsepersonell | None:
        """Who holds certificates with this subject serialNumber: the authority's person service and HPR in one."""
        return self._helsepersonell.get(self._kort.get(subject_serial, ""))

    def personer(self, numre: Iterable[str]) -> dict[str, Person]:
        """What is known of the persons with these national identity numbers, former ones too."""
        known = ((nummer, self._personer.get(nummer)) for nummer in numre)
        return {nummer: self._person(found) for nummer, found in known if found is not None}

    def _person(self, registrert: Registrert) -> Person:
        lege, kontor = self._helsepersonell.get(registrert.fastlege), self._aktorer.get(registrert.fastlege_her)
        return Person(
            numre=registrert.numre,
            gradert=registrert.gradert,
            foreldre=tuple(map(self._forelder, registrert.foreldre)),
            sperret=registrert.sperret,
            fastlege=Fastlege(lege.hpr, lege.fornavn, lege.etternavn, kontor) if lege and kontor else None,
            fornavn=registrert.fornavn,
            mellomnavn=registrert.mellomnavn,
            etternavn=registrert.etternavn,
        )

    def _forelder(self, forelder: Forelder) -> Forelder:
        registrert = self._personer.get(forelder.nummer)
        return forelder if registrert is None else replace(forelder, gradert=registrert.gradert)

    @property
    def legemiddelverket(self) -> Aktor:
        """The authority for exemptions."""
        return self._latest(Aktortype.LEGEMIDDELVERKET) or LEGEMIDDELVERKET

    @property
    def kjernejournal(self) -> Aktor:
        """The national summary record."""
        return self._latest(Aktortype.KJERNEJOURNAL) or KJERNEJOURNAL

    def _latest(self, type_: Aktortype) -> Aktor | None:
        """A later file wins, whatever HER-id it gives."""
        return next((aktor for aktor in reversed(self._aktorer.values()) if aktor.type is type_), None)

    @property
    def aktorer(self) -> tuple[Aktor, ...]:
        """All organisations."""
        return tuple(self._aktorer.values())

    @property
    def refnr(self) -> tuple[tuple[str, str], ...]:
        """The reference numbers that were issued: (RefNr, HPR number of the prescriber)."""
        return tuple(self._refnr.items())


def _checked(test: Callable[[str], bool], what: str) -> AfterValidator:
    def check(text: str) -> str:
        if not test(text):
            raise ValueError(f"is no {what}")
        return text

    return AfterValidator(check)


Text = Annotated[str, StringConstraints(min_length=1, strip_whitespace=True)]
Her = Annotated[str, StringConstraints(pattern=r"^[0-9]{1,10}$")]
Orgnr = Annotated[str, _checked(ident.is_orgnr, "organisation number (nine digits, check digit)")]
Hpr = Annotated[str, _checked(ident.is_hpr, "HPR number (nine digits, padded with zeros)")]
PersonNr = Annotated[str, _checked(ident.is_person_number, "fødselsnummer or D-number")]
Refnr = Annotated[str, _checked(ident.is_refnr, "reference number (ten digits, check digit)")]


class _Entry(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class AktorEntry(_Entry):
    """[[aktor]]: the fields of `Aktor`."""

    her: Her
    navn: Text
    type: Aktortype
    enh: Orgnr
    lok: Orgnr | None = None
    ako: Annotated[str, StringConstraints(pattern=r"^[0-9]*$")] = ""
    aktiv: bool = True
    godkjent: bool = True
    svartelistet: bool = False
    spesialist: bool = False
    cpa: bool = True

    def value(self) -> Aktor:
        """As the domain has it."""
        return Aktor(**{**self.model_dump(), "lok": self.lok or ""})


class HelsepersonellEntry(_Entry):
    """[[helsepersonell]]: the fields of `Helsepersonell`, and the subject serialNumber of each certificate (`kort`)."""

    hpr: Hpr
    fnr: PersonNr
    fornavn: Text
    etternavn: Text
    kategorier: tuple[Text, ...] = ("LE",)
    autorisert: bool = True
    rekvisisjonsrett: bool = True
    a_preparat: bool = True
    rett_fra: date | None = None
    rett_til: date | None = None
    suspendert: bool = False
    rett_suspendert: bool = False
    avsluttet: bool = False
    rett_avsluttet: bool = False
    dodsdato: date | None = None
    kort: tuple[Text, ...] = ()

    def value(self) -> Helsepersonell:
        """As the domain has it."""
        return Helsepersonell(**self.model_dump(exclude={"kort"}))


class ForelderEntry(_Entry):
    """A parent in [[person]]: the national identity number, and whether he or she has parental responsibility."""

    nummer: PersonNr
    foreldreansvar: bool = True


class PersonEntry(_Entry):
    """[[person]]: the fields of `Person`; the fastlege by HPR number and HER-id of the office."""

    numre: tuple[PersonNr, ...] = Field(min_length=1)
    gradert: bool = False
    foreldre: tuple[ForelderEntry, ...] = ()
    sperret: frozenset[Hpr] = frozenset()
    fastlege: Hpr | None = None
    fastlege_her: Her | None = None
    fornavn: str = ""
    mellomnavn: str = ""
    etternavn: str = ""

    def value(self) -> Registrert:
        """As the registers have it."""
        return Registrert(
            numre=self.numre,
            gradert=self.gradert,
            foreldre=tuple(Forelder(one.nummer, one.foreldreansvar) for one in self.foreldre),
            sperret=self.sperret,
            fastlege=self.fastlege or "",
            fastlege_her=self.fastlege_her or "",
            fornavn=self.fornavn,
            mellomnavn=self.mellomnavn,
            etternavn=self.etternavn,
        )


class RefnrEntry(_Entry):
    """[[refnr]]: a series of reference numbers that one prescriber was given."""

    hpr: Hpr
    numre: tuple[Refnr, ...] = Field(min_length=1)


class RegisterFile(_Entry):
    """A whole file."""

    aktor: tuple[AktorEntry, ...] = ()
    helsepersonell: tuple[HelsepersonellEntry, ...] = ()
    refnr: tuple[RefnrEntry, ...] = ()
    person: tuple[PersonEntry, ...] = ()

    @model_validator(mode="after")
    def _keys_once(self) -> RegisterFile:
        _once("aktor: her", (one.her for one in self.aktor))
        _once("helsepersonell: hpr", (one.hpr for one in self.helsepersonell))
        _once("helsepersonell: kort", (kort for one in self.helsepersonell for kort in one.kort))
        _once("refnr: numre", (number for one in self.refnr for number in one.numre))
        _once("person: numre", (number for one in self.person for number in one.numre))
        return self

    def registers(self) -> FixedRegisters:
        """The file's content."""
        return FixedRegisters(
            (one.value() for one in self.aktor),
            (one.value() for one in self.helsepersonell),
            {kort: one.hpr for one in self.helsepersonell for kort in one.kort},
            {number: one.hpr for one in self.refnr for number in one.numre},
            (one.value() for one in self.person),
        )


def _once(name: str, keys: Iterable[str]) -> None:
    """ValueError: a key stands twice; which one is told by its place among the keys, from 1."""
    places: dict[str, int] = {}
    for place, key in enumerate(keys, start=1):
        if key in places:
            raise ValueError(f"{name}: number {place} repeats number {places[key]}")
        places[key] = place
