"""The outbox: the order in which messages are owed, and what a claim takes, keeps back and gives back."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from typing import Any, TypeAlias
from uuid import UUID, uuid4

import asyncpg
import pytest

from reseptformidler.domain.decision import Decision, Needs, Owed, Tilstand
from reseptformidler.store import outbox, retention
from reseptformidler.store.batch import Batcher, Item, Stored
from reseptformidler.store.keys import FileKek, open_keyring
from reseptformidler.store.migrate import SHIPPED, migrate
from reseptformidler.store.outbox import Claimed, Routes
from reseptformidler.store.pool import SETTINGS, Pool
from reseptformidler.store.seal import Sealer
from tests.store.build import APOTEK, NOW, item, m1, m93, resept
from tests.store.faults import gate, until_waiting
from tests.store.owe import owe, waiting
from tests.store.test_queries import plan

Connection: TypeAlias = "asyncpg.Connection[Any]"

LEASE = timedelta(seconds=30)
SECOND = timedelta(seconds=1)
ALL = Routes(others=0)
LOCK_RESEPT = "SELECT FROM resept WHERE resept_id = $1 FOR UPDATE"
IN_ORDER = """
SELECT array_agg(h.versjon ORDER BY u.plass) FROM utboks u JOIN historikk h USING (resept_id, msg_id)
"""

INSERT_OF_BEFORE = """
INSERT INTO utboks (opprettet, avsender, msg_id, lopenr, type, mottaker, resept_id, ref_to_parent,
                    ref_to_conversation, neste, innhold)
VALUES ($1, '1', $2, 0, 'M6', '1', $2, '', '', $1, '')
"""
ON_DISK = "SELECT u.ctid, u.xmin, c.relfilenode FROM utboks u JOIN pg_class c ON c.oid = u.tableoid"
FILL = """
INSERT INTO utboks (opprettet, avsender, msg_id, lopenr, type, mottaker, resept_id, ref_to_parent,
                    ref_to_conversation, status, neste, innhold)
SELECT o, '1', gen_random_uuid(), 0, 'M6', '1', gen_random_uuid(), '', '',
    CASE WHEN n % 10 = 0 THEN 'V' ELSE 'S' END, o, repeat('x', 500)::bytea
