"""What arrived of what is owed to others, and in which order: seen by the receivers alone."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from loadtest.crash.history import Arrived, Asked
from loadtest.crash.linear import Operation
from loadtest.crash.model import Owed


class Arrivals:
    """All arrivals of a history, in their order."""

    def __init__(self, arrived: Iterable[Arrived]) -> None:
        self.number = 0
        self.distinct: set[tuple[str, Owed]] = set()
        """Each with the MsgId of its cause."""
        self._first: dict[str, list[tuple[Arrived, Owed]]] = defaultdict(list)
        """By prescription, the first arrival of each."""
        for one in arrived:
            self.number += 1
            owed = _owed(one)
            if (one.cause, owed) not in self.distinct:
                self.distinct.add((one.cause, owed))
                self._first[one.resept].append((one, owed))

    def compared(self, resept: str, operations: Sequence[Operation]) -> list[Operation]:
        """The operations on a prescription, each with what arrived because of it and what it must have followed."""
        arrived: dict[str, set[Owed]] = defaultdict(set)
        follows: dict[str, set[str]] = defaultdict(set)
        last: dict[str, str] = {}
        known = {one.asked.msg_id for one in operations}
        for one, owed in self._first[resept]:
            arrived[one.cause].add(owed)
            receiver = one.receiver or one.type
            before = last.get(receiver, one.cause)
            if before != one.cause and {before, one.cause} <= known:
                follows[one.cause].add(before)
            last[receiver] = one.cause
        return [
            replace(one, arrived=frozenset(arrived[one.asked.msg_id]), follows=frozenset(follows[one.asked.msg_id]))
            for one in operations
        ]

    def astray(self, asked: Iterable[Asked]) -> Iterator[str]:
        """Those that name a cause or a prescription that no history knows."""
        known = {(one.msg_id, one.resept) for one in asked}
        for resept, arrivals in self._first.items():
            for one, owed in arrivals:
                if (one.cause, resept) not in known:
                    yield f"{owed.type} for {owed.receiver or 'its fixed receiver'}, said to come from {one.cause}"


def _owed(one: Arrived) -> Owed:
    told = "annuls" if one.content.get("Annullering") is True else str(one.content.get("Status", ""))
    return Owed(one.type, one.receiver, one.parent, told)
