"""`dev`: the whole service in one command, with its own PostgreSQL, synthetic registers and a test PKI."""

from __future__ import annotations

import argparse
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from reseptformidler.commands import demo
from reseptformidler.commands.command import Command

if TYPE_CHECKING:
    from reseptformidler.app import Service
    from reseptformidler.registers.fixed import FixedRegisters
    from reseptformidler.sandbox.pki import Pki
    from reseptformidler.settings import Settings

DATABASE = "reseptformidler"
SWEEP_PAUSE = timedelta(minutes=5)
RELAY_SECONDS = 0.1
RECEIVERS = "receivers.toml"


def arguments(parser: argparse.ArgumentParser) -> None:
    """All optional: without any, it works."""
    parser.add_argument("--port", type=int, default=8080, help="port on 127.0.0.1 (8080; 0: any free one)")
    parser.add_argument("--data-dir", type=Path, help="folder of everything it keeps (a fixed place of its own)")
    parser.add_argument(
        "--reset", action="store_true", help="begin anew: delete what an earlier run kept in that folder"
    )
    parser.add_argument(
        "--registers",
        type=Path,
        action="append",
        default=[],
        metavar="FILE",
        help="more parties (docs/registers.md); repeatable",
    )
    parser.add_argument(
        "--now", type=_time, metavar="TIME", help="start the sandbox's clock there, e.g. 2019-07-16T14:25:00+02:00"
    )
    parser.add_argument(
        "--trust",
        type=Path,
        action="append",
        default=[],
        metavar="DIR",
        help="more certificate authorities (*.pem); repeatable",
    )
    parser.add_argument(
        "--receiver-port",
        type=int,
        metavar="PORT",
        help="port of the sandbox's receivers (one above --port if it is free; 0: any free one)",
    )
    demo.refuse_argument(parser)
    parser.add_argument("--no-demo", action="store_true", help="serve at once, without playing the demonstration")


def _time(text: str) -> datetime:
    time = datetime.fromisoformat(text)
    return time if time.tzinfo else time.replace(tzinfo=UTC)


def run(given: argparse.Namespace) -> int:
    """Start PostgreSQL here, in the main thread, then the rest in the event loop."""
    import sys

    from reseptformidler.commands.loop import run_loop
    from reseptformidler.embedded import EmbeddedPostgres, EmbeddedPostgresError, default_base

    base = (given.data_dir or default_base()).absolute()
    try:
        if given.reset:
            _reset(base)
        _say("Starting PostgreSQL", f"in {base}")
        with EmbeddedPostgres(base / "postgresql") as server:
            return run_loop(_serve(given, base, server.url))
    except EmbeddedPostgresError as error:
        print(f"Cannot start: {error}", file=sys.stderr)
        return 1


def _reset(base: Path) -> None:
    """Only what `dev` itself keeps is deleted, whatever else stands in the folder."""
    import shutil

    for name in ("postgresql", "pki", "kek", RECEIVERS):
        path = base / name
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)


async def _serve(given: argparse.Namespace, base: Path, url: Callable[[str], str]) -> int:
    import asyncio

    from reseptformidler import log
    from reseptformidler.web.server import stop_signal

    stopped = stop_signal()
    log.configure("warning")
    clock = _clock(given.now)
    await _migrate(url)
    async with _service(given, base, url(DATABASE), clock) as (service, pki):
        await _sweep(service, clock)
        sweeping = asyncio.create_task(_sweep_again(service, clock))
        async with service.listening() as port:
            address = f"http://127.0.0.1:{port}"
            _say("Listening", f"on {address}")
            async with _delivering(given, service, address, clock) as mottak:
                status = 0 if given.no_demo else await demo.played(address, pki, clock, demo.SCENARIO, mottak)
                if not status:
                    _say("Serving", f"on {address} until Ctrl-C; next: reseptformidler demo --list")
                    await stopped.wait()
        sweeping.cancel()
    return status


@asynccontextmanager
async def _delivering(
    given: argparse.Namespace, service: Service, address: str, clock: Callable[[], datetime]
) -> AsyncIterator[str]:
    """The sandbox's receivers, and a relay that delivers to them; gives their address."""
    import asyncio

    from reseptformidler import app

    file, stopped = service.settings.receivers, asyncio.Event()
    assert file is not None
    async with _receiving(given, address, clock) as mottak:
        file.write_text(f'[[mottaker]]  # written anew at each start\nurl = "{mottak}"\n', "utf-8")
        _say("Receivers", f"on {mottak}: what the service sends others")
        async with app.relaying(service.pool, service.settings, clock) as relay:
            relaying = asyncio.create_task(relay.run(stopped))
            try:
                yield mottak
            finally:
                stopped.set()
                await relaying


