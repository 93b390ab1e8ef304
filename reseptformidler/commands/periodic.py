"""`sweep` and `relay`: processes of the same image that do one thing again and again, and show their metrics."""

from __future__ import annotations

import argparse
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from reseptformidler.commands.command import Command

if TYPE_CHECKING:
    import asyncpg

    from reseptformidler.settings import Settings

    Round = Callable[[asyncpg.Pool, Settings, datetime], Awaitable[None]]


def arguments(parser: argparse.ArgumentParser) -> None:
    """`--once` is for cron jobs and tests."""
    parser.add_argument("--once", action="store_true", help="do one round and end")


def _sweep(given: argparse.Namespace) -> int:
    from reseptformidler import app

    return _again(app.sweep_round, once=given.once)


def _relay(given: argparse.Namespace) -> int:
    from reseptformidler import app

    return _again(app.relay_round, once=given.once)


def _again(work: Round, *, once: bool) -> int:
    from reseptformidler import log
    from reseptformidler.commands.environment import settings_or_exit
    from reseptformidler.commands.loop import run_loop

    settings = settings_or_exit()
    log.configure(settings.log_level)
    return run_loop(_rounds(work, settings, once=once))


async def _rounds(work: Round, settings: Settings, *, once: bool) -> int:
    """Rounds until SIGTERM. One that fails is logged and tried again after the pause; with `--once` it is status 1."""
    import asyncio

    from reseptformidler import app
    from reseptformidler.log import logger, where
    from reseptformidler.web import ops, server

    stopped = server.stop_signal()
    async with app.database(settings) as pool:
        web_app = server.application(ops.routes(app.readiness(pool)), settings.max_body_bytes)
        async with server.listening(web_app, settings.host, settings.metrics_port):
            while not stopped.is_set():
                try:
                    await work(pool, settings, datetime.now(UTC))
                except Exception as error:  # noqa: BLE001  # the next round tries again
                    logger.error("round_failed", error=type(error).__name__, where=where(error))
                    if once:
                        return 1
                if once:
                    return 0
                try:
                    await asyncio.wait_for(stopped.wait(), settings.sweep_seconds)
                except TimeoutError:
                    continue
    return 0


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
    "watch over the asynchronous messages that are owed",
    arguments,
    _relay,
    description="""Every RF_SWEEP_SECONDS: count what is owed to others and not delivered, by type, and the age of the
oldest (reseptformidler_outbox_pending, reseptformidler_outbox_oldest_age_seconds on RF_METRICS_PORT).

What is owed is recorded in the transaction that owes it. No transport is built yet: nothing is delivered,
and nothing is marked as delivered.""",
)
