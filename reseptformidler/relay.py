"""The relay: sends what is owed to its receivers, at least once, in order for one prescription. A process of its own.

Several may run, in any datacentre, and end at any moment: what one of them had taken is sent by another when its lease
ends. A message that follows is taken only when the one before it has arrived, so however often a message is sent, it
arrives first before any that follows it.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from io import BytesIO
from typing import Any
from urllib.parse import urlsplit

import aiohttp

from reseptformidler import metrics, receipts
from reseptformidler.domain.kvittering import Kvittering
from reseptformidler.log import logger, where
from reseptformidler.parcel import Parcel, Unopened, pack
from reseptformidler.registers.receivers import Receivers
from reseptformidler.store import outbox
from reseptformidler.store.encode import Encoder
from reseptformidler.store.keys import Keyring
from reseptformidler.store.outbox import Claimed, Failure, Key, Routes
from reseptformidler.store.pool import Pool
from reseptformidler.store.queries import Connection
from reseptformidler.wire.msghead import read_uuid
from reseptformidler.wire.schema import Schemas

SLOTS = 96
"""Messages on their way at one moment."""
SHARE = 16
"""Messages taken at once. A receiver with so many on their way gets no more: a silent one must not hold every slot."""
POST_SECONDS = 10.0
LEASE = timedelta(seconds=30)
assert timedelta(seconds=2 * POST_SECONDS) < LEASE, "a lease outlives the sending and the writing down of its outcome"
REST_SECONDS = 10.0
"""A receiver that does not answer at all is left alone for so long."""
FIRST_PAUSE, LONGEST_PAUSE = timedelta(seconds=1), timedelta(minutes=5)
PAUSE_WITHOUT_RECEIVER = timedelta(minutes=15)
FIGURES_SECONDS = 5.0
MOST_ANSWER = 1_048_576
"""Octets of an answer that are read: a receipt has a few thousand."""

Now = Callable[[], datetime | None]


def database_time() -> None:
    """Let the database say what time it is: its clock is the one that all relays share."""


def pause_after(attempts: int) -> timedelta:
    """How long a message waits after that many failures."""
    return min(LONGEST_PAUSE, FIRST_PAUSE * (1 << min(attempts - 1, 20)))


def client() -> aiohttp.ClientSession:
    """What messages are sent with: it keeps connections, but no cookies, and believes no proxy of the environment."""
    return aiohttp.ClientSession(
        timeout=aiohttp.ClientTimeout(total=POST_SECONDS),
        connector=aiohttp.TCPConnector(limit=SLOTS),
        cookie_jar=aiohttp.DummyCookieJar(),
    )


def routes(receivers: Receivers) -> Routes:
    """The receivers by their place in `receivers.urls`."""
    number = {url: nr for nr, url in enumerate(receivers.urls)}
    by_name = {name: number[url] for name, url in (receivers.by_her | receivers.by_type).items()}
    return Routes(by_name, number[receivers.others] if receivers.others else None)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one attempt."""

    cause: str = ""
    """Why the message has not arrived: a status, or a kind of error; empty where it has."""
    receipt: Kvittering | None = None


@dataclass(slots=True)
class Courier:
    """What one process has taken, what of it is on its way, and what became of it."""

    receivers: Receivers
    encoder: Encoder
    keys: Keyring
    schemas: Schemas
    session: aiohttp.ClientSession
    patience: timedelta
    """How long a message is tried."""
    now: Now = database_time
    _routes: Routes = field(init=False)
    _sending: dict[asyncio.Task[Outcome], Claimed] = field(default_factory=dict)
    _delivered: list[tuple[Key, Kvittering | None]] = field(default_factory=list)
    _failed: list[Failure] = field(default_factory=list)
    _resting: dict[int, float] = field(default_factory=dict)
    """Until when, by the clock of the loop."""

    def __post_init__(self) -> None:
        self._routes = routes(self.receivers)

    @property
    def sending(self) -> set[asyncio.Task[Outcome]]:
        """What is on its way."""
        return set(self._sending)

    async def step(self, connection: Connection) -> bool:
        """Write down what became of messages, take some that are due and send them; whether there were any."""
        await self.mark(connection)
        limit = min(SHARE, SLOTS - len(self._sending))
        if not limit:
            return False
        claimed = await outbox.claim(
            connection,
            self._routes,
            lease=LEASE,
            limit=limit,
            patience=self.patience,
            resting=self._left_alone(),
            now=self.now(),
        )
        parcels = await pack(connection, self.encoder, self.keys, claimed)
        for one, parcel in zip(claimed, parcels, strict=True):
            self._sending[asyncio.create_task(self._sent(one, parcel))] = one
        return bool(claimed)

    async def mark(self, connection: Connection) -> None:
        """Write down what became of messages. What could not be written is written by the next call."""
        for task in [task for task in self._sending if task.done()]:
            self._note(self._sending.pop(task), task.result())
        if self._delivered:
            await outbox.mark_delivered(connection, self._delivered, now=self.now())
            self._delivered = []
        if self._failed:
            await outbox.mark_failed(connection, self._routes, self._failed, now=self.now())
            self._failed = []

    def _note(self, owed: Claimed, outcome: Outcome) -> None:
        if outcome.cause:
            self._failed.append(Failure(owed, outcome.cause, pause_after(owed.forsok)))
        else:
            self._delivered.append((owed.key, outcome.receipt))

    async def give_up(self, connection: Connection) -> None:
        """Strand what has been tried for too long; let what has no receiver wait."""
        for type_ in await outbox.give_up(connection, self.patience, now=self.now()):
            metrics.outbox_delivered.labels(type_, "given_up").inc()
        await outbox.put_off(connection, self._routes, PAUSE_WITHOUT_RECEIVER, now=self.now())

    def _left_alone(self) -> list[int]:
        moment = asyncio.get_running_loop().time()
        self._resting = {receiver: until for receiver, until in self._resting.items() if until > moment}
        on_their_way = Counter(one.receiver for one in self._sending.values())
        return [*self._resting, *(receiver for receiver, count in on_their_way.items() if count >= SHARE)]

    async def _sent(self, owed: Claimed, parcel: Parcel | Unopened) -> Outcome:
        try:
            outcome, told = await self._post(owed, parcel), {}
        except Exception as error:  # noqa: BLE001  # whatever it is: not delivered, and tried again
            outcome, told = Outcome(type(error).__name__), {"where": where(error)}
            if isinstance(error, TimeoutError):
                self._resting[owed.receiver] = asyncio.get_running_loop().time() + REST_SECONDS
        metrics.outbox_delivered.labels(owed.type, "failed" if outcome.cause else "delivered").inc()
        if outcome.cause:
            host = urlsplit(self.receivers.urls[owed.receiver]).hostname
            logger.warning("not_delivered", melding=owed.type, host=host, error=outcome.cause, **told)
        return outcome

    async def _post(self, owed: Claimed, parcel: Parcel | Unopened) -> Outcome:
        if not isinstance(parcel, Parcel):
            raise parcel
        headers = {
            "Content-Type": parcel.content_type,
            "Idempotency-Key": f"{owed.avsender}/{owed.msg_id}/{owed.lopenr}",
        }
        # From a file: aiohttp writes that in parts, and what is whole at once.
        url, octets = self.receivers.urls[owed.receiver], BytesIO(parcel.octets)
        async with self.session.post(url, data=octets, headers=headers, allow_redirects=False) as answer:
            if not 200 <= answer.status < 300:
                return Outcome(f"HTTP {answer.status}")
            return Outcome(receipt=self._receipt(owed, await _body(answer)))

    def _receipt(self, owed: Claimed, octets: bytes) -> Kvittering | None:
        """The receipt for this message, if the answer is one."""
        said = receipts.answered(octets, self.schemas) if octets else None
        if said is None:
            return None
        is_for_it = owed.melding_id is not None and read_uuid(said.original) == owed.melding_id
        receipts.count(owed.type if is_for_it else receipts.UNMATCHED, said)
        return said if is_for_it else None


