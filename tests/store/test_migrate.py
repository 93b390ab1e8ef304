"""The migration runner, on folders of migrations made for each test."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from reseptformidler.store.migrate import (
    CODE_SCHEMA_VERSION,
    SHIPPED,
    Connection,
    Migration,
    MigrationRefused,
    migrate,
    read_migrations,
    schema_fits,
)

ONE = {"0001_pre_table.sql": "CREATE TABLE one (a integer);"}
TWO = ONE | {"0002_pre_column.sql": "ALTER TABLE one ADD COLUMN b integer;"}
THREE = TWO | {"0003_post_column.sql": "ALTER TABLE one DROP COLUMN a;"}
INDEX = ONE | {
    "0002_pre_index.sql": "-- For nothing.\nCREATE UNIQUE INDEX CONCURRENTLY IF NOT EXISTS one_a ON one (a);"
}
FOUR = THREE | {"0004_pre_table.sql": "CREATE TABLE four (a integer);"}


def written(folder: Path, files: dict[str, str]) -> tuple[Migration, ...]:
    for name, sql in files.items():
        (folder / name).write_text(sql)
    return read_migrations(folder)


@pytest.fixture
async def empty(empty_database_url: str) -> AsyncIterator[asyncpg.Connection[Any]]:
    connection = await asyncpg.connect(empty_database_url)
    try:
        yield connection
    finally:
        await connection.close()


async def columns(connection: Connection, table: str) -> list[str]:
    rows = await connection.fetch(
        "SELECT attname FROM pg_attribute WHERE attrelid = to_regclass($1) AND attnum > 0 AND NOT attisdropped", table
    )
    return [row["attname"] for row in rows]


async def test_an_empty_database_gets_everything(empty: Connection, tmp_path: Path) -> None:
    """No old code can be running on an empty database, so `post` migrations are applied too, once."""
    shipped = written(tmp_path, FOUR)
    applied = await migrate(empty, include_post=False, shipped=shipped)
    assert applied == [migration.name for migration in shipped]
    assert await migrate(empty, include_post=True, shipped=shipped) == []
    assert await columns(empty, "one") == ["b"]


async def test_pre_goes_first_and_post_when_asked(empty: Connection, tmp_path: Path) -> None:
    """A rolling upgrade applies `pre`, replaces the code, and then applies `post`."""
    await migrate(empty, include_post=True, shipped=written(tmp_path, ONE))
    shipped = written(tmp_path, THREE)
    assert await migrate(empty, include_post=False, shipped=shipped) == ["0002_pre_column"]
    assert (await schema_fits(empty, shipped=shipped)).fits
    assert await migrate(empty, include_post=True, shipped=shipped) == ["0003_post_column"]
    assert (await schema_fits(empty, shipped=shipped)).fits


async def test_a_pre_never_overtakes_a_post(empty: Connection, tmp_path: Path) -> None:
    """Skipping a release is refused until its `post` may run, and nothing is applied."""
    await migrate(empty, include_post=True, shipped=written(tmp_path, ONE))
    with pytest.raises(MigrationRefused, match="0004_pre_table waits for 0003_post_column"):
        await migrate(empty, include_post=False, shipped=written(tmp_path, FOUR))
    assert await columns(empty, "one") == ["a"]


async def test_code_without_its_migrations_does_not_fit(empty: Connection, tmp_path: Path) -> None:
    """New code on a database that was not migrated says what is missing."""
    assert not (await schema_fits(empty, shipped=written(tmp_path, ONE))).fits
    await migrate(empty, include_post=True, shipped=read_migrations(tmp_path))
    assert (await schema_fits(empty, shipped=read_migrations(tmp_path))).fits
    fit = await schema_fits(empty, shipped=written(tmp_path, TWO))
    assert fit.problem == "the database is at migration 1, this code needs 2: run migrate first"


async def test_old_code_fits_until_a_post_is_applied(empty: Connection, tmp_path: Path) -> None:
    """Rolling back over a `pre` is allowed, over a `post` it is refused."""
    old = written(tmp_path, ONE)
    await migrate(empty, include_post=True, shipped=old)
    new = written(tmp_path, THREE)
    await migrate(empty, include_post=False, shipped=new)
    assert (await schema_fits(empty, shipped=old)).fits
    assert await migrate(empty, include_post=True, shipped=old) == []
    await migrate(empty, include_post=True, shipped=new)
    fit = await schema_fits(empty, shipped=old)
    assert fit.problem == "the database tolerates no code older than schema 3, this code has 1"


async def test_a_changed_file_is_refused(empty: Connection, tmp_path: Path) -> None:
    """An applied migration is history: another content under its name is found by its hash."""
    await migrate(empty, include_post=True, shipped=written(tmp_path, ONE))
    changed = written(tmp_path, {"0001_pre_table.sql": ONE["0001_pre_table.sql"] + " "})
    with pytest.raises(MigrationRefused, match="0001_pre_table: was applied with another content"):
        await migrate(empty, include_post=True, shipped=changed)


async def test_a_row_missing_from_the_ledger_is_refused(empty: Connection, tmp_path: Path) -> None:
    """A database that lost a migration's row is not guessed at."""
    shipped = written(tmp_path, TWO)
    await migrate(empty, include_post=True, shipped=shipped)
    await empty.execute("DELETE FROM schema_version WHERE number = 1")
    with pytest.raises(MigrationRefused, match="number 0001 is not"):
        await migrate(empty, include_post=True, shipped=shipped)


