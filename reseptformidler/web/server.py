"""Serving until told to stop: SIGTERM lets messages in progress finish, then ends."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager

from aiohttp import web

from reseptformidler.log import logger

HEADER_LIMIT = 16_384


def application(routes: Iterable[web.RouteDef], max_body_bytes: int) -> web.Application:
    """The HTTP application."""
    app = web.Application(client_max_size=max_body_bytes)
    app.add_routes(routes)
    return app


@asynccontextmanager
async def listening(
    app: web.Application, host: str, port: int, *, reuse_port: bool = False, drain_seconds: float = 20
) -> AsyncIterator[int]:
    """Listen, and give the port (the system's choice for 0); at the end, take nothing new and finish what is begun."""
    runner = web.AppRunner(
        app,
        access_log=None,
        handle_signals=False,
        shutdown_timeout=drain_seconds,
        max_line_size=HEADER_LIMIT,
        max_field_size=HEADER_LIMIT,
    )
    await runner.setup()
    try:
        await web.TCPSite(runner, host, port, reuse_port=reuse_port).start()
        actual = int(runner.addresses[0][1])
        logger.info("listening", host=host, port=actual)
        yield actual
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
