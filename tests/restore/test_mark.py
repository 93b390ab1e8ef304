"""A mark is one state, between two commits, while others write; and nobody fails because of it."""

from __future__ import annotations

import asyncio
from pathlib import Path
from uuid import uuid4

import asyncpg

from loadtest.restore import mark, rows
from loadtest.restore.mark import Mark, lsn_number
from loadtest.restore.rows import differences

BOTH = (
    "INSERT INTO krav VALUES ('a', $1, '', now())",
    "INSERT INTO utboks_dokument VALUES ($1, $1, '')",
)


def dsn(url: str) -> dict[str, object]:
    """The arguments of asyncpg.connect in a URL."""
    return {"dsn": url}


async def write(url: str, stop: asyncio.Event, order: int) -> int:
    """The same id into two tables, one in one order, one in the other, until it is told to stop."""
    connection = await asyncpg.connect(url)
    written = 0
    try:
        while not stop.is_set():
            async with connection.transaction():
                msg_id = uuid4()
                for statement in BOTH[::order]:
                    await connection.execute(statement, msg_id)
            written += 1
            await asyncio.sleep(0.02)
    finally:
        await connection.close()
    return written


async def marks(url: str, tmp_path: Path, number: int) -> list[Mark]:
    """Some marks under load; the writers' errors are raised."""
    stop = asyncio.Event()
    taken = []
    async with asyncio.TaskGroup() as group:
        writers = [group.create_task(write(url, stop, order)) for order in (1, -1)]
        for n in range(number):
            folder = tmp_path / f"mark-{n}"
            folder.mkdir()
            taken.append(await mark.take(dsn(url), f"mark_{n}", folder))
        stop.set()
    assert sum(one.result() for one in writers) > 0
    return taken


async def test_a_mark_is_one_state_and_hurts_nobody(database_url: str, tmp_path: Path) -> None:
    """Two tables that are always written together have the same number of rows; marks follow one another."""
    taken = await marks(database_url, tmp_path, 3)
    for one in taken:
        claims, documents = ((one.rows / f"public.{table}").read_text() for table in ("krav", "utboks_dokument"))
        assert claims.count("\n") == documents.count("\n")
    assert [lsn_number(one.lsn) for one in taken] == sorted(lsn_number(one.lsn) for one in taken)
    assert [one.at for one in taken] == sorted(one.at for one in taken)
    assert [one.number for one in taken] == sorted(one.number for one in taken)


async def test_what_is_written_after_the_mark_is_not_in_it(database_url: str, tmp_path: Path) -> None:
    """The rows of the mark are those before it, although more come while they are read."""
    (one,) = await marks(database_url, tmp_path, 1)
    now = tmp_path / "now"
    now.mkdir()
    connection = await asyncpg.connect(database_url)
    try:
        await connection.execute(BOTH[0], uuid4())
        await rows.write_hashes(connection, now)
    finally:
        await connection.close()
    (krav, *_) = [found for found in differences(one.rows, now) if found.table == "public.krav"]
    assert krav.added >= 1
    assert (krav.missing, krav.changed) == (0, 0)