async def test_a_failing_file_leaves_nothing(empty: Connection, tmp_path: Path) -> None:
    """A file is one transaction: what stood before the error is undone, earlier files stay, the lock is free."""
    broken = ONE | {"0002_pre_broken.sql": "CREATE TABLE half (a integer); SELECT 1/0;"}
    with pytest.raises(asyncpg.DivisionByZeroError):
        await migrate(empty, include_post=True, shipped=written(tmp_path, broken))
    assert await columns(empty, "half") == []
    assert await columns(empty, "one") == ["a"]
    assert await empty.fetchval("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'") == 0
    mended = written(tmp_path, {"0002_pre_broken.sql": "CREATE TABLE half (a integer);"})
    assert await migrate(empty, include_post=True, shipped=mended) == ["0002_pre_broken"]


async def test_the_usual_timeouts_hold(empty: Connection, tmp_path: Path) -> None:
    """Within a migration the limits are 4 s for a lock and 5 s for a statement; afterwards they are as before."""
    now = "current_setting('lock_timeout') AS lock, current_setting('statement_timeout') AS statement"
    await migrate(
        empty,
        include_post=True,
        shipped=written(tmp_path, {"0001_pre_seen.sql": f"CREATE TABLE seen AS SELECT {now};"}),
    )
    assert tuple(await empty.fetchrow("SELECT * FROM seen") or ()) == ("4s", "5s")
    assert await empty.fetchval("SHOW statement_timeout") == "0"


async def test_a_statement_over_its_time_is_stopped(empty: Connection, tmp_path: Path) -> None:
    """A header sets another limit, and the limit bites."""
    slow = "-- backfill\n-- statement_timeout: 50ms because this test waits for it\nSELECT pg_sleep(10);"
    with pytest.raises(asyncpg.QueryCanceledError):
        await migrate(empty, include_post=True, shipped=written(tmp_path, {"0001_pre_slow.sql": slow}))


async def test_a_lock_is_not_waited_for_long(empty: Connection, empty_database_url: str, tmp_path: Path) -> None:
    """A migration behind a long transaction gives up instead of stopping all traffic behind itself."""
    await migrate(empty, include_post=True, shipped=written(tmp_path, ONE))
    impatient = "-- lock_timeout: 50ms because this test waits for it\nALTER TABLE one ADD COLUMN b integer;"
    other = await asyncpg.connect(empty_database_url)
    try:
        async with other.transaction():
            await other.execute("LOCK TABLE one IN ACCESS SHARE MODE")
            with pytest.raises(asyncpg.LockNotAvailableError):
                await migrate(empty, include_post=True, shipped=written(tmp_path, {"0002_pre_b.sql": impatient}))
    finally:
        await other.close()
    assert await migrate(empty, include_post=True, shipped=read_migrations(tmp_path)) == ["0002_pre_b"]


async def test_an_index_is_made_beside_the_traffic(empty: Connection, empty_database_url: str, tmp_path: Path) -> None:
    """Outside a transaction: who writes meanwhile does not wait, and afterwards the limits are as before."""
    await migrate(empty, include_post=True, shipped=written(tmp_path, ONE))
    writer = await asyncpg.connect(empty_database_url)
    try:
        writing = writer.transaction()
        await writing.start()
        await writer.execute("INSERT INTO one VALUES (1)")
        migrating = asyncio.create_task(migrate(empty, include_post=False, shipped=written(tmp_path, INDEX)))
        await until(writer, "SELECT count(*) FROM pg_class WHERE relname = 'one_a'")
        await writer.execute("INSERT INTO one VALUES (2)")
        await writing.commit()
        assert await migrating == ["0002_pre_index"]
    finally:
        await writer.close()
    assert await empty.fetchval("SELECT indisvalid FROM pg_index WHERE indexrelid = 'one_a'::regclass")
    assert await empty.fetchval("SHOW statement_timeout") == "0"


