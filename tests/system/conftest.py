"""The running service that the tests of the whole system share."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from reseptformidler.sandbox.pki import Pki
from tests.system.world import World, running


@pytest.fixture(scope="session")
def pki(tmp_path_factory: pytest.TempPathFactory) -> Pki:
    """The sandbox's certificate authority, with the cards that were asked for."""
    return Pki.open(tmp_path_factory.mktemp("pki") / "pki", datetime.now(UTC))


@pytest.fixture
async def world(database_url: str, tmp_path: Path, pki: Pki) -> AsyncIterator[World]:
    """A service of this test alone."""
    async with running(database_url, tmp_path, pki) as world:
        yield world
