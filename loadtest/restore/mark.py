"""A point between two commits of a database under load, and every row as it stood there.

For an instant all tables are locked against writers. Meanwhile the restore point is written into the WAL, the clock
is read and a snapshot is exported: all three mean the same state. Then the lock is given back; a second connection
reads the rows through the snapshot for as long as it takes, and nobody waits for it.
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import asyncpg
from asyncpg.transaction import Transaction

from loadtest.restore import rows
from loadtest.restore.rows import WRITTEN_ALIKE, Connection

SHORTER_THAN_A_DEADLOCK = "100ms"
"""Who locks many tables meets those who write them in another order: it must be we who give up first."""
PAUSE = 0.02
_HELD = """
SELECT pg_create_restore_point($1)::text AS lsn, clock_timestamp() AS at, pg_export_snapshot() AS snapshot"""


@dataclass(frozen=True, slots=True)
class Mark:
    """The point, by its three names, and the folder of its rows' hashes."""

    name: str
    lsn: str
    at: datetime
    monotonic: float
    """The same on this machine's clock that only goes forward."""
    rows: Path
    number: int
    """Of rows."""
    seconds_held: float
    """How long writers waited for us at most."""


async def take(dsn: dict[str, Any], name: str, folder: Path) -> Mark:
    """Make a restore point of that name; the hashes go into an empty folder."""
    holder = await asyncpg.connect(**dsn)
    reader = await asyncpg.connect(**dsn, server_settings=dict(WRITTEN_ALIKE))
    try:
        async with reader.transaction(isolation="repeatable_read", readonly=True):
            holding, begun = await _hold(holder)
            held = await holder.fetchrow(_HELD, name)
            assert held is not None
            clock = time.monotonic()
            await reader.execute(f"SET TRANSACTION SNAPSHOT '{held['snapshot']}'")
            await holding.commit()
            seconds = time.monotonic() - begun
            number = await rows.write_hashes(reader, folder)
    finally:
        await holder.close()
        await reader.close()
    return Mark(name, held["lsn"], held["at"].astimezone(UTC), clock, folder, number, seconds)


async def _hold(holder: Connection[Any]) -> tuple[Transaction, float]:
    """A transaction that keeps writers out of every table, once those that write have ended; and when it began."""
    names = ", ".join(await rows.tables(holder))
    while True:
        holding = holder.transaction()
        await holding.start()
        await holder.execute(f"SET LOCAL lock_timeout = '{SHORTER_THAN_A_DEADLOCK}'")
        begun = time.monotonic()
        try:
            await holder.execute(f"LOCK TABLE {names} IN SHARE MODE")
        except asyncpg.LockNotAvailableError:
            await holding.rollback()
            await asyncio.sleep(PAUSE)
        else:
            return holding, begun


def lsn_number(lsn: str) -> int:
    """`0/4011970` as a number."""
    high, low = lsn.split("/")
    return (int(high, 16) << 32) + int(low, 16)
