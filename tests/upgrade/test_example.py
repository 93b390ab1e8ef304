"""The worked example of docs/upgrading.md is one that we would ship."""

from __future__ import annotations

import re
from pathlib import Path

import asyncpg
import pytest

from reseptformidler.store.migrate import SHIPPED, Migration, migrate, read_migrations
from tests.tidy.test_migrations import ROOT, complaints
from tests.upgrade.test_locks import held_long

FILE = re.compile(r"```sql\n-- \d{4}_((?:pre|post)_\w+\.sql)\n(.*?)```", re.DOTALL)
FILL = re.compile(r"```sql\n(UPDATE .*?)```", re.DOTALL)
TEXT = (ROOT / "docs" / "upgrading.md").read_text("utf-8")


def example(folder: Path) -> tuple[Migration, ...]:
    """Its migrations, numbered on from those that we ship."""
    for number, (name, sql) in enumerate(FILE.findall(TEXT), start=len(SHIPPED) + 1):
        (folder / f"{number:04}_{name}").write_text(sql, "utf-8")
    for migration in SHIPPED:
        (folder / f"{migration.name}.sql").write_text(migration.sql, "utf-8")
    return read_migrations(folder)


async def test_the_example_can_be_followed(connection: asyncpg.Connection, tmp_path: Path) -> None:
    """Step by step: no step breaks a rule or holds a long lock, and the second release waits until all is filled."""
    shipped = example(tmp_path)
    column, index, filled, gone = shipped[len(SHIPPED) :]
    for one in (column, index, filled, gone):
        assert complaints(one.kind, one.sql) == set()
    assert "ban-drop-column" in complaints("pre", gone.sql)
    assert await held_long(connection, column.sql) == set()
    await migrate(connection, include_post=False, shipped=shipped[: index.number])
    assert index.index == "resept_sok_navn"
    await connection.execute(
        "INSERT INTO resept (resept_id, nodsok, mottatt, versjon, utloper, last, status, innhold)"
        " SELECT gen_random_uuid(), 'x', now(), 1, current_date, false, 'E', '' FROM generate_series(1, 1500)"
    )
    for _ in range(2):
        with pytest.raises(asyncpg.RaiseError, match="not filled yet"):
            await migrate(connection, include_post=False, shipped=shipped[: filled.number])
        await connection.execute(FILL.findall(TEXT)[0])
    assert await held_long(connection, filled.sql) == set()
    assert await migrate(connection, include_post=False, shipped=shipped) == [filled.name]
    assert await held_long(connection, gone.sql) == set()
    assert await migrate(connection, include_post=True, shipped=shipped) == [gone.name]
