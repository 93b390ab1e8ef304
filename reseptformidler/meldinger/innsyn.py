"""Which prescriptions those who ask may see (M9.1, M9.5, M9.5KJ, M9.7, M9.11, M9NA1, M9NA3)."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date

from reseptformidler.domain.aktor import Facts
from reseptformidler.domain.decision import Tilstand
from reseptformidler.domain.resept import Resept, Status


def finnes(resept: Resept, dag: date, *, alle: bool) -> bool:
    """Q1, Q2: E and U, all others on demand. What has expired is deleted (K3), even if the sweep has yet to do it."""
    if resept.status is not Status.EKSPEDERBAR:
        return alle
    return resept.las is not None or resept.utloper >= dag


def nyeste_forst(resepter: Iterable[Resept]) -> list[Resept]:
    """In the order of every list."""
    return sorted(resepter, key=lambda resept: (resept.forskrivningsdato, resept.mottatt), reverse=True)


def med_m1(tilstand: Tilstand) -> list[Resept]:
    """The prescriptions with their M1s, which are read after them: what has none was deleted in between."""
    return [resept for resept in tilstand.resepter if resept.resept_id in tilstand.dokumenter]


def er_egen(resept: Resept, facts: Facts) -> bool:
    """Whether the person who asks wrote it."""
    person = facts.helsepersonell
    return person is not None and person.hpr.zfill(9) == resept.rekvirent.hpr.zfill(9)


def sperrede_numre(facts: Facts) -> frozenset[str]:
    """All national numbers of those asked about who have blocked the person who asks (B1)."""
    person = facts.helsepersonell
    hpr = person.hpr.zfill(9) if person is not None else ""
    return frozenset(nummer for one in facts.personer.values() if hpr in one.sperret for nummer in one.numre)


def er_sperret(resept: Resept, facts: Facts) -> bool:
    """Whether the patient's block hides it: the own ones stay visible (Q16)."""
    return resept.pasient.ident in sperrede_numre(facts) and not er_egen(resept, facts)
