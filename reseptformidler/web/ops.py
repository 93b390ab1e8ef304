"""What operators and their machines ask: is it alive, may it get traffic, what are its figures."""

from __future__ import annotations

from collections.abc import Callable

from aiohttp import web

from reseptformidler import metrics

Ready = Callable[[], str]
"""Says why the service is not ready; an empty text when it is."""


def routes(ready: Ready) -> list[web.RouteDef]:
    """/livez: the process answers. /readyz: it should get traffic. /metrics."""

    async def livez(_: web.Request) -> web.Response:
        return web.Response(text="ok\n")

    async def readyz(_: web.Request) -> web.Response:
        problem = ready()
        return web.Response(status=503 if problem else 200, text=f"{problem or 'ok'}\n")

    async def figures(_: web.Request) -> web.Response:
        ready()
        return web.Response(body=metrics.exposition(), content_type="text/plain", charset="utf-8")

    return [web.get("/livez", livez), web.get("/readyz", readyz), web.get("/metrics", figures)]
