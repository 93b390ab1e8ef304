"""The three SOAP services of the national interface.

What is refused by a rule is an answer (HTTP 200: an AppRec, or for queries an AppRecFault).
"""

from __future__ import annotations

from aiohttp import web

from reseptformidler.receive import Answer, Spine
from reseptformidler.web.exchange import Call, Handler, Work, post, tell, xml
from reseptformidler.web.gate import Gate
from reseptformidler.wire import soap, wsdl


def routes(spine: Spine, gate: Gate, body_seconds: float) -> list[web.RouteDef]:
    """The routes of the three services: POST a message, GET ?wsdl."""
    found: list[web.RouteDef] = []
    for name, service in soap.SERVICES.items():
        found += [
            web.post(service.path, post(name, _work(spine), gate, body_seconds)),
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


def _work(spine: Spine) -> Work:
    async def work(body: bytes, call: Call) -> web.Response:
        asked = soap.read_request(body, call.action, call.service)
        call.operation = asked.operation
        answer = await spine.receive((call.service, call.operation), asked.dokument)
        response = xml(_enveloped(call, answer))
        tell(call, answer)
        return response

    return work


def _enveloped(call: Call, answer: Answer) -> bytes:
    called = soap.SERVICES[call.service].operations[call.operation]
    if answer.in_reply or called.reply_is_apprec:
        return soap.response(call.service, call.operation, answer.octets)
    return soap.apprec_fault(call.service, answer.octets, "Meldingen er avvist.")
