"""What each fault cost the senders: gaps, failed attempts, what one retry did not heal. From their history alone."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import median

from loadtest.crash.figures import healed_by_one_retry
from loadtest.crash.record import Message, Record, Spell
from loadtest.drill.faults import FAULTS, Fault

CHANGES = ("prescribe", "recall", "dispense", "finish", "cancel", "annul")


@dataclass(frozen=True, slots=True)
class Cost:
    """Of one fault, from its beginning until all was healthy again."""

    spell: Spell
    gap: float
    """Longest time between two accepted changes, in seconds."""
    failed: int
    """Attempts."""
    unhealed: int
    """Messages whose one retry failed too."""
    shed: int
    """Attempts that were told to come back later."""


@dataclass(frozen=True, slots=True)
class Row:
    """All faults of one kind."""

    kind: str
    costs: Sequence[Cost]

    @property
    def median_gap(self) -> float:
        return median(cost.gap for cost in self.costs)

    @property
    def worst_gap(self) -> float:
        return max(cost.gap for cost in self.costs)

    @property
    def seconds(self) -> float:
        """Until healthy, at the median."""
        return median(cost.spell.ended - cost.spell.begun for cost in self.costs)

    def total(self, what: str) -> int:
        """Of failed, unhealed or shed."""
        return sum(getattr(cost, what) for cost in self.costs)

    @property
    def silent(self) -> int:
        """Faults that no alert told of, though one must."""
        return sum(_is_silent(cost.spell, FAULTS[self.kind]) for cost in self.costs)


def accepted(record: Record) -> list[float]:
    """When each accepted change was answered for the first time."""
    return sorted(
        one.ends[0].at
        for one in record.messages.values()
        if one.attempts[0].verb in CHANGES and one.answer is not None and one.answer.kind == "accepted"
    )


def rows(*records: Record) -> list[Row]:
    """By kind, in the order of the table of faults."""
    by_kind: dict[str, list[Cost]] = defaultdict(list)
    for record in records:
        for cost in _costs(record):
            by_kind[cost.spell.what].append(cost)
    return [Row(kind, by_kind[kind]) for kind in FAULTS if kind in by_kind]


def _costs(record: Record) -> Iterator[Cost]:
    answered, troubles = accepted(record), _troubles(record)
    for number, spell in enumerate(record.spells):
        troubled = troubles[number]
        yield Cost(
            spell,
            gap(answered, spell),
            failed=sum(len(one.failures) for one in troubled),
            unhealed=sum(not healed_by_one_retry(one) for one in troubled),
            shed=sum(failed.shed for one in troubled for _, failed in one.failures),
        )


def gap(answered: Sequence[float], spell: Spell) -> float:
    """The longest time between two neighbours of which a part lies in the spell."""
    first = max(0, bisect_left(answered, spell.begun) - 1)
    last = bisect_right(answered, spell.ended) + 1
    return max((b - a for a, b in pairwise(answered[first:last])), default=spell.ended - spell.begun)


def calm(record: Record) -> int:
    """Attempts that failed before the first fault."""
    return sum(len(one.failures) for one in _troubles(record)[-1])


def _troubles(record: Record) -> Mapping[int, list[Message]]:
    """Messages of which an attempt failed, by the last spell that had begun before the first failure; -1: none had."""
    begun = [spell.begun for spell in record.spells]
    found: dict[int, list[Message]] = defaultdict(list)
    for message in record.messages.values():
        if message.failures:
            first = min(failed.at for _, failed in message.failures)
            found[bisect_right(begun, first) - 1].append(message)
    return found


def broken_limits(found: Sequence[Row]) -> Iterator[str]:
    """What took longer, or cost more, than is promised; and faults of which no alert told."""
    for row in found:
        limit = FAULTS[row.kind].limit
        if limit and row.worst_gap > limit.gap:
            yield f"{row.kind}: a gap of {row.worst_gap:.1f} s, more than {limit.gap:g} s"
        if limit and limit.failures == "one retry" and row.total("unhealed"):
            yield f"{row.kind}: {row.total('unhealed')} messages that one retry did not heal"
        if limit and limit.failures == "none" and row.total("failed"):
            yield f"{row.kind}: {row.total('failed')} attempts failed, none should"
        if row.silent:
            yield f"{row.kind}: no alert told of {row.silent} of {len(row.costs)}"


def _is_silent(spell: Spell, fault: Fault) -> bool:
    return bool(fault.alerts) and not {*fault.alerts} & {*spell.alerts}
