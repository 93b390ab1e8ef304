"""What is owed to others: asynchronous messages that were recorded with the change that owes them.

A relay takes a message for the time of a lease, sends it, and says what became of it. Every outcome that is not known
(a relay that was killed, a database that did not answer) ends with the lease: the message is then sent again. `now` is
the time by which rows are due; None is the database's own, the one clock that relays in several datacentres share.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID

from reseptformidler.store.queries import Connection, commit, fetch

ROWS = 1000
"""Put off, or given up, in one transaction."""


@dataclass(frozen=True, slots=True)
class Routes:
    """Which receiver, by number, has a message: by HER-id, by type where the HER-id is empty, or that of all others."""

    by_name: Mapping[str, int] = field(default_factory=dict)
    others: int | None = None

    def arguments(self) -> tuple[list[str], list[int], int | None]:
        """As the statements take them."""
        return list(self.by_name), list(self.by_name.values()), self.others


@dataclass(frozen=True, slots=True)
class Claimed:
    """A message that this process may send until its lease ends; its facts are still sealed."""

    opprettet: datetime
    avsender: str
    msg_id: UUID
    lopenr: int
    type: str
    mottaker: str
    resept_id: UUID | None
    ref_to_parent: str
    ref_to_conversation: str
    forsok: int
    """Attempts, this one included."""
    innhold: bytes = field(repr=False)
    receiver: int

    @property
    def key(self) -> tuple[datetime, str, UUID, int]:
        """What names its row."""
        return self.opprettet, self.avsender, self.msg_id, self.lopenr


@dataclass(frozen=True, slots=True)
class Pending:
    """How many messages of one type wait, and the age of the oldest."""

    count: int
    age: timedelta


async def claim(
    connection: Connection,
    routes: Routes,
    *,
    lease: timedelta,
    limit: int,
    resting: Sequence[int] = (),
    now: datetime | None = None,
) -> list[Claimed]:
    """Take at most `limit` messages that are due, but none for the receivers in `resting`.

    NotReplicated if no standby has the claim; otherwise the standby has what is owed as well, which was written before.
    """
    rows = await commit(connection, "outbox.claim", now, lease, limit, *routes.arguments(), list(resting))
    return [Claimed(**row) for row in rows]


async def mark_delivered(connection: Connection, delivered: Sequence[Claimed]) -> None:
    """These have arrived."""
    await commit(connection, "outbox.delivered", *_columns([one.key for one in delivered], 4))


async def mark_failed(
    connection: Connection, failed: Sequence[tuple[Claimed, timedelta]], *, now: datetime | None = None
) -> None:
    """These have not arrived; each is due again after its pause."""
    rows = [(*one.key, one.forsok, pause) for one, pause in failed]
    await commit(connection, "outbox.failed", *_columns(rows, 6), now)


async def put_off(connection: Connection, routes: Routes, pause: timedelta, *, now: datetime | None = None) -> int:
    """Let some messages without a receiver wait for a while; how many."""
    return len(await commit(connection, "outbox.put_off", now, pause, *routes.arguments(), ROWS))


async def give_up(connection: Connection, age: timedelta, *, now: datetime | None = None) -> list[str]:
    """Give some messages up that are older than that; their types."""
    return [row["type"] for row in await commit(connection, "outbox.give_up", now, age, ROWS)]


async def pending(connection: Connection, *, now: datetime | None = None) -> Mapping[str, Pending]:
    """What waits, by message type."""
    rows = await fetch(connection, "outbox.pending", now)
    return {row["type"]: Pending(row["antall"], timedelta(seconds=row["alder"])) for row in rows}


def _columns(rows: Sequence[tuple[object, ...]], width: int) -> list[Sequence[object]]:
    return list(zip(*rows, strict=True)) if rows else [()] * width
