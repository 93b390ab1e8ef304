"""What no well-meaning sender sends: never a failure of ours, never a trace or an echo, always a fault or a receipt."""

from __future__ import annotations

import asyncio
import base64
import gzip
import io
import re
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from time import perf_counter

import aiohttp
import psutil
import pytest
from lxml import etree

from reseptformidler import metrics
from reseptformidler.sandbox.client import envelope
from reseptformidler.sandbox.pki import Pki
from tests.system.world import APPREC, World, running

CANARY = "KANARIFUGL"
"""Stands in everything that is sent; may stand in nothing that the service says of it."""
PATH = "/Rekvirent/RekvirentWebServiceSoapHttpPort"
SECONDS = 3.0
"""For each answer, on a busy machine; the ordinary ones take some milliseconds."""
MEGABYTE = 1024 * 1024

_LAUGHS = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 10))
_DTD = f'<!DOCTYPE x [<!ENTITY l0 "{CANARY}">{_LAUGHS}]>'


def _with_dtd(octets: bytes, dtd: str) -> bytes:
    return octets.replace(b"?>", b"?>" + dtd.encode(), 1)


def _payload(octets: bytes, inner: bytes) -> bytes:
    """With something else in Content."""
    return re.sub(rb"<Content>.*</Content>", lambda _: b"<Content>" + inner + b"</Content>", octets, flags=re.DOTALL)


