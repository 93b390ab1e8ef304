"""The address for asynchronous messages: receipts for what was sent, and messages without SOAP."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

import aiohttp
import pytest
from lxml import etree

from reseptformidler import app, metrics
from reseptformidler.client import rekvirent
from reseptformidler.client.apprec import apprec
from reseptformidler.client.parter import Virksomhet
from reseptformidler.client.rekvirent import Tilbakekalling
from reseptformidler.domain.hode import OID, Kode
from reseptformidler.sandbox.population import LEGER, PERSONER, som_virksomhet
from reseptformidler.wire.apprec import NAMESPACE
from reseptformidler.wire.msghead import read_head
from tests.receiver import Receiver
from tests.system.world import World, posted

LEGE = LEGER[0]
KONTOR = som_virksomhet(LEGE.kontor)
STATE = "SELECT status, kvittering, (SELECT arsak FROM utboks_strandet) AS arsak FROM utboks WHERE type = 'M5.2'"
REFUSED = Kode("E10", "Ugyldig meldingsidentifikator", f"{OID}8221")


@asynccontextmanager
async def delivered(world: World, folder: Path) -> AsyncIterator[bytes]:
    """A recall's M5.2, as it came to its receiver, which has answered nothing but its status."""
    resept_id = await world.prescribed()
    m5 = rekvirent.m5(world.hode(), LEGE.rekvirent, PERSONER[0], Tilbakekalling(resept_id))
    await world.accepted(world.signed(m5))
    file = folder / "receivers.toml"
    async with Receiver().listening() as receiver:
        file.write_text(f"[[mottaker]]\nurl = '{receiver.url}'\n")
        settings = world.service.settings.model_copy(update={"receivers": file})
        async with app.relaying(world.service.pool, settings) as relay:
            await relay.once()
        yield receiver.arrived[0].octets


async def told(world: World, octets: bytes) -> tuple[int, bytes]:
    """The status and the body of the answer."""
    status, body, _ = await posted(world.address, "/Asynkron", octets)
    return status, body


async def state(world: World) -> tuple[str, str | None, str | None]:
    """Of the M5.2: status, status of its receipt, why it is stranded."""
    row = await world.service.pool.fetchrow(STATE)
    assert row is not None
    return row["status"], row["kvittering"], row["arsak"]


def by(virksomhet: Virksomhet, original: bytes, *codes: Kode) -> bytes:
    return apprec(uuid4(), datetime.now(UTC), virksomhet, original, codes)


def count(melding: str, status: str) -> float:
    labels = {"melding": melding, "status": status}
    return metrics.REGISTRY.get_sample_value("reseptformidler_receipts_total", labels) or 0


async def test_a_later_receipt(world: World, tmp_path: Path) -> None:
    """It is matched with its message, however often it comes, and has no receipt itself."""
    async with delivered(world, tmp_path) as m52:
        assert await state(world) == ("S", None, None)
        before = count("M5.2", "1")
        for _ in range(2):
            assert await told(world, by(KONTOR, m52)) == (200, b"")
        assert await state(world) == ("S", "1", None)
        assert count("M5.2", "1") == before + 2


async def test_a_refusal_that_comes_later(world: World, tmp_path: Path) -> None:
    """The message is stranded, with the codes."""
    async with delivered(world, tmp_path) as m52:
        assert await told(world, by(KONTOR, m52, REFUSED)) == (200, b"")
        assert await state(world) == ("F", "2", "refused E10")


async def test_a_receipt_of_somebody_else_changes_nothing(world: World, tmp_path: Path) -> None:
    """Who was not sent the message cannot say what became of it; it is counted."""
    stranger = replace(KONTOR, her="1234")
    async with delivered(world, tmp_path) as m52:
        before = count("ukjent", "2")
        assert await told(world, by(stranger, m52, REFUSED)) == (200, b"")
        assert await told(world, by(KONTOR, world.m1(), REFUSED)) == (200, b"")
        assert await state(world) == ("S", None, None)
        assert count("ukjent", "2") == before + 2


async def test_a_message_is_answered_with_its_receipt(world: World) -> None:
    """The AppRec as XML; a type that does not come in here is refused (7419/999), and repeated like any other."""
    octets = world.m1()
    status, body = await told(world, octets)
    root = etree.fromstring(body)
    assert (status, root.tag) == (200, f"{{{NAMESPACE}}}AppRec")
    assert [error.get("V") for error in root.iter("{*}Error")] == ["999"]
    assert root.findtext("{*}OriginalMsgId/{*}Id") == read_head(etree.fromstring(octets)).msg_id_text
    assert await told(world, octets) == (200, body)


@pytest.mark.parametrize(
    "octets",
    [b"", b"<AppRec/>", b"x", f'<AppRec xmlns="{NAMESPACE}"/>'.encode()],
    ids=["empty", "other", "text", "bad"],
)
async def test_what_is_no_message_is_unreadable(world: World, octets: bytes) -> None:
    """400, and nothing of it is told."""
    status, body = await told(world, octets)
    assert status == 400
    assert b"faultstring" in body


async def test_a_receipt_in_a_head_is_never_answered_with_one(world: World) -> None:
    """HIS 80415: no receipt for a receipt, whatever it is wrapped in."""
    assert (await told(world, world.m1().replace(b'V="ERM1"', b'V="APPREC"')))[0] == 400


async def test_it_takes_post_alone(world: World) -> None:
    """No contract stands there."""
    async with aiohttp.ClientSession(world.address) as session, session.get("/Asynkron?wsdl") as answer:
        assert answer.status == 405