async def until(connection: Connection, count: str) -> None:
    """Wait until there is one; the test's own limit ends a wait in vain."""
    while not await connection.fetchval(count):
        await asyncio.sleep(0.01)


async def test_a_broken_index_is_made_anew(empty: Connection, tmp_path: Path) -> None:
    """An attempt that failed leaves an index that guards nothing: the next one drops it and makes it whole."""
    await migrate(empty, include_post=True, shipped=written(tmp_path, ONE))
    await empty.execute("INSERT INTO one VALUES (1), (1)")
    shipped = written(tmp_path, INDEX)
    with pytest.raises(asyncpg.UniqueViolationError):
        await migrate(empty, include_post=True, shipped=shipped)
    valid = "SELECT indisvalid FROM pg_index WHERE indexrelid = 'one_a'::regclass"
    assert await empty.fetchval(valid) is False
    await empty.execute("DELETE FROM one")
    assert await migrate(empty, include_post=True, shipped=shipped) == ["0002_pre_index"]
    assert await empty.fetchval(valid) is True


async def test_an_index_that_is_there_is_kept(empty: Connection, tmp_path: Path) -> None:
    """Killed between the index and its row in the ledger: the next attempt only writes the row. It is dropped alike."""
    await migrate(empty, include_post=True, shipped=written(tmp_path, ONE))
    await empty.execute(INDEX["0002_pre_index.sql"])
    number = await empty.fetchval("SELECT 'one_a'::regclass::oid")
    assert await migrate(empty, include_post=True, shipped=written(tmp_path, INDEX)) == ["0002_pre_index"]
    assert await empty.fetchval("SELECT 'one_a'::regclass::oid") == number
    gone = written(tmp_path, {"0003_post_index.sql": "DROP INDEX CONCURRENTLY IF EXISTS one_a;"})
    assert await migrate(empty, include_post=True, shipped=gone) == ["0003_post_index"]
    assert await empty.fetchval("SELECT to_regclass('one_a')") is None


@pytest.mark.parametrize("files", [FOUR, INDEX], ids=["tables", "an index"])
async def test_two_at_once_apply_each_file_once(empty_database_url: str, tmp_path: Path, files: dict[str, str]) -> None:
    """A second migration waits for the first and then finds nothing to do. An index does not wait for the second."""
    shipped = written(tmp_path, files)
    connections = [await asyncpg.connect(empty_database_url) for _ in range(3)]
    try:
        results = await asyncio.gather(*(migrate(c, include_post=True, shipped=shipped) for c in connections))
    finally:
        for connection in connections:
            await connection.close()
    assert sorted(results, key=len) == [[], [], [migration.name for migration in shipped]]


@pytest.mark.parametrize(
    "name, sql, complaint",
    [
        ("0002_pre_b.sql", "SELECT 1;", "number 0001 was expected"),
        ("0001_b.sql", "SELECT 1;", "the name must be"),
        ("0001_pre_b.sql", "-- statement_timeout: 60s\nSELECT 1;", "with the reason"),
        ("0001_pre_b.sql", "-- lock_timeout: long because I say so\nSELECT 1;", "with the reason"),
        ("0001_pre_b.sql", "SELECT 1;\nCOMMIT;", "must not end it"),
        ("0001_pre_b.sql", f"SELECT 1; {INDEX['0002_pre_index.sql']}", "as the only statement"),
        ("0001_pre_b.sql", "CREATE INDEX CONCURRENTLY one_a ON one (a);", "IF NOT EXISTS"),
    ],
)
def test_a_wrong_file_is_refused(tmp_path: Path, name: str, sql: str, complaint: str) -> None:
    """A gap, a name outside the pattern, a limit without a reason and a COMMIT are found when the files are read."""
    with pytest.raises(MigrationRefused, match=complaint):
        written(tmp_path, {name: sql})


def test_two_files_of_one_number_are_refused(tmp_path: Path) -> None:
    """Two branches that took the same number do not merge silently."""
    with pytest.raises(MigrationRefused, match="number 0002 was expected"):
        written(tmp_path, ONE | {"0001_pre_other.sql": "SELECT 1;"})


async def test_the_test_database_is_at_the_version_of_the_code(connection: Connection) -> None:
    """What the project ships is applied to the databases of the tests, and fits."""
    fit = await schema_fits(connection)
    assert fit.fits
    assert (fit.code, fit.database) == (CODE_SCHEMA_VERSION, len(SHIPPED))
