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
from reseptformidler.domain.ident import uuid_of_time
from reseptformidler.domain.kvittering import Kvittering
from reseptformidler.store import outbox, queries, retention
from reseptformidler.store.batch import Batcher, Item, Stored
from reseptformidler.store.keys import FileKek, open_keyring
from reseptformidler.store.migrate import SHIPPED, migrate
from reseptformidler.store.outbox import Claimed, Failure, Patience, Routes
from reseptformidler.store.pool import SETTINGS, Pool
from reseptformidler.store.seal import Sealer
from tests.store.build import APOTEK, NOW, item, m1, m93, resept
from tests.store.faults import gate, until_waiting
from tests.store.owe import owe, virksomhet, waiting
from tests.store.test_queries import plan

Connection: TypeAlias = "asyncpg.Connection[Any]"

LEASE = timedelta(seconds=30)
SECOND = timedelta(seconds=1)
PATIENCE = timedelta(days=3)
TRIED = Patience(PATIENCE, timedelta(days=365))
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
    "outbox.replay": {"pkey"},
}
"""Not outbox.give_up and sent_as: they look into partitions of a time only, and the NULLs of EXPLAIN have none."""
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
        return await outbox.claim(connection, routes, lease=LEASE, limit=limit, patience=PATIENCE, now=now)


async def delivered(pool: Pool, *messages: Claimed) -> None:
    async with pool.acquire() as connection:
        await outbox.mark_delivered(connection, [(one.key, None) for one in messages])


async def receipted(pool: Pool, message: Claimed, status: str, *codes: str) -> None:
    """It has arrived, and its receiver has said so."""
    said = Kvittering(str(message.melding_id), status, codes, frozenset())
    async with pool.acquire() as connection:
        await outbox.mark_delivered(connection, [(message.key, said)], now=NOW)


async def failed(pool: Pool, message: Claimed, pause: timedelta, *, seconds: float = 0, routes: Routes = ALL) -> None:
    failure = Failure(message, "HTTP 503", pause)
    async with pool.acquire() as connection:
        await outbox.mark_failed(connection, routes, [failure], now=NOW + timedelta(seconds=seconds))


def msg_ids(messages: list[Claimed]) -> list[UUID]:
    return [one.msg_id for one in messages]


def repeated_download(resept_id: UUID) -> Item:
    """A change that can be made again and again, and owes a message each time."""
    change = m93(resept_id).decide

    def decide(tilstand: Tilstand) -> Decision:
        return replace(change(tilstand), owed=(Owed("M6", virksomhet("1"), resept_id, "", "", b"<x/>"),))

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
    """Who is away keeps nothing back from others; two HER-ids with one URL are one receiver, a type's too."""
    one = uuid4()
    routes = Routes({"1": 0, "2": 1, "3": 1, "M14": 2}, 0)
    owed = [
        await owe(pool, sealer, one, type_=type_, mottaker=her)
        for type_, her in (("M6", "1"), ("M7", "2"), ("M14", "3"), ("M14", ""), ("M8.1", ""), ("M14", "9"))
    ]
    taken = await claimed(pool, routes)
    assert [(owed.index(message.msg_id), message.receiver) for message in sorted(taken, key=lambda m: m.receiver)] == [
        (0, 0), (1, 1), (3, 2),
    ]  # fmt: skip
    await delivered(pool, *taken)
    assert sorted(owed.index(message.msg_id) for message in await claimed(pool, routes)) == [2, 4, 5]


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


async def test_what_waits_behind_a_failure_for_another_receiver_is_not_put_off(pool: Pool, sealer: Sealer) -> None:
    """The receiver counts, not the HER-id: two types for one HER-id may have two."""
    one, routes = uuid4(), Routes({"M6": 0, "M7": 1})
    first, other, behind = [await owe(pool, sealer, one, type_=type_) for type_ in ("M6", "M7", "M6")]
    taken = await claimed(pool, routes, limit=1)
    assert msg_ids(taken) == [first]
    await failed(pool, taken[0], 10 * SECOND, routes=routes)
    due = await pool.fetch("SELECT msg_id FROM utboks WHERE neste <= $1", NOW + SECOND)
    assert [row["msg_id"] for row in due] == [other]
    assert behind in await waiting(pool)


