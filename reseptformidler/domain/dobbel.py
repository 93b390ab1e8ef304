"""Which prescriptions look like the same treatment twice (a rule of ours: docs/adr/0014)."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from uuid import UUID

from reseptformidler.domain.resept import Resept, Status, Vare

_WHOLE_ATC = 7
"""Characters of an ATC code that names a substance; shorter ones name groups."""


def mulige_doble(resepter: Iterable[Resept], dag: date) -> dict[UUID, tuple[UUID, ...]]:
    """For each prescription the others of the same patient that may be its double; only those that have some.

    The same patient is one national number. Both can be dispensed on `dag` (E or U, not expired, no recall waits), and
    are of the same substance or item.
    """
    open_ones = [resept for resept in resepter if _open(resept, dag)]
    doubles = {
        one.resept_id: tuple(other.resept_id for other in open_ones if other is not one and _same(one, other))
        for one in open_ones
    }
    return {resept_id: others for resept_id, others in doubles.items() if others}


def _open(resept: Resept, dag: date) -> bool:
    return resept.status is Status.EKSPEDERBAR and resept.tilbakekalt is None and resept.utloper >= dag


def _same(one: Resept, other: Resept) -> bool:
    same_patient = one.pasient.ident == other.pasient.ident != ""
    return same_patient and not _names(one.vare).isdisjoint(_names(other.vare))


def _names(vare: Vare) -> set[tuple[str, str]]:
    """All that tells what it is."""
    named = {
        ("atc", vare.atc if len(vare.atc) == _WHOLE_ATC else ""),
        ("varenr", vare.nr),
        ("merkevare", vare.merkevare_id),
        ("virkestoff", vare.virkestoff_id),
    }
    return {(kind, name) for kind, name in named if name}
