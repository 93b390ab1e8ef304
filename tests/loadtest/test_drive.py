"""The generator: planned starts, and that an open loop sees what a closed loop hides."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from itertools import pairwise
from time import perf_counter

import pytest

from loadtest.answers import Expected, Message
from loadtest.client import Client, request
from loadtest.drive import Sent, closed_loop, open_loop, planned_starts

MESSAGE = Message("MV", request("/", {}, b"x"), Expected())
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
CONNECTIONS = 2
STALL = 0.1
"""Seconds: longer than all the starts that are planned in it."""


@dataclass(slots=True)
class Stalling:
    """A server that takes requests and answers none of them until it is released; later ones at once."""

    released: asyncio.Event = field(default_factory=asyncio.Event)
    asked: int = 0
    serving: set[asyncio.Task[None] | None] = field(default_factory=set)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.serving.add(asyncio.current_task())
        while await reader.read(65_536):  # one read a request: the client waits for the answer before the next one
            self.asked += 1
            await self.released.wait()
            writer.write(ANSWER)
        writer.close()
        await writer.wait_closed()


@asynccontextmanager
async def stalling() -> AsyncIterator[tuple[Stalling, Client]]:
    server = Stalling()
    listening = await asyncio.start_server(server.serve, "127.0.0.1", 0)
    port = listening.sockets[0].getsockname()[1]
    try:
        async with Client(port, CONNECTIONS) as client:
            await client.connect()
            yield server, client
            server.released.set()
        await asyncio.gather(*filter(None, server.serving))
    finally:
        listening.close()


async def release(server: Stalling) -> float:
    """Release the server when it holds all it can and every planned start is over; the moment of the release."""
    while server.asked < CONNECTIONS:
        await asyncio.sleep(0.001)
    await asyncio.sleep(STALL)
    moment = perf_counter()
    server.released.set()
    return moment


def stalled(sent: list[Sent], released: float) -> list[Sent]:
    """Whose latency holds a piece of the stall."""
    return [one for one in sent if one.planned < released]


async def test_an_open_loop_sees_a_stall_in_each_message_planned_in_it() -> None:
    """Negative control of coordinated omission: all messages planned while the server stalls are late, not two."""
    starts = [number / 1000 for number in range(40)]
    async with stalling() as (server, client):
        releasing = asyncio.create_task(release(server))
        load = await open_loop(client, [MESSAGE] * len(starts), starts)
        released = await releasing
    assert len(stalled(list(load.sent), released)) == len(starts)
    assert [one.planned - load.sent[0].planned for one in load.sent] == pytest.approx(starts)
    assert all(one.latency >= released - one.planned for one in load.sent)
    first = min(load.sent, key=lambda one: one.planned)
    assert all(one.latency < first.latency for one in load.sent if one.planned > first.planned + first.latency / 2)


async def test_a_closed_loop_hides_the_same_stall() -> None:
    """Why latency is never taken from the closed loop: only what was under way has noticed anything."""
    async with stalling() as (server, client):
        releasing = asyncio.create_task(release(server))
        load = await closed_loop(client, [MESSAGE] * 40, waiting=CONNECTIONS)
        released = await releasing
    assert len(load.sent) == 40
    assert len(stalled(list(load.sent), released)) == CONNECTIONS


async def test_latency_counts_from_the_plan_and_lateness_is_told_apart() -> None:
    """What the generator itself was late is part of the latency, and visible."""
    reply = await _one_reply()
    sent = Sent(MESSAGE, reply.reply, planned=10.0, begun=10.25, ended=11.0)
    assert (sent.latency, sent.late) == (1.0, 0.25)
    assert reply.planned <= reply.begun <= reply.ended


async def _one_reply() -> Sent:
    async with stalling() as (server, client):
        server.released.set()
        (sent,) = (await open_loop(client, [MESSAGE], [0.0])).sent
    return sent


async def test_no_message_starts_before_its_plan() -> None:
    """Timers of an event loop may be early; a start may not."""
    async with stalling() as (server, client):
        server.released.set()
        load = await open_loop(client, [MESSAGE] * 50, planned_starts(50, rate=1000, seed=3))
    assert min(one.late for one in load.sent) >= 0


def test_planned_starts_are_random_but_repeatable() -> None:
    """Independent arrivals with the asked rate; the same for the same seed."""
    starts = planned_starts(20_000, rate=300, seed=7)
    gaps = [later - earlier for earlier, later in pairwise(starts)]
    assert starts == planned_starts(20_000, rate=300, seed=7)
    assert starts != planned_starts(20_000, rate=300, seed=8)
    assert sum(gaps) / len(gaps) == pytest.approx(1 / 300, rel=0.05)
    assert sum(gap > 1 / 300 for gap in gaps) / len(gaps) == pytest.approx(0.368, abs=0.02)  # 1/e: exponential
