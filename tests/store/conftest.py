"""What the tests of the store share: a pool on a database of their own, keys, and a batcher."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from reseptformidler.store.batch import Batcher
from reseptformidler.store.keys import FileKek, open_keyring
from reseptformidler.store.pool import Pool, open_pool
from reseptformidler.store.seal import Sealer
from tests.store.build import NOW


@pytest.fixture
async def pool(database_url: str) -> AsyncIterator[Pool]:
    """Six connections to a migrated database of this test alone."""
    async with await open_pool(database_url, size=6) as pool:
        yield pool


@pytest.fixture
def kek(tmp_path: Path) -> FileKek:
    """A new key-encryption key."""
    return FileKek.create(tmp_path / "kek")


@pytest.fixture
async def sealer(pool: Pool, kek: FileKek) -> Sealer:
    """The sealer of one process."""
    async with pool.acquire() as connection:
        return Sealer(await open_keyring(connection, kek, NOW))


@pytest.fixture
async def batcher(pool: Pool, sealer: Sealer) -> AsyncIterator[Batcher]:
    """The batcher of one process."""
    batcher = Batcher(pool, sealer)
    yield batcher
    await batcher.close()
