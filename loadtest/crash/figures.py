"""How much a history holds, in figures."""

from __future__ import annotations

from bisect import bisect
from collections.abc import Sequence
from itertools import pairwise

from loadtest.crash.history import Injected, Killed
from loadtest.crash.record import Message, Record

Figures = dict[str, float]


def count(record: Record) -> Figures:
    """The figures of the messages and their attempts."""
    messages = record.messages.values()
    ends = sorted(end.at for one in messages for end in one.ends)
    faults = [one.at for one in record.faults if isinstance(one, Killed | Injected)]
    return {
        "messages": len(messages),
        "messages without an answer": sum(1 for one in messages if not one.ends),
        "attempts": sum(len(one.attempts) for one in messages),
        "attempts that failed": sum(len(one.failures) for one in messages),
        "messages that one retry did not heal": sum(not healed_by_one_retry(one) for one in messages),
        "answers": len(ends),
        "answers compared with the first one": sum(max(0, len(one.ends) - 1) for one in messages),
        "  of them after a fault": sum(_answered_after_a_fault(one, faults) for one in messages),
        "faults": len(faults),
        "longest time without any answer (s)": max((b - a for a, b in pairwise(ends)), default=0.0),
        "seconds": round(record.ended, 1),
    }


def healed_by_one_retry(message: Message) -> bool:
    """Whether no attempt failed that had begun after another one's failure, until the first answer came."""
    answered = message.ends[0].at if message.ends else float("inf")
    failures = [(asked.at, failed.at) for asked, failed in message.failures if failed.at < answered]
    first = min((ended for _, ended in failures), default=float("inf"))
    return not any(begun >= first for begun, _ in failures)


def together(figures: Sequence[Figures]) -> Figures:
    """Of several histories."""
    return {
        name: (max if name.startswith("longest") else sum)(one.get(name, 0) for one in figures)
        for name in dict.fromkeys(name for one in figures for name in one)
    }


def _answered_after_a_fault(message: Message, faults: Sequence[float]) -> int:
    """How many of its later answers have a fault between the first one and them."""
    first = message.ends[0].at if message.ends else 0.0
    return sum(bisect(faults, first) < bisect(faults, one.at) for one in message.ends)
