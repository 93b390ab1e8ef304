"""`sweep` and `relay`: processes of the same image that do one thing again and again, and show their metrics."""

from __future__ import annotations

import argparse
import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from reseptformidler.commands.command import Command

if TYPE_CHECKING:
    import asyncpg

    from reseptformidler.settings import Settings

    Work = Callable[[asyncpg.Pool, Settings, asyncio.Event], Awaitable[None]]


def arguments(parser: argparse.ArgumentParser) -> None:
    """`--once` is for cron jobs and tests."""
    parser.add_argument("--once", action="store_true", help="do one round and end")


def _sweep(given: argparse.Namespace) -> int:
    from reseptformidler import app

    async def once(pool: asyncpg.Pool, settings: Settings, _: asyncio.Event) -> None:
        await app.sweep_round(pool, settings, datetime.now(UTC))

    return _process(once if given.once else _sweep_until)


def _relay(given: argparse.Namespace) -> int:
    from reseptformidler import app

    async def work(pool: asyncpg.Pool, settings: Settings, stopped: asyncio.Event) -> None:
        async with app.relaying(pool, settings) as relay:
            await (relay.once() if given.once else relay.run(stopped))

    return _process(work)


def _process(work: Work) -> int:
    from reseptformidler import log
    from reseptformidler.commands.environment import settings_or_exit
    from reseptformidler.commands.loop import run_loop

    settings = settings_or_exit()
    log.configure(settings.log_level)
    return run_loop(_with_metrics(work, settings))


async def _with_metrics(work: Work, settings: Settings) -> int:
    """The work on the database, while health and metrics can be asked for; status 1 if it fails."""
    from reseptformidler import app
    from reseptformidler.web import ops, server

    stopped = server.stop_signal()
    async with app.database(settings) as database:
        web_app = server.application(ops.routes(app.readiness(database)), settings.max_body_bytes)
        async with server.listening(web_app, settings.host, settings.metrics_port):
            try:
                await work(database.pool, settings, stopped)
            except app.StartError:
                raise
            except Exception as error:  # noqa: BLE001  # its text may hold what it must not say
                _tell(error)
                return 1
    return 0


async def _sweep_until(pool: asyncpg.Pool, settings: Settings, stopped: asyncio.Event) -> None:
    """Rounds until SIGTERM. One that fails is logged and tried again after the pause."""
    from reseptformidler import app

    while not stopped.is_set():
        try:
            await app.sweep_round(pool, settings, datetime.now(UTC))
        except Exception as error:  # noqa: BLE001  # the next round tries again
            _tell(error)
        try:
            await asyncio.wait_for(stopped.wait(), settings.sweep_seconds)
        except TimeoutError:
            continue


def _tell(error: Exception) -> None:
    from reseptformidler.log import logger, where

    logger.error("round_failed", error=type(error).__name__, where=where(error))


SWEEP = Command(
    "sweep",
    "expire and delete what is due, and keep partitions ahead",
    arguments,
    _sweep,
    description="""Every RF_SWEEP_SECONDS: delete expired prescriptions at once and finished ones after their period,
forget old claims, make partitions for the weeks ahead and drop those whose time is over.

Several may run; they do not disturb each other. Metrics, /livez and /readyz stand on RF_METRICS_PORT.""",
)

RELAY = Command(
    "relay",
    "deliver the asynchronous messages that are owed",
    arguments,
    _relay,
    description="""Send what is owed to the receivers that RF_RECEIVERS names (docs/receivers.md): at least once, in
order for one prescription and receiver; what fails is sent again, after a pause that grows to five minutes, for
RF_GIVE_UP_HOURS; then it strands (`outbox`).
Without RF_RECEIVERS nothing is sent: what is owed is only counted.

Several may run; each message is taken by one of them at a time. SIGTERM lets what is on its way finish.
reseptformidler_outbox_pending and reseptformidler_outbox_oldest_age_seconds stand on RF_METRICS_PORT.""",
)
