"""What is measured, how much of it, and the servers it is measured on."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime
from time import perf_counter

import asyncpg

from loadtest import baseline, machine, measures
from loadtest.client import Client
from loadtest.measures import Run, Size
from loadtest.report import Report
from loadtest.rounds import Contender
from loadtest.traffic import Traffic
from loadtest.world import World, execute, free_port, serving, started

WAITING = 64
"""Messages under way in a closed loop."""


QUICK = Size(2, 0.7, 1.5, ((65, 4), (300, 8)), 0.3, 6, 500, 400, 40, (10_000, 100_000), 200)
FULL = Size(5, 2, 4, ((65, 20), (300, 60)), 1, 20, 2_000, 1_500, 200, (100_000, 1_000_000), 500)


def say(text: str) -> None:
    """Progress, apart from the report."""
    print(f"{datetime.now(UTC):%H:%M:%S}  {text}", file=sys.stderr, flush=True)


async def measure(world: World, size: Size, *, ten_million: bool) -> Report:
    """Everything."""
    begun = perf_counter()
    connection = await asyncpg.connect(world.postgres.url())
    facts = machine.facts(str(await connection.fetchval("SHOW server_version")))
    await connection.close()
    report = Report(facts, quick=size is QUICK)
    say(f"certificates of {size.doctors} doctors")
    traffic = Traffic.of(world.pki, size.doctors, size.patients)
    async with contenders(world) as servers:
        run = Run(world, size, report, traffic, servers, Counter())
        for what in measures.WITH_SERVERS:
            say(what.__name__.replace("_", " "))
            await what(run)
    say("lists")
    await measures.lists(run, (*size.list_rows, 10_000_000) if ten_million else size.list_rows)
    report.wrong.extend(f"{times} × {what}" for what, times in sorted(run.wrong.items()))
    say(f"done in {perf_counter() - begun:.0f} s")
    return report


@asynccontextmanager
async def contenders(world: World) -> AsyncIterator[dict[str, Contender]]:
    """All servers that are compared, running side by side: those that have no turn cost nothing."""
    await world.create_database("service")
    plain_url = await world.create_database("plain", migrated=False)
    await execute(plain_url, baseline.TABLES)
    plain = {"PLAIN_DATABASE_URL": plain_url}
    async with AsyncExitStack() as stack:
        say("starting the servers")
        found = [
            stack.enter_context(serving("one process", world.folder, world.settings("service"))),
            stack.enter_context(serving("two processes", world.folder, world.settings("service"), processes=2)),
        ]
        for name, module, environment in (
            ("plain", "baseline", {**plain, "PLAIN_SIGNATURES": "no"}),
            ("plain with signxml", "baseline", {**plain, "PLAIN_SIGNATURES": "yes"}),
            ("HTTP alone", "echo", {}),
        ):
            port = free_port()
            command = (sys.executable, "-m", f"loadtest.{module}")
            ports = {"PLAIN_PORT": str(port), "ECHO_PORT": str(port)}
            found.append(stack.enter_context(started(name, command, world.folder, {**environment, **ports}, port)))
        servers = {}
        for server in found:
            client = await stack.enter_async_context(Client(server.port, WAITING))
            servers[server.name] = Contender(server, client, WAITING, 100 if "plain" in server.name else 600)
        yield servers
