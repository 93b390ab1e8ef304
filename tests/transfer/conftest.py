"""Two databases, as two operators have them, and a folder between them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from reseptformidler.sandbox.pki import Pki
from reseptformidler.store.batch import Batcher
from reseptformidler.store.keys import FileKek, open_keyring
from reseptformidler.store.pool import open_pool
from reseptformidler.store.seal import Sealer
from reseptformidler.store.transfer import connect
from reseptformidler.transfer.folder import Folder, Manifest
from reseptformidler.transfer.inward import Taken, take_in
from reseptformidler.transfer.outward import export
from tests.conftest import created_database, with_database
from tests.store.build import NOW


@dataclass
class Operator:
    """A database, its key-encryption key, and a connection that moves."""

    url: str
    kek_file: Path
    connection: asyncpg.Connection[Any]
    folder: Folder

    @property
    def kek(self) -> FileKek:
        return FileKek(self.kek_file)

    async def export(self, *, last: bool = False) -> Manifest:
        return await export(self.connection, self.folder, self.kek, last=last, now=NOW)

    async def take_in(self) -> Taken:
        return await take_in(self.connection, self.folder, self.kek)


async def _operator(url: str, name: str, tmp_path: Path, folder: Folder) -> Operator:
    FileKek.create(tmp_path / name)
    return Operator(url, tmp_path / name, await connect(url), folder)


@pytest.fixture
def moving(tmp_path: Path) -> Folder:
    """The folder of the export, not made yet, and its transfer key."""
    return Folder(tmp_path / "moving", FileKek.create(tmp_path / "transfer.key"))


@pytest.fixture
async def source(database_url: str, tmp_path: Path, moving: Folder) -> AsyncIterator[Operator]:
    """Who has the service."""
    operator = await _operator(database_url, "kek-a", tmp_path, moving)
    yield operator
    await operator.connection.close()


@pytest.fixture
def other_url(server_url: str, migrated_template: str) -> Iterator[str]:
    """Another migrated database."""
    with created_database(server_url, template=migrated_template) as name:
        yield with_database(server_url, name)


@pytest.fixture
async def target(other_url: str, tmp_path: Path, moving: Folder) -> AsyncIterator[Operator]:
    """Who gets it."""
    operator = await _operator(other_url, "kek-b", tmp_path, moving)
    yield operator
    await operator.connection.close()


@pytest.fixture(scope="session")
def pki(tmp_path_factory: pytest.TempPathFactory) -> Pki:
    """What the settings of a command name."""
    return Pki.open(tmp_path_factory.mktemp("pki") / "pki", datetime.now(UTC))


@dataclass
class Service:
    """What serves a database: as long as it is open, the database has its sessions."""

    batcher: Batcher
    sealer: Sealer
    pool: asyncpg.Pool[Any]


class Serving:
    """`async with Serving(operator) as service`: the store of a process that serves."""

    def __init__(self, operator: Operator) -> None:
        self._operator = operator

    async def __aenter__(self) -> Service:
        self._pool = await open_pool(self._operator.url, size=4)
        async with self._pool.acquire() as connection:
            sealer = Sealer(await open_keyring(connection, self._operator.kek, NOW))
        self._batcher = Batcher(self._pool, sealer)
        return Service(self._batcher, sealer, self._pool)

    async def __aexit__(self, *_: object) -> None:
        await self._batcher.close()
        await self._pool.close()
