"""The batcher: messages that wait together are read, decided and committed together.

A lone message goes at once; what arrives while `in_flight` batches are under way forms the next one. Two messages that
touch the same claim, prescription or reference number are never under way together. After any database error the
outcome is unknown, and repeating is safe: the claim tells what was committed.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial

import asyncpg

from reseptformidler import metrics
from reseptformidler.store.apply import Decided, Outcome, Rows, apply, rows_of
from reseptformidler.store.encode import Encoder
from reseptformidler.store.item import Item, OtherBytes, Stored
from reseptformidler.store.load import Loaded, load, load_repeats
from reseptformidler.store.near import Near
from reseptformidler.store.pool import Pool
from reseptformidler.store.queries import Connection, NotReplicated
from reseptformidler.store.seal import Sealer

__all__ = ["Batcher", "Contended", "Full", "Item", "OtherBytes", "Stored"]

ATTEMPTS_OF_A_BAD_ONE = 2
"""Of a message that fails alone, on a server that is well: the second one sees what it may have collided with."""
SECONDS_BETWEEN_ATTEMPTS = (0.05, 0.2, 0.5)
"""The last one again and again: for as long as somebody waits, a server may come back or another be promoted."""
ROUNDS = 20
SECONDS_FOR_A_CONNECTION = 5.0

# Exceptions and SQLSTATE classes that blame the connection or the server: all may be well when it is repeated.
_PASSING = (asyncpg.InterfaceError, asyncpg.InternalClientError, OSError, TimeoutError, NotReplicated)
_PASSING_CLASSES = ("08", "25", "40", "53", "55", "57", "58")


class Full(Exception):
    """Too many messages wait already: the sender should try again a little later."""


class Contended(Exception):
    """The state moved each time this message was decided; nothing was stored."""


@dataclass(slots=True, eq=False)
class _Waiting:
    item: Item
    answer: asyncio.Future[Stored | OtherBytes]
    keys: frozenset[Hashable] = field(init=False)
    distrusts: bool = False
    """What a standby had was stale: this one reads from the primary."""
    taken: bool = False
    """What it would create is another message's; decided again, it knows."""

    def __post_init__(self) -> None:
        self.keys = self.item.touches()

    def settle(self, result: Stored | OtherBytes | Exception) -> None:
        """Give the result to who waits for it, if somebody still does."""
        if self.answer.done():
            return
        if isinstance(result, Exception):
            self.answer.set_exception(result)
        else:
            self.answer.set_result(result)


