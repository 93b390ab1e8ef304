"""Brings the database to the shape this code expects, and says whether it has a shape this code may work on.

A migration is one SQL file, `NNNN_{pre|post}_what.sql`, numbered from 1 without gaps, never changed once applied and
never undone. `pre` is safe while the code before it still runs; `post` may run only when that code is gone, and from
then on the database tolerates no code older than the migration's own number. Each file is one transaction and cannot
hold COMMIT. It may wait 4 s for a lock and 5 s for a statement, unless its first lines say otherwise and why:

    -- statement_timeout: 60s because every row of resept is rewritten

One statement is run outside a transaction, where it is the only one of its file, since it must be: an index of a big
table, made or dropped CONCURRENTLY. It may be repeated: what a broken attempt left behind is dropped first.

The connection must reach PostgreSQL directly, not through a pooler in transaction mode: the lock against a second
migration belongs to the session.
"""

from __future__ import annotations

import asyncio
import hashlib
import re
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path
from typing import Any, Literal, TypeAlias, cast

import asyncpg
from asyncpg.pool import PoolConnectionProxy

Connection: TypeAlias = "asyncpg.Connection[Any] | PoolConnectionProxy[Any]"
Kind = Literal["pre", "post"]

FOLDER = Path(__file__).parent / "migrations"
TIMEOUTS = {"lock_timeout": "4s", "statement_timeout": "5s"}
SECONDS_BETWEEN_TRIES = 0.2
LOCK = 0x52_46_4D_49_47  # "RFMIG": one number for every reseptformidler that migrates the same database

_FILE_NAME = re.compile(r"(?P<number>\d{4})_(?P<kind>pre|post)_(?P<what>[a-z0-9_]+)\.sql")
_TIMEOUT = re.compile(r"-- *(?P<name>lock_timeout|statement_timeout):(?P<rest>.*)")
_TIMEOUT_VALUE = re.compile(r" *(?P<value>\d+(ms|s|min)) because \S.*")
_INDEX_ALONE = re.compile(
    r"(CREATE (UNIQUE )?INDEX CONCURRENTLY IF NOT EXISTS|DROP INDEX CONCURRENTLY IF EXISTS) (?P<name>\w+)\b[^;]*;"
)
_CONCURRENTLY = re.compile(r"\bINDEX\s+CONCURRENTLY\b", re.IGNORECASE)
_ENDS_TRANSACTION = re.compile(r"^\s*(commit|rollback)\b", re.IGNORECASE | re.MULTILINE)

_CREATE_LEDGER = """
CREATE TABLE IF NOT EXISTS schema_version (
    number     integer PRIMARY KEY,
    name       text NOT NULL,
    kind       text NOT NULL CHECK (kind IN ('pre', 'post')),
    sha256     text NOT NULL,
    applied_at timestamptz NOT NULL DEFAULT now()
)
"""
_READ_LEDGER = "SELECT number, name, kind, sha256 FROM schema_version ORDER BY number"
_BROKEN_INDEX = "SELECT count(*) FROM pg_index WHERE indexrelid = to_regclass($1) AND NOT indisvalid"
_WRITE_LEDGER = "INSERT INTO schema_version (number, name, kind, sha256) VALUES ($1, $2, $3, $4)"


class MigrationRefused(Exception):
    """The migrations cannot be applied as they are; nothing was changed by the one that is named."""


@dataclass(frozen=True, slots=True)
class Migration:
    """One file of the migrations folder; `name` is the file's name without `.sql`."""

    number: int
    kind: Kind
    name: str
    sql: str

    @property
    def sha256(self) -> str:
        """Of the file's text, in hex."""
        return hashlib.sha256(self.sql.encode()).hexdigest()

    @property
    def statements(self) -> str:
        """Without the lines that are comments."""
        return "\n".join(line for line in self.sql.splitlines() if not line.startswith("--")).strip()

    @property
    def index(self) -> str:
        """The index that it makes or drops CONCURRENTLY, outside a transaction; empty for every other migration."""
        match = _INDEX_ALONE.fullmatch(self.statements)
        return match["name"] if match else ""


@dataclass(frozen=True, slots=True)
class SchemaFit:
    """How the code and the database stand to each other; every field is the number of a migration, 0 for none."""

    code: int  # the highest that this code ships
    needs: int  # the highest `pre` that this code ships
    database: int  # the highest applied
    oldest_code: int  # the highest `post` applied

    @property
    def problem(self) -> str | None:
        """Why this code must not work on the database, or None."""
        if self.database < self.needs:
            return f"the database is at migration {self.database}, this code needs {self.needs}: run migrate first"
        if self.code < self.oldest_code:
            return f"the database tolerates no code older than schema {self.oldest_code}, this code has {self.code}"
        return None

    @property
    def fits(self) -> bool:
        """Whether this code may work on the database."""
        return self.problem is None


def _highest(migrations: Sequence[Migration]) -> int:
    return max((migration.number for migration in migrations), default=0)


def _read(path: Path) -> Migration:
    match = _FILE_NAME.fullmatch(path.name)
    if not match:
        raise MigrationRefused(f"{path.name}: the name must be NNNN_pre_what.sql or NNNN_post_what.sql")
    migration = Migration(int(match["number"]), cast("Kind", match["kind"]), path.stem, path.read_text("utf-8"))
    if _ENDS_TRANSACTION.search(migration.sql):
        raise MigrationRefused(f"{path.stem}: a migration is one transaction and must not end it")
    if _CONCURRENTLY.search(migration.statements) and not migration.index:
        raise MigrationRefused(
            f"{path.stem}: write CREATE INDEX CONCURRENTLY IF NOT EXISTS or DROP INDEX CONCURRENTLY IF EXISTS,"
            " in capitals, as the only statement of a file"
        )
    _timeouts(migration)
    return migration


