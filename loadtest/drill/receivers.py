"""Receivers of owed messages: they write down what arrives, answer with a receipt, and misbehave as real ones do."""

from __future__ import annotations

import asyncio
from base64 import b64decode
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from random import Random
from typing import Any
from uuid import uuid4

from aiohttp import web
from lxml import etree

from loadtest.crash.history import Arrived, History, Listening
from reseptformidler.client.apprec import apprec
from reseptformidler.wire.msghead import payload, read_head
from reseptformidler.wire.reply import BASE64

PORT = 8090
TYPES = ("M8.1",)
"""Of the messages whose receiver follows from the type alone."""
_BY_CODE = {"ER" + type_.replace(".", ""): type_ for type_ in ("M5.2", "M6", "M7", "M8", "M8.1")}
"""Types by their code of list 8279."""
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
        octets = await request.read()
        arrived = read_arrived(octets, request.headers["Idempotency-Key"].split("/")[1])
        draw = random.random()
        if draw < REFUSES:
            return web.Response(status=503)
        history.note(arrived)
        if draw < REFUSES + SLOW:
            await asyncio.sleep(SECONDS_SLOW)
        elif draw < REFUSES + SLOW + BREAKS and request.transport is not None:
            request.transport.abort()
        return web.Response(body=apprec(uuid4(), datetime.now(UTC), None, octets), content_type="text/xml")

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


def read_arrived(octets: bytes, cause: str) -> Arrived:
    """What a message says; `cause` stands in its Idempotency-Key. Of an M7 only the M5 names the prescription."""
    root = etree.fromstring(octets)
    head, told = read_head(root), payload(root)
    assert told is not None
    attached = (etree.fromstring(b64decode(one.text or "")) for one in root.iter(f"{{{BASE64}}}Base64Container"))
    resept_ids = (one.findtext(".//{*}ReseptId") for one in (told, *attached))
    return Arrived(
        type=_BY_CODE[head.type.v],
        receiver=head.receiver.ident("HER"),
        cause=cause,
        parent=head.ref_to_parent,
        resept=next((one for one in resept_ids if one), ""),
        content=_content(told),
    )


def _content(told: etree._Element) -> dict[str, Any]:
    status, annulled = told.find("{*}Status"), told.findtext("{*}Utlevering/{*}Annullering")
    if annulled is not None:
        return {"Annullering": annulled in ("true", "1")}
    return {"Status": status.get("V")} if status is not None else {}
