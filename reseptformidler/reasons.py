"""The one table of refusal reasons: every code of list 7419 (reasons.jsonl) and the codes of the general list 8221.

Each code of 7419 is implemented (a rule and the test that shows it), planned (what for) or not applicable (why).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from typing import Any, Literal

SYSTEM_7419 = "2.16.578.1.12.4.1.1.7419"
SYSTEM_8221 = "2.16.578.1.12.4.1.1.8221"
State = Literal["implemented", "planned", "not_applicable", "general"]


@dataclass(frozen=True, slots=True)
class Required:
    """An element or attribute that must be there wherever its parent is; `path` is a suffix of local names."""

    path: str
    messages: tuple[str, ...]
    """Schema tokens of the message types it concerns: m1, m5 …"""


@dataclass(frozen=True, slots=True)
class Limit:
    """The most characters of a text or attribute; `path` is a suffix of local names, `*` stands for any one."""

    path: str
    max: int
    messages: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Reason:
    """One code with its official display name. What the state does not call for is empty."""

    code: str
    system: str  # OID of the code list: what Error/@S of the AppRec says
    text: str
    state: State
    module: str = ""
    rule: str = ""
    test: str = ""
    condition: str = ""  # when the code is given
    requires: tuple[Required, ...] = ()
    limits: tuple[Limit, ...] = ()
    waits_for: str = ""
    reason: str = ""


def table() -> tuple[dict[str, Any], ...]:
    """The rows of list 7419 as they are kept: one JSON object a code, by number."""
    lines = files("reseptformidler").joinpath("reasons.jsonl").read_text(encoding="utf-8").splitlines()
    return tuple(json.loads(line) for line in lines)


def _read(row: dict[str, Any]) -> Reason:
    requires = tuple(Required(r["path"], tuple(r["messages"])) for r in row.pop("requires", ()))
    limits = tuple(Limit(r["path"], r["max"], tuple(r["messages"])) for r in row.pop("limits", ()))
    return Reason(system=SYSTEM_7419, requires=requires, limits=limits, **row)


ALL: tuple[Reason, ...] = tuple(map(_read, table()))
"""The 385 codes of list 7419, by number."""
_GENERAL_TEXTS = """E10 Ugyldig meldingsidentifikator
E20 Lege finnes ikke
E21 Mottaker finnes ikke
E30 Pasientens fødselsnummer mangler
E31 Pasientens fødselsnummer er feil
E32 Pasientens navn mangler
E33 Pasientens etternavn mangler
E34 Pasientens fornavn mangler
E35 Pasienten finnes ikke i mottakersystemet
E36 Pasientopplysninger er utilstrekkelige
E53 Pasientens fødselsnummer eller D-nummer finnes ikke registrert i Folkeregisteret.
E54 Pasientens fødselsnummer er ikke registrert i mottagersystemet
S01 Feil på signatur
S02 Ugyldig sertifikat
S03 Tilbaketrukket sertifikat
S99 Annen feil på signatur eller sertifikat
T01 Ikke XML / ikke 'well formed' / uleselig
T02 XML validerer ikke
T10 Støtter ikke meldingsformatet
T99 Annen feil på format
X99 Annen feil"""
_CODES = (line.split(" ", 1) for line in _GENERAL_TEXTS.splitlines())
GENERAL: Mapping[str, Reason] = {code: Reason(code, SYSTEM_8221, text, "general") for code, text in _CODES}
"""List 8221 by code: format (T), signature (S), patient and receiver (E), other (X)."""
_BY_CODE: Mapping[str, Reason] = {each.code: each for each in ALL} | dict(GENERAL)


def reason(code: int | str) -> Reason:
    """The reason with this number in list 7419, or this code in list 8221 ("T01"). KeyError: there is none."""
    return _BY_CODE[str(code)]
