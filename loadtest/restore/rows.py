"""Every row of a database as two hashes, its key's and its own, one file a table, in the order of the first.

Two databases that hold the same rows give the same files, however the rows lie. Of a row's content nothing is told.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

import asyncpg

Connection = asyncpg.Connection

WRITTEN_ALIKE: Mapping[str, str] = MappingProxyType(
    {"TimeZone": "UTC", "bytea_output": "hex", "DateStyle": "ISO, YMD", "IntervalStyle": "postgres"}
)
"""The settings of a connection that reads rows: what a value looks like as text must not depend on the server."""
DEFINITIONS = "definitions"
"""The file of columns, indexes, constraints, triggers and functions: their names and hashes."""
SHOWN = 3
"""Differences that are named; of the others the number is told."""

_TABLES = """
SELECT format('%I.%I', n.nspname, c.relname) AS name,
       (SELECT array_agg(quote_ident(a.attname) ORDER BY a.attnum) FROM pg_index i
        JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = ANY (i.indkey)
        WHERE i.indrelid = c.oid AND i.indisprimary) AS key
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind = 'r' AND n.nspname <> 'information_schema' AND n.nspname NOT LIKE 'pg\\_%'
ORDER BY 1"""

_DEFINITIONS = """
WITH ours AS (
    SELECT oid, nspname FROM pg_namespace WHERE nspname <> 'information_schema' AND nspname NOT LIKE 'pg\\_%'
), relations AS (
    SELECT c.oid, format('%I.%I', o.nspname, c.relname) AS name, c.relkind, c.reloptions, c.relpartbound
    FROM pg_class c JOIN ours o ON o.oid = c.relnamespace
), parts (name, text) AS (
    SELECT format('relation %s', name), format('%s %s %s', relkind, reloptions, pg_get_expr(relpartbound, oid))
    FROM relations
    UNION ALL
    SELECT format('column %s.%I', r.name, a.attname),
           format('%s %s %s %s', format_type(a.atttypid, a.atttypmod), a.attnotnull, a.attstorage, a.attidentity)
    FROM relations r JOIN pg_attribute a ON a.attrelid = r.oid
    WHERE r.relkind IN ('r', 'p') AND a.attnum > 0 AND NOT a.attisdropped
    UNION ALL
    SELECT format('index %s', r.name), pg_get_indexdef(r.oid) FROM relations r WHERE r.relkind IN ('i', 'I')
    UNION ALL
    SELECT format('constraint %s.%I', r.name, k.conname), pg_get_constraintdef(k.oid)
    FROM relations r JOIN pg_constraint k ON k.conrelid = r.oid
    UNION ALL
    SELECT format('trigger %s.%I', r.name, t.tgname), pg_get_triggerdef(t.oid)
    FROM relations r JOIN pg_trigger t ON t.tgrelid = r.oid WHERE NOT t.tgisinternal
    UNION ALL
    SELECT format('function %s', p.oid::regprocedure), pg_get_functiondef(p.oid)
    FROM pg_proc p JOIN ours o ON o.oid = p.pronamespace WHERE p.prokind = 'f'
)
SELECT name COLLATE "C", encode(sha256(convert_to(text, 'UTF8')), 'hex') FROM parts ORDER BY 1, 2"""

_ROWS = """
SELECT encode(sha256(convert_to({key}::text, 'UTF8')), 'hex') COLLATE "C",
       encode(sha256(convert_to(whole::text, 'UTF8')), 'hex') COLLATE "C"
FROM ONLY {table} AS whole ORDER BY 1, 2"""


@dataclass(frozen=True, slots=True)
class Difference:
    """What is not the same in one table."""

    table: str
    missing: int
    added: int
    changed: int
    first: tuple[str, ...]
    """What it is, and the beginning of the key's hash."""

    def __str__(self) -> str:
        counts = f"{self.missing} missing, {self.added} added, {self.changed} changed"
        return f"{self.table}: {counts}; first: {', '.join(self.first)}"


async def tables(connection: Connection[Any]) -> dict[str, str]:
    """Every table that holds rows, partitions among them, and the expression of its key: the primary one, or all."""
    found = await connection.fetch(_TABLES)
    return {row["name"]: f"ROW({', '.join(row['key'])})" if row["key"] else "whole" for row in found}


async def write_hashes(connection: Connection[Any], folder: Path) -> int:
    """Write a file for each table into an empty folder, as the transaction sees it; gives the number of rows."""
    rows = 0
    for table, key in (await tables(connection)).items():
        query = _ROWS.format(key=key, table=table)
        rows += _count(await connection.copy_from_query(query, output=folder / table))
    await connection.copy_from_query(_DEFINITIONS, output=folder / DEFINITIONS)
    return rows


def _count(status: str) -> int:
    """Of `COPY 12`."""
    return int(status.rpartition(" ")[2])


def differences(original: Path, copy: Path) -> list[Difference]:
    """What the two folders do not have in common, table by table; empty when all is the same."""
    names = {one.name for one in (*original.iterdir(), *copy.iterdir())}
    found = (_difference(name, original / name, copy / name) for name in sorted(names))
    return [one for one in found if one is not None]


def _difference(name: str, original: Path, copy: Path) -> Difference | None:
    counts = {"missing": 0, "added": 0, "changed": 0}
    first: list[str] = []
    for kind, key in _unlike(_lines(original), _lines(copy)):
        counts[kind] += 1
        if len(first) < SHOWN:
            first.append(f"{kind} {key[:16] if name != DEFINITIONS else key}")
    return Difference(name, **counts, first=tuple(first)) if first else None


def _unlike(original: Iterator[tuple[str, str]], copy: Iterator[tuple[str, str]]) -> Iterator[tuple[str, str]]:
    """Both are in order, so one walk through them is enough."""
    one, other = next(original, None), next(copy, None)
    while one is not None or other is not None:
        if other is None or (one is not None and one[0] < other[0]):
            assert one is not None
            yield "missing", one[0]
            one = next(original, None)
        elif one is None or other[0] < one[0]:
            yield "added", other[0]
            other = next(copy, None)
        else:
            if one[1] != other[1]:
                yield "changed", one[0]
            one, other = next(original, None), next(copy, None)


def _lines(path: Path) -> Iterator[tuple[str, str]]:
    if not path.exists():  # a table that the other side alone has
        return
    with path.open(encoding="utf-8") as file:
        for line in file:
            key, _, whole = line.rstrip("\n").rpartition("\t")
            yield key, whole


def counted(folder: Path) -> dict[str, int]:
    """How many rows each table has."""
    return {path.name: sum(1 for _ in _lines(path)) for path in sorted(folder.iterdir())}
