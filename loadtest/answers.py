"""A message of the load with the answer it must get, and whether it got it.

Judged after the load, so that judging takes nothing from what is measured.
"""

from __future__ import annotations

import base64
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol

from lxml import etree

from loadtest.client import Reply, request
from reseptformidler.client.soap import envelope
from reseptformidler.wire.soap import SERVICES

_APPREC = "{http://www.kith.no/xmlstds/apprec/2004-11-21}"


@dataclass(frozen=True, slots=True)
class Expected:
    """The answer a message must get."""

    status: int = 200
    code: str = ""
    """Of the first refusal (list 7419); empty: accepted."""
    reply: str = "APPREC"
    """APPREC, the type of a reply message (list 8279), or empty for a fault without either."""
    holds: bytes = b""
    """Octets that the answer must carry, base64-encoded or in clear."""


@dataclass(frozen=True, slots=True)
class Message:
    """A message ready to be sent."""

    kind: str
    request: bytes
    expected: Expected


def wrong(expected: Expected, reply: Reply) -> str:
    """What is wrong with a reply, in words; empty when it is the expected one."""
    if reply.status != expected.status:
        return f"HTTP {reply.status} instead of {expected.status}"
    if not expected.reply:
        return "" if b"faultstring" in reply.body else "no fault"
    try:
        octets = base64.b64decode(etree.fromstring(reply.body).findtext(".//{*}dokument") or "", validate=True)
        root = etree.fromstring(octets)
    except (etree.XMLSyntaxError, ValueError):
        return "no message in the answer"
    got = _kind(root), _code(root)
    if got != (expected.reply, expected.code):
        return f"{' '.join(got)} instead of {expected.reply} {expected.code}"
    held = expected.holds in octets or base64.b64encode(expected.holds) in octets
    return "" if held else f"{expected.reply} without what it must carry"


def _kind(root: etree._Element) -> str:
    if str(root.tag).startswith(_APPREC):
        return "APPREC"
    kind = root.find("{*}MsgInfo/{*}Type")
    return "" if kind is None else kind.get("V", "")


def _code(root: etree._Element) -> str:
    """The first reason of a refusing AppRec."""
    status, error = root.find(f"{_APPREC}Status"), root.find(f"{_APPREC}Error")
    if status is None or status.get("V") != "2":
        return ""
    return "?" if error is None else error.get("V", "?")


def soap_message(kind: str, service: str, octets: bytes, expected: Expected) -> Message:
    """A message in its envelope and its HTTP request."""
    operation = kind.replace(".", "_")
    headers = {"Content-Type": "text/xml; charset=utf-8", "SOAPAction": f'"{operation}"'}
    body = envelope(service, operation, octets)
    return Message(kind, request(SERVICES[service].path, headers, body), expected)


class Answered(Protocol):
    """A message and its reply."""

    @property
    def message(self) -> Message: ...
    @property
    def reply(self) -> Reply: ...


def all_wrong(answered: Iterable[Answered]) -> Counter[str]:
    """How often which wrong answer came; empty when every answer was the expected one."""
    found = ((one.message.kind, wrong(one.message.expected, one.reply)) for one in answered)
    return Counter(f"{kind}: {what}" for kind, what in found if what)
