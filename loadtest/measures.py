"""The measurements: each adds its figures and tables to the report."""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from itertools import cycle, islice
from statistics import fmean, median
from typing import Any

import asyncpg

from loadtest import parts, store
from loadtest.answers import all_wrong
from loadtest.lists import fill, list_times
from loadtest.m1 import M1Path
from loadtest.report import Figure, Report, Table
from loadtest.rounds import Contender, Latencies, Round, by_turns, latencies
from loadtest.store import Batches, M1Rows, Written, written
from loadtest.traffic import Traffic
from loadtest.world import World
from reseptformidler.settings import load
from reseptformidler.store.encode import Encoder
from reseptformidler.store.keys import FileKek, open_keyring
from reseptformidler.store.pool import open_pool
from reseptformidler.store.seal import Sealer

STORE_WAITING = 16
STOCK = 400
"""Prescriptions made before the mix begins, so that what needs one finds one that is long answered."""
STEADY_AFTER = 5
"""Seconds after which the memory of a server is compared."""
US, RATE, MS = "µs", "/s", "ms"

_SIZES = """
SELECT coalesce(i.inhparent::regclass, c.oid::regclass)::text AS name,
    sum(pg_total_relation_size(c.oid))::bigint AS size
FROM pg_class c LEFT JOIN pg_inherits i ON i.inhrelid = c.oid
WHERE c.relkind = 'r' AND c.relnamespace = 'public'::regnamespace GROUP BY 1"""


@dataclass(frozen=True, slots=True)
class Size:
    """How much is measured. Seconds are those of one round."""

    rounds: int
    m1_seconds: float
    mix_seconds: float
    open_seconds: tuple[tuple[int, float], ...]
    """Rate and length of each open loop; the last one watches the memory."""
    store_seconds: float
    doctors: int
    patients: int
    bytes_messages: int
    hot_messages: int
    list_rows: tuple[int, ...]
    list_queries: int


@dataclass(slots=True)
class Run:
    """A run in progress."""

    world: World
    size: Size
    report: Report
    traffic: Traffic
    servers: dict[str, Contender]
    wrong: Counter[str]
    hot: dict[str, float] = field(default_factory=dict)
    """Microseconds of each part of an M1."""
    content_bytes: int = 0
    """Of a sealed prescription, without its M1."""

    def figure(self, *given: Figure) -> None:
        """Add figures."""
        self.report.figures.extend(given)

    def table(self, *given: Table) -> None:
        """Add tables."""
        self.report.tables.extend(given)


