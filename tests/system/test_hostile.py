"""What no well-meaning sender sends: never a failure of ours, never a trace or an echo, always a fault or a receipt."""

from __future__ import annotations

import asyncio
import base64
import gzip
import io
import re
from collections.abc import AsyncIterator, Callable
from functools import cache
from time import perf_counter

import aiohttp
import psutil
import pytest
import pytest_asyncio
from lxml import etree

from reseptformidler import metrics
from reseptformidler.client.soap import envelope
from reseptformidler.sandbox.pki import Pki
from reseptformidler.wire import soap
from tests.conftest import short_folder
from tests.system.world import APPREC, World, posted, running

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
    "forty thousand certificates": lambda m: m.replace(
        b"<X509Certificate>", b"<X509Certificate>A</X509Certificate>" * 20_000 + b"<X509Certificate>"
    ),
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
        b"<Organisation><OrganisationName>x</OrganisationName>" * 40
        + b"</Organisation>" * 40
        + b"<HealthcareProfessional>",
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
    "SOAP 1.2": lambda e: e.replace(
        b"http://schemas.xmlsoap.org/soap/envelope/", b"http://www.w3.org/2003/05/soap-envelope"
    ),
    "a header that must be understood": lambda e: e.replace(
        b"<soap:Body>", b'<soap:Header><x xmlns="urn:x" soap:mustUnderstand="1">%s</x></soap:Header><soap:Body>' % _C
    ),
    "UTF-16": lambda e: e.decode().encode("utf-16"),
    "random": lambda e: bytes(range(256)) * 100,
    "gzip without saying so": gzip.compress,
}
"""What is done to the envelope of a signed M1."""


pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def started(shared_database_url: str, pki: Pki) -> AsyncIterator[World]:
    """A service that waits a second for a body."""
    with short_folder() as folder:
        async with running(shared_database_url, folder, pki, body_seconds=1) as world:
            yield world


@pytest_asyncio.fixture(loop_scope="module")
async def world(started: World) -> AsyncIterator[World]:
    """The same service for all; after each test it must be well, and never have failed."""
    before = failures()
    yield started
    await started.prescribed()
    assert failures() == before


async def rows(world: World, table: str) -> int:
    """How many rows a table has."""
    async with world.service.pool.acquire() as connection:
        return int(await connection.fetchval(f"SELECT count(*) FROM {table}"))


def failures() -> float:
    """How often this process had to answer that it failed."""
    return float(metrics.messages.labels("ukjent", "failed")._value.get())


def said(status: int, body: bytes) -> str:
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
    before = await rows(world, "resept")
    said(*await post(world, envelope("Rekvirent", "M1", changed)))
    assert await rows(world, "resept") == before


@pytest.mark.parametrize("name", ENVELOPES)
async def test_hostile_envelopes(world: World, name: str) -> None:
    """Around the base64: unreadable, and nothing is stored."""
    right = envelope("Rekvirent", "M1", world.m1())
    changed = ENVELOPES[name](right)
    assert changed != right
    before = await rows(world, "krav")
    status, body = await post(world, changed)
    said(status, body)
    assert status == 400
    assert await rows(world, "krav") == before


@cache
def _bomb(megabytes: int) -> bytes:
    """So many megabytes of white space, a thousandth of that on the wire."""
    packed = io.BytesIO()
    with gzip.GzipFile(fileobj=packed, mode="wb", compresslevel=9) as file:
        for _ in range(megabytes):
            file.write(b" " * MEGABYTE)
    return packed.getvalue()


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "br", "zstd", "identity, gzip", "x"])
async def test_encoded(world: World, encoding: str) -> None:
    """What is compressed is refused without being unpacked (415), be it a bomb, a message, or not what it says."""
    before = psutil.Process().memory_info().rss
    for packed in (_bomb(100), gzip.compress(envelope("Rekvirent", "M1", world.m1())), b"no such thing"):
        status, body = await post(world, packed, Content_Encoding=encoding)
        assert (status, said(status, body)) == (415, "Meldingen skal sendes uten Content-Encoding.")
    assert psutil.Process().memory_info().rss - before < 30 * MEGABYTE


