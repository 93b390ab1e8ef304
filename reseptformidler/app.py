"""The composition root: settings become one running service. Nothing else puts parts together."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from uuid import uuid4

from reseptformidler import __version__, metrics, relay
from reseptformidler.domain.aktor import M8Til
from reseptformidler.domain.decision import RefNr
from reseptformidler.domain.hode import OID, Ident, Kode, Organisation
from reseptformidler.log import logger
from reseptformidler.meldinger.melding import Rule
from reseptformidler.meldinger.pasientsikkerhet import les
from reseptformidler.receipts import Receipts
from reseptformidler.receive import Spine
from reseptformidler.registers.fixed import FixedRegisters
from reseptformidler.registers.receivers import Receivers
from reseptformidler.relay import Courier, Relay
from reseptformidler.settings import Settings
from reseptformidler.store import refnr
from reseptformidler.store.batch import Batcher
from reseptformidler.store.encode import Encoder
from reseptformidler.store.keys import FileKek, KeyProblem, Keyring, open_keyring
from reseptformidler.store.migrate import CODE_SCHEMA_VERSION
from reseptformidler.store.near import Near
from reseptformidler.store.outbox import Patience
from reseptformidler.store.pool import Pool, open_pool
from reseptformidler.store.queries import Connection
from reseptformidler.store.seal import Sealer
from reseptformidler.store.servers import Servers, watching
from reseptformidler.sweep import Periods, sweep
from reseptformidler.trust.chain import Authorities, load_authorities
from reseptformidler.trust.signature import Verifier
from reseptformidler.web import asynkron, ops, server, soap
from reseptformidler.web.gate import Gate
from reseptformidler.wire import format as wire_format
from reseptformidler.wire.schema import Schemas

Clock = Callable[[], datetime]


class StartError(Exception):
    """The service cannot start; the text tells the operator what to mend."""


def utc_now() -> datetime:
    """The clock of production."""
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class Service:
    """A service that is ready to listen."""

    settings: Settings
    database: Database
    sealer: Sealer
    spine: Spine
    progress: server.Progress = field(default_factory=server.Progress)

    @property
    def pool(self) -> Pool:
        """Connections to the primary."""
        return self.database.pool

    def listening(self) -> AbstractAsyncContextManager[int]:
        """Listen for as long as the context lasts; gives the port."""
        settings = self.settings
        gate = Gate(settings.queue_bytes, self._is_closed)
        receipts = Receipts(self.pool, self.spine.schemas, settings.answer_seconds)
        routes = [
            *soap.routes(self.spine, gate, settings.body_seconds),
            *asynkron.routes(self.spine, receipts, gate, settings.body_seconds),
            *ops.routes(self._ready()),
        ]
        return server.listening(
            server.application(routes, settings.max_body_bytes, self.progress),
            settings.host,
            settings.port,
            reuse_port=settings.reuse_port,
            leave_seconds=settings.leave_seconds,
            drain_seconds=settings.drain_seconds,
        )

    def _is_closed(self) -> bool:
        """Nobody is let in where nothing could be stored, or would be judged by a wrong clock."""
        return self.spine.batcher.is_full or self.database.servers.is_clock_wrong

    def _ready(self) -> ops.Ready:
        return readiness(self.database, lambda: self.progress.ending)

    def own_metrics(self) -> AbstractAsyncContextManager[int | None]:
        """A port of this process alone for its health and figures, where the service's port is shared by several."""
        if not self.settings.reuse_port:
            return nullcontext()
        own = server.application(ops.routes(self._ready()), self.settings.max_body_bytes)
        return server.listening(own, self.settings.host, self.settings.metrics_port)