async def stored_bytes(run: Run) -> None:
    """What a prescription takes on disk, from the growth of every table."""
    one, number = run.servers["one process"], run.size.bytes_messages
    await _send(run, one, number // 4)  # the first pages of each table and index are not the message's
    before = await _table_sizes(run)
    await _send(run, one, number)
    grown = {name: (size - before[name]) / number for name, size in (await _table_sizes(run)).items()}
    kept = grown["resept"] + grown["resept_dokument"]
    run.figure(Figure("stored for a prescription, tables and indexes", kept / 1000, "kB", 2.5, least=False, digits=2))
    rows = [(name, f"{size:,.0f}") for name, size in sorted(grown.items()) if size >= 1]
    note = "`resept` and `resept_dokument` live as long as the prescription; the others age by themselves."
    run.table(Table("Octets stored for an M1, by table with its indexes", ("Table", "Octets"), rows, note))


async def _send(run: Run, one: Contender, number: int) -> None:
    messages = run.traffic.m1s(number)
    run.traffic.ready.clear()
    sent, _ = await one.run(messages)
    run.wrong.update(all_wrong(sent.sent))


async def _table_sizes(run: Run) -> dict[str, int]:
    connection = await asyncpg.connect(run.world.postgres.url("service"))
    try:
        return {row["name"]: row["size"] for row in await connection.fetch(_SIZES)}
    finally:
        await connection.close()


async def parts_and_store(run: Run) -> None:
    """The parts of an M1 in this process, and the store alone."""
    url = await run.world.create_database("store")
    settings = load(run.world.settings("store"))
    async with await open_pool(url, size=STORE_WAITING) as pool:
        async with pool.acquire() as connection:
            keys = await open_keyring(connection, FileKek(settings.kek_file), datetime.now(UTC))
        path = M1Path.of(settings, Encoder(Sealer(keys)))
        walked = [path.walk(message) for message in run.traffic.m1s(run.size.hot_messages)]
        run.traffic.ready.clear()
        rows = [M1Rows.of(one.rows) for one in walked]
        run.content_bytes = round(fmean(len(one.created[-1]) for one in rows))
        run.hot = parts.measured(path, walked, repeats=5)
        await _store(run, pool, rows)


async def _store(run: Run, pool: asyncpg.Pool[Any], rows: Sequence[M1Rows]) -> None:
    writers: dict[str, store.Write] = {
        "batch": Batches(pool).write,
        "one statement": partial(store.one_statement, pool),
        "four statements": partial(store.four_statements, pool),
    }
    rates = dict.fromkeys(writers, 1000.0)
    found: dict[str, list[Written]] = {name: [] for name in writers}
    for number in range(run.size.rounds + 1):
        for name, write in writers.items():
            count = round(rates[name] * run.size.store_seconds)
            result = await written(write, [one.renewed() for one in islice(cycle(rows), count)], STORE_WAITING)
            rates[name] = result.rate
            if number:
                found[name].append(result)
    middle = {name: Written(median(w.rate for w in some), median(w.cpu for w in some)) for name, some in found.items()}
    run.hot["store, client"] = middle["batch"].cpu
    run.figure(*_store_figures(middle))
    cells = [(name, f"{w.rate:,.0f}", f"{w.cpu:,.0f}") for name, w in middle.items()]
    head = ("M1s written by", "messages/s", "client CPU µs each")
    run.table(Table(f"The store alone, {STORE_WAITING} waiting", head, cells))


def _store_figures(found: dict[str, Written]) -> tuple[Figure, ...]:
    batch = found["batch"].rate
    return (
        Figure("batch against four statements", batch / found["four statements"].rate, "×", 3),
        Figure("batch against one statement a message", batch / found["one statement"].rate, "×", 1.7),
    )


async def m1_capacity(run: Run) -> None:
    """M1 alone, closed loop: the service against the plain builds, two processes against one, parts against whole."""
    names = ("one process", "two processes", "plain", "plain with signxml")
    contenders = [run.servers[name] for name in names]
    found = await by_turns(contenders, run.traffic.m1s, run.size.rounds, run.size.m1_seconds, run.wrong)
    http = await by_turns([run.servers["HTTP alone"]], run.traffic.m1s, 1, run.size.m1_seconds, Counter())
    run.traffic.ready.clear()
    run.hot["HTTP"] = http["HTTP alone"].cpu
    one = found["one process"]
    run.figure(
        Figure("M1: sum of the hot parts against server CPU", 100 * sum(run.hot.values()) / one.cpu, "%", 60),
        Figure(
            "M1 against the plain build with signxml, a CPU second", found["plain with signxml"].cpu / one.cpu, "×", 8
        ),
        Figure("M1 against the plain build without signatures, a CPU second", found["plain"].cpu / one.cpu, "×", 8),
        Figure("two processes against one, M1", found["two processes"].rate / one.rate, "×", 1.5),
    )
    run.table(_rounds_table("M1 alone, closed loop", found), _parts_table(run.hot, one))


def _rounds_table(title: str, found: dict[str, Round]) -> Table:
    rows = [(name, f"{one.rate:,.0f}", f"{one.cpu:,.0f}", f"{1e6 / one.cpu:,.0f}") for name, one in found.items()]
    return Table(title, ("Server", "messages/s", "server CPU µs each", "messages a CPU second"), rows)


def _parts_table(hot: dict[str, float], one: Round) -> Table:
    rows = [(name, f"{cost:,.0f}", f"{100 * cost / one.cpu:.0f}") for name, cost in hot.items()]
    total = sum(hot.values())
    rows += [
        ("**sum**", f"{total:,.0f}", f"{100 * total / one.cpu:.0f}"),
        ("server, in place", f"{one.cpu:,.0f}", "100"),
    ]
    return Table("The parts of an M1", ("Part", "µs, hot", "% of the server's CPU"), rows)


async def mixed_capacity(run: Run) -> None:
    """The mix, closed loop, everything committed."""
    contenders = [run.servers[name] for name in ("two processes", "one process")]
    await _make_stock(run, contenders[0])
    found = await by_turns(contenders, run.traffic.mix, run.size.rounds, run.size.mix_seconds, run.wrong)
    run.figure(Figure("the mix, two processes", found["two processes"].rate, RATE, 900, digits=0))
    run.table(_rounds_table("The mix, closed loop", found))


async def _make_stock(run: Run, by: Contender) -> None:
    """What the mix draws from: prescriptions that are ready, and downloaded ones."""
    for write, number in ((run.traffic.m1s, 2 * STOCK), (run.traffic.m93s, STOCK)):
        sent, _ = await by.run(write(number))
        run.wrong.update(all_wrong(sent.sent))


async def open_loops(run: Run) -> None:
    """Latency at planned rates, and the memory of the servers over the last of them."""
    two = run.servers["two processes"]
    for rate, seconds in run.size.open_seconds:
        messages = run.traffic.mix(round(rate * seconds))
        found = await latencies(two.server, two.client, messages, rate, run.wrong)
        run.table(_latency_table(rate, found))
        if rate == 300:
            run.figure(
                Figure("M9.1 at 300/s, p99", found.by_kind["M9.1"].p99, MS, 25, least=False),
                Figure("M1 at 300/s, p99", found.by_kind["M1"].p99, MS, 50, least=False),
            )
            run.figure(_memory_figure(found.memory))


def _latency_table(rate: int, found: Latencies) -> Table:
    rows = [(kind, *one.cells()) for kind, one in found.by_kind.items()]
    rows.append(("generator late by", *found.late.cells()))
    note = f"Milliseconds from the planned start. The servers used {found.cpu:.2f} cores."
    return Table(
        f"Open loop at {rate}/s, two processes", ("", "messages", "p50", "p99", "p99.9", "longest"), rows, note
    )


def _memory_figure(samples: Sequence[int]) -> Figure:
    """How much more the servers held in the last seconds than in the first ones."""
    steady = samples[STEADY_AFTER:] or samples
    few = max(1, len(steady) // 5)
    first, last = fmean(steady[:few]), fmean(steady[-few:])
    return Figure(f"growth of memory in {len(samples)} s at 300/s", 100 * (last / first - 1), "%", 5, least=False)


async def lists(run: Run, sizes: Sequence[int]) -> None:
    """One patient's list among more and more prescriptions."""
    urls = []
    for rows in sizes:
        urls.append(await run.world.create_database(f"lists_{rows}"))
        await fill(urls[-1], rows, run.content_bytes)
    times = await list_times(urls, sizes, run.size.rounds, run.size.list_queries)
    run.figure(
        Figure(
            f"list among {sizes[-1]:,} against {sizes[0]:,}, p50", times[-1] / times[0], "×", 1.3, least=False, digits=2
        )
    )
    cells = [(f"{rows:,}", f"{time:,.0f}") for rows, time in zip(sizes, times, strict=True)]
    run.table(Table("One patient's active prescriptions", ("Stored prescriptions", "p50 µs"), cells))


WITH_SERVERS: tuple[Callable[[Run], Awaitable[None]], ...] = (
    stored_bytes,
    parts_and_store,
    m1_capacity,
    mixed_capacity,
    open_loops,
)
"""In this order: a later one uses what an earlier one found."""
