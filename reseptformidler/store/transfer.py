"""Moving the service: its tables in pieces, each byte as it stands, and what proves that two databases are the same.

A piece is what PostgreSQL's binary COPY gives for some pages of a table. Whoever read everything once, later needs only
the rows that younger transactions wrote: a row keeps the number of its transaction (xmin), and an update never leaves a
row in its place. What was deleted shows in the list of all keys.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from io import BytesIO
from typing import Any

import asyncpg
from asyncpg.connect_utils import SessionAttribute

from reseptformidler.store.queries import Connection, fetch

MOVED = (
    *("refnr", "resept", "resept_dokument", "pasientkort", "pasientkort_dokument", "krav", "innboks", "historikk"),
    *("utboks", "utboks_dokument", "utboks_strandet", "innholdssok", "innholdssok_treff"),
)
"""In the order in which they are filled: first what others refer to."""
LEFT_OUT = {
    "nokkel": "its keys are wrapped anew (transfer/keys.py)",
    "schema_version": "each database has its own migrations",
}
PAGES = 256
"""In one piece: 2 MB, and some 40 MB where the values are so large that they stand beside the table (TOAST)."""
PAGES_OF_KEYS = 32 * PAGES
SETTINGS = {
    "application_name": "reseptformidler-transfer",
    "timezone": "UTC",
    "statement_timeout": "0",
    "idle_in_transaction_session_timeout": "0",
    "work_mem": "64MB",
    # An import that is broken off goes on where the database is; its last commit waits as every other one does.
    "synchronous_commit": "off",
}
_XIDS = 2**32
_OLDEST = 2**30


class CannotMove(Exception):
    """The move cannot go on; the text says why, and holds nothing about a person."""


@dataclass(frozen=True, slots=True)
class Column:
    """One column; `type` and `oid` are PostgreSQL's."""

    name: str
    type: str
    oid: int
    kept: bool
    """Whether an update may set it."""


@dataclass(frozen=True, slots=True)
class Table:
    """A table that is moved."""

    name: str
    columns: tuple[Column, ...]
    key: tuple[str, ...]

    @property
    def names(self) -> str:
        """Its columns in SQL."""
        return ", ".join(column.name for column in self.columns)


@dataclass(frozen=True, slots=True)
class Source:
    """A database at one moment."""

    identity: str
    horizon: int
    schema: str


@dataclass(frozen=True, slots=True)
class Leaf:
    """What holds rows: a table, or a partition of it."""

    table: Table
    name: str
    pages: int


async def connect(url: str) -> asyncpg.Connection[Any]:
    """A connection to the primary, without time limits."""
    primary = SessionAttribute.primary
    return await asyncpg.connect(url, target_session_attrs=primary, server_settings=SETTINGS)


async def read_source(connection: Connection) -> Source:
    """Which database this is, and what it shows now."""
    (row,) = await fetch(connection, "transfer.source")
    return Source(row["source"], row["horizon"], await read_schema(connection))


async def read_schema(connection: Connection) -> str:
    """The number of the newest migration, and a hash of all."""
    migrations = await fetch(connection, "transfer.schema")
    digest = hashlib.sha256("".join(row["sha256"] for row in migrations).encode()).hexdigest()
    return f"{migrations[-1]['number']} {digest}"


async def lock(connection: Connection) -> None:
    """Let no partition go while this transaction reads; nobody who reads or writes is kept waiting."""
    await connection.execute(f"LOCK TABLE {', '.join(MOVED)} IN ACCESS SHARE MODE")


async def is_served(connection: Connection) -> bool:
    """Whether a process of the service is connected."""
    (row,) = await fetch(connection, "transfer.serving")
    return bool(row["sessions"])


async def read_tables(connection: Connection) -> Mapping[str, Table]:
    """What is moved, as the catalogue describes it."""
    tables = {}
    for name in MOVED:
        rows = await fetch(connection, "transfer.columns", name)
        key = sorted((row["place"], row["name"]) for row in rows if row["place"] is not None)
        columns = tuple(Column(row["name"], row["type"], row["oid"], row["kept"]) for row in rows)
        tables[name] = Table(name, columns, tuple(column for _, column in key))
    return tables


async def read_leaves(connection: Connection, table: Table) -> list[Leaf]:
    """Where the rows of a table stand."""
    rows = await fetch(connection, "transfer.leaves", table.name)
    return [Leaf(table, row["name"], row["blocks"]) for row in rows]


async def read_sequences(connection: Connection) -> dict[str, int]:
    """How far each sequence has come."""
    return {row["name"]: row["last_value"] for row in await fetch(connection, "transfer.sequences")}


async def copy_rows(
    connection: Connection, leaf: Leaf, page: int, since: int | None, horizon: int
) -> tuple[bytearray, int]:
    """A piece that begins at a page: the rows that transactions from number `since` on wrote, or all; and how many."""
    where = "true"
    if since is not None:
        if horizon - since > _OLDEST:
            raise CannotMove("the pass before is more than 10^9 transactions old: begin again in an empty folder")
        where = f"age(xmin) <= age('{since % _XIDS}'::xid)"
    return await _copy_pages(connection, leaf, leaf.table.names, page, PAGES, where)