def _timeouts(migration: Migration) -> dict[str, str]:
    """How long the migration may wait for a lock and run a statement, as its first comment lines say."""
    timeouts = dict(TIMEOUTS)
    for line in takewhile(lambda line: line.startswith("--"), migration.sql.splitlines()):
        if match := _TIMEOUT.fullmatch(line):
            value = _TIMEOUT_VALUE.fullmatch(match["rest"])
            if not value:
                raise MigrationRefused(f"{migration.name}: write `-- {match['name']}: 60s because …` with the reason")
            timeouts[match["name"]] = value["value"]
    return timeouts


def read_migrations(folder: Path = FOLDER) -> tuple[Migration, ...]:
    """The migrations of a folder in their order; MigrationRefused for a wrong name, a gap or a wrong header."""
    migrations = tuple(_read(path) for path in sorted(folder.glob("*.sql")))
    for expected, migration in enumerate(migrations, start=1):
        if migration.number != expected:
            raise MigrationRefused(f"{migration.name}: number {expected:04} was expected; numbers have no gaps")
    return migrations


SHIPPED = read_migrations()
CODE_SCHEMA_VERSION = _highest(SHIPPED)


async def migrate(connection: Connection, *, include_post: bool, shipped: Sequence[Migration] = SHIPPED) -> list[str]:
    """Apply what is missing, in order, and return the names of what was applied.

    Without include_post it stops before the first `post`; a database that is empty has no old code and gets all.
    MigrationRefused when an applied file was changed, or when a `pre` waits behind a `post` that is not included.
    """
    async with _alone(connection):
        await connection.execute(_CREATE_LEDGER)
        applied = await _applied(connection)
        _check_unchanged(shipped, applied)
        todo = _todo(shipped[len(applied) :], include_post=include_post or not applied)
        for migration in todo:
            await _apply(connection, migration)
    return [migration.name for migration in todo]


async def schema_fits(connection: Connection, *, shipped: Sequence[Migration] = SHIPPED) -> SchemaFit:
    """Compare this code with the database; it only reads, and needs no more than SELECT on schema_version."""
    exists = await connection.fetchval("SELECT to_regclass('schema_version') IS NOT NULL")
    applied = await _applied(connection) if exists else []
    return SchemaFit(
        code=_highest(shipped),
        needs=_highest([migration for migration in shipped if migration.kind == "pre"]),
        database=max((row["number"] for row in applied), default=0),
        oldest_code=max((row["number"] for row in applied if row["kind"] == "post"), default=0),
    )


@asynccontextmanager
async def _alone(connection: Connection) -> AsyncIterator[None]:
    # Asked for again and again: waiting inside the statement would hold a snapshot, and CONCURRENTLY waits for those.
    while not await connection.fetchval("SELECT pg_try_advisory_lock($1)", LOCK):  # noqa: ASYNC110  # in another process
        await asyncio.sleep(SECONDS_BETWEEN_TRIES)
    try:
        yield
    finally:
        await connection.execute("SELECT pg_advisory_unlock($1)", LOCK)


async def _applied(connection: Connection) -> list[asyncpg.Record]:
    return await connection.fetch(_READ_LEDGER)


def _check_unchanged(shipped: Sequence[Migration], applied: Sequence[asyncpg.Record]) -> None:
    """What was applied is what we ship; a database ahead of us is left alone, schema_fits judges that."""
    for expected, row in enumerate(applied, start=1):
        if row["number"] != expected:
            raise MigrationRefused(f"{row['name']}: applied, but number {expected:04} is not")
    for migration, row in zip(shipped, applied, strict=False):
        if (migration.name, migration.sha256) != (row["name"], row["sha256"]):
            raise MigrationRefused(f"{row['name']}: was applied with another content; write a new migration instead")


def _todo(missing: Sequence[Migration], *, include_post: bool) -> list[Migration]:
    if include_post:
        return list(missing)
    todo = list(takewhile(lambda migration: migration.kind == "pre", missing))
    waiting = [migration.name for migration in missing[len(todo) :] if migration.kind == "pre"]
    if waiting:
        first_post = missing[len(todo)]
        raise MigrationRefused(
            f"{waiting[0]} waits for {first_post.name}: include post when no code older than {first_post.number} runs"
        )
    return todo


async def _apply(connection: Connection, migration: Migration) -> None:
    if migration.index:
        await _apply_index(connection, migration)
        return
    async with connection.transaction():
        await _limit(connection, migration, in_transaction=True)
        await connection.execute(migration.sql)
        await _record(connection, migration)


async def _apply_index(connection: Connection, migration: Migration) -> None:
    """Outside a transaction. A broken attempt leaves an index that is not used, but written and never made whole."""
    await _limit(connection, migration, in_transaction=False)
    try:
        if await connection.fetchval(_BROKEN_INDEX, migration.index):
            await connection.execute(f"DROP INDEX CONCURRENTLY {migration.index}")
        await connection.execute(migration.sql)
        await _record(connection, migration)
    finally:
        await connection.execute("RESET lock_timeout; RESET statement_timeout")


async def _limit(connection: Connection, migration: Migration, *, in_transaction: bool) -> None:
    for name, value in _timeouts(migration).items():
        await connection.execute("SELECT set_config($1, $2, $3)", name, value, in_transaction)


async def _record(connection: Connection, migration: Migration) -> None:
    await connection.execute(_WRITE_LEDGER, migration.number, migration.name, migration.kind, migration.sha256)
