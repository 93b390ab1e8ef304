"""One request and its answer, whatever it carries: room and time for its body, failures told once, figures and log.

What is refused by a rule is an answer. What cannot be read is the sender's fault (4xx with a SOAP fault). Only our own
failures are 5xx: the same message may then be sent again, and is handled once (docs/adr/0004).
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from time import perf_counter
from typing import TypeAlias

from aiohttp import web

from reseptformidler import metrics
from reseptformidler.log import logger, where
from reseptformidler.receive import Answer
from reseptformidler.store.batch import Full
from reseptformidler.web.gate import Gate, Room, Shed
from reseptformidler.web.server import CONTENT_TYPE
from reseptformidler.wire import soap
from reseptformidler.wire.parse import Unreadable

RETRY_SECONDS = 5

Handler: TypeAlias = "Callable[[web.Request], Awaitable[web.Response]]"


@dataclass(slots=True)
class Call:
    """What is known of a request; its operation once it was read."""

    service: str
    action: str
    """The header SOAPAction; empty where there is none."""
    operation: str = "-"
    begun: float = 0
    """When its body was here, by `perf_counter`."""


Work: TypeAlias = "Callable[[bytes, Call], Awaitable[web.Response]]"


def post(service: str, work: Work, gate: Gate, body_seconds: float) -> Handler:
    """The handler that gives each body to `work` and answers what that answers, or tells how it failed."""

    async def handle(request: web.Request) -> web.Response:
        call = Call(service, request.headers.get("SOAPAction", ""))
        with metrics.in_progress.track_inprogress():
            try:
                with gate.room() as room:
                    body = await _body(request, room, body_seconds)
                    call.begun = perf_counter()
                    return await work(body, call)
            except Unreadable as unreadable:
                return _unreadable(call, unreadable)
            except (Full, Shed):
                return _shed(call)
            except Exception as error:  # noqa: BLE001  # our own failure, caught once: the sender may try again
                return _failed(call, error)

    return handle


def xml(body: bytes, status: int = 200) -> web.Response:
    """An answer that is an XML document."""
    return web.Response(status=status, body=body, headers={"Content-Type": CONTENT_TYPE})


def tell(call: Call, answer: Answer) -> None:
    """The canonical line and the figures of one answered message."""
    seconds = perf_counter() - call.begun
    outcome = "gjentatt" if answer.repeated else "godtatt" if answer.accepted else "avvist"
    metrics.messages.labels(answer.melding, outcome).inc()
    metrics.message_duration.labels(answer.melding).observe(seconds)
    if outcome == "avvist":
        for code in answer.reasons:
            metrics.refusals.labels(answer.melding, code).inc()
    logger.info(
        "message",
        service=call.service,
        operation=call.operation,
        melding=answer.melding,
        outcome=outcome,
        reasons=answer.reasons,
        milliseconds=round(seconds * 1000, 2),
    )


async def _body(request: web.Request, room: Room, seconds: float) -> bytes:
    """The whole body. Unreadable when it is encoded (415), too large (413) or does not come in time (408)."""
    if request.headers.get("Content-Encoding", "identity").lower() != "identity":
        raise Unreadable(None, "Meldingen skal sendes uten Content-Encoding.", http_status=415)
    try:
        async with asyncio.timeout(seconds):
            return await _octets(request, room)
    except web.HTTPRequestEntityTooLarge:
        raise Unreadable(None, "Meldingen er for stor.", http_status=413) from None
    except TimeoutError:
        raise Unreadable(None, "Meldingen kom ikke frem i tide.", http_status=408) from None
    except (web.RequestPayloadError, ConnectionError):
        raise Unreadable(None, "Meldingen kom ikke helt frem.", http_status=400) from None


async def _octets(request: web.Request, room: Room) -> bytes:
    """The body as it comes, so that what has no room is refused before it is here."""
    limit = request.client_max_size
    octets = bytearray()
    async for part in request.content.iter_any():
        octets += part
        if len(octets) > limit:
            raise web.HTTPRequestEntityTooLarge(limit, len(octets))
        room.take(len(part))
    return bytes(octets)


def _unreadable(call: Call, unreadable: Unreadable) -> web.Response:
    metrics.messages.labels("ukjent", "unreadable").inc()
    status = unreadable.http_status
    logger.warning("message", service=call.service, operation=call.operation, outcome="unreadable", status=status)
    return _fault(status, unreadable.fault, unreadable.text)


def _shed(call: Call) -> web.Response:
    metrics.messages.labels("ukjent", "shed").inc()
    logger.warning("message", service=call.service, operation=call.operation, outcome="shed")
    return _fault(503, "Server", "Tjenesten har for mye å gjøre. Send den samme meldingen igjen om litt.")


def _failed(call: Call, error: Exception) -> web.Response:
    metrics.messages.labels("ukjent", "failed").inc()
    logger.error(
        "message",
        service=call.service,
        operation=call.operation,
        outcome="failed",
        error=type(error).__name__,
        where=where(error),
    )
    return _fault(
        503, "Server", "Tjenesten kunne ikke svare nå. Send den samme meldingen igjen; den behandles bare én gang."
    )


def _fault(status: int, code: str, text: str) -> web.Response:
    response = xml(soap.fault(code, text), status)
    if status == 503:
        response.headers["Retry-After"] = str(RETRY_SECONDS)
    return response