@asynccontextmanager
async def _receiving(given: argparse.Namespace, address: str, clock: Callable[[], datetime]) -> AsyncIterator[str]:
    from reseptformidler.app import StartError

    port = given.receiver_port if given.receiver_port is not None else _receiver_port(given.port)
    async with AsyncExitStack() as stack:
        try:
            mottak = await stack.enter_async_context(demo.mottak_of(given, address, clock).listening(port))
        except OSError as error:
            raise StartError(f"--receiver-port {port}: {error.strerror}") from None
        yield mottak


def _receiver_port(port: int) -> int:
    """Where `demo` looks for receivers; any free port (0) if that one is taken, so that `dev` works everywhere."""
    import socket

    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", demo.beside(port)))
        except OSError:
            return 0
    return demo.beside(port)


def _clock(start: datetime | None) -> Callable[[], datetime]:
    """The sandbox's clock: the real one, or one that runs from another time on."""
    offset = start - datetime.now(UTC) if start else timedelta()

    def now() -> datetime:
        return datetime.now(UTC) + offset

    return now


async def _migrate(url: Callable[[str], str]) -> None:
    import asyncpg

    from reseptformidler.store.migrate import migrate

    connection = await asyncpg.connect(url("postgres"))
    try:
        if not await connection.fetchval("SELECT 1 FROM pg_database WHERE datname = $1", DATABASE):
            await connection.execute(f"CREATE DATABASE {DATABASE}")
    finally:
        await connection.close()
    connection = await asyncpg.connect(url(DATABASE))
    try:
        done = await migrate(connection, include_post=True)
    finally:
        await connection.close()
    _say("Database", f"ready, {len(done)} migrations applied")


@asynccontextmanager
async def _service(
    given: argparse.Namespace, base: Path, url: str, clock: Callable[[], datetime]
) -> AsyncIterator[tuple[Service, Pki]]:
    from reseptformidler import app
    from reseptformidler.sandbox.pki import Pki
    from reseptformidler.trust.chain import Authorities, load_authorities

    # An authority of today could not have issued anything in another time, so each year of --now has its own.
    pki = Pki.open(base / "pki" / ("now" if given.now is None else f"{given.now:%Y}"), clock())
    trusted = [load_authorities(folder) for folder in (pki.trust_dir, *given.trust)]
    authorities = Authorities(
        tuple(root for one in trusted for root in one.roots),
        tuple(authority for one in trusted for authority in one.intermediates),
    )
    registers = _registers(given.registers)
    _say("Registers", f"{len(registers.aktorer)} organisations, {len(registers.refnr)} reference numbers")
    settings = _settings(given, base, url, pki)
    async with app.service(settings, registers=registers, authorities=authorities, clock=clock) as service:
        yield service, pki


def _registers(files: list[Path]) -> FixedRegisters:
    from reseptformidler.app import StartError
    from reseptformidler.registers.files import RegisterError
    from reseptformidler.registers.fixed import FixedRegisters
    from reseptformidler.sandbox.population import registers

    try:
        return registers().merged(FixedRegisters.load(files))
    except RegisterError as error:
        raise StartError(str(error)) from None


def _settings(given: argparse.Namespace, base: Path, url: str, pki: Pki) -> Settings:
    from pydantic import SecretStr

    from reseptformidler.settings import Settings
    from reseptformidler.store.keys import FileKek

    kek = base / "kek"
    if not kek.exists():
        FileKek.create(kek)
    return Settings(
        database_url=SecretStr(url),
        kek_file=kek,
        trust_dir=pki.trust_dir,
        registers=tuple(given.registers),
        port=given.port,
        leave_seconds=0,
        receivers=base / RECEIVERS,
        relay_seconds=RELAY_SECONDS,
    )


async def _sweep(service: Service, clock: Callable[[], datetime]) -> None:
    from reseptformidler import app

    await app.sweep_round(service.pool, service.settings, clock())


async def _sweep_again(service: Service, clock: Callable[[], datetime]) -> None:
    import asyncio

    from reseptformidler.log import logger, where

    while True:
        await asyncio.sleep(SWEEP_PAUSE.total_seconds())
        try:
            await _sweep(service, clock)
        except Exception as error:  # noqa: BLE001  # the next round tries again
            logger.error("round_failed", error=type(error).__name__, where=where(error))


def _say(what: str, detail: str) -> None:
    print(f"{what:<20} {detail}", flush=True)


COMMAND = Command(
    "dev",
    "the whole service in one command, for development and for looking at it",
    arguments,
    run,
    description="""Start a real PostgreSQL, migrate it, load synthetic registers and a test PKI, serve on 127.0.0.1,
deliver what is owed to the sandbox's receivers, prove it by playing one prescription from M1 to M10 through the
service's own interface, and go on serving.

Works as root and as a normal user, and keeps everything in one folder. Never for real patients.""",
)
