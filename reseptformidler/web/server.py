"""Serving until told to stop: SIGTERM lets messages in progress finish, then ends."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from functools import partial

from aiohttp import web
from aiohttp.typedefs import Handler

from reseptformidler.log import logger
from reseptformidler.wire import soap

HEADER_LIMIT = 16_384
SECONDS_TO_CLOSE = 1.0
"""For answers that are ready to reach their senders, once nothing is in progress."""
CONTENT_TYPE = "text/xml; charset=utf-8"
_TEXTS = {
    404: "Adressen finnes ikke.",
    405: "Tjenesten tar imot SOAP-meldinger med POST. Kontrakten finnes på ?wsdl.",
}


@dataclass(slots=True)
class Progress:
    """How many requests are in progress, and whether the process is ending."""

    requests: int = 0
    ending: bool = False
    idle: asyncio.Event = field(default_factory=asyncio.Event)


_PROGRESS = web.AppKey("progress", Progress)


def application(
    routes: Iterable[web.RouteDef], max_body_bytes: int, progress: Progress | None = None
) -> web.Application:
    """The HTTP application; `progress` is for who wants to know of it."""
    app = web.Application(client_max_size=max_body_bytes, middlewares=[_counted])
    app[_PROGRESS] = progress or Progress()
    app.add_routes(routes)
    app.on_response_prepare.extend([_as_fault, _as_last])
    return app


@web.middleware
async def _counted(request: web.Request, handler: Handler) -> web.StreamResponse:
    progress = request.app[_PROGRESS]
    progress.requests += 1
    progress.idle.clear()
    try:
        return await handler(request)
    finally:
        progress.requests -= 1
        if not progress.requests:
            progress.idle.set()


async def _as_last(request: web.Request, response: web.StreamResponse) -> None:
    """When the process is ending, a sender that keeps its connection is asked to let it go."""
    if request.app[_PROGRESS].ending:
        response.force_close()
        response.headers["Connection"] = "close"


async def _as_fault(_: web.Request, response: web.StreamResponse) -> None:
    """What aiohttp refuses by itself is told as a fault, without a word of what was sent."""
    if isinstance(response, web.HTTPException):
        body = soap.fault("Client", _TEXTS.get(response.status, "Forespørselen kan ikke behandles."))
        response.body = body
        response.headers.update({"Content-Type": CONTENT_TYPE, "Content-Length": str(len(body))})


class _Protocol(web.RequestHandler):
    """One connection."""

    __slots__ = ()

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """Answer what is no HTTP; aiohttp would quote it."""
        super().handle_error(request, status, exc, message)
        response = web.Response(status=status, body=soap.fault("Client", "Forespørselen er ikke gyldig HTTP."))
        response.headers["Content-Type"] = CONTENT_TYPE
        response.force_close()
        return response


@asynccontextmanager
async def listening(
    app: web.Application,
    host: str,
    port: int,
    *,
    reuse_port: bool = False,
    leave_seconds: float = 0,
    drain_seconds: float = 20,
) -> AsyncIterator[int]:
    """Listen, and give the port (the system's choice for 0).

    At the end: for `leave_seconds` go on as before but ask each sender to let its connection go, so that who routes
    traffic can turn it away first; then take nothing new, and finish what is begun within `drain_seconds`.
    """
    runner = web.AppRunner(app, handle_signals=False, shutdown_timeout=SECONDS_TO_CLOSE)
    await runner.setup()
    assert runner.server is not None
    loop = asyncio.get_running_loop()
    connection = partial(
        _Protocol,
        runner.server,
        loop=loop,
        max_line_size=HEADER_LIMIT,
        max_field_size=HEADER_LIMIT,
        auto_decompress=False,  # a hundred kilobytes could become a hundred megabytes
    )
    try:
        server = await loop.create_server(connection, host, port, reuse_port=reuse_port)
        actual = int(server.sockets[0].getsockname()[1])
        logger.info("listening", host=host, port=actual)
        try:
            yield actual
        finally:
            app[_PROGRESS].ending = True
            await asyncio.sleep(leave_seconds)
            server.close()
            await _finish(app[_PROGRESS], drain_seconds)
    finally:
        await runner.cleanup()
        logger.info("stopped")


async def _finish(progress: Progress, seconds: float) -> None:
    """Wait until no request is in progress, its body included: aiohttp hears nothing of a connection that it closes."""
    if progress.requests:
        with suppress(TimeoutError):
            await asyncio.wait_for(progress.idle.wait(), seconds)


def stop_signal() -> asyncio.Event:
    """An event that SIGTERM and SIGINT set."""
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopped.set)
    return stopped
