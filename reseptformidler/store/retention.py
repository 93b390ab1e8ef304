"""Deleting what is over, and the partitions of what ages: the steps of the sweep.

Each step is a small transaction that may be repeated or interrupted anywhere. Deleting a prescription deletes every
sealed copy of it but those in inbox partitions, which are dropped when repeats are no longer answered.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Literal

import asyncpg

from reseptformidler.domain.livslop import Fase, Steg
from reseptformidler.store.queries import Connection, commit, fetch

LOCK = 0x52_46_53_57_50  # "RFSWP": one sweep at a time on a database
ROWS = 500
"""Deleted in one transaction."""
LOCK_TIMEOUT = "1s"
"""A new or dropped partition needs its table for a moment; who waits for it makes everybody wait."""


@dataclass(frozen=True, slots=True)
class Partitioned:
    """A table in partitions of a month (by calendar) or a week (from Monday), UTC, by the column `time`."""

    name: str
    time: str
    span: Literal["week", "month"]

    def start(self, moment: datetime) -> date:
        """First day of the partition that a moment belongs to."""
        day = moment.astimezone(UTC).date()
        return day.replace(day=1) if self.span == "month" else day - timedelta(days=day.weekday())

    def next(self, start: date) -> date:
        """First day of the next partition."""
        if self.span == "week":
            return start + timedelta(days=7)
        return (start + timedelta(days=31)).replace(day=1)


TABLES = (
    Partitioned("innboks", "mottatt", "week"),
    Partitioned("utboks", "opprettet", "week"),
    Partitioned("historikk", "tidspunkt", "month"),
)


async def delete_expired(connection: Connection, today: date, now: datetime) -> int:
    """Delete some prescriptions whose last day is before `today`; how many."""
    arguments = (today, ROWS, now, str(Steg.UTLOPT), str(Fase.SLETTET))
    return len(await commit(connection, "retention.delete_expired", *arguments))


async def delete_closed(connection: Connection, before: datetime, now: datetime) -> int:
    """Delete some prescriptions that were finished or recalled before that moment; how many."""
    arguments = (before, ROWS, now, str(Steg.LAGRINGSTID_UTE), str(Fase.SLETTET))
    return len(await commit(connection, "retention.delete_closed", *arguments))


async def delete_delivered(connection: Connection) -> int:
    """Delete some delivered messages about deleted prescriptions; how many."""
    return len(await commit(connection, "retention.delete_delivered", ROWS))


async def delete_unowed_documents(connection: Connection) -> int:
    """Delete some documents that were kept for messages which are neither owed nor stranded any more; how many."""
    return len(await commit(connection, "retention.delete_unowed_documents", ROWS))


async def delete_stranded(connection: Connection) -> int:
    """Forget some messages that are stranded no more; how many."""
    return len(await commit(connection, "retention.delete_stranded", ROWS))


async def delete_claims(connection: Connection, before: datetime) -> int:
    """Delete some claims of messages that came before that moment; how many."""
    return len(await commit(connection, "retention.delete_claims", before, ROWS))


async def delete_searches(connection: Connection, before: datetime) -> int:
    """Delete an operator's search through contents that began before that moment; how many."""
    return len(await commit(connection, "retention.delete_searches", before))


async def partitions(connection: Connection, table: Partitioned) -> list[date]:
    """The first days of the partitions of a table."""
    rows = await fetch(connection, "retention.partitions", table.name)
    return [datetime.strptime(row["name"].rsplit("_", 1)[1], "%Y%m%d").replace(tzinfo=UTC).date() for row in rows]


async def make_partitions(connection: Connection, table: Partitioned, now: datetime, until: datetime) -> list[date]:
    """Make the partitions that are missing from now on; those that were made.

    Where rows of such a time stand in the default partition already, they stay there and the partition is not made.
    """
    there, made = set(await partitions(connection, table)), []
    start = table.start(now)
    while start <= until.date():
        if start not in there and await _make(connection, table, start):
            made.append(start)
        start = table.next(start)
    return made


async def drop_partitions(connection: Connection, table: Partitioned, before: datetime) -> list[date]:
    """Drop the partitions, and the rows of the default one, that hold only what is older than that moment."""
    dropped = []
    for start in await partitions(connection, table):
        if _moment(table.next(start)) <= before:
            async with connection.transaction():
                await connection.execute(f"SET LOCAL lock_timeout = '{LOCK_TIMEOUT}'")
                await connection.execute(f"DROP TABLE {_partition(table, start)}")
            dropped.append(start)
    await _empty_default(connection, table, before)
    return dropped


async def _make(connection: Connection, table: Partitioned, start: date) -> bool:
    """Attached, not created in place: that takes a weaker lock on the table."""
    name = _partition(table, start)
    try:
        async with connection.transaction():
            await connection.execute(f"SET LOCAL lock_timeout = '{LOCK_TIMEOUT}'")
            await connection.execute(f"CREATE TABLE {name} (LIKE {table.name} INCLUDING ALL)")
            await connection.execute(
                f"ALTER TABLE {table.name} ATTACH PARTITION {name} "
                f"FOR VALUES FROM ('{_moment(start).isoformat()}') TO ('{_moment(table.next(start)).isoformat()}')"
            )
    except asyncpg.CheckViolationError:
        return False
    return True


async def _empty_default(connection: Connection, table: Partitioned, before: datetime) -> None:
    """Whole: the history lets no single row go."""
    newest = await connection.fetchval(f"SELECT max({table.time}) FROM {table.name}_default")  # noqa: S608 - our names
    if newest is not None and newest < before:
        async with connection.transaction():
            await connection.execute(f"SET LOCAL lock_timeout = '{LOCK_TIMEOUT}'")
            await connection.execute(f"TRUNCATE {table.name}_default")


def _partition(table: Partitioned, start: date) -> str:
    return f"{table.name}_{start:%Y%m%d}"


def _moment(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=UTC)
