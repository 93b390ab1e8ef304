"""The three SOAP services of the national interface.

What is refused by a rule is an answer (HTTP 200: an AppRec, or for queries an AppRecFault). What cannot be read is the
sender's fault (4xx with a SOAP fault). Only our own failures are 5xx: the same message may then be sent again, and is
handled once (docs/adr/0004).
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from time import perf_counter

from aiohttp import web

from reseptformidler import metrics
from reseptformidler.log import logger, where
from reseptformidler.receive import Answer, Spine
from reseptformidler.store.batch import Full
from reseptformidler.web.gate import Gate, Room, Shed
from reseptformidler.web.server import CONTENT_TYPE
from reseptformidler.wire import soap, wsdl
from reseptformidler.wire.parse import Unreadable

RETRY_SECONDS = 5

Handler = Callable[[web.Request], Awaitable[web.Response]]


def routes(spine: Spine, gate: Gate, body_seconds: float) -> list[web.RouteDef]:
    """The routes of the three services: POST a message, GET ?wsdl."""
    found: list[web.RouteDef] = []
    for name, service in soap.SERVICES.items():
        found += [
            web.post(service.path, _post(spine, gate, name, body_seconds)),
            web.get(service.path, _contract(name)),
        ]
    return found


def _contract(name: str) -> Handler:
    async def get(request: web.Request) -> web.Response:
        if "wsdl" not in {key.lower() for key in request.query}:
            raise web.HTTPMethodNotAllowed(request.method, ["POST"])
        address = f"{request.scheme}://{request.host}{request.path}"
        return web.Response(body=wsdl.wsdl(name, address), content_type="text/xml", charset="utf-8")

    return get


def _post(spine: Spine, gate: Gate, name: str, body_seconds: float) -> Handler:
    async def post(request: web.Request) -> web.Response:
        operation = "-"
        with metrics.in_progress.track_inprogress():
            try:
                with gate.room() as room:
                    body = await _body(request, room, body_seconds)
                    begun = perf_counter()
                    call = soap.read_request(body, request.headers.get("SOAPAction", ""), name)
                    operation = call.operation
                    answer = await spine.receive((name, operation), call.dokument)
                response = _answered(name, operation, answer)
                _tell(name, operation, answer, begun)
            except Unreadable as unreadable:
                response = _unreadable(name, operation, unreadable)
            except (Full, Shed):
                response = _shed(name, operation)
            except Exception as error:  # noqa: BLE001  # our own failure, caught once: the sender may try again
                response = _failed(name, operation, error)
        return response

    return post


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


def _answered(name: str, operation: str, answer: Answer) -> web.Response:
    called = soap.SERVICES[name].operations[operation]
    if answer.in_reply or called.reply_is_apprec:
        body = soap.response(name, operation, answer.octets)
    else:
        body = soap.apprec_fault(name, answer.octets, "Meldingen er avvist.")
    return _xml(200, body)


def _tell(name: str, operation: str, answer: Answer, begun: float) -> None:
    """The canonical line and the figures of one answered message."""
    seconds = perf_counter() - begun
    outcome = "gjentatt" if answer.repeated else "godtatt" if answer.accepted else "avvist"
    metrics.messages.labels(answer.melding, outcome).inc()
    metrics.message_duration.labels(answer.melding).observe(seconds)
    if outcome == "avvist":
        for code in answer.reasons:
            metrics.refusals.labels(answer.melding, code).inc()
    logger.info(
        "message",
        service=name,
        operation=operation,
        melding=answer.melding,
        outcome=outcome,
        reasons=answer.reasons,
        milliseconds=round(seconds * 1000, 2),
    )


def _unreadable(name: str, operation: str, unreadable: Unreadable) -> web.Response:
    metrics.messages.labels("ukjent", "unreadable").inc()
    logger.warning("message", service=name, operation=operation, outcome="unreadable", status=unreadable.http_status)
    return _fault(unreadable.http_status, unreadable.fault, unreadable.text)


def _shed(name: str, operation: str) -> web.Response:
    metrics.messages.labels("ukjent", "shed").inc()
    logger.warning("message", service=name, operation=operation, outcome="shed")
    return _fault(503, "Server", "Tjenesten har for mye å gjøre. Send den samme meldingen igjen om litt.")


def _failed(name: str, operation: str, error: Exception) -> web.Response:
    metrics.messages.labels("ukjent", "failed").inc()
    logger.error(
        "message", service=name, operation=operation, outcome="failed", error=type(error).__name__, where=where(error)
    )
    return _fault(
        503, "Server", "Tjenesten kunne ikke svare nå. Send den samme meldingen igjen; den behandles bare én gang."
    )


def _fault(status: int, code: str, text: str) -> web.Response:
    response = _xml(status, soap.fault(code, text))
    if status == 503:
        response.headers["Retry-After"] = str(RETRY_SECONDS)
    return response


def _xml(status: int, body: bytes) -> web.Response:
    return web.Response(status=status, body=body, headers={"Content-Type": CONTENT_TYPE})
