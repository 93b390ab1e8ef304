"""The search of Wing and Gong: could a prescription that meets one request at a time have given these results?

An operation takes effect at one moment between the first attempt and the first answer; one without an answer at any
moment after its first attempt, or never. Visited states are remembered (Lowe), and what fits without changing anything
is taken at once: it can only get in the way later.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from loadtest.crash.history import Asked
from loadtest.crash.model import Owed, Result, State, answer, owed

Fit = Callable[[frozenset[Owed], frozenset[Owed]], bool]


@dataclass(frozen=True, slots=True)
class Operation:
    """A message as its prescription met it: all its attempts are one operation."""

    asked: Asked
    """The first attempt."""
    ended: float
    """When the first answer came; infinite without one."""
    result: Result | None
    """None: it never got an answer."""
    arrived: frozenset[Owed] | None = None
    """What arrived of what it owes others. None: nobody looked."""
    follows: frozenset[str] = frozenset()
    """MsgIds of those that took effect before it, as a receiver saw."""


def linearizable(operations: Sequence[Operation], fit: Fit = operator.eq) -> bool:
    """Whether such an order exists. `fit` judges what arrived (first) against what was owed."""
    search = _Search(sorted(operations, key=lambda one: one.asked.at), fit)
    todo = [(0, State())]
    seen: set[tuple[int, State]] = set()
    while todo:
        point = search.absorb(*todo.pop())
        if search.complete(point[0]):
            return True
        if point not in seen:
            seen.add(point)
            todo.extend(search.following(*point))
    return False


class _Search:
    """`done` is a bit mask over the operations."""

    def __init__(self, operations: Sequence[Operation], fit: Fit) -> None:
        self._operations = operations
        self._fit = fit
        self._happened = sum(1 << n for n, one in enumerate(operations) if one.result is not None or one.arrived)
        bits = {one.asked.msg_id: 1 << n for n, one in enumerate(operations)}
        self._follows = [sum(bits[other] for other in one.follows) for one in operations]

    def complete(self, done: int) -> bool:
        """Whether nothing that must have happened is left."""
        return done & self._happened == self._happened

    def absorb(self, done: int, state: State) -> tuple[int, State]:
        """Take what may come next and fits without changing anything, until there is no more of it."""
        found = True
        while found:
            found = False
            for bit, one in self._next(done):
                if not one.arrived and one.result is not None and answer(state, one.asked) == (one.result, state):
                    done |= bit
                    found = True
        return done, state

    def following(self, done: int, state: State) -> Iterator[tuple[int, State]]:
        """Where each operation that may come next leads to."""
        for bit, one in self._next(done):
            given, after = answer(state, one.asked)
            possible = given == one.result or (one.result is None and after != state)
            if possible and (one.arrived is None or self._fit(one.arrived, owed(state, one.asked, after))):
                yield done | bit, after

    def _next(self, done: int) -> list[tuple[int, Operation]]:
        """Those that began before any other one that is left had ended."""
        end = float("inf")
        found = []
        first_left = (~done & (done + 1)).bit_length() - 1
        for n in range(first_left, len(self._operations)):
            one = self._operations[n]
            if one.asked.at > end:
                break
            if not done >> n & 1:
                end = min(end, one.ended)
                if self._follows[n] & done == self._follows[n]:
                    found.append((1 << n, one))
        return [(bit, one) for bit, one in found if one.asked.at <= end]