@asynccontextmanager
async def service(
    settings: Settings,
    *,
    registers: FixedRegisters | None = None,
    authorities: Authorities | None = None,
    clock: Clock = utc_now,
) -> AsyncIterator[Service]:
    """Everything a process needs to answer; `registers` and `authorities` replace those of the settings.

    StartError names what is wrong.
    """
    try:
        known = registers if registers is not None else FixedRegisters.load(settings.registers)
        verifier = Verifier(authorities if authorities is not None else load_authorities(settings.trust_dir))
        safety = _safety_rules(settings)
        kek = FileKek(settings.kek_file)
    except Exception as error:
        raise StartError(f"{type(error).__name__}: {error}") from error
    async with database(settings) as base:
        async with base.pool.acquire() as connection:
            sealer = Sealer(await _keyring(connection, kek, clock()))
            await refnr.issue(connection, sealer, [RefNr(number, hpr) for number, hpr in known.refnr])
        wire_format.prepare()
        batcher = Batcher(base.pool, sealer, size=settings.batch_size, queue=settings.queue_size, near=base.near)
        spine = Spine(
            schemas=Schemas(),
            verifier=verifier,
            registers=known,
            batcher=batcher,
            safety=safety,
            service=identity(settings),
            clock=clock,
            new_id=uuid4,
            skew=timedelta(seconds=settings.clock_skew_seconds),
            m8_til=M8Til(settings.m8_to),
            answer_seconds=settings.answer_seconds,
        )
        try:
            yield Service(settings, base, sealer, spine)
        finally:
            await batcher.close()


async def _keyring(connection: Connection, kek: FileKek, now: datetime) -> Keyring:
    try:
        return await open_keyring(connection, kek, now)
    except KeyProblem as error:
        raise StartError(f"the key file does not fit the database: {error}") from error


@dataclass(frozen=True, slots=True)
class Database:
    """The servers of a database, and connections to the one that is the primary."""

    servers: Servers
    pool: Pool
    near: Near | None = None


@asynccontextmanager
async def database(settings: Settings) -> AsyncIterator[Database]:
    """A database whose schema fits this code; StartError when there is none, after waiting as long as a message may."""
    url = settings.database_url.get_secret_value()
    async with watching(url, seconds=settings.server_seconds, patience=settings.answer_seconds) as servers:
        if problem := await servers.found():
            raise StartError(f"no database: {problem}")
        if problem := servers.problem():
            raise StartError(problem)
        pool = await open_pool(url, size=settings.pool_size, connect=servers.connect, ready=0)
        try:
            metrics.build_info.labels(__version__, str(CODE_SCHEMA_VERSION)).set(1)
            async with _near(settings, servers) as near:
                yield Database(servers, pool, near)
        finally:
            await _close(pool)


@asynccontextmanager
async def _near(settings: Settings, servers: Servers) -> AsyncIterator[Near | None]:
    """The server of this datacentre, for as long as it is a standby."""
    name, most_lag = settings.near_server, settings.near_lag_seconds
    if name is None:
        yield None
        return
    if name not in servers.urls:
        raise StartError(f"RF_NEAR_SERVER is none of {', '.join(servers.urls)}")
    connect = partial(servers.connect_to, name)
    pool = await open_pool(servers.urls[name], size=settings.pool_size, connect=connect, ready=0)
    try:
        yield Near(
            pool,
            is_fresh=lambda: servers.is_standby(name) and servers.lag(name) <= most_lag,
            seconds=settings.server_seconds,
        )
    finally:
        await _close(pool)


async def _close(pool: Pool) -> None:
    """A connection that hangs must not hang the end of the process."""
    try:
        await asyncio.wait_for(pool.close(), 5)
    except TimeoutError:
        pool.terminate()


def readiness(database: Database, is_ending: Callable[[], bool] = lambda: False) -> ops.Ready:
    """Whether this process should get traffic. While the primary is away it should: messages wait for the next one."""

    def ready() -> str:
        _count_connections(database.pool)
        problem = "the process is ending" if is_ending() else database.servers.problem()
        metrics.ready.set(not problem)
        return problem

    return ready


