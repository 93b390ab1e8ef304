"""The sandbox's receivers: one HTTP server that takes what the service delivers, to whomever it is addressed.

`POST /mottak` takes a message, keeps it and answers with its AppRec. `GET /mottak` lists what came, and
`GET /mottak/<HER-id>/<type>/<MsgId>` waits for one that a message caused and gives it as it came. An M14 is answered
by the sandbox's Legemiddelverket a moment later.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from uuid import uuid4

import aiohttp
from aiohttp import web

from reseptformidler.client.answer import NoAnswer
from reseptformidler.client.apprec import apprec
from reseptformidler.client.soap import Client
from reseptformidler.domain import koder
from reseptformidler.domain.hode import MsgInfo
from reseptformidler.log import logger
from reseptformidler.sandbox.legemiddelverket import Legemiddelverket
from reseptformidler.wire.msghead import read_head
from reseptformidler.wire.parse import Unreadable, parse

PATH = "/mottak"
MOMENT_SECONDS = 0.5
"""What Legemiddelverket takes to decide: a pharmacy that applied has time to let the prescription go (G3)."""
_LARGEST = 2**26


@dataclass(frozen=True, slots=True)
class Arrived:
    """A message that came, and when."""

    time: datetime
    head: MsgInfo
    cause: str
    """MsgId of the message that caused it."""
    octets: bytes

    @property
    def her(self) -> str:
        """HER-id of whom it came to."""
        return self.head.receiver.ident("HER")

    def belongs(self, her: str, kind: str, msg_id: str) -> bool:
        """Whether it is of that kind, for that receiver, and caused by or in the conversation of that message."""
        ours = self.cause.lower(), self.head.ref_to_conversation.lower()
        return (self.her, self.head.type.v) == (her, code(kind)) and msg_id.lower() in ours


def code(kind: str) -> str:
    """Of list 8279, for a type as the standard's texts write it: ERM52 for M5.2."""
    return f"ER{kind.replace('.', '')}"


@dataclass(slots=True)
class Mottak:
    """All receivers of the sandbox at one address, and what came to them."""

    service: str
    """Address of the service, for what Legemiddelverket answers."""
    clock: Callable[[], datetime]
    legemiddelverket: Legemiddelverket = field(default_factory=Legemiddelverket)
    patience_seconds: float = 15.0
    """How long a message is waited for: longer than the first pauses of a relay that had to try again."""
    _arrived: dict[str, Arrived] = field(default_factory=dict)
    """By Idempotency-Key, in the order in which they came."""
    _news: asyncio.Condition = field(default_factory=asyncio.Condition)
    _deciding: set[asyncio.Task[None]] = field(default_factory=set)

    @asynccontextmanager
    async def listening(self, port: int) -> AsyncIterator[str]:
        """Take messages on 127.0.0.1 for as long as the context lasts; gives the address. `port` 0: any free one."""
        app = web.Application(client_max_size=_LARGEST)
        app.router.add_post(PATH, self._take)
        app.router.add_get(PATH, self._list)
        app.router.add_get(PATH + "/{her}/{kind}/{msg_id}", self._wait)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=1)
        await runner.setup()
        try:
            await web.TCPSite(runner, "127.0.0.1", port).start()
            yield f"http://127.0.0.1:{runner.addresses[0][1]}{PATH}"
        finally:
            await runner.cleanup()
            for task in self._deciding:
                task.cancel()

    async def _take(self, request: web.Request) -> web.Response:
        octets = await request.read()
        try:
            head = read_head(parse(octets))
        except Unreadable:
            return web.Response(status=400)
        key = request.headers.get("Idempotency-Key", head.msg_id_text)
        if key not in self._arrived:
            await self._keep(key, Arrived(self.clock(), head, _cause(key), octets))
        receipt = apprec(uuid4(), self.clock(), None, octets)
        return web.Response(body=receipt, content_type="text/xml", charset="utf-8")

    async def _keep(self, key: str, arrived: Arrived) -> None:
        async with self._news:
            self._arrived[key] = arrived
            self._news.notify_all()
        if arrived.head.type.v == code("M14"):
            task = asyncio.create_task(self._decide(arrived.octets))
            self._deciding.add(task)
            task.add_done_callback(self._deciding.discard)

    async def _decide(self, m14: bytes) -> None:
        await asyncio.sleep(MOMENT_SECONDS)
        m15 = self.legemiddelverket.decide(m14, uuid4(), self.clock())
        try:
            async with Client(self.service) as client:
                answer = await client.deliver(m15)
        except (NoAnswer, aiohttp.ClientError, TimeoutError) as error:
            logger.error("m15_not_delivered", error=type(error).__name__)
            return
        if answer.status != "1":
            logger.error("m15_refused", codes=[error[0] for error in answer.errors])

    async def _list(self, _: web.Request) -> web.Response:
        return web.Response(text="".join(f"{_line(one)}\n" for one in self._arrived.values()))

    async def _wait(self, request: web.Request) -> web.Response:
        try:
            async with asyncio.timeout(self.patience_seconds), self._news:
                found = await self._news.wait_for(lambda: self._found(**request.match_info))
        except TimeoutError:
            return web.Response(status=404)
        assert found is not None
        return web.Response(body=found.octets, content_type="text/xml", charset="utf-8")

    def _found(self, **wanted: str) -> Arrived | None:
        return next((one for one in self._arrived.values() if one.belongs(**wanted)), None)


def _cause(key: str) -> str:
    """MsgId of what caused it: an Idempotency-Key is sender, MsgId, number."""
    parts = key.split("/")
    return parts[1] if len(parts) > 1 else ""


def _line(one: Arrived) -> str:
    head = one.head
    name = koder.MELDINGSTYPE.navn.get(head.type.v, "")
    return f"{one.time:%H:%M:%S} {head.type.v:<8} {name:<36} → {one.her} {head.receiver.name}, {head.msg_id_text}"