async def test_too_large(world: World) -> None:
    """20 MB: 413, also in pieces whose number is not said before."""

    async def pieces() -> AsyncIterator[bytes]:
        for _ in range(20):
            yield b"x" * MEGABYTE

    async with aiohttp.ClientSession() as session:
        for data in (io.BytesIO(b"x" * 20 * MEGABYTE), pieces()):
            async with session.post(world.address + PATH, data=data) as response:
                assert (response.status, said(response.status, await response.read())) == (
                    413,
                    "Meldingen er for stor.",
                )


async def test_slow_and_broken_off(world: World) -> None:
    """A body that does not come in time: 408. A sender that hangs up is no failure of ours."""
    request = b"POST " + PATH.encode() + b" HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n<soap"
    status, body = await raw(world, request)
    assert (status, said(status, body)) == (408, "Meldingen kom ikke frem i tide.")
    host, port = world.address.removeprefix("http://").split(":")
    _, writer = await asyncio.open_connection(host, int(port))
    writer.write(request)
    await writer.drain()
    writer.transport.abort()
    await asyncio.sleep(0.1)


@pytest.mark.parametrize(
    "request_",
    [
        b"%s\r\n\r\n",
        b"POST %s HTTP/9.9\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: %s\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: x\r\nX-\0: %s\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: x\r\nSOAPAction: \x01%s\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: x\r\nX: " + b"%s" + b"y" * 20_000 + b"\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nZZ%s\r\n",
        b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n%s",
        b"POST / HTTP/1.1\r\nHost: x\r\nExpect: %s\r\nContent-Length: 0\r\n\r\n",
        b"POST /%s HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n",
    ],
)
async def test_what_is_no_HTTP(world: World, request_: bytes) -> None:
    """The answer does not repeat it (nor does the log: test_privacy)."""
    status, body = await raw(world, request_ % _C)
    said(status, body)
    assert 400 <= status < 500


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "PATCH", "OPTIONS", "PROPFIND"])
async def test_other_methods(world: World, method: str) -> None:
    """405 with a fault that tells where the contract is."""
    status, body = await post(world, b"", method=method)
    assert status == 405
    assert "?wsdl" in said(status, body)


@pytest.mark.parametrize("action", ["M5", '"M5"', CANARY, "http://x/" + CANARY, "M1 M5", "\u00e6"])
async def test_another_SOAPAction(world: World, action: str) -> None:
    """An action that is not the wrapper's is refused; none at all leaves it to the wrapper."""
    right = envelope("Rekvirent", "M1", world.m1())
    status, body = await post(world, right, SOAPAction=action)
    assert (status, said(status, body)[:10]) == (400, "SOAPAction")
    for none in ("", '""', "M1", '"M1"'):
        status, _ = await post(world, right, SOAPAction=none)
        assert status == 200


async def test_many_at_once(world: World) -> None:
    """While hostile messages come in, an ordinary one is still answered in time."""
    m1 = world.m1()
    bad = [envelope("Rekvirent", "M1", change(m1)) for change in DOCUMENTS.values()]
    hostile = [asyncio.create_task(posted(world.address, PATH, body)) for body in bad if len(body) < MEGABYTE]
    begun = perf_counter()
    await world.prescribed()
    assert perf_counter() - begun < SECONDS
    assert all(status < 500 for status, _, _ in await asyncio.gather(*hostile))


async def raw(world: World, request: bytes) -> tuple[int, bytes]:
    """Octets on a connection; status and body of what comes back."""
    host, port = world.address.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(request)
    head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), SECONDS)
    length = re.search(rb"Content-Length: (\d+)", head)
    assert length
    body = await reader.readexactly(int(length[1]))
    writer.close()
    return int(head.split()[1]), body


async def test_an_echo_is_seen() -> None:
    """Negative control: a failure, a trace, an echo and an answer that is no SOAP are all found."""
    for status, text in ((503, "x"), (400, "Traceback"), (400, CANARY), (400, "")):
        with pytest.raises(AssertionError):
            said(status, soap.fault("Client", text))
    with pytest.raises(etree.XMLSyntaxError):
        said(400, b"404: Not Found")