async def test_giving_up(pool: Pool, sealer: Sealer) -> None:
    """Only by age; what follows goes on, and what arrives all the same has arrived and is not stranded."""
    one = uuid4()
    old = await owe(pool, sealer, one)
    young = await owe(pool, sealer, one, opprettet=NOW + timedelta(days=2))
    (taken,) = await claimed(pool)
    assert taken.msg_id == old
    await failed(pool, taken, SECOND)
    assert await claimed(pool, seconds=3 * 86400) == [], "its time is over: it is not taken any more"
    async with pool.acquire() as connection:
        for seconds, types in ((-1, []), (0, ["M6"]), (1, [])):
            assert await outbox.give_up(connection, PATIENCE, now=NOW + PATIENCE + seconds * SECOND) == types
        assert await outbox.stranded_kinds(connection) == {"given_up": 1, "refused": 0}
        (seen,) = await outbox.stranded(connection)
        assert (seen.id, seen.arsak, seen.forsok) == (f"{taken.avsender}/{old}/0", "HTTP 503", 1)
    assert await waiting(pool) == [young]
    assert msg_ids(await claimed(pool, seconds=3 * 86400)) == [young]
    await delivered(pool, taken)
    assert await pool.fetchval("SELECT status FROM utboks WHERE msg_id = $1", old) == "S"
    assert await pool.fetchval("SELECT count(*) FROM utboks_strandet") == 0


async def test_a_receipt_is_written_down(pool: Pool, sealer: Sealer) -> None:
    """OK, or OK but for a part: it has arrived, once more and once more."""
    for status in ("1", "3"):
        await owe(pool, sealer)
        (taken,) = await claimed(pool)
        for _ in range(2):
            await receipted(pool, taken, status)
        row = await pool.fetchrow("SELECT status, kvittering, kvittert FROM utboks WHERE msg_id = $1", taken.msg_id)
        assert row is not None
        assert tuple(row) == ("S", status, NOW)
    assert await pool.fetchval("SELECT count(*) FROM utboks_strandet") == 0


async def test_a_refusal_strands_a_message(pool: Pool, sealer: Sealer) -> None:
    """With its codes; it keeps nothing back, and no attempt whose answer says nothing takes the refusal away."""
    one = uuid4()
    first, second = [await owe(pool, sealer, one) for _ in range(2)]
    (taken,) = await claimed(pool)
    for _ in range(2):
        await receipted(pool, taken, "2", "E10", "T99")
    await delivered(pool, taken)
    async with pool.acquire() as connection:
        assert await outbox.stranded_kinds(connection) == {"given_up": 0, "refused": 1}
        (seen,) = await outbox.stranded(connection)
    assert (seen.id.split("/")[1], seen.arsak) == (str(first), "refused E10 T99")
    assert msg_ids(await claimed(pool)) == [second]
    await receipted(pool, taken, "1")
    assert await pool.fetchval("SELECT count(*) FROM utboks_strandet") == 0, "its receiver has taken it after all"


async def test_a_receipt_finds_its_message(pool: Pool, sealer: Sealer) -> None:
    """By MsgId and receiver; a fixed receiver without a HER-id by the MsgId alone. Nothing else finds anything."""
    odd = NOW + timedelta(microseconds=123_999)
    await owe(pool, sealer, mottaker="1", opprettet=odd)
    await owe(pool, sealer, mottaker="", opprettet=odd)
    rows = await pool.fetch("SELECT melding_id, mottaker, msg_id FROM utboks")
    ids = {row["mottaker"]: (row["melding_id"], row["msg_id"]) for row in rows}
    async with pool.acquire() as connection:

        async def found(melding_id: UUID, *hers: str) -> UUID | None:
            sent = await outbox.sent_as(connection, melding_id, hers)
            return sent.key[2] if sent else None

        assert await found(ids["1"][0], "2", "1") == ids["1"][1]
        assert await found(ids["1"][0], "2") is None
        assert await found(ids[""][0]) == await found(ids[""][0], "7") == ids[""][1]
        assert await found(uuid4(), "1") is None
        assert await found(uuid_of_time(odd, uuid4()), "1") is None
        assert await found(uuid_of_time(NOW, ids["1"][0]), "1") is None