def _count_connections(pool: Pool) -> None:
    idle = pool.get_idle_size()
    metrics.db_pool_connections.labels("idle").set(idle)
    metrics.db_pool_connections.labels("busy").set(pool.get_size() - idle)


def identity(settings: Settings) -> Organisation:
    """This service as the sender of its answers."""
    idents = (
        ("ENH", "Organisasjonsnummeret i Enhetsregister", settings.service_enh),
        ("HER", "HER-id", settings.service_her),
    )
    return Organisation(
        name=settings.service_name,
        idents=tuple(Ident(number, Kode(kind, dn, f"{OID}9051")) for kind, dn, number in idents),
    )


def _safety_rules(settings: Settings) -> tuple[Rule, ...]:
    return les(settings.safety_rules.read_text("utf-8")) if settings.safety_rules else ()


async def sweep_round(pool: Pool, settings: Settings, now: datetime) -> None:
    """One round of `sweep`."""
    periods = Periods(
        closed=timedelta(days=settings.keep_closed_days),
        duplicates=timedelta(days=settings.duplicate_days),
        outbox=timedelta(days=settings.keep_outbox_days),
        history=timedelta(days=settings.keep_history_days),
    )
    result = await sweep(pool, now, periods)
    if result.ran:
        metrics.sweep_last_success.set(now.timestamp())
        logger.info("swept", rows=dict(result.removed), partitions=result.partitions_made)


@asynccontextmanager
async def relaying(pool: Pool, settings: Settings, now: relay.Now = relay.database_time) -> AsyncIterator[Relay]:
    """`relay`: delivers what is owed; without a file of receivers it only watches. StartError names what is wrong."""
    if settings.receivers is None:
        yield Relay(pool, None, settings.relay_seconds, now)
        return
    try:
        receivers, kek = Receivers.load(settings.receivers), FileKek(settings.kek_file)
    except Exception as error:
        raise StartError(f"{type(error).__name__}: {error}") from error
    async with pool.acquire() as connection:
        keys = await _keyring(connection, kek, utc_now())
    patience = Patience.of(hours=settings.give_up_hours, keep_days=settings.keep_outbox_days)
    async with relay.client() as session:
        courier = Courier(receivers, Encoder(Sealer(keys)), keys, Schemas(), session, patience.tried, now)
        yield Relay(pool, courier, settings.relay_seconds, now)


async def try_database(settings: Settings) -> str:
    """`check`: connect, and compare the schema."""
    async with database(settings) as base, base.pool.acquire() as connection:
        version = await connection.fetchval("SHOW server_version")
    return f"PostgreSQL {version}, schema {CODE_SCHEMA_VERSION}"


async def try_keys(settings: Settings) -> str:
    """`check`: read the key file, and open the keys of the database with it."""
    kek = FileKek(settings.kek_file)
    async with database(settings) as base, base.pool.acquire() as connection:
        await open_keyring(connection, kek, utc_now())
    return f"newest key {kek.newest}"


async def try_trust(settings: Settings) -> str:
    """`check`: read the authorities."""
    authorities = load_authorities(settings.trust_dir)
    return f"{len(authorities.roots)} roots, {len(authorities.intermediates)} others"


async def try_registers(settings: Settings) -> str:
    """`check`: read the register files and the safety rules."""
    registers = FixedRegisters.load(settings.registers)
    return f"{len(registers.aktorer)} organisations; {len(_safety_rules(settings))} safety rules"


async def try_receivers(settings: Settings) -> str:
    """`check`: read the file of receivers."""
    if settings.receivers is None:
        return "none: what is owed is not delivered"
    return f"{len(Receivers.load(settings.receivers).urls)} receivers"


Trial = Callable[[Settings], Awaitable[str]]
TRIALS: dict[str, Trial] = {
    "database and schema": try_database,
    "keys": try_keys,
    "trusted authorities": try_trust,
    "registers": try_registers,
    "receivers": try_receivers,
}