_C = CANARY.encode()
DOCUMENTS: dict[str, Callable[[bytes], bytes]] = {
    "billion laughs": lambda m: _with_dtd(m, _DTD).replace(b"<Antall>1", b"<Antall>&l9;"),
    "external entity": lambda m: _with_dtd(m, '<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]>').replace(
        b"<Antall>1", b"<Antall>&e;"
    ),
    "external DTD": lambda m: _with_dtd(m, '<!DOCTYPE x SYSTEM "http://127.0.0.1:1/x.dtd">'),
    "unknown entity": lambda m: m.replace(b"<Antall>1", b"<Antall>&%s;" % _C),
    "deep": lambda m: _payload(m, b"<a>" * 20_000 + _C + b"</a>" * 20_000),
    "deep, right before the limit of libxml2": lambda m: _payload(m, b"<a>" * 250 + b"</a>" * 250),
    "wide": lambda m: _payload(m, b"<a/>" * 1_500_000),
    "many attributes": lambda m: _payload(m, b"<a " + b" ".join(b'a%d=""' % n for n in range(90_000)) + b"/>"),
    "many namespaces": lambda m: _payload(m, b"<a " + b" ".join(b'xmlns:a%d="u"' % n for n in range(20_000)) + b"/>"),
    "@S of 100,000 digits": lambda m: m.replace(b'S="2.16', b'S="2.16' + b"1" * 100_000, 1),
    "@S of digits and dots": lambda m: m.replace(b'S="2.16', b'S="2.16' + b"1." * 50_000 + b"x", 1),
    "every @S of 1,900 digits": lambda m: m.replace(b'S="2.16', b'S="' + b"1" * 1_900 + b"x"),
    "@V of a megabyte": lambda m: m.replace(b'V="ERM1"', b'V="' + _C * 100_000 + b'"'),
    "a name of a megabyte": lambda m: _payload(m, b"<" + _C * 100_000 + b"/>"),
    "a text of nine megabytes": lambda m: m.replace(b"<Antall>1", b"<Antall>" + b"1" * 5_000_000),
    "a number of 5,000 digits": lambda m: m.replace(b"<Antall>1<", b"<Antall>" + b"9" * 3_900 + b"<"),
    "exponent": lambda m: m.replace(b"<Antall>1<", b"<Antall>1e999999<"),
    "a date out of time": lambda m: m.replace(b"<Utloper>20", b"<Utloper>9999999"),
    "XInclude": lambda m: _payload(
        m, b'<xi:include xmlns:xi="http://www.w3.org/2001/XInclude" href="file:///etc/passwd" parse="text"/>'
    ),
    "schemaLocation elsewhere": lambda m: m.replace(
        b"<Resept ",
        b'<Resept xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" '
        b'xsi:schemaLocation="http://www.kith.no/xmlstds/eresept/m1/2013-10-08 http://127.0.0.1:1/x.xsd" ',
    ),
    "xsi:type": lambda m: m.replace(
        b"<Antall>", b'<Antall xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:type="%s">' % _C
    ),
    "xsi:nil": lambda m: m.replace(
        b"<Antall>", b'<Antall xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:nil="true">'
    ),
    "processing instruction": lambda m: m.replace(b"<Antall>", b"<?%s x?><Antall>" % _C),
    "comment": lambda m: m.replace(b"<Antall>1", b"<Antall>1<!--%s-->" % _C),
    "XSLT transform": lambda m: m.replace(
        b"http://www.w3.org/2000/09/xmldsig#enveloped-signature", b"http://www.w3.org/TR/1999/REC-xslt-19991116"
    ),
    "a reference to a file": lambda m: m.replace(b'URI=""', b'URI="file:///etc/passwd"'),
    "a certificate of a megabyte": lambda m: m.replace(b"<X509Certificate>", b"<X509Certificate>" + b"QUFB" * 250_000),
    "forty thousand certificates": lambda m: m.replace(b"<X509Certificate>", b"<X509Certificate>A</X509Certificate>" * 20_000 + b"<X509Certificate>"),
    "UTF-16": lambda m: m.decode().replace("utf-8", "utf-16").encode("utf-16"),
    "says ISO-8859-1": lambda m: m.replace(b"utf-8", b"ISO-8859-1", 1),
    "UTF-7": lambda m: m.replace(b"utf-8", b"UTF-7", 1),
    "not UTF-8": lambda m: m.replace(b"<Antall>", b"<Antall>\xff\xfe"),
    "half a surrogate": lambda m: m.replace(b"<Antall>", b"<Antall>\xed\xa0\x80"),
    "NUL": lambda m: m.replace(b"<Antall>", b"<Antall>\0"),
    "NUL by reference": lambda m: m.replace(b"<Antall>", b"<Antall>&#0;"),
    "truncated": lambda m: m[: len(m) // 2],
    "twice": lambda m: m + m,
    "CDATA": lambda m: m.replace(b"<Antall>1", b"<Antall><![CDATA[<%s>]]>" % _C),
    "empty": lambda m: b"",
    "one byte": lambda m: b"<",
    "no message": lambda m: b"<%s/>" % _C,
    "only a head": lambda m: re.sub(rb"<Document>.*</Document>", b"", m, flags=re.DOTALL),
    "no head": lambda m: re.sub(rb"<MsgInfo>.*</MsgInfo>", b"", m, flags=re.DOTALL),
    "no MsgId": lambda m: re.sub(rb"<MsgId>.*</MsgId>", b"", m),
    "MsgId is no UUID": lambda m: re.sub(rb"<MsgId>.*</MsgId>", b"<MsgId>%s</MsgId>" % _C, m),
    "no Sender": lambda m: re.sub(rb"<Sender>.*</Sender>", b"", m),
    "an empty Sender": lambda m: re.sub(rb"<Sender>.*</Sender>", b"<Sender/>", m),
    "forty parts of an organisation": lambda m: m.replace(
        b"<HealthcareProfessional>",
        b"<Organisation><OrganisationName>x</OrganisationName>" * 40 + b"</Organisation>" * 40 + b"<HealthcareProfessional>",
    ),
    "HER-id with a quote": lambda m: m.replace(b"<Id>9900001<", b"<Id>'; DROP TABLE resept; --<"),
    "HER-id of a megabyte": lambda m: m.replace(b"<Id>9900001<", b"<Id>" + b"9" * MEGABYTE + b"<"),
    "HER-id with control characters": lambda m: m.replace(b"<Id>9900001<", b"<Id>99&#x85;&#xd;&#xfffd;<"),
    "GenDate in year 0": lambda m: re.sub(rb"<GenDate>.{4}", b"<GenDate>0000", m),
    "GenDate beyond all zones": lambda m: re.sub(rb"<GenDate>[^<]*", b"<GenDate>9999-12-31T23:59:59-14:00", m),
}
"""What is done to a signed M1 before it is put in an envelope."""


def _soap(inner: bytes) -> bytes:
    return b'<soap:Envelope xmlns:soap="http://schemas.xmlsoap.org/soap/envelope/">' + inner + b"</soap:Envelope>"


ENVELOPES: dict[str, Callable[[bytes], bytes]] = {
    "empty": lambda e: b"",
    "white space": lambda e: b" \r\n" * 1000,
    "no XML": lambda e: b'{"%s": 1}' % _C,
    "form": lambda e: b"dokument=" + _C,
    "truncated": lambda e: e[: len(e) // 2],
    "DTD": lambda e: _with_dtd(e, _DTD).replace(b"<soap:Body>", b"<soap:Body>&l9;"),
    "deep": lambda e: b"<a>" * 500_000,
    "wide": lambda e: _soap(b"<soap:Body>" + b"<a/>" * 100_000 + b"</soap:Body>"),
    "wrong base64": lambda e: e.replace(b"</t:dokument>", b"?%s</t:dokument>" % _C),
    "base64 without end": lambda e: e.replace(b"</t:dokument>", b"A</t:dokument>"),
    "base64 with other letters": lambda e: e.replace(b"</t:dokument>", "ÆØÅ</t:dokument>".encode()),
    "XML instead of base64": lambda e: re.sub(rb"(<t:dokument[^>]*>).*(</t:dokument>)", rb"\1<%s/>\2" % _C, e),
    "no document": lambda e: re.sub(rb"<t:dokument.*</t:dokument>", b"", e),
    "empty document": lambda e: re.sub(rb"(<t:dokument[^>]*>).*(</t:dokument>)", rb"\1\2", e),
    "two documents": lambda e: re.sub(rb"(<t:dokument.*</t:dokument>)", rb"\1\1", e),
    "no Body": lambda e: _soap(b""),
    "two Bodies": lambda e: _soap(b"<soap:Body/>" * 2),
    "an unknown operation": lambda e: _soap(b"<soap:Body><%s/></soap:Body>" % _C),
    "another service's operation": lambda e: e.replace(b"rf:M1Element", b"rf:M10Element"),
    "SOAP 1.2": lambda e: e.replace(b"http://schemas.xmlsoap.org/soap/envelope/", b"http://www.w3.org/2003/05/soap-envelope"),
    "a header that must be understood": lambda e: e.replace(
        b"<soap:Body>", b'<soap:Header><x xmlns="urn:x" soap:mustUnderstand="1">%s</x></soap:Header><soap:Body>' % _C
    ),
    "UTF-16": lambda e: e.decode().encode("utf-16"),
    "random": lambda e: bytes(range(256)) * 100,
    "gzip without saying so": lambda e: gzip.compress(e),
}
"""What is done to the envelope of a signed M1."""


@pytest.fixture
async def world(database_url: str, tmp_path: Path, pki: Pki) -> AsyncIterator[World]:
    """A service that waits a second for a body; after each test it must be well, and nothing may have been its failure."""
    async with running(database_url, tmp_path, pki, body_seconds=1) as world:
        before = failures()
        yield world
        await world.prescribed()
        assert failures() == before


def failures() -> float:
    """How often this process had to answer that it failed."""
    return metrics.messages.labels("ukjent", "failed")._value.get()


def said(status: int, body: bytes, sent: bytes = b"") -> str:
    """What the service said, in its own words: of a fault its text, of an AppRec its errors. Judges all the rest.

    The head of the message stands in an AppRec as it was sent: that is the standard's.
    """
    assert status < 500, body
    root = etree.fromstring(body)
    assert root.tag == "{http://schemas.xmlsoap.org/soap/envelope/}Envelope"
    text = root.findtext(".//faultstring") or ""
    dokument = root.findtext(".//{*}dokument")
    if dokument:
        answer = etree.fromstring(base64.b64decode(dokument))
        assert answer.tag == f"{APPREC}AppRec"
        text += " ".join(" ".join(map(str, error.values())) for error in answer.iterfind(f"{APPREC}Error"))
    assert text
    assert CANARY not in text
    for trace in ("Traceback", "lxml", "Error:", 'File "', "/etc/", "root:"):
        assert trace not in text
    return text


async def post(world: World, body: bytes, path: str = PATH, method: str = "POST", **headers: str) -> tuple[int, bytes]:
    """One request, which must be answered in time."""
    given = {name.replace("_", "-"): value for name, value in headers.items()}
    begun = perf_counter()
    async with (
        aiohttp.ClientSession() as session,
        session.request(method, world.address + path, data=io.BytesIO(body), headers=given) as response,
    ):
        answer = response.status, await response.read()
    assert perf_counter() - begun < SECONDS
    return answer


@pytest.mark.parametrize("name", DOCUMENTS)
async def test_hostile_documents(world: World, name: str) -> None:
    """Inside the base64: refused or unreadable, never accepted, never stored as a prescription."""
    m1 = world.m1()
    changed = DOCUMENTS[name](m1)
    assert changed != m1
    said(*await post(world, envelope("Rekvirent", "M1", changed)))
    async with world.service.pool.acquire() as connection:
        assert await connection.fetchval("SELECT count(*) FROM resept") == 0


@pytest.mark.parametrize("name", ENVELOPES)
async def test_hostile_envelopes(world: World, name: str) -> None:
    """Around the base64: unreadable, and nothing is stored."""
    right = envelope("Rekvirent", "M1", world.m1())
    changed = ENVELOPES[name](right)
    assert changed != right
    status, body = await post(world, changed)
    said(status, body)
    assert status == 400
    async with world.service.pool.acquire() as connection:
        assert await connection.fetchval("SELECT count(*) FROM krav") == 0
