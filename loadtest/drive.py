"""Two ways to send load: open (at planned times, whatever the service does) and closed (as fast as it answers).

A closed loop waits with its next message while the service stalls, and so never sees how long that message would have
had to wait. Latency is therefore taken from the open loop alone, and counted from the planned start.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate
from time import perf_counter

from loadtest.answers import Message
from loadtest.client import Client, Reply

HEAD_START = 0.05
"""Seconds before the first planned start."""


@dataclass(frozen=True, slots=True)
class Sent:
    """One message with its reply; times in seconds of one monotonic clock."""

    message: Message
    reply: Reply
    planned: float
    begun: float
    """When the generator came to it. Waiting for a free connection is not its delay, but the service's."""
    ended: float

    @property
    def latency(self) -> float:
        """Seconds from the planned start to the whole reply."""
        return self.ended - self.planned

    @property
    def late(self) -> float:
        """Seconds that the generator itself was late."""
        return self.begun - self.planned


@dataclass(frozen=True, slots=True)
class Load:
    """What was sent in one go, and how long that took (seconds)."""

    sent: Sequence[Sent]
    seconds: float

    @property
    def rate(self) -> float:
        """Messages a second."""
        return len(self.sent) / self.seconds


def planned_starts(number: int, rate: float, seed: int) -> list[float]:
    """Random, independent arrivals (a Poisson process), as seconds from the first; always the same for a seed."""
    gaps = random.Random(seed)
    return list(accumulate(gaps.expovariate(rate) for _ in range(number)))


async def open_loop(client: Client, messages: Sequence[Message], starts: Sequence[float]) -> Load:
    """Send each message at its planned start, whether or not the earlier ones were answered."""
    first = perf_counter() + HEAD_START
    tasks = []
    for message, start in zip(messages, starts, strict=True):
        planned = first + start
        await _until(planned)
        tasks.append(asyncio.create_task(_send(client, message, planned)))
    sent = await asyncio.gather(*tasks)
    return Load(sent, max(one.ended for one in sent) - first)


async def _until(moment: float) -> None:
    """Never early: a timer of the loop may be, by half a millisecond."""
    while (wait := moment - perf_counter()) > 0:  # noqa: ASYNC110 - for a time, not for somebody's event
        await asyncio.sleep(wait)


async def closed_loop(client: Client, messages: Sequence[Message], waiting: int, seconds: float = 60) -> Load:
    """Keep `waiting` messages under way until all are sent, or the time is over."""
    begun = perf_counter()
    queue, sent = iter(messages), list[Sent]()
    await asyncio.gather(*(_one_after_another(client, queue, sent, begun + seconds) for _ in range(waiting)))
    return Load(sent, perf_counter() - begun)


async def _one_after_another(client: Client, queue: Iterator[Message], sent: list[Sent], end: float) -> None:
    while (now := perf_counter()) < end:
        message = next(queue, None)
        if message is None:
            return
        sent.append(await _send(client, message, now))


async def _send(client: Client, message: Message, planned: float) -> Sent:
    begun = perf_counter()
    reply = await client.send(message.request)
    return Sent(message, reply, planned, begun, perf_counter())
