"""A whole move: while the service runs, with everything that may change, and what proves it."""

from __future__ import annotations

import base64
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import asyncpg
import pytest

from reseptformidler.domain.decision import Needs, Owed, Tilstand
from reseptformidler.domain.kvittering import Kvittering
from reseptformidler.domain.resept import Resept
from reseptformidler.store import outbox, retention, transfer
from reseptformidler.store.batch import Stored
from reseptformidler.store.intake import is_unfinished
from reseptformidler.store.outbox import Routes
from reseptformidler.store.refnr import issue
from reseptformidler.store.transfer import LEFT_OUT, MOVED, CannotMove
from reseptformidler.sweep import Periods, sweep
from reseptformidler.transfer.inward import verify
from tests.store.build import FNR, NOW, m1, m5, m10, m10_annulment, m91, m93, number, resept
from tests.store.owe import virksomhet
from tests.store.test_cards import card_message
from tests.transfer.conftest import Operator, Service, Serving
from tests.transfer.reader import fingerprints

DAY = timedelta(days=1)
DOCUMENTED_TYPES = {"uuid", "bytea", "text", "timestamptz", "date", "int4", "int8", "bool", "bpchar", "_text"}
EVERY_TABLE = """SELECT relname AS name FROM pg_class
WHERE relkind IN ('r', 'p') AND NOT relispartition AND relnamespace = 'public'::regnamespace"""


def owed(new: Resept) -> tuple[Owed, ...]:
    return (Owed("M21", virksomhet("8100001"), new.resept_id, "", "", b"<M21/>"),)


async def busy_day(service: Service) -> list[Resept]:
    """Something of everything: reference numbers, dispensings, annulments, recalls, a card, what is owed, a refusal."""
    async with service.pool.acquire() as connection:
        await issue(connection, service.sealer, [number("1234567890"), number("2345678901")])
    made = [resept(refnr="1234567890"), *(resept() for _ in range(20))]
    for one in made:
        assert isinstance(await service.batcher.submit(m1(one, owed=owed(one))), Stored)
    for one in made[:10]:
        await service.batcher.submit(m93(one.resept_id))
    for one in made[:8]:
        dispensing = m10(one.resept_id, closes=one is made[0])
        await service.batcher.submit(dispensing)
        if one in made[5:8]:
            await service.batcher.submit(m10_annulment(one.resept_id, dispensing.msg_id))
    await service.batcher.submit(m5(made[11].resept_id))
    card = card_message(change=lambda kort: replace(kort, parter=("8090595", "8100001")), holds=True)
    assert isinstance(await service.batcher.submit(card), Stored)
    async with service.pool.acquire() as connection:
        lease = timedelta(seconds=30)
        (sent,) = await outbox.claim(connection, Routes(others=0), lease=lease, limit=1, patience=DAY, now=NOW)
        refusal = Kvittering(str(sent.melding_id), "2", ("E10",), frozenset())
        await outbox.mark_delivered(connection, [(sent.key, refusal)])
    return made


async def seen_by(operator: Operator) -> tuple[Resept, ...]:
    """The patient's list, as a service on that database gives it."""
    shown: list[Tilstand] = []
    async with Serving(operator) as service:
        await service.batcher.submit(m91(Needs(pasienter=(FNR,)), shown))
    return tuple(sorted(shown[0].resepter, key=lambda one: one.resept_id))


async def test_a_move_in_one_pass(source: Operator, target: Operator) -> None:
    """The service stops, all is written, all is taken in; the other operator serves with keys of its own."""
    async with Serving(source) as service:
        await busy_day(service)
    made = await source.export(last=True)
    assert {piece.table for piece in made.pieces} == set(MOVED) - {
        "utboks_dokument",
        "innholdssok",
        "innholdssok_treff",
    }
    assert (await target.take_in()).proved
    for operator in (source, target):
        await verify(operator.connection, operator.folder, operator.kek)
    before = await source.connection.fetch("SELECT * FROM resept ORDER BY resept_id")
    assert await target.connection.fetch("SELECT * FROM resept ORDER BY resept_id") == before
    listed = await seen_by(source)
    assert len(listed) == 19, "neither the finished nor the recalled one"
    assert await seen_by(target) == listed


async def test_a_move_while_the_service_runs(source: Operator, target: Operator) -> None:
    """New, changed, deleted, and dropped with their partition: each pass adds what has changed since."""
    async with Serving(source) as service:
        made = await busy_day(service)
        await sweep(service.pool, NOW, Periods())
        await source.export()
        assert not (await target.take_in()).proved
        await service.batcher.submit(m93(made[15].resept_id))
        await busy_day(service)
        second = await source.export()
        assert all(piece.since is not None for piece in second.pieces)
        await sweep(service.pool, NOW + 31 * DAY, Periods(duplicates=20 * DAY))
        await service.batcher.submit(m5(made[12].resept_id))
    last = await source.export(last=True)
    taken = await target.take_in()
    assert taken.proved
    assert taken.deleted > 20, "prescriptions with their documents, and claims"
    assert fingerprints(source.folder.path, _transfer_key(source)) == {
        name: (table["rows"], table["sha256"]) for name, table in last.tables.items()
    }
    assert await seen_by(source) == await seen_by(target) != ()


def _transfer_key(operator: Operator) -> bytes:
    return base64.b64decode((operator.folder.path.parent / "transfer.key").read_text().split()[1])


async def test_a_repeat_gets_its_first_answer_from_the_other_operator(source: Operator, target: Operator) -> None:
    """A MsgId has one answer, byte for byte, wherever the service stands."""
    message = m1(resept())
    async with Serving(source) as service:
        first = await service.batcher.submit(message)
    await source.export(last=True)
    await target.take_in()
    async with Serving(target) as service:
        again = await service.batcher.submit(message)
    assert isinstance(first, Stored)
    assert again == replace(first, repeated=True)