async def test_a_replayed_message_is_owed_again(pool: Pool, sealer: Sealer) -> None:
    """From the beginning, for as long as a new one; what was refused too. Once, however often it is asked for."""
    given_up, refused = [await owe(pool, sealer) for _ in range(2)]
    taken = {one.msg_id: one for one in await claimed(pool)}
    await receipted(pool, taken[refused], "2", "E10")
    keys = [taken[one].key for one in (given_up, refused)]
    async with pool.acquire() as connection:
        assert len(await outbox.give_up(connection, PATIENCE, now=NOW + PATIENCE)) == 1
        for types in (["M6", "M6"], []):
            assert await outbox.replay(connection, keys, TRIED) == types
        assert sorted(await waiting(pool)) == sorted([given_up, refused])
        assert await outbox.stranded(connection) == []
        now = await connection.fetchval("SELECT now()")
        again = await outbox.claim(connection, ALL, lease=LEASE, limit=9, patience=PATIENCE, now=now + LEASE)
        assert {one.forsok for one in again} == {1}
        assert await outbox.give_up(connection, PATIENCE, now=now + PATIENCE - LEASE) == []
        assert await outbox.give_up(connection, PATIENCE, now=now + PATIENCE + LEASE) == ["M6", "M6"]


async def test_a_replay_does_not_outlast_the_row(pool: Pool, sealer: Sealer) -> None:
    """What would be dropped with its partition is given up, and so counted, before."""
    await owe(pool, sealer)
    (taken,) = await claimed(pool)
    await receipted(pool, taken, "2")
    kept = timedelta(days=4)
    async with pool.acquire() as connection:
        assert await outbox.replay(connection, [taken.key], Patience(PATIENCE, kept)) == ["M6"]
        assert await connection.fetchval("SELECT frist FROM utboks") == NOW + kept


async def test_what_arrived_meanwhile_is_not_replayed(pool: Pool, sealer: Sealer) -> None:
    """The operator's list was older than the receipt."""
    await owe(pool, sealer)
    (taken,) = await claimed(pool)
    await receipted(pool, taken, "2")
    async with pool.acquire() as connection:
        keys = [one.key for one in await outbox.stranded(connection)]
        await receipted(pool, taken, "1")
        assert await outbox.replay(connection, keys, TRIED) == []


def test_patience_ends_before_the_row_does() -> None:
    """Whatever the settings say."""
    hour = timedelta(hours=1)
    assert Patience.of(hours=72, keep_days=365) == Patience(72 * hour, 365 * 24 * hour - hour)
    assert Patience.of(hours=72, keep_days=1) == Patience(23 * hour, 23 * hour)


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


async def test_a_receipt_is_looked_for_in_one_partition(database_url: str) -> None:
    """By its key, in a year of them."""
    async with connected(database_url) as connection:
        await fill(connection)
        arguments = (uuid4(), NOW + timedelta(days=30), ["1"])
        lines = await connection.fetch(f"EXPLAIN {queries.QUERIES['outbox.sent_as']}", *arguments)
    text = "\n".join(line[0] for line in lines)
    assert text.count("_pkey") == text.count(" on utboks") == 1


async def test_control_a_plan_that_reads_a_partition_is_seen(database_url: str) -> None:
    """Without the index by which the messages of a prescription are found."""
    async with connected(database_url) as connection:
        await connection.execute("DROP INDEX utboks_resept")
        assert re.findall(WITHOUT_INDEX, await plan(connection, "outbox.claim"))
