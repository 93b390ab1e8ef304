"""The list of one patient among many: what the first statement of an M9.1 costs as the table grows.

Each patient has 20 prescriptions, 5 of them active, spread over the table as they would have come; each row is as large
as a real one. The statement is the service's own, on the service's own schema.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from statistics import median
from time import perf_counter_ns
from typing import Any, Final

import asyncpg

from reseptformidler.store.pool import SETTINGS
from reseptformidler.store.queries import QUERIES

A_PATIENT: Final = 20
ACTIVE: Final = 5
_HASH: Final = "decode(md5('p' || $1::text), 'hex')"

_FILL: Final = """
INSERT INTO resept (resept_id, versjon, pasient, nodsok, mottatt, lukket, utloper, last, status, innhold)
SELECT gen_random_uuid(), 1, decode(md5('p' || (i % {patients})::text), 'hex'), decode(md5('n' || i::text), 'hex'),
    timestamptz '2026-01-01' + i * interval '1 second',
    CASE WHEN i / {patients} < {closed} THEN timestamptz '2026-06-01' ELSE NULL END, date '2027-01-01', false,
    CASE WHEN i / {patients} < {closed} THEN 'R' ELSE 'E' END,
    decode(repeat(md5(i::text), {repeats}), 'hex')
FROM generate_series(0, {rows} - 1) AS s(i)"""

_INTO_MEMORY: Final = """
SELECT pg_prewarm(c.oid::regclass) FROM pg_class c
WHERE c.oid = 'resept'::regclass OR c.oid IN (SELECT indexrelid FROM pg_index WHERE indrelid = 'resept'::regclass)"""


async def fill(url: str, rows: int, content_bytes: int) -> None:
    """So many prescriptions, then what autovacuum and use would do: statistics, and the table in memory."""
    connection = await asyncpg.connect(url, timeout=30)
    try:
        statement = _FILL.format(
            patients=rows // A_PATIENT, closed=A_PATIENT - ACTIVE, rows=rows, repeats=max(1, round(content_bytes / 16))
        )
        await connection.execute(statement, timeout=3600)
        await connection.execute("VACUUM (ANALYZE) resept", timeout=3600)
        await connection.execute("CREATE EXTENSION pg_prewarm")
        await connection.execute(_INTO_MEMORY, timeout=3600)
    finally:
        await connection.close()


async def list_times(urls: Sequence[str], sizes: Sequence[int], rounds: int, queries: int) -> list[float]:
    """Median time (µs) of the statement for each database, taken by turns."""
    connections = [await asyncpg.connect(url, server_settings=SETTINGS) for url in urls]
    times: list[list[float]] = [[] for _ in urls]
    try:
        for number in range(rounds + 1):
            for found, connection, rows in zip(times, connections, sizes, strict=True):
                taken = await _queries(connection, rows // A_PATIENT, queries, seed=number)
                if number:  # the first round warms up
                    found.append(median(taken))
    finally:
        for connection in connections:
            await connection.close()
    return [median(found) for found in times]


async def _queries(connection: asyncpg.Connection[Any], patients: int, number: int, seed: int) -> list[float]:
    chosen = random.Random(seed)
    statement = await connection.prepare(QUERIES["load.resepter"])
    keys = [await connection.fetchval(f"SELECT {_HASH}", str(chosen.randrange(patients))) for _ in range(number)]
    times = []
    for key in keys:
        begun = perf_counter_ns()
        rows = await statement.fetch([], [key], [], [], [])
        times.append((perf_counter_ns() - begun) / 1000)
        assert len(rows) == ACTIVE
    return times