async def test_what_a_transaction_under_way_writes_comes_with_the_next_pass(source: Operator, target: Operator) -> None:
    """Also in a savepoint: its own number is younger than what the snapshot knows of the transaction."""
    other = await asyncpg.connect(source.url)
    async with other.transaction():
        await other.execute("INSERT INTO refnr VALUES ('\\x01', NULL, '\\x00')")
        async with other.transaction():
            await other.execute("INSERT INTO refnr VALUES ('\\x02', NULL, '\\x00')")
        await source.connection.execute("INSERT INTO refnr VALUES ('\\x03', NULL, '\\x00')")
        assert (await source.export()).pieces[0].rows == 1
    await other.close()
    assert (await source.export(last=True)).pieces[0].rows == 3
    assert (await target.take_in()).proved


async def test_numbers_go_on_where_the_source_stopped(source: Operator, target: Operator) -> None:
    """Data keys keep their numbers, which every sealed value names; new ones come after them."""
    for _ in range(3):
        async with Serving(source) as service:
            new = resept()
            await service.batcher.submit(m1(new, owed=owed(new)))
    await source.export(last=True)
    await target.take_in()
    async with Serving(target):
        pass
    numbers = [await operator.connection.fetch("SELECT nokkel_id FROM nokkel") for operator in (source, target)]
    assert len(numbers[0]) == 4
    assert max(row["nokkel_id"] for row in numbers[1]) > max(row["nokkel_id"] for row in numbers[0])
    wrapped = [await operator.connection.fetch("SELECT innpakket FROM nokkel") for operator in (source, target)]
    assert not {row["innpakket"] for row in wrapped[0]} & {row["innpakket"] for row in wrapped[1]}


async def test_partitions_come_along(source: Operator, target: Operator) -> None:
    """Old history stands in its own month over there too, and the sweep makes what is missing around it."""
    async with Serving(source) as service:
        for months in (0, 3, 14):
            await sweep(service.pool, NOW - months * 30 * DAY, Periods())
            new = replace(resept(), mottatt=NOW - months * 30 * DAY)
            await service.batcher.submit(m1(new))
            await source.connection.execute(
                "INSERT INTO historikk SELECT $1, resept_id, 9, hendelse, fra, til FROM historikk WHERE resept_id = $2",
                new.mottatt,
                new.resept_id,
            )
    await source.export(last=True)
    await target.take_in()
    placed = "SELECT tableoid::regclass::text AS leaf, count(*) FROM historikk GROUP BY 1 ORDER BY 1"
    assert await target.connection.fetch(placed) == await source.connection.fetch(placed)
    async with Serving(target) as service:
        await sweep(service.pool, NOW, Periods())
        historikk = next(table for table in retention.TABLES if table.name == "historikk")
        there = await retention.partitions(target.connection, historikk)
        assert {datetime(2026, 11, 1, tzinfo=UTC).date(), datetime(2027, 1, 1, tzinfo=UTC).date()} <= set(there)


async def test_a_broken_off_pass_is_gone_on_with(
    source: Operator, target: Operator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What it wrote is not written again unless it has changed; rows that moved between the two are there once."""
    monkeypatch.setattr(transfer, "PAGES", 1)
    monkeypatch.setattr("reseptformidler.transfer.outward.PAGES", 1)
    async with Serving(source) as service:
        made = await busy_day(service)
        await _break_off(source, after=4)
        left = sorted(path.name for path in source.folder.path.glob("*.rows"))
        assert len(left) == 4
        for one in made[13:]:
            await service.batcher.submit(m93(one.resept_id))
        await _break_off(source, after=5)
        resumed = await source.export()
        assert (resumed.number, resumed.previous) == (3, None)
        assert left == [piece.name for piece in resumed.pieces][:4]
    await source.export(last=True)
    assert (await target.take_in()).proved


async def _break_off(source: Operator, after: int) -> None:
    """The disk is full after so many files: the pass ends where it is."""
    written, count = source.folder.key.wrap, 0

    def wrap(key: bytes, purpose: str) -> bytes:
        nonlocal count
        count += 1
        if count > after:
            raise OSError(28, "No space left on device")
        return written(key, purpose)

    source.folder.key.wrap = wrap  # type: ignore[method-assign]
    with pytest.raises(OSError, match="No space"):
        await source.export()
    del source.folder.key.wrap


async def test_every_table_is_moved_or_left_out_for_a_reason(connection: asyncpg.Connection[asyncpg.Record]) -> None:
    """A new table must be placed, and its columns must be of a documented type."""
    tables = {row["name"] for row in await connection.fetch(EVERY_TABLE)}
    assert tables == set(MOVED) | set(LEFT_OUT)
    described = await transfer.read_tables(connection)
    assert {column.type for table in described.values() for column in table.columns} <= DOCUMENTED_TYPES
    await connection.execute("CREATE TABLE ny (a int)")
    assert "ny" in {row["name"] for row in await connection.fetch(EVERY_TABLE)}, "negative control"


async def test_an_unfinished_import_is_marked(source: Operator, target: Operator) -> None:
    """From its first file to its proof; `serve` can ask for it."""
    async with Serving(source) as service:
        await busy_day(service)
        await source.export()
    assert not await is_unfinished(target.connection)
    await target.take_in()
    assert await is_unfinished(target.connection)
    await source.export(last=True)
    await target.take_in()
    assert not await is_unfinished(target.connection)
    with pytest.raises(CannotMove, match="is not empty"):
        await target.take_in()
