"""Which prescriptions look like the same treatment twice (a rule of ours: docs/adr/0014)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from datetime import date
from uuid import UUID

from reseptformidler.domain.resept import Resept, Status

_WHOLE_ATC = 7
"""Characters of an ATC code that names a substance; shorter ones name groups."""


def mulige_doble(resepter: Iterable[Resept], dag: date) -> dict[UUID, tuple[UUID, ...]]:
    """For each prescription the others of the same patient that may be its double; only those that have some.

    The same patient is one national number. Both can be dispensed on `dag` (E or U, not expired, no recall waits), and
    are of the same substance or item.
    """
    open_ones = [resept for resept in resepter if resept.pasient.ident and _open(resept, dag)]
    alike: dict[tuple[str, ...], list[UUID]] = defaultdict(list)
    for one in open_ones:
        for name in _names(one):
            alike[name].append(one.resept_id)
    found = {one.resept_id: dict.fromkeys(each for name in _names(one) for each in alike[name]) for one in open_ones}
    return {one: tuple(each for each in doubles if each != one) for one, doubles in found.items() if len(doubles) > 1}


def _open(resept: Resept, dag: date) -> bool:
    return resept.status is Status.EKSPEDERBAR and resept.tilbakekalt is None and resept.utloper >= dag


def _names(resept: Resept) -> list[tuple[str, ...]]:
    """All that tells whose it is and what it is."""
    vare = resept.vare
    named = {
        "atc": vare.atc if len(vare.atc) == _WHOLE_ATC else "",
        "varenr": vare.nr,
        "merkevare": vare.merkevare_id,
        "virkestoff": vare.virkestoff_id,
    }
    return [(resept.pasient.ident, kind, name) for kind, name in named.items() if name]
