"""The sweep: deletes what is over and keeps partitions ready. A process of its own; several may run, one works.

Everything it does may be repeated or broken off anywhere: the next sweep goes on.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from reseptformidler import metrics
from reseptformidler.domain.kalender import norsk_dag
from reseptformidler.store import retention
from reseptformidler.store.pool import Pool
from reseptformidler.store.queries import Connection


@dataclass(frozen=True, slots=True)
class Periods:
    """How long what is kept. `ahead`: how far into the future partitions are made."""

    closed: timedelta = timedelta(days=30)
    duplicates: timedelta = timedelta(days=90)
    outbox: timedelta = timedelta(days=365)
    history: timedelta = timedelta(days=3650)
    ahead: timedelta = timedelta(weeks=8)


@dataclass(frozen=True, slots=True)
class SweepResult:
    """What one sweep did; `ran` is False when another one was at work."""

    ran: bool
    removed: Mapping[str, int] = field(default_factory=dict)
    """Rows, or partitions, by what they are."""
    partitions_made: int = 0
    partitions_ahead: Mapping[str, int] = field(default_factory=dict)
    """By table: how many partitions of times to come exist."""


async def sweep(pool: Pool, now: datetime, periods: Periods) -> SweepResult:
    """Do one sweep of everything. Any exception leaves what was done done, and the rest for the next one."""
    async with pool.acquire() as connection:
        if not await connection.fetchval("SELECT pg_try_advisory_lock($1)", retention.LOCK):
            return SweepResult(ran=False)
        try:
            made = await _make_partitions(connection, now, periods)
            removed = await _remove(connection, now, periods)
            ahead = {table.name: await _ahead(connection, table, now) for table in retention.TABLES}
            await connection.execute("SELECT pg_advisory_unlock($1)", retention.LOCK)
        except BaseException:
            connection.terminate()  # the lock ends with its session
            raise
    for table, count in ahead.items():
        metrics.partitions_ahead.labels(table).set(count)
    return SweepResult(ran=True, removed=removed, partitions_made=made, partitions_ahead=ahead)


async def _make_partitions(connection: Connection, now: datetime, periods: Periods) -> int:
    made = [await retention.make_partitions(connection, t, now, now + periods.ahead) for t in retention.TABLES]
    return sum(map(len, made))


async def _remove(connection: Connection, now: datetime, periods: Periods) -> Mapping[str, int]:
    """Claims go before the answers they lead to."""
    removed: Counter[str] = Counter()
    today, closed, repeats = norsk_dag(now), now - periods.closed, now - periods.duplicates
    steps: Mapping[str, Callable[[], Awaitable[int]]] = {
        "expired": lambda: retention.delete_expired(connection, today, now),
        "closed": lambda: retention.delete_closed(connection, closed, now),
        "delivered": lambda: retention.delete_delivered(connection),
        "unowed_documents": lambda: retention.delete_unowed_documents(connection),
        "stranded": lambda: retention.delete_stranded(connection),
        "claims": lambda: retention.delete_claims(connection, repeats),
        "searches": lambda: retention.delete_searches(connection, now - periods.history),
    }
    for what, step in steps.items():
        while count := await step():
            removed[what] += count
            metrics.swept.labels(what).inc(count)
    for table, age in zip(retention.TABLES, (periods.duplicates, periods.outbox, periods.history), strict=True):
        dropped = await retention.drop_partitions(connection, table, now - age)
        removed[f"{table.name}_partitions"] += len(dropped)
        metrics.swept.labels(f"{table.name}_partitions").inc(len(dropped))
    return removed


async def _ahead(connection: Connection, table: retention.Partitioned, now: datetime) -> int:
    return sum(1 for start in await retention.partitions(connection, table) if start > table.start(now))
