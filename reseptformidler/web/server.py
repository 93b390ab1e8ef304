"""Serving until told to stop: SIGTERM lets messages in progress finish, then ends."""

from __future__ import annotations

import asyncio
import logging
import signal
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from functools import partial

from aiohttp import web

from reseptformidler.log import logger, where
from reseptformidler.wire import soap

HEADER_LIMIT = 16_384
CONTENT_TYPE = "text/xml; charset=utf-8"
_TEXTS = {
    404: "Adressen finnes ikke.",
    405: "Tjenesten tar imot SOAP-meldinger med POST. Kontrakten finnes på ?wsdl.",
}


def application(routes: Iterable[web.RouteDef], max_body_bytes: int) -> web.Application:
    """The HTTP application."""
    app = web.Application(client_max_size=max_body_bytes)
    app.add_routes(routes)
    app.on_response_prepare.append(_as_fault)
    return app


async def _as_fault(_: web.Request, response: web.StreamResponse) -> None:
    """What aiohttp refuses by itself is told as a fault, without a word of what was sent."""
    if isinstance(response, web.HTTPException):
        body = soap.fault("Client", _TEXTS.get(response.status, "Forespørselen kan ikke behandles."))
        response.body = body
        response.headers.update({"Content-Type": CONTENT_TYPE, "Content-Length": str(len(body))})


class _WithoutText(logging.Handler):
    """aiohttp's own log lines quote what was sent: only the kind of error and its place are told."""

    def emit(self, record: logging.LogRecord) -> None:
        error = record.exc_info[1] if record.exc_info else None
        if error is not None:
            logger.warning("http", error=type(error).__name__, where=where(error))


_LOG = logging.getLogger("reseptformidler.http")
_LOG.addHandler(_WithoutText())
_LOG.setLevel(logging.WARNING)
_LOG.propagate = False


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
    app: web.Application, host: str, port: int, *, reuse_port: bool = False, drain_seconds: float = 20
) -> AsyncIterator[int]:
    """Listen, and give the port (the system's choice for 0); at the end, take nothing new and finish what is begun."""
    runner = web.AppRunner(app, handle_signals=False, shutdown_timeout=drain_seconds)
    await runner.setup()
    assert runner.server is not None
    loop = asyncio.get_running_loop()
    connection = partial(
        _Protocol,
        runner.server,
        loop=loop,
        logger=_LOG,
        access_log=_LOG,
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
            server.close()
    finally:
        await runner.cleanup()
        logger.info("stopped")


def stop_signal() -> asyncio.Event:
    """An event that SIGTERM and SIGINT set."""
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopped.set)
    return stopped
