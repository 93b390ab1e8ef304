"""The sandbox's receivers: what they answer to a delivery, keep, tell and wait for."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID, uuid4

import aiohttp
import pytest

from reseptformidler.client import slv
from reseptformidler.client.answer import read
from reseptformidler.client.head import Hode
from reseptformidler.client.slv import SvarSLV
from reseptformidler.sandbox.mottak import Mottak, code
from reseptformidler.sandbox.population import LEGEMIDDELVERKET, som_virksomhet
from reseptformidler.wire.schema import Schemas

CAUSE, TALK = str(UUID(int=1)), str(UUID(int=2))
RECEIVER = "80624"
"""The builders of the client address the service: here it is a receiver like any other."""


@dataclass(frozen=True, slots=True)
class Place:
    """The receivers' address, and who delivers to it."""

    address: str
    session: aiohttp.ClientSession

    async def deliver(self, octets: bytes, key: str) -> tuple[int, bytes]:
        """As a relay does."""
        async with self.session.post(self.address, data=octets, headers={"Idempotency-Key": key}) as response:
            return response.status, await response.read()

    async def asked(self, path: str = "") -> tuple[int, bytes]:
        """What is told of what came."""
        async with self.session.get(self.address + path) as response:
            return response.status, await response.read()


@pytest.fixture
async def place(now: datetime) -> AsyncIterator[Place]:
    mottak = Mottak("", lambda: now, patience_seconds=0.5)
    async with mottak.listening(0) as address, aiohttp.ClientSession() as session:
        yield Place(address, session)


@pytest.fixture
def m15(now: datetime) -> bytes:
    """Any message: this one stands for all that a service delivers."""
    answer = SvarSLV(str(UUID(int=3)), innvilget=True, saksbehandler="1")
    return slv.m15(Hode(uuid4(), now, CAUSE, TALK), som_virksomhet(LEGEMIDDELVERKET), answer)


async def test_a_delivery_is_answered_with_its_receipt(place: Place, m15: bytes) -> None:
    """A valid AppRec of whom it came to; the same again is answered too and kept once."""
    for _ in range(2):
        status, body = await place.deliver(m15, f"9900501/{CAUSE}/0")
        answer = read(body)
        assert (status, answer.status) == (200, "1")
        assert Schemas().errors(answer.root) == []
        assert answer.root.findtext("{*}OriginalMsgId/{*}Id") == read(m15).msg_id
        sender = answer.root.find("{*}Sender")
        assert sender is not None
        assert RECEIVER in [one.text for one in sender.iter("{*}Id")]
    _, told = await place.asked()
    assert len(told.splitlines()) == 1


async def test_it_can_be_listed_and_fetched(place: Place, m15: bytes) -> None:
    """By receiver and type, and by what caused it or began its conversation; as it came."""
    await place.deliver(m15, f"9900501/{CAUSE}/0")
    _, told = await place.asked()
    assert told.decode().split()[1:3] == ["ERM15", "Søknadssvar"]
    for msg_id in (CAUSE, TALK.upper()):
        assert await place.asked(f"/{RECEIVER}/M15/{msg_id}") == (200, m15)
    for path in (f"/1/M15/{CAUSE}", f"/{RECEIVER}/M14/{CAUSE}", f"/{RECEIVER}/M15/{uuid4()}"):
        assert (await place.asked(path))[0] == 404


async def test_it_is_waited_for(place: Place, m15: bytes) -> None:
    """Who asks before it has come is answered when it comes."""
    asked = asyncio.create_task(place.asked(f"/{RECEIVER}/M15/{CAUSE}"))
    await asyncio.sleep(0.05)
    assert not asked.done()
    await place.deliver(m15, f"9900501/{CAUSE}/0")
    assert await asked == (200, m15)


@pytest.mark.parametrize("octets", [b"", b"{}", b"<a/>"])
async def test_what_is_no_message_is_not_taken(place: Place, octets: bytes) -> None:
    """So that a relay tries again, and nothing is kept."""
    assert (await place.deliver(octets, "1/2/3"))[0] == 400
    assert await place.asked() == (200, b"")


def test_codes_of_types() -> None:
    """List 8279 has no points."""
    assert [code(kind) for kind in ("M5.2", "M8.1", "M14")] == ["ERM52", "ERM81", "ERM14"]
