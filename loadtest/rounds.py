"""Measurements of running servers: rounds of a closed loop taken by turns, and the open loop."""

from __future__ import annotations

import asyncio
import gc
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from statistics import median

from hdrh.histogram import HdrHistogram

from loadtest.answers import Message, all_wrong
from loadtest.client import Client
from loadtest.drive import Load, closed_loop, open_loop, planned_starts
from loadtest.world import Server

LONGEST_MICROSECONDS = 120_000_000
FEWEST = 50
"""Messages of a round, however short it shall be."""


@contextmanager
def undisturbed() -> Iterator[None]:
    """Without garbage collection in the client: its pauses would be counted as the service's."""
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


@dataclass(frozen=True, slots=True)
class Round:
    """One round of a server: messages a second, and CPU of the server for each (µs)."""

    rate: float
    cpu: float


@dataclass(slots=True)
class Contender:
    """A server with its connection pool, in a comparison by turns."""

    server: Server
    client: Client
    waiting: int
    expected_rate: float
    """Messages a second, a guess: it decides how many messages make a round."""

    async def round(self, write: Callable[[int], list[Message]], seconds: float, wrong: Counter[str]) -> Round:
        """One round of about that length, with messages written for it."""
        messages = write(max(FEWEST, round(self.expected_rate * seconds)))
        load, cpu = await self.run(messages)
        wrong.update(all_wrong(load.sent))
        self.expected_rate = load.rate
        return Round(load.rate, cpu / len(messages) * 1e6)

    async def run(self, messages: Sequence[Message]) -> tuple[Load, float]:
        """Send them all; what was sent, and the server's CPU seconds."""
        await self.client.connect()
        with undisturbed():
            before = self.server.cpu_seconds()
            load = await closed_loop(self.client, messages, self.waiting)
            return load, self.server.cpu_seconds() - before


async def by_turns(
    contenders: Sequence[Contender],
    write: Callable[[int], list[Message]],
    rounds: int,
    seconds: float,
    wrong: Counter[str],
) -> dict[str, Round]:
    """The median of the rounds of each contender, by its name. The first round warms up and is not counted."""
    found: dict[str, list[Round]] = defaultdict(list)
    for number in range(rounds + 1):
        for one in contenders:
            result = await one.round(write, seconds if number else seconds / 2, wrong)
            if number:
                found[one.server.name].append(result)
    return {
        name: Round(median(one.rate for one in some), median(one.cpu for one in some)) for name, some in found.items()
    }


@dataclass(frozen=True, slots=True)
class Percentiles:
    """Milliseconds at p50, p99, p99.9 and the longest, of `number` messages."""

    number: int
    p50: float
    p99: float
    p999: float
    longest: float

    @classmethod
    def of(cls, seconds: Sequence[float]) -> Percentiles:
        """Of times in seconds."""
        histogram = HdrHistogram(1, LONGEST_MICROSECONDS, 3)
        for one in seconds:
            histogram.record_value(max(1, round(one * 1e6)))
        at = [histogram.get_value_at_percentile(p) / 1000 for p in (50, 99, 99.9, 100)]
        return cls(len(seconds), *at)

    def cells(self) -> tuple[str, ...]:
        """For a table."""
        return f"{self.number:,}", f"{self.p50:.1f}", f"{self.p99:.1f}", f"{self.p999:.1f}", f"{self.longest:.1f}"


@dataclass(frozen=True, slots=True)
class Latencies:
    """What an open loop found: percentiles by message type, how late the generator was, the server's memory."""

    by_kind: dict[str, Percentiles]
    late: Percentiles
    memory: list[int]
    """Resident octets of the server, once a second."""
    cpu: float
    """Cores that the server used."""


async def latencies(
    server: Server, client: Client, messages: Sequence[Message], rate: float, wrong: Counter[str]
) -> Latencies:
    """Send the messages at random times, `rate` a second."""
    starts = planned_starts(len(messages), rate, seed=int(rate))
    memory: list[int] = []
    watching = asyncio.create_task(_watch(server, memory))
    await client.connect()
    with undisturbed():
        before = server.cpu_seconds()
        load = await open_loop(client, messages, starts)
        cpu = server.cpu_seconds() - before
    watching.cancel()
    wrong.update(all_wrong(load.sent))
    by_kind: dict[str, list[float]] = defaultdict(list)
    for one in load.sent:
        by_kind[one.message.kind].append(one.latency)
    percentiles = {kind: Percentiles.of(by_kind[kind]) for kind in sorted(by_kind)}
    return Latencies(percentiles, Percentiles.of([one.late for one in load.sent]), memory, cpu / load.seconds)


async def _watch(server: Server, memory: list[int]) -> None:
    while True:
        memory.append(server.memory())
        await asyncio.sleep(1)
