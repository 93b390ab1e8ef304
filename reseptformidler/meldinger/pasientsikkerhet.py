"""The operator's own reasons to refuse a prescription: known content defects (330) and test persons (375, 391).

Data, not code: a TOML file that the operator writes and the service reads when it starts.

The format is described in docs/safety-rules.md.
"""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date

from lxml import etree
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from reseptformidler.domain.aktor import Facts
from reseptformidler.domain.decision import Finding
from reseptformidler.domain.hode import Patient
from reseptformidler.domain.ident import is_person_number
from reseptformidler.domain.kalender import norsk_dag
from reseptformidler.meldinger.m1_innhold import FS, NS
from reseptformidler.meldinger.melding import Mottatt, Rule
from reseptformidler.reasons import reason

_PREFIKSER = {"m1": NS, "fs": FS, "re": "http://exslt.org/regular-expressions"}


class Regelfeil(ValueError):
    """The file cannot be used; the text says which rule and why, never an identity number."""


class _Regel(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    navn: str = Field(min_length=1)
    xpath: str = Field(min_length=1)
    tekst: str = Field(min_length=1)
    fra: date = date.min
    til: date = date.max


class _Testperson(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    ident: str
    fornavn: str = ""
    etternavn: str = ""


class _Fil(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    regel: tuple[_Regel, ...] = ()
    testperson: tuple[_Testperson, ...] = ()


@dataclass(frozen=True, slots=True)
class Sikkerhetsregel:
    """One rule of the operator: `treffer` says whether a payload holds what must not be dispensed."""

    navn: str
    treffer: Callable[[etree._Element], bool]
    tekst: str
    fra: date
    til: date


def les(tekst: str) -> tuple[Rule, ...]:
    """The rules of a file, to be added to those of M1. Raises Regelfeil."""
    try:
        fil = _Fil.model_validate(tomllib.loads(tekst))
    except tomllib.TOMLDecodeError as feil:
        raise Regelfeil(f"not TOML: {feil}") from None
    except ValidationError as feil:
        steder = "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in feil.errors(include_input=False))
        raise Regelfeil(steder) from None
    for nr, person in enumerate(fil.testperson):
        if not is_person_number(person.ident):
            raise Regelfeil(f"testperson.{nr}.ident: no fødselsnummer or D-number")
    return (*map(_sikkerhet, map(_kompilert, fil.regel)), *_testpersoner(fil.testperson))


def _kompilert(regel: _Regel) -> Sikkerhetsregel:
    try:
        xpath = etree.XPath(regel.xpath, namespaces=_PREFIKSER, smart_strings=False)
        xpath(etree.Element(f"{{{NS}}}Resept"))
    except etree.XPathError as feil:
        raise Regelfeil(f"regel {regel.navn}: {feil}") from None

    def treffer(payload: etree._Element) -> bool:
        return bool(xpath(payload))

    return Sikkerhetsregel(regel.navn, treffer, regel.tekst, regel.fra, regel.til)


def _sikkerhet(regel: Sikkerhetsregel) -> Rule:
    funn = Finding(reason(330), regel.tekst)

    def findings(m: Mottatt, _: Facts) -> Iterator[Finding]:
        if regel.fra <= norsk_dag(m.mottatt) <= regel.til and regel.treffer(m.payload):
            yield funn

    return Rule(name=f"{reason(330).rule}:{regel.navn}", source="D13", findings=findings)


def _testpersoner(personer: tuple[_Testperson, ...]) -> Iterator[Rule]:
    uten_navn = frozenset(p.ident for p in personer if not p.fornavn and not p.etternavn)
    med_navn = frozenset(_nokkel(p.ident, p.fornavn, p.etternavn) for p in personer if p.fornavn or p.etternavn)
    if uten_navn:
        yield _person(391, "known_test_person", lambda ident, _: ident in uten_navn)
    if med_navn:
        yield _person(
            375, "test_name_on_real_number", lambda ident, p: _nokkel(ident, p.given_name, p.family_name) in med_navn
        )


def _person(kode: int, navn: str, kjent: Callable[[str, Patient], bool]) -> Rule:
    funn = Finding(reason(kode), "Patient")

    def findings(m: Mottatt, _: Facts) -> Iterator[Finding]:
        p = m.head.patient
        if p is not None and kjent(p.ident("FNR") or p.ident("DNR"), p):
            yield funn

    return Rule(name=navn, source=f"7419/{kode}", findings=findings)


def _nokkel(ident: str, fornavn: str, etternavn: str) -> tuple[str, str, str]:
    return ident, fornavn.casefold(), etternavn.casefold()
