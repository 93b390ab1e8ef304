"""Receivers of owed messages: they write down what arrives, and misbehave now and then as real ones do."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from random import Random
from typing import Any

from aiohttp import web

from loadtest.crash.history import Arrived, History, Listening

PORT = 8090
TYPES = ("M8", "M8.1")
"""Of the messages whose receiver follows from the type alone."""
ERRANT = "/others"
"""Where a message for anybody else would go: nobody in a drill is owed one."""

REFUSES, SLOW, BREAKS = 0.03, 0.01, 0.02
"""How probably a receiver answers 503, answers slowly, or loses the connection; the latter two have the message."""
SECONDS_SLOW = 2.0


def receivers_toml(host: str, hers: Iterable[str]) -> str:
    """The file for RF_RECEIVERS: an address for each of these HER-ids, for the fixed receivers, and for all others."""
    address = f"http://{host}:{PORT}"
    named = [("her", her) for her in hers] + [("type", type_) for type_ in TYPES]
    tables = [f'[[mottaker]]\n{kind} = "{name}"\nurl = "{address}/{kind}/{name}"\n' for kind, name in named]
    return "\n".join([*tables, f'[[mottaker]]\nurl = "{address}{ERRANT}"\n'])


@asynccontextmanager
async def receiving(host: str, history: History, random: Random, port: int = PORT) -> AsyncIterator[None]:
    """All receivers, as long as the block lasts."""

    async def receive(request: web.Request) -> web.Response:
        body = await request.json()
        draw = random.random()
        if draw < REFUSES:
            return web.Response(status=503)
        history.note(_arrived(body))
        if draw < REFUSES + SLOW:
            await asyncio.sleep(SECONDS_SLOW)
        elif draw < REFUSES + SLOW + BREAKS and request.transport is not None:
            request.transport.abort()
        return web.Response(status=204)

    application = web.Application()
    application.router.add_post("/{path:.*}", receive)
    runner = web.AppRunner(application, access_log=None, handle_signals=False)
    await runner.setup()
    try:
        await web.TCPSite(runner, host, port).start()
        history.note(Listening())
        yield
    finally:
        await runner.cleanup()


def _arrived(body: dict[str, Any]) -> Arrived:
    return Arrived(
        type=body["type"],
        receiver=body["mottaker"] or "",
        cause=body["arsak"]["msg_id"],
        parent=body["ref_to_parent"],
        resept=body["resept_id"] or "",
        content=body["innhold"],
    )
