"""The operator's own reasons to refuse a prescription: known content defects (330) and test persons (375, 391).

Data, not code: a TOML file that the operator writes and the service reads when it starts. The pattern of a rule is the
same that stored prescriptions are searched by (store/content.py), and is asked in the same way.

The format is described in docs/safety-rules.md.
"""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Callable, Iterator
from copy import deepcopy
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

Treffer = Callable[[etree._Element], bool]  # noqa: SLF001  # the only name lxml has for an element
"""Whether a payload holds what is looked for. Raises Regelfeil where the pattern cannot be asked of this one."""

LENGSTE_MONSTER = 2000
"""Characters of a pattern."""
_PREFIKSER = {
    "m1": NS,
    "fs": FS,
    "kith": "http://www.kith.no/xmlstds",
    "fk1": "http://www.kith.no/xmlstds/felleskomponent1",
    "re": "http://exslt.org/regular-expressions",
}
_FUNKSJONER = frozenset(
    {
        *("last", "position", "count", "id", "local-name", "namespace-uri", "name"),
        *("string", "concat", "starts-with", "contains", "substring-before", "substring-after", "substring"),
        *("string-length", "normalize-space", "translate", "boolean", "not", "true", "false", "lang"),
        *("number", "sum", "floor", "ceiling", "round", "re:test", "re:match", "re:replace"),
    }
)
"""XPath 1.0 section 4, and EXSLT regular expressions: nothing that reads a file or the net, as XSLT's document()."""
_IKKE_FUNKSJONER = frozenset({"text", "node", "comment", "processing-instruction", "and", "or", "div", "mod"})
"""What else a parenthesis may follow: node tests and operators."""
_NAVN = r"[^\W\d][\w.-]*"
_STRENG = re.compile(r"\"[^\"]*\"|'[^']*'")
_KALL = re.compile(rf"((?:{_NAVN}:)?{_NAVN})\s*\(")
_PREFIKS = re.compile(rf"({_NAVN}):(?!:)")


class Regelfeil(ValueError):
    """A pattern or a whole file cannot be used; the text says which rule and why, never an identity number."""


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
    treffer: Treffer
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


def monster(xpath: str) -> Treffer:
    """A pattern, asked of a Resept element as if nothing stood around it: not of the head, which names the patient.

    Raises Regelfeil: it is no XPath, its result is neither a boolean nor a set of nodes, or it uses what is not there.
    What only shows on a real prescription (a malformed regular expression) is raised there.
    """
    _kjente_navn(xpath)
    try:
        kompilert = etree.XPath(xpath, namespaces=_PREFIKSER, smart_strings=False)
    except etree.XPathError as feil:
        raise Regelfeil(f"no XPath: {feil}") from None

    def svar(payload: etree._Element) -> object:
        try:
            return kompilert(deepcopy(payload))
        except (etree.XPathError, re.error) as feil:
            raise Regelfeil(f"cannot be asked: {feil}") from None

    if not isinstance(svar(etree.Element(f"{{{NS}}}Resept")), bool | list):
        raise Regelfeil("gives a number or a text; a boolean or a set of nodes is needed, as count(…) > 0")
    return lambda payload: bool(svar(payload))


def _kjente_navn(xpath: str) -> None:
    """libxml2 asks for a function or prefix only when it comes to it: on an empty prescription it never might."""
    if len(xpath) > LENGSTE_MONSTER:
        raise Regelfeil(f"has more than {LENGSTE_MONSTER} characters")
    uten_tekst = _STRENG.sub("''", xpath)
    if ukjente := set(_KALL.findall(uten_tekst)) - _FUNKSJONER - _IKKE_FUNKSJONER:
        raise Regelfeil(f"there is no function {', '.join(sorted(ukjente))}")
    if ukjente := set(_PREFIKS.findall(uten_tekst)) - _PREFIKSER.keys():
        raise Regelfeil(f"there is no prefix {', '.join(sorted(ukjente))}, only {', '.join(_PREFIKSER)}")
    if "$" in uten_tekst:
        raise Regelfeil("there are no variables")


def som_regel(navn: str, xpath: str, tekst: str) -> str:
    """The lines of a file that make a pattern a rule. Raises Regelfeil when they would not be read."""
    felt = {"navn": navn, "xpath": xpath, "tekst": tekst}
    linjer = (f"{nokkel} = {json.dumps(verdi, ensure_ascii=False)}" for nokkel, verdi in felt.items())
    regel = "\n".join(("[[regel]]", *linjer, ""))
    les(regel)
    return regel


def _kompilert(regel: _Regel) -> Sikkerhetsregel:
    try:
        treffer = monster(regel.xpath)
    except Regelfeil as feil:
        raise Regelfeil(f"regel {regel.navn}: {feil}") from None
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
