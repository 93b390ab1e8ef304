"""Sends messages: to the SOAP services, whose answer it takes out of the envelope, or the asynchronous way."""

from __future__ import annotations

import base64
import binascii
from time import perf_counter
from typing import Self

import aiohttp
from lxml import etree

from reseptformidler.client.answer import Answer, NoAnswer, read
from reseptformidler.wire.soap import SERVICES

_PARSER = etree.XMLParser(resolve_entities=False, no_network=True)
_ASYNCHRONOUS = "/Asynkron"
_SECONDS = 60
"""Longer than the service lets a message wait."""


class Client:
    """Calls the services below one address. Use it as a context manager."""

    def __init__(self, address: str) -> None:
        self._address = address.rstrip("/")

    async def __aenter__(self) -> Self:
        self._session = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=_SECONDS))
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
        try:
            return read(_document(body), perf_counter() - begun)
        except (etree.XMLSyntaxError, binascii.Error):
            pass
        raise NoAnswer(f"HTTP {response.status}: {_fault(body)}")

    async def deliver(self, octets: bytes) -> Answer:
        """Send what comes the asynchronous way (M15), for its AppRec. NoAnswer: as `call`."""
        begun = perf_counter()
        headers = {"Content-Type": "text/xml; charset=utf-8"}
        async with self._session.post(self._address + _ASYNCHRONOUS, data=octets, headers=headers) as response:
            body = await response.read()
        if response.status != 200:  # HTTP: OK
            raise NoAnswer(f"HTTP {response.status}: {_fault(body)}")
        return read(body, perf_counter() - begun)


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


def _document(body: bytes) -> bytes:
    """The message in an envelope, from the ordinary reply or from an AppRecFault."""
    return base64.b64decode(etree.fromstring(body, _PARSER).findtext(".//{*}dokument") or "", validate=True)


def _fault(body: bytes) -> str:
    try:
        return etree.fromstring(body, _PARSER).findtext(".//faultstring") or "no fault"
    except etree.XMLSyntaxError:
        return "no SOAP"
