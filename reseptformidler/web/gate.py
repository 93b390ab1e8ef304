"""Who is let in: a request is taken only while there is room for it, so that waiting never costs all the memory."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from reseptformidler import metrics


class Shed(Exception):
    """Not taken now; the same message may be sent again a little later."""


@dataclass(slots=True)
class Gate:
    """The bodies of all requests in progress together stay under `most_octets`; `is_closed` keeps everybody out."""

    most_octets: int
    is_closed: Callable[[], bool]
    held: int = 0

    @contextmanager
    def room(self) -> Iterator[Room]:
        """For one request, until it is answered. Shed when there is none, at once or while its body comes."""
        if self.is_closed() or self.held >= self.most_octets:
            raise Shed
        room = Room(self)
        try:
            yield room
        finally:
            self._hold(-room.taken)

    def _hold(self, octets: int) -> None:
        self.held += octets
        metrics.waiting_bytes.set(self.held)


@dataclass(slots=True)
class Room:
    """What one request takes."""

    gate: Gate
    taken: int = field(default=0)

    def take(self, octets: int) -> None:
        """More of its body has come."""
        if self.gate.held + octets > self.gate.most_octets:
            raise Shed
        self.taken += octets
        self.gate._hold(octets)  # noqa: SLF001  # the two are one
