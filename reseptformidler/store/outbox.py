"""What is owed to others: asynchronous messages that were recorded with the change that owes them.

A relay takes a message for the time of a lease, sends it, and says what became of it. Every outcome that is not known
(a relay that was killed, a database that did not answer) ends with the lease: the message is then sent again. `now` is
the time by which rows are due; None is the database's own, the one clock that relays in several datacentres share.

A message that was given up or refused is stranded: it keeps nothing back, and waits for an operator to replay it.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TypeAlias
from uuid import UUID

from reseptformidler.domain.decision import Vedlegg
from reseptformidler.domain.ident import time_of_uuid
from reseptformidler.domain.kvittering import Kvittering
from reseptformidler.store.queries import Connection, commit, fetch

ROWS = 1000
"""Put off, or given up, in one transaction."""
MARGIN = timedelta(hours=1)
"""Before the partition of a message may be dropped, the message is given up, and so counted."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

Key: TypeAlias = "tuple[datetime, str, UUID, int]"
"""What names a row: opprettet, avsender, msg_id, lopenr."""


@dataclass(frozen=True, slots=True)
class Routes:
    """Which receiver, by number, has a message: that of its HER-id, else that of its type, else that of all others."""

    by_name: Mapping[str, int] = field(default_factory=dict)
    others: int | None = None

    def arguments(self) -> tuple[list[str], list[int], int | None]:
        """As the statements take them."""
        return list(self.by_name), list(self.by_name.values()), self.others


@dataclass(frozen=True, slots=True)
class Patience:
    """How long a message is tried (`tried`), and how long its row is there (`kept`)."""

    tried: timedelta
    kept: timedelta

    @classmethod
    def of(cls, *, hours: int, keep_days: int) -> Patience:
        """As the settings have it; nothing is tried when its row may be gone."""
        kept = timedelta(days=keep_days) - MARGIN
        return cls(min(timedelta(hours=hours), kept), kept)


@dataclass(frozen=True, slots=True)
class Claimed:
    """A message that this process may send until its lease ends; its content is still sealed."""

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
    melding_id: UUID | None
    """The MsgId it is sent under; None of what an older release recorded."""
    receiver: int

    @property
    def key(self) -> Key:
        """What names its row."""
        return self.opprettet, self.avsender, self.msg_id, self.lopenr


@dataclass(frozen=True, slots=True)
class Failure:
    """An attempt that failed, why (a status, a kind of error), and how long the message waits now."""

    message: Claimed
    cause: str
    pause: timedelta


@dataclass(frozen=True, slots=True)
class Sent:
    """A message that was sent under a MsgId."""

    key: Key
    type: str


@dataclass(frozen=True, slots=True)
class Pending:
    """How many messages of one type wait, and the age of the oldest."""

    count: int
    age: timedelta


@dataclass(frozen=True, slots=True)
class Stranded:
    """A message that was given up or refused, as an operator sees it."""

    key: Key
    melding_id: UUID | None
    type: str
    mottaker: str
    age: timedelta
    forsok: int
    arsak: str

    @property
    def id(self) -> str:
        """The Idempotency-Key it was sent with: avsender/msg_id/lopenr."""
        return "/".join(map(str, self.key[1:]))


async def claim(
    connection: Connection,
    routes: Routes,
    *,
    lease: timedelta,
    limit: int,
    patience: timedelta,
    resting: Sequence[int] = (),
    now: datetime | None = None,
) -> list[Claimed]:
    """Take at most `limit` messages that are due, but none for the receivers in `resting`.

    NotReplicated if no standby has the claim; otherwise the standby has what is owed as well, which was written before.
    """
    arguments = (now, lease, limit, *routes.arguments(), list(resting), patience)
    return [Claimed(**row) for row in await commit(connection, "outbox.claim", *arguments)]


async def documents(connection: Connection, wanted: Collection[Vedlegg]) -> Mapping[Vedlegg, bytes]:
    """The messages that are attached to others, still sealed; without those that are gone."""
    if not wanted:
        return {}
    columns = _columns([(one.resept_id, one.msg_id) for one in wanted], 2)
    rows = await fetch(connection, "outbox.documents", *columns)
    return {Vedlegg(row["resept_id"], row["msg_id"]): row["dokument"] for row in rows}


async def mark_delivered(
    connection: Connection, delivered: Sequence[tuple[Key, Kvittering | None]], *, now: datetime | None = None
) -> None:
    """These have arrived; what their receivers said of them, if they have. A refusal strands a message."""
    rows = [(*key, said.status, said.arsak) if said else (*key, None, None) for key, said in delivered]
    await commit(connection, "outbox.delivered", *_columns(rows, 6), now)


async def sent_as(connection: Connection, melding_id: UUID, hers: Collection[str]) -> Sent | None:
    """The message that was sent under a MsgId to one of these HER-ids, or to who has none; None if there is none."""
    milliseconds = time_of_uuid(melding_id)
    if milliseconds is None:
        return None
    begin = _EPOCH + timedelta(milliseconds=milliseconds)
    rows = await fetch(connection, "outbox.sent_as", melding_id, begin, list(hers))
    return next((Sent((r["opprettet"], r["avsender"], r["msg_id"], r["lopenr"]), r["type"]) for r in rows), None)


async def mark_failed(
    connection: Connection, routes: Routes, failed: Sequence[Failure], *, now: datetime | None = None
) -> None:
    """These have not arrived; each is due again after its pause."""
    rows = [(*f.message.key, f.message.forsok, f.pause, f.cause, f.message.receiver) for f in failed]
    await commit(connection, "outbox.failed", *_columns(rows, 8), *routes.arguments(), now)


async def put_off(connection: Connection, routes: Routes, pause: timedelta, *, now: datetime | None = None) -> int:
    """Let some messages without a receiver wait for a while; how many."""
    return len(await commit(connection, "outbox.put_off", now, pause, *routes.arguments(), ROWS))


async def give_up(connection: Connection, patience: timedelta, *, now: datetime | None = None) -> list[str]:
    """Give some messages up that have been tried for so long; their types."""
    return [row["type"] for row in await commit(connection, "outbox.give_up", now, patience, ROWS)]


async def pending(connection: Connection, *, now: datetime | None = None) -> Mapping[str, Pending]:
    """What waits, by message type."""
    rows = await fetch(connection, "outbox.pending", now)
    return {row["type"]: Pending(row["antall"], timedelta(seconds=row["alder"])) for row in rows}


async def stranded_kinds(connection: Connection) -> Mapping[str, int]:
    """How many messages are stranded, by what stranded them."""
    (row,) = await fetch(connection, "outbox.stranded_kinds")
    return {"given_up": row["antall"] - row["avvist"], "refused": row["avvist"]}


async def stranded(connection: Connection) -> list[Stranded]:
    """What is stranded, oldest first."""
    return [
        Stranded(
            key=(row["opprettet"], row["avsender"], row["msg_id"], row["lopenr"]),
            age=timedelta(seconds=row["alder"]),
            **{name: row[name] for name in ("melding_id", "type", "mottaker", "forsok", "arsak")},
        )
        for row in await fetch(connection, "outbox.stranded")
    ]


async def replay(connection: Connection, keys: Sequence[Key], patience: Patience) -> list[str]:
    """Let relays send stranded messages again; the types of those that had not arrived meanwhile."""
    arguments = (*_columns(keys, 4), patience.tried, patience.kept)
    return [row["type"] for row in await commit(connection, "outbox.replay", *arguments)]


def _columns(rows: Sequence[tuple[object, ...]], width: int) -> list[Sequence[object]]:
    return list(zip(*rows, strict=True)) if rows else [()] * width
