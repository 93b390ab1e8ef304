"""What was dispensed on a prescription, item by item, as M9.6 sums it up (HIS 3004 6.2.3; rules.md Q13)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Iterable
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from reseptformidler.domain.resept import Utlevering


@dataclass(frozen=True, slots=True)
class Utlevert:
    """One item: how many packages in all and the last time. Its other fields are those of the last dispensing."""

    varenr: str
    navn: str
    """Empty in what was stored before it was kept."""
    pakningsstr: tuple[str, str] | None
    totalt: Decimal
    siste: Decimal
    dato: date


def utlevert(utleveringer: Iterable[Utlevering]) -> tuple[Utlevert, ...]:
    """The items by Varenr, in the order of their first dispensing; without Varenr each dispensing is an item.

    `utleveringer` of one prescription, as they were reported; those that were annulled do not count.
    """
    items: dict[Hashable, list[Utlevering]] = defaultdict(list)
    for one in utleveringer:
        if one.annullert_av is None:
            items[one.varenr or one.msg_id].append(one)
    return tuple(_summed(of_item) for of_item in items.values())


def _summed(of_item: list[Utlevering]) -> Utlevert:
    last = max(reversed(of_item), key=lambda one: one.dato)
    return Utlevert(
        varenr=last.varenr,
        navn=last.navn,
        pakningsstr=last.pakningsstr,
        totalt=sum(map(_pakninger, of_item), Decimal(0)),
        siste=sum((_pakninger(one) for one in of_item if one.dato == last.dato), Decimal(0)),
        dato=last.dato,
    )


def _pakninger(one: Utlevering) -> Decimal:
    """A mixture may be measured by its amount alone: that is one package."""
    return one.antall or Decimal(1)
