"""A client that knows nothing of us but our own `?wsdl` plays the chain."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from reseptformidler.client import melding, utleverer
from reseptformidler.client.utleverer import Sok
from reseptformidler.sandbox.pki import Pki
from reseptformidler.sandbox.population import APOTEK, SYSTEM, som_utleverer, som_virksomhet
from tests.system.world import World, running
from tests.system.zeep_client import Refused, Zeep, codes, play, refusal
from tests.system.zeep_operations import EVERYBODY, play_all


@pytest.fixture
async def world(database_url: str, tmp_path: Path, pki: Pki) -> AsyncIterator[World]:
    """A service of this test alone."""
    async with running(database_url, tmp_path, pki, registers=EVERYBODY) as world:
        yield world


@pytest.fixture
async def client(world: World) -> Zeep:
    """Made from the contracts that the running service shows."""
    return await asyncio.to_thread(Zeep, world.address)


async def test_the_chain(world: World, client: Zeep) -> None:
    """From M1 to M10, with a refusal in between."""
    await asyncio.to_thread(play, client, world)


async def test_AppRecFault_is_readable(world: World, client: Zeep) -> None:
    """A query without anything to search by is refused in a fault, whose AppRec tells the code and the element."""
    octets = utleverer.m91(world.hode(), som_utleverer(APOTEK[0]), Sok())
    with pytest.raises(Refused, match="avvist") as refused:
        await asyncio.to_thread(client.send, octets)
    apprec = refused.value.apprec
    assert codes(apprec) == ["60"]
    assert apprec is not None
    assert world.schemas.errors(apprec) == []
    assert apprec.find("{*}Error").get("OT") == "ForesporselReseptUtleverer"  # type: ignore[union-attr]


async def test_a_fault_without_receipt(world: World, client: Zeep) -> None:
    """What is no message is answered with a fault that says so, and has no AppRec."""
    with pytest.raises(Refused, match="MsgHead") as refused:
        await asyncio.to_thread(client.call, "Rekvirent", "M1", b"<x/>")
    assert refused.value.apprec is None


async def test_F11_O4_every_operation(world: World, client: Zeep) -> None:
    """All 26 operations of the three services accept a right message, and refuse one as their contract has it."""
    await asyncio.to_thread(play_all, client, world)


async def test_every_operation_wants_its_own_message(world: World, client: Zeep) -> None:
    """303 for another type, before all else."""
    for operation in client.operations:
        octets = melding.mv(world.hode(), som_virksomhet(APOTEK[0]), SYSTEM)
        found = await asyncio.to_thread(refusal, client, operation, octets)
        assert found[:1] == ([] if operation[1] == "Verify" else ["303"])
