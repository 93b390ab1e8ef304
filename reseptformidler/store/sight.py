"""What is seen of the servers of one database, and what follows from it: pure, so that each case can be tested.

A server that says it is the primary need not be it: one that was cut off, or whose agent died, goes on saying so while
another one has been promoted. Each promotion begins a new timeline, so the highest one tells, and who has ever seen a
timeline believes no lower one (docs/adr/0008).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from statistics import median


class Role(StrEnum):
    """What a server is, as one process sees it."""

    PRIMARY = "primary"
    STANDBY = "standby"
    SILENT = "silent"


@dataclass(frozen=True, slots=True)
class Sight:
    """What one server said when it was asked last. Times are of this process's monotonic clock, in seconds."""

    role: Role = Role.SILENT
    timeline: int = 0
    """Of a primary; 0 for others."""
    lsn: int = 0
    asked: float = 0.0
    epoch: float = 0.0
    """The server's wall clock minus this process's monotonic one, in seconds."""
    synchronous: int = 0
    problem: str = ""
    """Why this code must not work on its schema."""


SILENT = Sight()
CLOCK_LIMIT = 30.0
"""Seconds; GenDate may differ by ten times as much (7419/313), so a sender with the right time is not refused."""


def primary_of(sights: Mapping[str, Sight], newest_timeline: int) -> str | None:
    """The one that is believed: a primary of the newest timeline that was ever seen; None while none answers."""
    claims = {name: sight.timeline for name, sight in sights.items() if sight.role is Role.PRIMARY}
    believed = max(claims, key=lambda name: claims[name], default=None)
    return believed if believed is not None and claims[believed] >= newest_timeline else None


def is_cut_off(sights: Mapping[str, Sight]) -> bool:
    """Whether too few servers of several answer to say that the others are the ones in trouble."""
    answering = sum(sight.role is not Role.SILENT for sight in sights.values())
    return len(sights) > 1 and answering * 2 <= len(sights)


def clock_offset(sights: Mapping[str, Sight], epoch: float) -> float:
    """This process's wall clock minus the median of the servers' that answer, in seconds; 0 when none does.

    `epoch`: this process's wall clock minus its monotonic one. A jump shows at once, since that one does not jump.
    """
    offsets = [epoch - sight.epoch for sight in sights.values() if sight.role is not Role.SILENT]
    return median(offsets) if offsets else 0.0


def is_clock_wrong(sights: Mapping[str, Sight], epoch: float) -> bool:
    """Whether most servers of several contradict this machine's clock. One server alone may itself be wrong."""
    against = sum(s.role is not Role.SILENT and abs(epoch - s.epoch) > CLOCK_LIMIT for s in sights.values())
    return len(sights) > 1 and against * 2 > len(sights)