async def _body(answer: aiohttp.ClientResponse) -> bytes:
    """The body of an answer that is a success whatever becomes of it: empty where it is too large or breaks off."""
    octets = bytearray()
    try:
        async for part in answer.content.iter_any():
            octets += part
            if len(octets) > MOST_ANSWER:
                return b""
    except (aiohttp.ClientError, TimeoutError):
        return b""
    return bytes(octets)


@dataclass(frozen=True, slots=True)
class Relay:
    """One process. Without a courier it only watches."""

    pool: Pool
    courier: Courier | None
    pause: float
    """Seconds, when nothing is due."""
    now: Now = database_time

    async def run(self, stopped: asyncio.Event) -> None:
        """Until stopped; then what is on its way is finished."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._watch(stopped))
            if self.courier:
                tasks.create_task(self._deliver(self.courier, stopped))

    async def once(self) -> None:
        """Deliver what is due, and look at what is left."""
        if self.courier:
            while await self._step(self.courier) or self.courier.sending:
                await _first_of(self.courier.sending, self.pause)
        await self.look()

    async def look(self) -> None:
        """Count what is owed, and the age of the oldest; give up what is too old, put off what nobody takes."""
        async with self.pool.acquire() as connection:
            if self.courier:
                await self.courier.give_up(connection)
            pending = await outbox.pending(connection, now=self.now())
            stranded = await outbox.stranded_kinds(connection)
        metrics.outbox_pending.clear()
        for type_, owed in pending.items():
            metrics.outbox_pending.labels(type_).set(owed.count)
        oldest = max((owed.age for owed in pending.values()), default=timedelta())
        metrics.outbox_oldest_age.set(oldest.total_seconds())
        for kind, number in stranded.items():
            metrics.outbox_stranded.labels(kind).set(number)
        logger.debug("owed", pending={name: owed.count for name, owed in pending.items()})

    async def _watch(self, stopped: asyncio.Event) -> None:
        while not stopped.is_set():
            await _tried(self.look)
            with suppress(TimeoutError):
                await asyncio.wait_for(stopped.wait(), FIGURES_SECONDS)

    async def _deliver(self, courier: Courier, stopped: asyncio.Event) -> None:
        stopping = asyncio.create_task(stopped.wait())
        while not stopped.is_set():
            if not await _tried(lambda: self._step(courier)):
                await _first_of({stopping, *courier.sending}, self.pause)
        if courier.sending:
            await asyncio.wait(courier.sending, timeout=POST_SECONDS)
        await _tried(lambda: self._mark(courier))

    async def _step(self, courier: Courier) -> bool:
        async with self.pool.acquire() as connection:
            return await courier.step(connection)

    async def _mark(self, courier: Courier) -> None:
        async with self.pool.acquire() as connection:
            await courier.mark(connection)


async def _first_of(tasks: set[asyncio.Task[Any]], seconds: float) -> None:
    """Wait until one of them ends, or for so long."""
    if tasks:
        await asyncio.wait(tasks, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)


async def _tried(work: Callable[[], Awaitable[bool | None]]) -> bool:
    """What it says; False if it fails, which is logged. The next round tries again, or the lease ends."""
    try:
        return bool(await work())
    except Exception as error:  # noqa: BLE001  # whatever it is, nothing is known of its outcome
        logger.error("round_failed", error=type(error).__name__, where=where(error))
        return False
