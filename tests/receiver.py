"""Receivers of owed messages for the tests: real HTTP servers that note what arrives and may misbehave."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from aiohttp import web
from aiohttp.test_utils import TestServer
from lxml import etree

from reseptformidler.domain.hode import MsgInfo
from reseptformidler.wire.msghead import read_head

Answer = Callable[[int], "int | str | bytes | None"]


def well(_: int) -> int:
    """Takes everything."""
    return 204


@dataclass(frozen=True, slots=True)
class Arrived:
    """A request that was read whole."""

    octets: bytes
    headers: dict[str, str]

    @property
    def cause(self) -> str:
        """MsgId of the message that caused it."""
        return self.headers["Idempotency-Key"].split("/")[1]

    @property
    def head(self) -> MsgInfo:
        """The head of the message; Unreadable for the facts of an older release."""
        return read_head(etree.fromstring(self.octets))


@dataclass(slots=True)
class Receiver:
    """What arrived, in order: every message that was read whole, whatever the answer was."""

    answer: Answer = well
    """Status for the n-th message, from 0; bytes: 200 with this body; a text: 307 to there; None: the connection is
    cut."""
    arrived: list[Arrived] = field(default_factory=list)
    open: asyncio.Event = field(default_factory=asyncio.Event)
    """While it is not set, nobody is answered."""
    url: str = ""

    def __post_init__(self) -> None:
        self.open.set()

    async def take(self, request: web.Request) -> web.Response:
        """One message."""
        number, octets = len(self.arrived), await request.read()
        self.arrived.append(Arrived(octets, dict(request.headers)))
        await self.open.wait()
        answer = self.answer(number)
        if answer is None:
            assert request.transport is not None
            request.transport.abort()
            return web.Response()
        if isinstance(answer, str):
            return web.Response(status=307, headers={"Location": answer})
        if isinstance(answer, bytes):
            return web.Response(body=answer)
        return web.Response(status=answer, body=b"" if answer == 204 else b"<p>%b</p>" % octets)

    @asynccontextmanager
    async def listening(self) -> AsyncIterator[Receiver]:
        """Take messages inside the block."""
        app = web.Application(client_max_size=2**26)
        app.router.add_post("/inn", self.take)
        async with TestServer(app) as server:
            self.url = str(server.make_url("/inn"))
            yield self
            self.open.set()

    def causes(self) -> list[str]:
        """MsgIds of what caused the messages, each where it arrived first."""
        return list(dict.fromkeys(message.cause for message in self.arrived))