FROM generate_series(1, 20000) n, LATERAL (SELECT timestamptz '2026-11-23' + n * interval '26 min') t (o)
"""
INDEXES = {"neste_idx", "pkey", "resept_id_idx"}
USED = {
    "outbox.claim": INDEXES,
    "outbox.delivered": {"pkey"},
    "outbox.failed": {"pkey", "resept_id_idx"},
    "outbox.put_off": {"neste_idx", "pkey"},
}
"""Not outbox.give_up: it looks into partitions of that age only, and the NULLs of EXPLAIN have no age."""
WITHOUT_INDEX = r"(?:Seq Scan|Index Scan using \w+) on utboks\S*(?: \w+)?  .*\n(?!.*Index Cond)"


@pytest.fixture
async def other(pool: Pool, kek: FileKek) -> AsyncIterator[Batcher]:
    """The batcher of a second process."""
    async with pool.acquire() as connection:
        batcher = Batcher(pool, Sealer(await open_keyring(connection, kek, NOW)))
    yield batcher
    await batcher.close()


async def claimed(pool: Pool, routes: Routes = ALL, *, seconds: float = 0, limit: int = 100) -> list[Claimed]:
    async with pool.acquire() as connection:
        now = NOW + timedelta(seconds=seconds)
        return await outbox.claim(connection, routes, lease=LEASE, limit=limit, now=now)


async def delivered(pool: Pool, *messages: Claimed) -> None:
    async with pool.acquire() as connection:
        await outbox.mark_delivered(connection, messages)


async def failed(pool: Pool, message: Claimed, pause: timedelta, *, seconds: float = 0) -> None:
    async with pool.acquire() as connection:
        await outbox.mark_failed(connection, [(message, pause)], now=NOW + timedelta(seconds=seconds))


def msg_ids(messages: list[Claimed]) -> list[UUID]:
    return [one.msg_id for one in messages]


def repeated_download(resept_id: UUID) -> Item:
    """A change that can be made again and again, and owes a message each time."""
    change = m93(resept_id).decide

    def decide(tilstand: Tilstand) -> Decision:
        return replace(change(tilstand), owed=(Owed("M6", "1", resept_id, "", ""),))

    return item(decide, Needs(resepter=(resept_id,)), sender=APOTEK)


async def raced(pool: Pool, batchers: tuple[Batcher, Batcher]) -> list[int]:
    """Twenty changes of one prescription by two processes: its versions in the order of what they owe."""
    new = resept()
    await batchers[0].submit(m1(new))
    for _ in range(10):
        async with gate(pool, LOCK_RESEPT, new.resept_id):
            racing = [asyncio.ensure_future(one.submit(repeated_download(new.resept_id))) for one in batchers]
            await until_waiting(pool, 2)
        assert all(isinstance(answer, Stored) for answer in await asyncio.gather(*racing))
    return list(await pool.fetchval(IN_ORDER))


async def test_what_is_owed_is_numbered_in_the_order_of_the_changes(
    pool: Pool, batcher: Batcher, other: Batcher
) -> None:
    """Each change waits for the lock of its prescription before it draws its number."""
    assert await raced(pool, (batcher, other)) == list(range(2, 22))


async def test_control_numbers_that_sessions_keep_for_later_break_the_order(
    pool: Pool, batcher: Batcher, other: Batcher
) -> None:
    """The check above sees it."""
    await pool.execute("ALTER SEQUENCE utboks_plass_seq CACHE 100")
    order = await raced(pool, (batcher, other))
    assert sorted(order) == list(range(2, 22))
    assert order != sorted(order)


async def test_the_number_is_drawn_after_the_lock_was_got(pool: Pool, batcher: Batcher) -> None:
    """A statement that waits for the row has no number yet."""
    new = resept()
    await batcher.submit(m1(new))
    async with gate(pool, LOCK_RESEPT, new.resept_id):
        sending = asyncio.ensure_future(batcher.submit(repeated_download(new.resept_id)))
        await until_waiting(pool, 1)
        drawn = await pool.fetchval("SELECT nextval('utboks_plass_seq')")
    await sending
    assert await pool.fetchval("SELECT plass FROM utboks") > drawn


async def test_a_claim_takes_the_first_of_each_prescription(pool: Pool, sealer: Sealer) -> None:
    """In the order of `plass`, whatever the clocks of the processes said; the next one when it has arrived."""
    one, two = uuid4(), uuid4()
    first = [await owe(pool, sealer, resept_id) for resept_id in (one, two)]
    second = [await owe(pool, sealer, resept_id, opprettet=NOW - 60 * SECOND) for resept_id in (one, two)]
    free = [await owe(pool, sealer) for _ in range(3)]
    taken = await claimed(pool)
    assert sorted(msg_ids(taken)) == sorted([*first, *free])
    assert await claimed(pool) == [], "a lease is held"
    await delivered(pool, *taken)
    assert sorted(msg_ids(await claimed(pool))) == sorted(second)


async def test_order_is_kept_for_each_receiver_only(pool: Pool, sealer: Sealer) -> None:
    """Who is away keeps nothing back from others; two HER-ids with one URL are one receiver."""
    one = uuid4()
    routes = Routes({"1": 0, "2": 1, "3": 1, "M14": 2}, 0)
    owed = [
        await owe(pool, sealer, one, type_=type_, mottaker=her)
        for type_, her in (("M6", "1"), ("M7", "2"), ("M7", "3"), ("M14", ""), ("M8.1", ""), ("M6", "9"))
    ]
    taken = await claimed(pool, routes)
    assert [(owed.index(message.msg_id), message.receiver) for message in sorted(taken, key=lambda m: m.receiver)] == [
        (0, 0), (1, 1), (3, 2),
    ]  # fmt: skip
    await delivered(pool, *taken)
    assert [owed.index(message.msg_id) for message in await claimed(pool, routes)] == [2, 4]


async def test_what_has_no_receiver_stays_owed_and_keeps_nothing_back(pool: Pool, sealer: Sealer) -> None:
    """It is put off, so that it does not stand first for ever, and goes once it has a receiver."""
    one = uuid4()
    nobody = await owe(pool, sealer, one, type_="M14", mottaker="")
    follows = await owe(pool, sealer, one, type_="M8", mottaker="")
    routes = Routes({"M8": 0})
    assert msg_ids(await claimed(pool, routes)) == [follows]
    async with pool.acquire() as connection:
        assert await outbox.put_off(connection, routes, 900 * SECOND, now=NOW) == 1
        assert await outbox.put_off(connection, routes, 900 * SECOND, now=NOW) == 0
    assert await claimed(pool, ALL, seconds=1) == []
    assert nobody in await waiting(pool)
    assert msg_ids(await claimed(pool, ALL, seconds=900)) == [nobody]


async def test_a_lease_runs_out(pool: Pool, sealer: Sealer) -> None:
    """Whoever took it may be dead: it is taken again, and the old holder can no longer postpone it."""
    msg_id = await owe(pool, sealer, uuid4())
    (old,) = await claimed(pool)
    assert await claimed(pool, seconds=29) == []
    (new,) = await claimed(pool, seconds=30)
    assert (new.msg_id, old.forsok, new.forsok) == (msg_id, 1, 2)
    await failed(pool, old, timedelta(hours=1), seconds=31)
    assert len(await claimed(pool, seconds=60)) == 1
    await delivered(pool, old)
    assert await waiting(pool) == [], "it has arrived, whoever sent it"


async def test_a_failure_keeps_back_all_that_follows(pool: Pool, sealer: Sealer) -> None:
    """What waits behind it is not even looked at until it is due again, then it goes in order."""
    one = uuid4()
    first, *others = [await owe(pool, sealer, one) for _ in range(5)]
    (head,) = await claimed(pool)
    await failed(pool, head, 10 * SECOND)
    due = "SELECT count(*) FROM utboks WHERE neste <= $1"
    assert await pool.fetchval(due, NOW + 9 * SECOND) == 0
    assert await claimed(pool, seconds=9) == []
    (head,) = await claimed(pool, seconds=10)
    assert head.msg_id == first
    await delivered(pool, head)
    assert msg_ids(await claimed(pool, seconds=10)) == others[:1]


async def test_two_relays_never_hold_one_message(pool: Pool, sealer: Sealer) -> None:
    """Four claims at a time, until nothing is left: each message is held once."""
    owed = [await owe(pool, sealer, uuid4()) for _ in range(60)]
    taken: list[UUID] = []
    while some := [one for part in await asyncio.gather(*(claimed(pool, limit=4) for _ in range(4))) for one in part]:
        taken += msg_ids(some)
    assert sorted(taken) == sorted(owed)


async def test_what_a_claim_passes_over_is_not_waited_for(pool: Pool, sealer: Sealer) -> None:
    """A row that somebody holds keeps back what follows it, and nobody else."""
    one, two = uuid4(), uuid4()
    held, _, free = [await owe(pool, sealer, resept_id) for resept_id in (one, one, two)]
    async with gate(pool, "SELECT FROM utboks WHERE msg_id = $1 FOR UPDATE", held):
        assert msg_ids(await claimed(pool)) == [free]


async def test_rows_of_before_have_no_number_and_come_first(pool: Pool, sealer: Sealer) -> None:
    """Among themselves they go by their time; so does what a process of the release before adds: it gets a number."""
    one = uuid4()
    owed = [await owe(pool, sealer, one, opprettet=NOW + n * SECOND) for n in (3, 2, 1)]
    for msg_id in owed[1:]:
        await pool.execute("UPDATE utboks SET plass = NULL WHERE msg_id = $1", msg_id)
    order = []
    while taken := await claimed(pool, seconds=5):
        order += msg_ids(taken)
        await delivered(pool, *taken)
    assert order == [owed[2], owed[1], owed[0]]


async def test_the_migration_touches_no_row(empty_database_url: str) -> None:
    """What was owed before keeps its place on disk; new rows and new partitions are numbered."""
    async with connected(empty_database_url) as connection:
        await migrate(connection, include_post=True, shipped=SHIPPED[:1])
        await connection.execute(INSERT_OF_BEFORE, NOW, uuid4())
        before = await connection.fetch(ON_DISK)
        await migrate(connection, include_post=True)
        assert await connection.fetch(ON_DISK) == before
        assert await connection.fetchval("SELECT plass IS NULL FROM utboks")
        next_week = NOW + timedelta(days=8)
        await retention.make_partitions(connection, retention.TABLES[1], next_week, next_week)
        for moment in (NOW, next_week):
            await connection.execute(INSERT_OF_BEFORE, moment, uuid4())
        rows = await connection.fetch("SELECT plass, tableoid::regclass::text FROM utboks WHERE plass > 0 ORDER BY 1")
    assert list(map(tuple, rows)) == [(1, "utboks_default"), (2, "utboks_20261130")]


async def test_giving_up(pool: Pool, sealer: Sealer) -> None:
    """Only by age; what follows goes on, and what arrives all the same has arrived."""
    one = uuid4()
    old = await owe(pool, sealer, one)
    young = await owe(pool, sealer, one, opprettet=NOW + timedelta(days=2))
    (taken,) = await claimed(pool)
    assert taken.msg_id == old
    async with pool.acquire() as connection:
        for days, types in ((365, []), (366, ["M6"]), (366, [])):
            assert await outbox.give_up(connection, timedelta(days=365), now=NOW + timedelta(days=days)) == types
    assert await waiting(pool) == [young]
    assert msg_ids(await claimed(pool, seconds=366 * 86400)) == [young]
    await delivered(pool, taken)
    assert await pool.fetchval("SELECT status FROM utboks WHERE msg_id = $1", old) == "S"


async def test_pending_tells_count_and_age(pool: Pool, sealer: Sealer) -> None:
    """By type; by the database's clock where no other is given."""
    for seconds in (60, 5):
        await owe(pool, sealer, opprettet=NOW - seconds * SECOND)
    await owe(pool, sealer, type_="M8", mottaker="")
    async with pool.acquire() as connection:
        found = await outbox.pending(connection, now=NOW)
        assert found == {"M6": outbox.Pending(2, 60 * SECOND), "M8": outbox.Pending(1, 0 * SECOND)}
        assert (await outbox.pending(connection))["M6"].age > 60 * SECOND


