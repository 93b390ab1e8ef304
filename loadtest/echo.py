"""HTTP alone: the service's own server, with a handler that reads the body and answers what is as long as an AppRec."""

from __future__ import annotations

import os

import uvloop
from aiohttp import web

from reseptformidler.web import server

_ANSWER = b"x" * 2_500


async def post(request: web.Request) -> web.Response:
    """Read, answer."""
    await request.read()
    return web.Response(body=_ANSWER, headers={"Content-Type": "text/xml; charset=utf-8"})


async def livez(_: web.Request) -> web.Response:
    """For the one who waits until it listens."""
    return web.Response(text="ok\n")


async def serve() -> None:
    """Listen on ECHO_PORT until SIGTERM."""
    stopped = server.stop_signal()
    app = server.application([web.get("/livez", livez), web.post("/{path:.*}", post)], 10_485_760)
    async with server.listening(app, "127.0.0.1", int(os.environ["ECHO_PORT"]), drain_seconds=1):
        await stopped.wait()


if __name__ == "__main__":
    uvloop.run(serve())
