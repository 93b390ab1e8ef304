"""`dev`: the whole service in one command, with its own PostgreSQL, synthetic registers and a test PKI."""

from __future__ import annotations

import argparse
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from reseptformidler.commands.command import Command

if TYPE_CHECKING:
    from reseptformidler.app import Service
    from reseptformidler.registers.fixed import FixedRegisters
    from reseptformidler.sandbox.pki import Pki
    from reseptformidler.settings import Settings

DATABASE = "reseptformidler"
SWEEP_PAUSE = timedelta(minutes=5)


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

    for name in ("postgresql", "pki", "kek"):
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
            status = 0 if given.no_demo else await _demo(address, pki, clock)
            if not status:
                _say("Serving", f"on {address} until Ctrl-C; next: reseptformidler sandbox --help")
                await stopped.wait()
        sweeping.cancel()
    return status


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


async def _demo(address: str, pki: Pki, clock: Callable[[], datetime]) -> int:
    from reseptformidler.client.answer import NoAnswer
    from reseptformidler.client.soap import Client
    from reseptformidler.sandbox.demo import DemoFailed, play

    try:
        async with Client(address) as client:
            await play(client, pki, clock, print)
    except (DemoFailed, NoAnswer, OSError) as error:
        print(f"     demo FAILED: {error}")
        return 1
    return 0


def _say(what: str, detail: str) -> None:
    print(f"{what:<20} {detail}", flush=True)


COMMAND = Command(
    "dev",
    "the whole service in one command, for development and for looking at it",
    arguments,
    run,
    description="""Start a real PostgreSQL, migrate it, load synthetic registers and a test PKI, serve on 127.0.0.1,
prove it by playing one prescription from M1 to M10 through the service's own interface, and go on serving.

Works as root and as a normal user, and keeps everything in one folder. Never for real patients.""",
)
