"""The search of Wing and Gong: could a prescription that meets one request at a time have given these results?

An operation takes effect at one moment between the first attempt and the first answer; one without an answer at any
moment after its first attempt, or never. Visited states are remembered (Lowe), and what fits without changing anything
is taken at once: it can only get in the way later.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from loadtest.crash.history import Asked
from loadtest.crash.model import Result, State, answer


@dataclass(frozen=True, slots=True)
class Operation:
    """A message as its prescription met it: all its attempts are one operation."""

    asked: Asked
    """The first attempt."""
    ended: float
    """When the first answer came; infinite without one."""
    result: Result | None
    """None: it never got an answer."""


def linearizable(operations: Sequence[Operation]) -> bool:
    """Whether such an order exists."""
    search = _Search(sorted(operations, key=lambda one: one.asked.at))
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

    def __init__(self, operations: Sequence[Operation]) -> None:
        self._operations = operations
        self._answered = sum(1 << n for n, one in enumerate(operations) if one.result is not None)

    def complete(self, done: int) -> bool:
        """Whether nothing that was answered is left."""
        return done & self._answered == self._answered

    def absorb(self, done: int, state: State) -> tuple[int, State]:
        """Take what may come next and fits without changing anything, until there is no more of it."""
        found = True
        while found:
            found = False
            for bit, one in self._next(done):
                if one.result is not None and answer(state, one.asked) == (one.result, state):
                    done |= bit
                    found = True
        return done, state

    def following(self, done: int, state: State) -> Iterator[tuple[int, State]]:
        """Where each operation that may come next leads to."""
        for bit, one in self._next(done):
            given, after = answer(state, one.asked)
            if given == one.result or (one.result is None and after != state):
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
                found.append((1 << n, one))
        return [(bit, one) for bit, one in found if one.asked.at <= end]
