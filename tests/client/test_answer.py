"""What the client reads out of an answer, and what it says when there is none."""

from __future__ import annotations

import base64
import gzip
import zlib
from collections.abc import AsyncIterator
from datetime import datetime
from uuid import UUID

import pytest
from aiohttp import web
from lxml import etree

from reseptformidler.client.answer import NoAnswer, read
from reseptformidler.client.apprec import apprec
from reseptformidler.client.head import Hode
from reseptformidler.client.soap import Client, envelope
from reseptformidler.domain.hode import Kode
from reseptformidler.wire.parse import Unreadable
from reseptformidler.wire.schema import Schemas
from tests.client.meldinger import ID, KONTOR, KUNDE, MESSAGES, TALK

FEIL = Kode("X99", "Annen feil", "2.16.578.1.12.4.1.1.8221", "Fant ikke pasienten")


def attached(now: datetime, compression: str, encoded: bytes) -> bytes:
    """A message with one attachment that says how it is compressed."""
    octets = MESSAGES["M9NA1"](Hode(UUID(ID), now))
    encoded = base64.b64encode(encoded)
    before, after = octets.rsplit(b"<Content>", 1)
    after = after.replace(base64.b64encode(KUNDE.bevis), encoded[:8] + b"\r\n " + encoded[8:])
    return before + compression.encode() + b"<Content>" + after


def test_a_reply(now: datetime) -> None:
    """Its own identifier, its payload, no status."""
    answer = read(MESSAGES["M3"](Hode(UUID(ID), now)))
    assert (answer.msg_id, answer.is_apprec, answer.status, answer.errors) == (ID, False, "", [])
    assert answer.payload is not None
    assert etree.QName(answer.payload).localname == "AnmodningSLV"
    assert answer.attachments() == []


def test_a_receipt(now: datetime) -> None:
    """Status, errors, no payload."""
    answer = read(apprec(UUID(TALK), now, KONTOR, MESSAGES["M3"](Hode(UUID(ID), now)), (FEIL,)))
    assert (answer.msg_id, answer.is_apprec, answer.status, answer.payload) == (TALK, True, "2", None)
    assert answer.errors == [("X99", "Annen feil", "Fant ikke pasienten")]


@pytest.mark.parametrize(
    "compression, encoded",
    [
        ("", b"<M1/>"),
        ('<Compression V="GZ" DN="gzip"/>', gzip.compress(b"<M1/>")),
        ('<Compression V="DF" DN="deflate"/>', zlib.compress(b"<M1/>")),
    ],
    ids=["plain", "gzip", "deflate"],
)
def test_attachments(now: datetime, compression: str, encoded: bytes) -> None:
    """HIS 1036, list 1204: base64 with or without lines, decompressed where the document says so."""
    assert read(attached(now, compression, encoded)).attachments() == [b"<M1/>"]


@pytest.mark.parametrize(
    "compression, encoded",
    [('<Compression V="GZ" DN="gzip"/>', b"<M1/>"), ('<Compression V="Z" DN="compress"/>', b"<M1/>")],
    ids=["not compressed", "unknown"],
)
def test_attachments_that_are_not_what_they_say(now: datetime, compression: str, encoded: bytes) -> None:
    """They are refused, not given as they are."""
    with pytest.raises(ValueError, match="compressed"):
        read(attached(now, compression, encoded)).attachments()


@pytest.mark.parametrize("feil", [(), (FEIL,)], ids=["accepted", "refused"])
def test_a_receivers_receipt_is_valid(now: datetime, feil: tuple[Kode, ...]) -> None:
    """It names the message and whom it goes to."""
    root = etree.fromstring(apprec(UUID(TALK), now, KONTOR, MESSAGES["M10 tablett"](Hode(UUID(ID), now)), feil))
    assert Schemas().errors(root) == []
    assert root.findtext("{*}OriginalMsgId/{*}Id") == ID
    assert root.findtext("{*}Sender//{*}Name") == KONTOR.navn
    assert root.findtext("{*}Receiver//{*}Name") == "Sandkasse Apotek Alta"
    assert [one.text for one in root.iterfind("{*}Sender//{*}Id")] == [KONTOR.enh, KONTOR.her]


def test_a_receipt_has_no_receipt(now: datetime) -> None:
    """HIS 80415: never an AppRec for an AppRec."""
    receipt = apprec(UUID(TALK), now, KONTOR, MESSAGES["M3"](Hode(UUID(ID), now)))
    with pytest.raises(Unreadable):
        apprec(UUID(ID), now, KONTOR, receipt)


@pytest.fixture
async def echo() -> AsyncIterator[str]:
    """A server that answers what its address is asked with: the request's own envelope, or something else."""

    async def answer(request: web.Request) -> web.Response:
        body = await request.read()
        return web.Response(body=b"busy" if request.path.startswith("/busy") else body, status=503)

    app = web.Application()
    app.router.add_post("/{path:.*}", answer)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    await runner.cleanup()


async def test_the_message_goes_and_comes_whole(now: datetime, echo: str) -> None:
    """Whatever the status is: a refusal comes as a fault."""
    octets = MESSAGES["M3"](Hode(UUID(ID), now))
    async with Client(echo) as client:
        assert (await client.call("Utleverer", "M3", octets)).octets == octets


@pytest.mark.parametrize(
    "path, octets, text", [("/busy", b"<M1/>", "HTTP 503: no SOAP"), ("", b"no XML", "HTTP 503: no fault")]
)
async def test_no_answer(echo: str, path: str, octets: bytes, text: str) -> None:
    """What is no message is said to be none, with the status."""
    async with Client(echo + path) as client:
        with pytest.raises(NoAnswer, match=text):
            await client.call("Utleverer", "M3", octets)


def test_an_envelope_names_service_and_operation() -> None:
    """The wrapper stands in the service's namespace, under the name of the operation's request."""
    root = etree.fromstring(envelope("Rekvirent", "M9_5kj", b"<M95KJ/>"))
    assert root.find("{*}Body/{http://rekvirent.webservices.reseptformidleren.ergo.no/}M95kjElement") is not None
