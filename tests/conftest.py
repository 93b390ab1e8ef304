"""A real PostgreSQL for the tests: one server a run, one database a test.

By default the server is the embedded one, without fsync, in a folder of its own below /tmp. With
TEST_DATABASE_URL=postgresql://user@/postgres?host=/socket/folder they use that one, as a user who may make databases.
Each worker of pytest-xdist starts a server of its own.
"""

from __future__ import annotations

import asyncio
import os
import secrets
import shutil
import tempfile
from collections.abc import AsyncIterator, Coroutine, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit, urlunsplit

import asyncpg
import pytest

from reseptformidler.embedded import EmbeddedPostgres
from reseptformidler.store.migrate import migrate

T = TypeVar("T")


@pytest.fixture
def folder() -> Iterator[Path]:
    """A short path below /tmp: pytest's own are closed to other accounts and too long for a socket."""
    with short_folder() as path:
        yield path


@pytest.fixture(scope="session")
def server_url() -> Iterator[str]:
    """A PostgreSQL server on which we may create databases."""
    if url := os.environ.get("TEST_DATABASE_URL"):
        yield url
        return
    with short_folder() as path, EmbeddedPostgres(path, fsync=False) as server:
        yield server.url()


@pytest.fixture(scope="session")
def migrated_template(server_url: str) -> Iterator[str]:
    """The name of a database that has every migration and no data."""
    with created_database(server_url) as name:
        run(migrate_all(with_database(server_url, name)))
        yield name


@pytest.fixture
def empty_database_url(server_url: str) -> Iterator[str]:
    """A database of this test alone, without any table."""
    with created_database(server_url) as name:
        yield with_database(server_url, name)


@pytest.fixture
def database_url(server_url: str, migrated_template: str) -> Iterator[str]:
    """A migrated database of this test alone."""
    with created_database(server_url, template=migrated_template) as name:
        yield with_database(server_url, name)


@pytest.fixture
async def connection(database_url: str) -> AsyncIterator[asyncpg.Connection[asyncpg.Record]]:
    """A connection to the test's own migrated database."""
    connection = await asyncpg.connect(database_url)
    try:
        yield connection
    finally:
        await connection.close()


@contextmanager
def short_folder() -> Iterator[Path]:
    path = Path(tempfile.mkdtemp(prefix="rf-test-", dir="/tmp"))
    try:
        yield path
    finally:
        shutil.rmtree(path)


@contextmanager
def created_database(server_url: str, template: str = "template0") -> Iterator[str]:
    name = f"test_{secrets.token_hex(6)}"
    run(execute(server_url, f"CREATE DATABASE {name} TEMPLATE {template}"))
    try:
        yield name
    finally:
        run(execute(server_url, f"DROP DATABASE {name} WITH (FORCE)"))


def with_database(url: str, database: str) -> str:
    return urlunsplit(urlsplit(url)._replace(path=f"/{database}"))


async def migrate_all(url: str) -> None:
    connection = await asyncpg.connect(url)
    try:
        await migrate(connection, include_post=True)
    finally:
        await connection.close()


async def execute(url: str, statement: str) -> None:
    connection = await asyncpg.connect(url)
    try:
        await connection.execute(statement)
    finally:
        await connection.close()


def run(work: Coroutine[Any, Any, T]) -> T:
    """Run it in a loop of its own, which leaves the loop of the test alone."""
    with asyncio.Runner(loop_factory=asyncio.new_event_loop) as runner:
        return runner.run(work)
