"""The servers of one database, watched: who is the primary, who is silent, how far behind a standby is.

Each server is asked twice a second (ten times while there is no primary), on a connection and with a time-out of its
own: a silent one costs the others nothing. The pool gets its connections here; when another server becomes the primary,
every connection to the one before is ended, so that nobody goes on waiting for it.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from time import monotonic, time
from typing import Any, TypeAlias
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

import asyncpg

from reseptformidler import metrics
from reseptformidler.store.migrate import schema_fits
from reseptformidler.store.queries import fetch
from reseptformidler.store.sight import (
    SILENT,
    Role,
    Sight,
    clock_offset,
    is_clock_wrong,
    is_cut_off,
    primary_of,
)

Connection: TypeAlias = "asyncpg.Connection[Any]"

SECONDS_BETWEEN_LOOKS = 0.5
SECONDS_WITHOUT_PRIMARY = 0.1
"""Between looks while there is none: everybody waits for it."""
SECONDS_UNTIL_CUT_OFF = 2.0
NAMED = {"application_name": "reseptformidler"}
"""`export --last` looks for sessions of this name: a service that only watches is served from too."""
REFUSALS = (asyncpg.InvalidAuthorizationSpecificationError, asyncpg.InvalidCatalogNameError)
MARKS = 120
"""Positions of the primary that are remembered, to tell since when a standby has had them."""


class Servers:
    """Every server of a database by its name, host:port. Made by `watching`."""

    def __init__(self, url: str, *, seconds: float, patience: float) -> None:
        """`seconds`: for one server to answer. `patience`: how long a missing primary is worth waiting for."""
        self.urls = urls_of(url)
        self.primary: str | None = None
        self._seconds, self._patience = seconds, patience
        self._sights: dict[str, Sight] = dict.fromkeys(self.urls, SILENT)
        self._refused: dict[str, str] = {}
        self._timeline = 0
        self._missing_since = monotonic()
        self._known = asyncio.Event()
        self._open: dict[Connection, str] = {}
        self._marks: deque[tuple[float, int]] = deque(maxlen=MARKS)
        self._fresh: dict[str, float] = {}

    async def connect(self, *_: object, **options: Any) -> Connection:
        """A new connection to the primary, for the pool: waits for one as long as the caller does."""
        while True:
            await self._known.wait()
            name = self.primary
            if name is None:
                continue
            connection = await self.connect_to(name, **options)
            if name == self.primary:
                return connection
            connection.terminate()  # another one has become the primary in the meantime

    async def connect_to(self, name: str, *_: object, **options: Any) -> Connection:
        """A connection to one server; it is ended when another one becomes the primary."""
        connection: Connection = await asyncpg.connect(self.urls[name], **options | {"timeout": self._seconds})
        self._open[connection] = name
        connection.add_termination_listener(self._ended)
        return connection

    def _ended(self, connection: Any) -> None:
        self._open.pop(connection, None)

    def problem(self) -> str:
        """Why this process should get no traffic now; empty when all is well or waiting helps."""
        if self.is_clock_wrong:
            return "the clock of this machine is wrong, say most of the database servers"
        if self.primary is not None:
            return self._sights[self.primary].problem
        missing = monotonic() - self._missing_since
        if missing > SECONDS_UNTIL_CUT_OFF and is_cut_off(self._sights):
            return "this process is cut off from most of the database servers"
        if missing > self._patience:
            return f"no primary among the database servers for {missing:.0f} s"
        return ""

    @property
    def is_clock_wrong(self) -> bool:
        """Whether a message must not be judged by the time of this machine."""
        return is_clock_wrong(self._sights, _epoch())

    def lag(self, name: str) -> float:
        """Seconds since a moment whose commits this server is known to have; infinite where nothing is known."""
        if name not in self._fresh or self._sights[name].role is Role.SILENT:
            return float("inf")
        return monotonic() - self._fresh[name]

    def is_standby(self, name: str) -> bool:
        """Whether it answers as one."""
        return self._sights[name].role is Role.STANDBY

    async def found(self) -> str:
        """Wait for a primary as long as that is worth while; why there is none, or empty.

        Servers that know neither us nor our database are not waited for.
        """
        ends = monotonic() + self._patience
        while self.primary is None and monotonic() < ends and len(self._refused) < len(self.urls):
            with suppress(TimeoutError):
                await asyncio.wait_for(self._known.wait(), 0.1)
        if self.primary is not None:
            return ""
        return "; ".join(self._refused.values()) or f"none of {', '.join(self.urls)} answers as a primary"

    async def watch(self, name: str) -> None:
        """Ask one server again and again, for as long as the process lives."""
        while True:
            try:
                async with asyncio.timeout(self._seconds):
                    connection = await asyncpg.connect(self.urls[name], server_settings=NAMED)
                self._refused.pop(name, None)
            except Exception as error:  # noqa: BLE001  # refused, silent, starting: whatever it is, it does not answer
                if isinstance(error, REFUSALS):
                    self._refused[name] = f"{type(error).__name__}: {error}"
                self._saw(name, SILENT)
                await self._pause(monotonic())
                continue
            try:
                await self._look_again_and_again(name, connection)
            finally:
                connection.terminate()

    async def _look_again_and_again(self, name: str, connection: Connection) -> None:
        """Return when it has ceased to answer."""
        while True:
            begun = monotonic()
            try:
                async with asyncio.timeout(self._seconds):
                    sight = await look(connection)
            except Exception:  # noqa: BLE001  # its end has many faces
                self._saw(name, SILENT)
                return
            self._saw(name, sight)
            await self._pause(begun)

    async def _pause(self, begun: float) -> None:
        """Until the next look at a server; the last one began then."""
        pause = SECONDS_BETWEEN_LOOKS if self.primary is not None else SECONDS_WITHOUT_PRIMARY
        await asyncio.sleep(max(SECONDS_WITHOUT_PRIMARY / 2, begun + pause - monotonic()))

    def _saw(self, name: str, sight: Sight) -> None:
        self._sights[name] = sight
        primary = primary_of(self._sights, self._timeline)
        if primary != self.primary or (primary and self._sights[primary].timeline > self._timeline):
            self._follow(primary)
        self._mark(name, sight)
        self._tell(name, sight)

    def _follow(self, primary: str | None) -> None:
        """Let go of whoever was the primary before; an outage of the same one leaves its connections alone."""
        if primary is None:
            self._missing_since = monotonic()
            self._known.clear()
        else:
            timeline = self._sights[primary].timeline
            if self._timeline and timeline > self._timeline:
                metrics.db_primary_changes.inc()
                self._end_others(primary)
            self._timeline = timeline
            self._known.set()
        self.primary = primary

    def _end_others(self, primary: str) -> None:
        """What waits on another server gets an error, and is repeated where it can be committed."""
        for connection, name in list(self._open.items()):
            if name != primary:
                connection.terminate()

    def _mark(self, name: str, sight: Sight) -> None:
        if name == self.primary:
            self._marks.append((sight.asked, sight.lsn))
            self._fresh[name] = sight.asked
        elif sight.role is Role.STANDBY:
            had = next((asked for asked, lsn in reversed(self._marks) if lsn <= sight.lsn), None)
            if had is not None:
                self._fresh[name] = max(self._fresh.get(name, had), had)

    def _tell(self, name: str, sight: Sight) -> None:
        for role in metrics.DB_ROLES:
            metrics.db_server_role.labels(name, role).set(role == sight.role)
        if name in self._fresh and sight.role is Role.STANDBY:
            metrics.db_replication_lag.labels(name).set(self.lag(name))
        metrics.clock_offset.set(clock_offset(self._sights, _epoch()))
        missing = 0.0 if self.primary is not None else monotonic() - self._missing_since
        metrics.db_primary_missing.set(missing)
        if name == self.primary:
            metrics.db_synchronous_standbys.set(sight.synchronous)


async def look(connection: Connection) -> Sight:
    """What a server says of itself now."""
    asked = monotonic()
    (row,) = await fetch(connection, "servers.look")
    epoch = row["clock"].timestamp() - (asked + monotonic()) / 2
    problem = "" if row["standby"] else (await schema_fits(connection)).problem or ""
    if row["unfinished"]:
        problem = "an import into this database is not finished (docs/moving.md)"
    role = Role.STANDBY if row["standby"] else Role.PRIMARY
    return Sight(role, row["timeline"], row["lsn"] or 0, asked, epoch, row["synchronous"], problem)


@asynccontextmanager
async def watching(url: str, *, seconds: float, patience: float) -> AsyncIterator[Servers]:
    """The servers of that URL, watched inside the block."""
    servers = Servers(url, seconds=seconds, patience=patience)
    tasks = [asyncio.create_task(servers.watch(name)) for name in servers.urls]
    try:
        yield servers
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await asyncio.sleep(0)  # their connections close now


def _epoch() -> float:
    return time() - monotonic()


class NoPrimary(Exception):
    """No server of a database could be written to; the text says what each said."""


@asynccontextmanager
async def connected(url: str, *, seconds: float, patience: float) -> AsyncIterator[Connection]:
    """One connection to the primary, for a command; NoPrimary when none is found in time."""
    async with watching(url, seconds=seconds, patience=patience) as servers:
        problem = await servers.found()
        if servers.primary is None:
            raise NoPrimary(problem)
        connection = await servers.connect_to(servers.primary)
        try:
            yield connection
        finally:
            await connection.close()


def urls_of(url: str) -> Mapping[str, str]:
    """One URL for each server of a URL that may name several, by host:port.

    `target_session_attrs` is left out: we look for ourselves.
    """
    parts = urlsplit(url)
    query = urlencode([pair for pair in parse_qsl(parts.query) if pair[0] != "target_session_attrs"], safe="/")
    account, at, hosts = parts.netloc.rpartition("@")
    named = {host if ":" in host.rpartition("]")[2] else f"{host}:5432": host for host in hosts.split(",")}
    if not hosts:
        named = {"socket": ""}
    return {
        name: urlunsplit(parts._replace(netloc=f"{account}{at}{host}", query=query)) for name, host in named.items()
    }
