"""A client made from the published WSDLs, at our address, plays the chain with code that is not changed for us."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from lxml import etree

from reseptformidler.sandbox.pki import Pki
from tests.published.standard import STANDARD, valid_as_published
from tests.system.world import World, running
from tests.system.zeep_client import Zeep, play
from tests.system.zeep_operations import EVERYBODY, play_all


@pytest.fixture
async def world(database_url: str, tmp_path: Path, pki: Pki) -> AsyncIterator[World]:
    """A service with the sandbox's authority and persons."""
    async with running(database_url, tmp_path, pki, registers=EVERYBODY) as world:
        yield world


async def test_the_chain_by_the_published_contract(world: World) -> None:
    """From M1 to M10, with a refusal in between."""
    client = await asyncio.to_thread(Zeep, world.address, STANDARD / "wsdl")
    await asyncio.to_thread(play, client, world)


async def test_O4_every_operation_by_the_published_contract(world: World) -> None:
    """All 26: one right message accepted, one refused, in a fault where the reply is no AppRec."""
    client = await asyncio.to_thread(Zeep, world.address, STANDARD / "wsdl")
    await asyncio.to_thread(play_all, client, world)


def test_valid_as_published_can_fail() -> None:
    """Negative control: an AppRec without its Status is not valid by the published schemas."""
    with pytest.raises(AssertionError):
        valid_as_published(etree.fromstring('<AppRec xmlns="http://www.kith.no/xmlstds/apprec/2004-11-21"/>'))
