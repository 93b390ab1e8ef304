"""Receivers of owed messages for the tests: real HTTP servers that note what arrives and may misbehave."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web
from aiohttp.test_utils import TestServer

Answer = Callable[[int], int | str | None]


def well(_: int) -> int:
    """Takes everything."""
    return 204


@dataclass(slots=True)
class Receiver:
    """What arrived, in order: every message that was read whole, whatever the answer was."""

    answer: Answer = well
    """Status for the n-th message, from 0; a text: 307 to there; None: the connection is cut."""
    arrived: list[dict[str, Any]] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    open: asyncio.Event = field(default_factory=asyncio.Event)
    """While it is not set, nobody is answered."""
    url: str = ""

    def __post_init__(self) -> None:
        self.open.set()

    async def take(self, request: web.Request) -> web.Response:
        """One message."""
        message = await request.json()
        number = len(self.arrived)
        self.arrived.append(message)
        self.headers.append(dict(request.headers))
        await self.open.wait()
        answer = self.answer(number)
        if answer is None:
            assert request.transport is not None
            request.transport.abort()
            return web.Response()
        if isinstance(answer, str):
            return web.Response(status=307, headers={"Location": answer})
        return web.Response(status=answer, text="" if answer == 204 else f"<p>{message['innhold']}</p>")

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
        return list(dict.fromkeys(message["arsak"]["msg_id"] for message in self.arrived))
