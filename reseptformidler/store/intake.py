"""What a database remembers while it takes in another one: the schema `overforing`, which goes when all is proved.

As long as it stands, the database is not whole and must not be served.
"""

from __future__ import annotations

from reseptformidler.store.queries import Connection
from reseptformidler.store.transfer import MOVED, CannotMove, Table, add_rows, is_served

LOCK = 0x52_46_4D_4F_56  # "RFMOV": one import at a time
_EXISTS = "SELECT to_regnamespace('overforing') IS NOT NULL"


async def is_unfinished(connection: Connection) -> bool:
    """Whether an import was begun and not proved."""
    return bool(await connection.fetchval(_EXISTS))


async def begin(connection: Connection, export: str) -> set[str]:
    """Begin to take in an export, or go on: the files that are taken in. CannotMove when the database is in use."""
    if not await connection.fetchval("SELECT pg_try_advisory_lock($1)", LOCK):
        raise CannotMove("another import is at work on this database")
    if await is_served(connection):
        raise CannotMove("the service is connected to this database: stop it first")
    if not await is_unfinished(connection):
        await _begin_new(connection, export)
    elif await connection.fetchval("SELECT id FROM overforing.eksport") != export:
        raise CannotMove("an import of another export is under way in this database")
    return {row["navn"] for row in await connection.fetch("SELECT navn FROM overforing.fil")}


async def _begin_new(connection: Connection, export: str) -> None:
    """Keys that `check` made in an empty database have sealed nothing, and go."""
    for table in MOVED:
        if await connection.fetchval(f"SELECT EXISTS (SELECT FROM {table})"):  # noqa: S608 - our names
            raise CannotMove(f"the database is not empty ({table} has rows) and no import is under way")
    async with connection.transaction():
        await connection.execute("DELETE FROM nokkel")
        await connection.execute("CREATE SCHEMA overforing")
        await connection.execute("CREATE TABLE overforing.eksport (id text PRIMARY KEY)")
        await connection.execute("CREATE TABLE overforing.fil (navn text PRIMARY KEY)")
        await connection.execute("INSERT INTO overforing.eksport VALUES ($1)", export)


async def take_rows(connection: Connection, table: Table, file: str, piece: bytes, *, new: bool) -> None:
    """The rows of one file, and that it is taken in."""
    async with connection.transaction():
        await add_rows(connection, table, piece, new=new)
        await remember(connection, file)


async def remember(connection: Connection, file: str) -> None:
    """This file is taken in."""
    await connection.execute("INSERT INTO overforing.fil VALUES ($1)", file)


async def end(connection: Connection) -> None:
    """All is proved: the database may be served."""
    await connection.execute("SET synchronous_commit = on")
    await connection.execute("DROP SCHEMA overforing CASCADE")
