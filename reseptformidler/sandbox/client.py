"""A small SOAP client for the sandbox: what an EPJ or a pharmacy system would do, and no more."""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass
from time import perf_counter
from typing import Final, Self

import aiohttp
from lxml import etree

from reseptformidler.wire.soap import SERVICES

_PARSER: Final = etree.XMLParser(resolve_entities=False, no_network=True)
_APPREC: Final = "{http://www.kith.no/xmlstds/apprec/2004-11-21}"


class NoAnswer(Exception):
    """No message came back: the HTTP status and the fault's text."""


@dataclass(frozen=True, slots=True)
class Answer:
    """A message that came back, and how long it took."""

    octets: bytes
    root: etree._Element
    seconds: float

    @property
    def msg_id(self) -> str:
        """MsgId of a reply message, or Id of an AppRec."""
        return self.root.findtext(".//{*}MsgInfo/{*}MsgId") or self.root.findtext(f"{_APPREC}Id") or ""

    @property
    def status(self) -> str:
        """Status of an AppRec (list 8258): 1 accepted, 2 refused; empty for a reply message."""
        status = self.root.find(f"{_APPREC}Status")
        return status.get("V", "") if status is not None else ""

    @property
    def errors(self) -> list[tuple[str, str, str]]:
        """Code, display name and detail of each error of an AppRec."""
        found = self.root.iterfind(f"{_APPREC}Error")
        return [(error.get("V", ""), error.get("DN", ""), error.get("OT", "")) for error in found]


class Client:
    """Calls the SOAP services below one address. Use it as a context manager."""

    def __init__(self, address: str) -> None:
        self._address = address.rstrip("/")

    async def __aenter__(self) -> Self:
        self._session = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=60))
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._session.close()

    async def call(self, service: str, operation: str, octets: bytes) -> Answer:
        """Send one message. NoAnswer when the service did not answer with a message; sending it again is safe."""
        begun = perf_counter()
        headers = {"Content-Type": "text/xml; charset=utf-8", "SOAPAction": f'"{operation}"'}
        url = self._address + SERVICES[service].path
        async with self._session.post(url, data=envelope(service, operation, octets), headers=headers) as response:
            body = await response.read()
        return Answer(*_document(response.status, body), perf_counter() - begun)


def envelope(service: str, operation: str, octets: bytes) -> bytes:
    """The SOAP request that carries a message."""
    namespace = SERVICES[service].namespace
    element = f"{SERVICES[service].operations[operation].request}Element"
    return (
        b'<?xml version="1.0" encoding="UTF-8"?><soap:Envelope xmlns:soap="http://schemas.xmlsoap.org/soap/envelope/">'
        + f'<soap:Body><rf:{element} xmlns:rf="{namespace}"><t:dokument xmlns:t="{namespace}types/">'.encode()
        + base64.b64encode(octets)
        + f"</t:dokument></rf:{element}></soap:Body></soap:Envelope>".encode()
    )


def _document(status: int, body: bytes) -> tuple[bytes, etree._Element]:
    """The message in an answer, from the ordinary reply or from an AppRecFault."""
    try:
        root = etree.fromstring(body, _PARSER)
        octets = base64.b64decode(root.findtext(".//{*}dokument") or "", validate=True)
        return octets, etree.fromstring(octets, _PARSER)
    except (etree.XMLSyntaxError, binascii.Error):
        pass
    raise NoAnswer(f"HTTP {status}: {_fault(body)}")


def _fault(body: bytes) -> str:
    try:
        return etree.fromstring(body, _PARSER).findtext(".//faultstring") or "no fault"
    except etree.XMLSyntaxError:
        return "no SOAP"
