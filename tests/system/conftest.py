"""The running service that the tests of the whole system share."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from reseptformidler.sandbox.pki import Pki
from tests.conftest import created_database, with_database
from tests.system.world import World, running


@pytest.fixture(scope="session")
def pki(tmp_path_factory: pytest.TempPathFactory) -> Pki:
    """The sandbox's certificate authority, with the cards that were asked for."""
    return Pki.open(tmp_path_factory.mktemp("pki") / "pki", datetime.now(UTC))


@pytest.fixture(scope="module")
def shared_database_url(server_url: str, migrated_template: str) -> Iterator[str]:
    """A migrated database for the many small tests of one module, which must not mind each other."""
    with created_database(server_url, template=migrated_template) as name:
        yield with_database(server_url, name)


@pytest.fixture
async def world(database_url: str, tmp_path: Path, pki: Pki) -> AsyncIterator[World]:
    """A service of this test alone."""
    async with running(database_url, tmp_path, pki) as world:
        yield world
