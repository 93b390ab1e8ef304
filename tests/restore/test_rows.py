"""The comparison sees every kind of difference, and none where none is."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from loadtest.restore import rows
from loadtest.restore.rows import DEFINITIONS, WRITTEN_ALIKE, Connection, Difference, differences

FILL = (
    "INSERT INTO krav SELECT 'a', gen_random_uuid(), sha256('x'), '2026-11-28Z' FROM generate_series(1, 50)",
    "INSERT INTO historikk SELECT '2026-11-28Z', gen_random_uuid(), 1, 'm1', '', 'E' FROM generate_series(1, 9)",
    "CREATE TABLE keyless (content text)",
    "INSERT INTO keyless VALUES (NULL), ('one'), ('one'), (E'tab\\tline\\n')",
)
FIRST = "(SELECT msg_id FROM krav ORDER BY msg_id LIMIT 1)"


@pytest.fixture
async def filled(database_url: str) -> AsyncIterator[Connection[Any]]:
    """A database with rows in an ordinary table, in a partition and in a table without a key."""
    connection = await asyncpg.connect(database_url, server_settings=dict(WRITTEN_ALIKE))
    try:
        for statement in FILL:
            await connection.execute(statement)
        yield connection
    finally:
        await connection.close()


@pytest.fixture
def hashed(filled: Connection[Any], tmp_path: Path) -> Callable[[str], Path]:
    """Hashes of all rows as they stand now, in a folder of that name."""

    def folder(name: str) -> Path:
        (tmp_path / name).mkdir()
        return tmp_path / name

    return folder


async def after(filled: Connection[Any], hashed: Callable[[str], Path], *statements: str) -> list[Difference]:
    """What the comparison says when these statements change the copy."""
    original, copy = hashed("original"), hashed("copy")
    await rows.write_hashes(filled, original)
    for statement in statements:
        await filled.execute(statement)
    await rows.write_hashes(filled, copy)
    return differences(original, copy)


async def test_the_same_rows_in_other_places_are_the_same(
    filled: Connection[Any], hashed: Callable[[str], Path]
) -> None:
    """A row that is written anew, and another order of the pages, change nothing."""
    assert await after(filled, hashed, "UPDATE krav SET gjentatt = gjentatt", "CLUSTER krav USING krav_mottatt") == []


@pytest.mark.parametrize(
    "statement, table, counts",
    [
        (f"UPDATE krav SET gjentatt = 1 WHERE msg_id = {FIRST}", "public.krav", (0, 0, 1)),
        (f"DELETE FROM krav WHERE msg_id = {FIRST}", "public.krav", (1, 0, 0)),
        ("INSERT INTO krav VALUES ('b', gen_random_uuid(), '', now())", "public.krav", (0, 1, 0)),
        (f"UPDATE krav SET msg_id = gen_random_uuid() WHERE msg_id = {FIRST}", "public.krav", (1, 1, 0)),
        ("TRUNCATE historikk", "public.historikk_default", (9, 0, 0)),
        ("DELETE FROM keyless WHERE ctid = '(0,2)'", "public.keyless", (1, 0, 0)),
        ("UPDATE keyless SET content = '' WHERE content IS NULL", "public.keyless", (1, 1, 0)),
        ("INSERT INTO keyless VALUES ('one')", "public.keyless", (0, 1, 0)),
        ("DROP INDEX krav_mottatt", DEFINITIONS, (2, 0, 0)),
        ("DROP TRIGGER historikk_er_uforanderlig ON historikk", DEFINITIONS, (2, 0, 0)),
        ("ALTER TABLE krav ALTER gjentatt TYPE bigint", DEFINITIONS, (0, 0, 1)),
    ],
)
async def test_a_difference_is_found(
    filled: Connection[Any], hashed: Callable[[str], Path], statement: str, table: str, counts: tuple[int, int, int]
) -> None:
    found = {one.table: one for one in await after(filled, hashed, statement)}
    assert (found[table].missing, found[table].added, found[table].changed) == counts


async def test_a_table_that_only_one_side_has_is_found(filled: Connection[Any], hashed: Callable[[str], Path]) -> None:
    found = await after(filled, hashed, "CREATE TABLE more AS SELECT 1 AS one", "DROP TABLE keyless")
    assert {"public.more", "public.keyless"} <= {one.table for one in found}


async def test_what_is_told_holds_no_content(filled: Connection[Any], hashed: Callable[[str], Path]) -> None:
    """Neither the row nor its key stands in the text or in the files."""
    await filled.execute("INSERT INTO krav VALUES ('SECRET', gen_random_uuid(), '', now())")
    (found,) = await after(filled, hashed, "UPDATE krav SET gjentatt = 2 WHERE avsender = 'SECRET'")
    assert str(found).startswith("public.krav: 0 missing, 0 added, 1 changed; first: changed ")
    files = await asyncio.to_thread(lambda: "".join(path.read_text() for path in hashed("x").parent.rglob("*.krav")))
    assert files
    assert "SECRET" not in files + str(found)
