"""The store alone: the rows of an M1, sealed beforehand, written in batches, by one statement a message, or by four.

All three write the same rows into the same tables. The batches go through the service's own statement, at most two
under way, what waits goes together; the other two have a connection for each message that waits.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Final
from uuid import uuid4

import asyncpg

from reseptformidler.store.apply import Outcome, Rows, apply

Row = tuple[Any, ...]
Pool = asyncpg.Pool

IN_FLIGHT: Final = 2
LARGEST: Final = 64

_CLAIM: Final = "INSERT INTO krav (avsender, msg_id, sha256, mottatt) VALUES ($1, $2, $3, $4)"
_RESEPT: Final = """
WITH created AS (
    INSERT INTO resept (resept_id, versjon, pasient, refnr, nodsok, mottatt, utloper, last, status, innhold)
    VALUES ($1, 1, $2, $3, $4, $5, $6, $7, $8, $9)
)
INSERT INTO resept_dokument (resept_id, msg_id, mottatt, dokument) VALUES ($1, $1, $5, $10)"""
_HISTORIKK: Final = """
INSERT INTO historikk (tidspunkt, resept_id, versjon, hendelse, fra, til, avsender, msg_id)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8)"""
_INNBOKS: Final = """
INSERT INTO innboks (mottatt, avsender, msg_id, type, godtatt, arsaker, melding, svar)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8)"""
_ALL_IN_ONE: Final = """
WITH claimed AS (
    INSERT INTO krav (avsender, msg_id, sha256, mottatt) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING RETURNING msg_id
), created AS (
    INSERT INTO resept (resept_id, versjon, pasient, refnr, nodsok, mottatt, utloper, last, status, innhold)
    SELECT $2, 1, $5::bytea, $6::bytea, $7::bytea, $4, $8::date, $9::bool, $10::text, $11::bytea FROM claimed
), document AS (
    INSERT INTO resept_dokument (resept_id, msg_id, mottatt, dokument) SELECT $2, $2, $4, $12::bytea FROM claimed
), event AS (
    INSERT INTO historikk (tidspunkt, resept_id, versjon, hendelse, fra, til, avsender, msg_id)
    SELECT $4, $2, 1, $13::text, $14::text, $15::text, $1, $2 FROM claimed
)
INSERT INTO innboks (mottatt, avsender, msg_id, type, godtatt, arsaker, melding, svar)
SELECT $4, $1, $2, $16::text, true, '', NULL, $17::bytea FROM claimed"""


@dataclass(frozen=True, slots=True)
class M1Rows:
    """The rows of one M1 by what they are."""

    rows: Rows
    message: Row
    created: Row
    document: Row
    event: Row

    @classmethod
    def of(cls, rows: Rows) -> M1Rows:
        """One of each; an M1 without reference number and without owed messages has no other."""
        (message,), (created,), (document,), (event,) = rows.message, rows.created, rows.document, rows.event
        assert not any((rows.changed, rows.annulled, rows.binding, rows.owed))
        return cls(rows, message, created, document, event)

    def renewed(self) -> M1Rows:
        """The same for another prescription. What was sealed is bound to the first one, but nobody will open it."""
        old, new = self.created[1], uuid4()

        def named(rows: Sequence[Row]) -> list[Row]:
            return [tuple(new if value == old else value for value in row) for row in rows]

        return M1Rows.of(Rows(*(named(getattr(self.rows, name)) for name in Rows.__slots__)))


async def four_statements(pool: Pool[Any], m1: M1Rows) -> None:
    """A transaction of four statements, as one would write it first."""
    _, sender, msg_id, sha256, received, type_, accepted, reasons, melding, svar = m1.message
    _, resept_id, pasient, refnr, nodsok, mottatt, utloper, last, status, innhold = m1.created
    versjon, hendelse, fra, til = m1.event[3:7]
    async with pool.acquire() as connection, connection.transaction():
        await connection.execute(_CLAIM, sender, msg_id, sha256, received)
        created = (resept_id, pasient, refnr, nodsok, mottatt, utloper, last, status, innhold, m1.document[-1])
        await connection.execute(_RESEPT, *created)
        await connection.execute(_HISTORIKK, received, resept_id, versjon, hendelse, fra, til, sender, msg_id)
        await connection.execute(_INNBOKS, received, sender, msg_id, type_, accepted, reasons, melding, svar)


async def one_statement(pool: Pool[Any], m1: M1Rows) -> None:
    """One statement, its own transaction, written for this message type."""
    _, sender, msg_id, sha256, received, type_, *_, svar = m1.message
    _, _, pasient, refnr, nodsok, _, utloper, last, status, innhold = m1.created
    hendelse, fra, til = m1.event[4:7]
    values = (pasient, refnr, nodsok, utloper, last, status, innhold, m1.document[-1], hendelse, fra, til, type_, svar)
    async with pool.acquire() as connection:
        await connection.execute(_ALL_IN_ONE, sender, msg_id, sha256, received, *values)


@dataclass(slots=True)
class Batches:
    """What waits goes together when one of two slots is free: the batcher's shape, without its decisions."""

    pool: Pool[Any]
    waiting: list[tuple[M1Rows, asyncio.Future[None]]] = field(default_factory=list)
    running: set[asyncio.Task[None]] = field(default_factory=set)
    starting: bool = False

    async def write(self, m1: M1Rows) -> None:
        """Write one message together with others."""
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.waiting.append((m1, done))
        self._start_soon()
        await done

    def _start_soon(self) -> None:
        if not self.starting:
            self.starting = True
            asyncio.get_running_loop().call_soon(self._start)

    def _start(self) -> None:
        self.starting = False
        while self.waiting and len(self.running) < IN_FLIGHT:
            batch, self.waiting = self.waiting[:LARGEST], self.waiting[LARGEST:]
            task = asyncio.create_task(self._commit(batch))
            self.running.add(task)
            task.add_done_callback(partial(self._end, batch))

    async def _commit(self, batch: Sequence[tuple[M1Rows, asyncio.Future[None]]]) -> None:
        async with self.pool.acquire() as connection:
            outcomes = await apply(connection, [_numbered(m1.rows, nr) for nr, (m1, _) in enumerate(batch)])
        assert set(outcomes) == {Outcome.APPLIED}
        for _, done in batch:
            done.set_result(None)

    def _end(self, batch: Sequence[tuple[M1Rows, asyncio.Future[None]]], task: asyncio.Task[None]) -> None:
        """Start the next one. What failed is the caller's to hear of."""
        self.running.discard(task)
        for _, done in batch:
            if not done.done():
                done.set_exception(task.exception() or RuntimeError("cancelled"))
        self._start_soon()


def _numbered(rows: Rows, nr: int) -> Rows:
    """The rows with the number they have in this batch."""
    return Rows(*([(nr, *row[1:]) for row in getattr(rows, name)] for name in Rows.__slots__))


Write = Callable[[M1Rows], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Written:
    """Messages a second, and CPU of this process for each (µs)."""

    rate: float
    cpu: float


async def written(write: Write, messages: Sequence[M1Rows], waiting: int) -> Written:
    """Write them all, `waiting` at a time."""
    queue = iter(messages)

    async def one_after_another() -> None:
        for message in queue:
            await write(message)

    begun, cpu = time.perf_counter(), time.process_time()
    await asyncio.gather(*(one_after_another() for _ in range(waiting)))
    seconds, cpu = time.perf_counter() - begun, time.process_time() - cpu
    return Written(len(messages) / seconds, cpu / len(messages) * 1e6)