class Batcher:
    """Commits messages in batches of at most `size`, with at most `in_flight` under way and `queue` waiting."""

    def __init__(
        self,
        pool: Pool,
        sealer: Sealer,
        *,
        size: int = 64,
        in_flight: int = 2,
        queue: int = 1000,
        near: Near | None = None,
    ) -> None:
        self._pool = pool
        self._near = near
        self._keys = sealer.keys
        self._encoder = Encoder(sealer)
        self._size, self._in_flight, self._limit = size, in_flight, queue
        self._queue: deque[_Waiting] = deque()
        self._busy: set[Hashable] = set()
        self._running: set[asyncio.Task[None]] = set()
        self._starting = False

    @property
    def is_full(self) -> bool:
        """Whether too many wait already."""
        return len(self._queue) >= self._limit

    async def submit(self, item: Item) -> Stored | OtherBytes:
        """Commit one message and return its answer, or the first answer if it was committed before.

        While the database is away it waits: the caller sets the time. Raises Full when too many wait, Contended, what
        `decide` or `render` raised, or a database error that says that the message itself is at fault. After any
        exception the message may be sent again: nothing was stored, or the repeat finds it.
        """
        if self.is_full:
            raise Full
        waiting = _Waiting(item, asyncio.get_running_loop().create_future())
        self._queue.append(waiting)
        self._start_soon()
        with metrics.messages_waiting.track_inprogress():
            return await waiting.answer

    async def close(self) -> None:
        """Return when nothing waits and nothing is under way; the caller sees to it that nothing more comes."""
        while self._running or self._starting:
            await (asyncio.wait(self._running) if self._running else asyncio.sleep(0))

    def _start_soon(self) -> None:
        """When all that can run now has run: what comes in one moment goes together, a lone one waits for nobody."""
        if not self._starting:
            self._starting = True
            asyncio.get_running_loop().call_soon(self._start)

    def _start(self) -> None:
        self._starting = False
        while len(self._running) < self._in_flight and (batch := self._take()):
            task = asyncio.create_task(self._run(batch))
            self._running.add(task)
            task.add_done_callback(partial(self._end, batch))

    def _take(self) -> list[_Waiting]:
        """The next batch: the longest waiting whose keys nobody uses. Those nobody waits for any more are dropped."""
        batch: list[_Waiting] = []
        kept: list[_Waiting] = []
        while self._queue and len(batch) < self._size:
            waiting = self._queue.popleft()
            if waiting.answer.done():
                continue
            if self._busy.isdisjoint(waiting.keys):
                self._busy |= waiting.keys
                batch.append(waiting)
            else:
                kept.append(waiting)
        self._queue.extendleft(reversed(kept))
        return batch

    def _end(self, batch: Sequence[_Waiting], task: asyncio.Task[None]) -> None:
        """Let the keys go and start the next one. Only a cancelled loop leaves somebody unanswered."""
        for waiting in batch:
            if not waiting.answer.done():
                waiting.settle(RuntimeError(f"the batch ended unanswered: {task!r}"))
            self._busy -= waiting.keys
        self._running.discard(task)
        self._start_soon()

    async def _run(self, batch: list[_Waiting]) -> None:
        """Go on until each message of the batch has its answer or its error."""
        errors = faults = rounds = 0
        while batch:
            try:
                await self._round(batch)
                rounds += 1
            except Exception as error:  # noqa: BLE001 - a kill -9 of the server shows as several kinds of exception
                metrics.db_retries.inc()
                errors += 1
                if _passing(error):
                    await self._pool.expire_connections()  # they may all lead to a server that is no longer the primary
                elif len(batch) > 1:
                    await self._one_by_one(batch)
                    return
                elif (faults := faults + 1) == ATTEMPTS_OF_A_BAD_ONE:
                    _settle_all(batch, error)
                    return
                await asyncio.sleep(SECONDS_BETWEEN_ATTEMPTS[min(errors, len(SECONDS_BETWEEN_ATTEMPTS)) - 1])
            batch = [waiting for waiting in batch if not waiting.answer.done()]
            if rounds == ROUNDS:
                _settle_all(batch, Contended())
                return

    async def _one_by_one(self, batch: Sequence[_Waiting]) -> None:
        """A message that makes a batch fail harms nobody but itself."""
        for waiting in batch:
            if not waiting.answer.done():
                await self._run([waiting])

    async def _round(self, batch: Sequence[_Waiting]) -> None:
        """Read, decide, apply: settles what was applied, repeated or failed by itself; the rest needs another round."""
        async with self._pool.acquire(timeout=SECONDS_FOR_A_CONNECTION) as connection:
            try:
                await self._round_on(connection, batch)
            except Exception as error:
                if _passing(error):
                    connection.terminate()  # whatever state it is in, nobody shall meet it again
                raise

    async def _round_on(self, connection: Connection, batch: Sequence[_Waiting]) -> None:
        await self._keys.renew(connection, max(waiting.item.received for waiting in batch))
        near = await self._load_near(batch)
        far = [waiting.item.needs for waiting in batch if waiting not in near]
        loaded = await load(connection, self._encoder, self._keys, far)
        decided = self._decide(batch, loaded, near)
        if not decided:
            return
        metrics.db_batch_messages.observe(len(decided))
        outcomes = await apply(connection, [rows for _, _, rows in decided])
        repeated = []
        for (waiting, one, _), outcome in zip(decided, outcomes, strict=True):
            if one.seen:
                waiting.distrusts = outcome is Outcome.CONFLICT
                metrics.db_near_reads.labels("stale" if waiting.distrusts else "confirmed").inc()
            if outcome is Outcome.APPLIED:
                waiting.settle(Stored(one.answer, accepted=one.decision.accepted, reasons=one.reasons))
            elif outcome is Outcome.TAKEN and waiting.taken:
                waiting.settle(OtherBytes())  # its decision does not ask for `tatt`
            elif outcome is Outcome.TAKEN:
                waiting.taken = True
            elif outcome is Outcome.DUPLICATE:
                repeated.append(waiting)
            else:
                metrics.db_conflicts.inc()
        if repeated:
            await self._repeat(connection, repeated)

    async def _load_near(self, batch: Sequence[_Waiting]) -> dict[_Waiting, Loaded]:
        """What a standby has, for those of a batch that it is good enough for."""
        if self._near is None:
            return {}
        readers = [waiting for waiting in batch if waiting.item.only_reads and not waiting.distrusts]
        loaded = await self._near.load(self._encoder, self._keys, [waiting.item.needs for waiting in readers])
        return dict.fromkeys(readers, loaded) if loaded is not None else {}

    def _decide(
        self, batch: Sequence[_Waiting], loaded: Loaded, near: Mapping[_Waiting, Loaded]
    ) -> list[tuple[_Waiting, Decided, Rows]]:
        """Those that can be applied together, with their rows. An exception is the message's own."""
        touched: set[Hashable] = set()
        decided: list[tuple[_Waiting, Decided, Rows]] = []
        for waiting in batch:
            try:
                one = self._decide_one(waiting, near.get(waiting, loaded), from_standby=waiting in near)
                if touched.isdisjoint(one.touches()):
                    decided.append((waiting, one, rows_of(self._encoder, len(decided), one)))
                    touched |= one.touches()
            except Exception as error:  # noqa: BLE001 - whatever it is, it must not reach the neighbours
                waiting.settle(error)
        return decided

    def _decide_one(self, waiting: _Waiting, loaded: Loaded, *, from_standby: bool) -> Decided:
        item = waiting.item
        tilstand = replace(loaded.tilstand(item.needs), tatt=waiting.taken)
        decision = item.decide(tilstand)
        seen = loaded.seen(item.needs) if from_standby else ()
        outgoing = tuple(map(item.render_owed, decision.owed))
        return Decided(item, tilstand, decision, item.render(decision), outgoing, seen)

    async def _repeat(self, connection: Connection, repeated: Sequence[_Waiting]) -> None:
        answers = await load_repeats(connection, self._encoder, self._keys, [waiting.item for waiting in repeated])
        for waiting in repeated:
            waiting.settle(answers[waiting.item.sender, waiting.item.msg_id])


def _passing(error: Exception) -> bool:
    """Whether an error says nothing about the messages: the whole batch is worth another try."""
    if isinstance(error, asyncpg.PostgresError):
        return (error.sqlstate or "")[:2] in _PASSING_CLASSES
    if isinstance(error, asyncpg.DataError | UnicodeError):
        return False
    return isinstance(error, _PASSING)


def _settle_all(batch: Sequence[_Waiting], error: Exception) -> None:
    for waiting in batch:
        waiting.settle(error)