@asynccontextmanager
async def connected(url: str) -> AsyncIterator[Connection]:
    """A connection with the settings of the pool."""
    connection = await asyncpg.connect(url, server_settings=SETTINGS)
    try:
        yield connection
    finally:
        await connection.close()


async def fill(connection: Connection) -> None:
    """A year of partitions with 20,000 rows, of which a tenth waits."""
    await retention.make_partitions(connection, retention.TABLES[1], NOW, NOW + timedelta(days=365))
    await connection.execute(FILL)
    await connection.execute("VACUUM ANALYZE utboks")


@pytest.mark.parametrize("filled", [False, True])
async def test_no_statement_reads_a_partition_from_end_to_end(database_url: str, filled: bool) -> None:
    """Neither with a plan made when all was empty, nor with one made on a year of partitions."""
    async with connected(database_url) as connection:
        if filled:
            await fill(connection)
        for name, indexes in USED.items():
            text = await plan(connection, name)
            await connection.execute("DEALLOCATE explained")
            assert not re.findall(WITHOUT_INDEX, text), name
            assert {index for index in INDEXES if f"_{index}" in text} == indexes, name


async def test_control_a_plan_that_reads_a_partition_is_seen(database_url: str) -> None:
    """Without the index by which the messages of a prescription are found."""
    async with connected(database_url) as connection:
        await connection.execute("DROP INDEX utboks_resept")
        assert re.findall(WITHOUT_INDEX, await plan(connection, "outbox.claim"))
