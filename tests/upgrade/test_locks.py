"""What a migration does to the tables that stood before it, seen in a real PostgreSQL: squawk reads files only.

Every ALTER TABLE locks its table for a moment; that harms nobody. It harms when the lock keeps others from writing
while the table is read from end to end, filled or written anew: that lasts the longer the more there is.
"""

from __future__ import annotations

from collections.abc import Iterator

import asyncpg
import pytest

from reseptformidler.store.migrate import SHIPPED, Connection, migrate
from tests.conftest import created_database, with_database

KEEPS_WRITERS_OUT = ["ShareLock", "ShareRowExclusiveLock", "ExclusiveLock", "AccessExclusiveLock"]
TABLES = """
SELECT c.relname AS name, c.relfilenode AS file, s.seq_scan + s.n_tup_ins + s.n_tup_upd + s.n_tup_del AS work,
    EXISTS (
        SELECT FROM pg_locks l WHERE l.relation = c.oid AND l.pid = pg_backend_pid() AND l.mode = ANY ($1::text[])
    ) AS locked
FROM pg_class c JOIN pg_stat_xact_user_tables s ON s.relid = c.oid
"""


async def tables(connection: Connection) -> dict[str, asyncpg.Record]:
    """Each table: its file, how much this transaction did in it, and whether it keeps writers out."""
    return {row["name"]: row for row in await connection.fetch(TABLES, KEEPS_WRITERS_OUT)}


async def held_long(connection: Connection, sql: str) -> set[str]:
    """The tables from which this would keep writers for as long as they are big. Nothing of it remains."""
    transaction = connection.transaction()
    await transaction.start()
    try:
        before = await tables(connection)
        await connection.execute(sql)
        after = await tables(connection)
    finally:
        await transaction.rollback()
    return {name for name, was in before.items() if name in after and _worked_on(was, after[name])}


def _worked_on(was: asyncpg.Record, now: asyncpg.Record) -> bool:
    return bool(now["locked"] and (now["file"] != was["file"] or now["work"] > was["work"]))


async def test_migrations_hold_no_long_locks(empty_database_url: str) -> None:
    """Each migration that we ship, on the tables that those before it made."""
    connection = await asyncpg.connect(empty_database_url)
    try:
        for number, migration in enumerate(SHIPPED):
            await migrate(connection, include_post=True, shipped=SHIPPED[:number])
            if not migration.index:
                assert await held_long(connection, migration.sql) == set(), migration.name
    finally:
        await connection.close()


LONG = {
    "filled under the lock": ("ALTER TABLE krav ADD COLUMN kanal text; UPDATE krav SET kanal = 'x';", {"krav"}),
    "written anew": ("ALTER TABLE krav ALTER COLUMN gjentatt TYPE bigint;", {"krav"}),
    "a volatile default": ("ALTER TABLE krav ADD COLUMN id uuid DEFAULT gen_random_uuid();", {"krav"}),
    "an index": ("CREATE INDEX ON krav (sha256);", {"krav"}),
    "an index on all partitions": ("CREATE INDEX ON utboks (mottaker);", {"utboks_default"}),
    "a constraint looked for": ("ALTER TABLE krav ADD CHECK (gjentatt >= 0);", {"krav"}),
    "a foreign key": ("ALTER TABLE krav ADD FOREIGN KEY (msg_id) REFERENCES resept;", {"krav"}),
    "not null, unproven": ("ALTER TABLE resept ALTER COLUMN pasient SET NOT NULL;", {"resept"}),
    "hidden in a block": ("DO $$ BEGIN EXECUTE 'CLUSTER krav USING krav_mottatt'; END $$;", {"krav"}),
    "emptied": ("TRUNCATE utboks_dokument;", {"utboks_dokument"}),
    "no longer logged": ("ALTER TABLE krav SET UNLOGGED;", {"krav"}),
    "read under a lock": ("LOCK TABLE krav IN SHARE MODE; SELECT count(*) FROM krav;", {"krav"}),
}
SHORT = {
    "a column": "ALTER TABLE krav ADD COLUMN kanal text; ALTER TABLE krav ADD COLUMN n integer NOT NULL DEFAULT 0;",
    "a default for new rows": "ALTER TABLE krav ALTER COLUMN gjentatt SET DEFAULT 1;",
    "a constraint on new rows": "ALTER TABLE krav ADD CONSTRAINT c CHECK (gjentatt >= 0) NOT VALID;",
    "rows written": "UPDATE krav SET gjentatt = 1;",
    "a column gone": "ALTER TABLE krav DROP COLUMN gjentatt;",
    "a table of its own": "CREATE TABLE ny (a uuid REFERENCES resept); CREATE INDEX ON ny (a); SELECT * FROM ny;",
    "an index for partitions to come": "CREATE INDEX utboks_mottaker ON ONLY utboks (mottaker);",
}


@pytest.fixture(scope="module")
def shared_database_url(server_url: str, migrated_template: str) -> Iterator[str]:
    """One migrated database for what leaves nothing behind."""
    with created_database(server_url, template=migrated_template) as name:
        yield with_database(server_url, name)


async def seen(url: str, sql: str) -> set[str]:
    connection = await asyncpg.connect(url)
    try:
        return await held_long(connection, sql)
    finally:
        await connection.close()


@pytest.mark.parametrize("sql, names", LONG.values(), ids=LONG)
async def test_a_long_lock_is_seen(shared_database_url: str, sql: str, names: set[str]) -> None:
    """Negative controls, on empty tables: what counts is what is done, not how long it takes here."""
    assert await seen(shared_database_url, sql) == names


@pytest.mark.parametrize("sql", SHORT.values(), ids=SHORT)
async def test_a_short_lock_passes(shared_database_url: str, sql: str) -> None:
    """What only changes the catalogue, or locks no more than the rows that it writes."""
    assert await seen(shared_database_url, sql) == set()


async def test_a_proven_column_is_not_looked_through(connection: Connection) -> None:
    """In two files: the proof keeps nobody out, and after it NOT NULL reads no row (docs/upgrading.md)."""
    await connection.execute("ALTER TABLE krav ADD COLUMN kanal text DEFAULT 'x'")
    await connection.execute("ALTER TABLE krav ADD CONSTRAINT kanal_er_satt CHECK (kanal IS NOT NULL) NOT VALID")
    proof = "ALTER TABLE krav VALIDATE CONSTRAINT kanal_er_satt;"
    not_null = "ALTER TABLE krav ALTER COLUMN kanal SET NOT NULL;"
    assert await held_long(connection, proof) == set()
    assert await held_long(connection, not_null) == {"krav"}
    await connection.execute(proof)
    assert await held_long(connection, not_null) == set()
