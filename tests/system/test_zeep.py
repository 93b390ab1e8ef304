"""A client that knows nothing of us but our own `?wsdl` plays the chain."""

from __future__ import annotations

import asyncio

import pytest

from reseptformidler import meldinger
from reseptformidler.sandbox import messages
from reseptformidler.sandbox.messages import Sok
from reseptformidler.sandbox.population import APOTEK
from tests.system.world import World
from tests.system.zeep_client import Refused, Zeep, codes, play, refusal


@pytest.fixture
async def client(world: World) -> Zeep:
    """Made from the contracts that the running service shows."""
    return await asyncio.to_thread(Zeep, world.address)


async def test_the_chain(world: World, client: Zeep) -> None:
    """From M1 to M10, with a refusal in between."""
    await asyncio.to_thread(play, client, world)


@pytest.mark.parametrize("operation", ["M9_5", "M25_1", "M9_7"])
async def test_an_unbuilt_operation_says_so(world: World, client: Zeep, operation: str) -> None:
    """7419/999, in the reply where that is an AppRec and in a fault where it is another message; nothing is lost."""
    assert await asyncio.to_thread(refusal, client, ("Rekvirent", operation), world.m1()) == ["999"]


async def test_AppRecFault_is_readable(world: World, client: Zeep) -> None:
    """A query without anything to search by is refused in a fault, whose AppRec tells the code and the element."""
    octets = messages.m91(world.hode(), APOTEK[0], Sok())
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


async def test_every_operation_answers(world: World, client: Zeep) -> None:
    """All 26 operations of the three services can be called, with whatever message: an AppRec comes each time."""
    assert len(client.operations) == 26
    built = {operation: type_ for type_ in meldinger.ALL for operation in type_.operations}
    for operation in client.operations:
        found = await asyncio.to_thread(refusal, client, operation, messages.mv(world.hode(), APOTEK[0]))
        expected = [] if operation[1] == "Verify" else ["303"] if operation in built else ["999"]
        assert found[:1] == expected