async def copy_keys(connection: Connection, leaf: Leaf, page: int) -> tuple[bytearray, int]:
    """The keys of all rows of some pages, and how many they are."""
    return await _copy_pages(connection, leaf, ", ".join(leaf.table.key), page, PAGES_OF_KEYS, "true")


async def _copy_pages(
    connection: Connection, leaf: Leaf, columns: str, page: int, pages: int, where: str
) -> tuple[bytearray, int]:
    piece = bytearray()

    async def take(some: bytes) -> None:
        piece.extend(some)

    query = (
        f"SELECT {columns} FROM ONLY {leaf.name} "  # noqa: S608 - names of our own schema, numbers
        f"WHERE ctid >= '({page},0)' AND ctid < '({page + pages},0)' AND {where}"
    )
    status = await connection.copy_from_query(query, output=take, format="binary")
    return piece, _count(status)


async def fingerprint(connection: Connection, table: Table) -> tuple[int, str]:
    """How many rows a table has, and the SHA-256 of their sorted SHA-256s, one a line (docs/moving.md)."""
    digest = hashlib.sha256()

    async def take(some: bytes) -> None:
        digest.update(some)

    query = (
        f"SELECT encode(h, 'hex') FROM (SELECT sha256(record_send(ROW({table.names}))) AS h "  # noqa: S608 - as above
        f"FROM {table.name}) AS hashes ORDER BY h"
    )
    status = await connection.copy_from_query(query, output=take, format="text")
    return _count(status), digest.hexdigest()


async def add_rows(connection: Connection, table: Table, piece: bytes, *, new: bool) -> None:
    """Put a piece into its table. `new`: it was read as a whole, so its rows are probably not there yet."""
    if new:
        try:
            async with connection.transaction():
                await _copy_in(connection, table.name, piece, [column.name for column in table.columns])
                return
        except asyncpg.UniqueViolationError:
            pass  # a row that moved to another page between two broken-off passes: it is there, maybe older
    await _merge(connection, table, piece)


async def _merge(connection: Connection, table: Table, piece: bytes) -> None:
    """What is the same already is left alone: nothing may update a row of `historikk`."""
    await connection.execute(f"CREATE TEMP TABLE incoming (LIKE {table.name}) ON COMMIT DROP")
    await _copy_in(connection, "incoming", piece, [column.name for column in table.columns])
    kept = [column.name for column in table.columns if column.kept and column.name not in table.key]
    differs = "({}) IS DISTINCT FROM ({})".format(
        ", ".join(f"t.{name}" for name in kept), ", ".join(f"excluded.{name}" for name in kept)
    )
    await connection.execute(
        f"INSERT INTO {table.name} AS t ({table.names}) OVERRIDING SYSTEM VALUE "  # noqa: S608 - as above
        f"SELECT {table.names} FROM incoming ON CONFLICT ({', '.join(table.key)}) "
        f"DO UPDATE SET {', '.join(f'{name} = excluded.{name}' for name in kept)} WHERE {differs}"
    )
    await connection.execute("DROP TABLE incoming")


async def prune(connection: Connection, table: Table, keys: Iterable[bytes]) -> int:
    """Delete the rows whose keys are not among these; how many. Triggers that refuse a deletion are out of force."""
    key = ", ".join(table.key)
    async with connection.transaction():
        await connection.execute(
            f"CREATE TEMP TABLE listed ON COMMIT DROP AS SELECT {key} FROM {table.name} WITH NO DATA"  # noqa: S608
        )
        for piece in keys:
            await _copy_in(connection, "listed", piece, table.key)
        await connection.execute("ANALYZE listed")
        await connection.execute(f"ALTER TABLE {table.name} DISABLE TRIGGER USER")
        same = " AND ".join(f"l.{name} = t.{name}" for name in table.key)
        status = await connection.execute(
            f"DELETE FROM {table.name} t WHERE NOT EXISTS (SELECT FROM listed l WHERE {same})"  # noqa: S608 - as above
        )
        await connection.execute(f"ALTER TABLE {table.name} ENABLE TRIGGER USER")
        await connection.execute("DROP TABLE listed")
    return _count(status)


async def set_sequences(connection: Connection, sequences: Mapping[str, int]) -> None:
    """Let each sequence go on where the source's stopped."""
    for name, value in sequences.items():
        await fetch(connection, "transfer.set_sequence", name, value)


async def _copy_in(connection: Connection, table: str, piece: bytes, columns: Iterable[str]) -> None:
    await connection.copy_to_table(table, source=BytesIO(piece), columns=list(columns), format="binary")


def _count(status: str) -> int:
    """Of a command's tag, as `COPY 7`."""
    return int(status.rsplit(" ", 1)[1])
