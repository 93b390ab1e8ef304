"""The address for asynchronous messages: the XML message itself, without SOAP, and the receipts for what was sent.

A message is answered with its AppRec (HTTP 200); a receipt with an empty body, since a receipt has no receipt
(HIS 80415).
"""

from __future__ import annotations

from aiohttp import web
from lxml import etree

from reseptformidler import meldinger
from reseptformidler.receipts import Receipts
from reseptformidler.receive import Spine
from reseptformidler.web.exchange import Call, Work, post, tell, xml
from reseptformidler.web.gate import Gate
from reseptformidler.wire.msghead import payload_namespace, read_head
from reseptformidler.wire.parse import Unreadable, parse
from reseptformidler.wire.receipt import RECEIPT, is_receipt, read_receipt

PATH = "/Asynkron"
SERVICE = "Asynkron"
"""Of the operations of `MeldingType.operations` that come in here."""


def routes(spine: Spine, receipts: Receipts, gate: Gate, body_seconds: float) -> list[web.RouteDef]:
    """POST a message."""
    return [web.post(PATH, post(SERVICE, _work(spine, receipts), gate, body_seconds))]


def _work(spine: Spine, receipts: Receipts) -> Work:
    async def work(body: bytes, call: Call) -> web.Response:
        root = parse(body)
        if is_receipt(root):
            call.operation = RECEIPT
            await receipts.take(read_receipt(root, receipts.schemas))
            return web.Response()
        call.operation = _operation(root)
        answer = await spine.receive((SERVICE, call.operation), body)
        tell(call, answer)
        return xml(answer.octets)

    return work


def _operation(root: etree._Element) -> str:
    """The operation that a message's type has here; "-", which no type has (7419/999), where it has none."""
    head = read_head(root)
    if head.type.v == RECEIPT:
        raise Unreadable(None, "En kvittering skal være et AppRec-dokument, uten hodemelding.")
    type_ = meldinger.meant(head, payload_namespace(root))
    named = dict(type_.operations) if type_ is not None else {}
    return named.get(SERVICE, "-")
