"""The sweep: what is over is really gone, what is not stays, and it may be repeated, interrupted and doubled."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import asyncpg
import pytest

from reseptformidler.domain.decision import Needs, Owed, Vedlegg
from reseptformidler.domain.resept import Resept
from reseptformidler.store import outbox, retention
from reseptformidler.store.batch import Batcher, Stored
from reseptformidler.store.keys import FileKek, open_keyring
from reseptformidler.store.pool import Pool, open_pool
from reseptformidler.store.seal import Sealer
from reseptformidler.sweep import Periods, SweepResult, sweep
from tests.store.build import APOTEK, FNR, NOW, m1, m5, m10, m91, m93, resept
from tests.store.faults import gate
from tests.store.owe import owe, virksomhet

DAY = timedelta(days=1)
PERIODS = Periods()


@pytest.fixture
async def pool(database_url: str) -> AsyncIterator[Pool]:
    """A migrated database of this test alone."""
    async with await open_pool(database_url, size=6) as pool:
        yield pool


@pytest.fixture
async def sealer(pool: Pool, tmp_path: Path) -> Sealer:
    """The sealer of one process."""
    async with pool.acquire() as connection:
        return Sealer(await open_keyring(connection, FileKek.create(tmp_path / "kek"), NOW))


@pytest.fixture
async def batcher(pool: Pool, sealer: Sealer) -> AsyncIterator[Batcher]:
    """Its batcher."""
    batcher = Batcher(pool, sealer)
    yield batcher
    await batcher.close()


async def stored(batcher: Batcher, **changed: object) -> Resept:
    new = replace(resept(), **changed)  # type: ignore[arg-type]
    assert isinstance(await batcher.submit(m1(new)), Stored)
    return new


async def ids(pool: Pool, table: str = "resept") -> set[object]:
    return {row["resept_id"] for row in await pool.fetch(f"SELECT resept_id FROM {table}")}


async def test_K3_expired_prescriptions_go_at_once(pool: Pool, batcher: Batcher) -> None:
    """Valid to the end of its last day in Norway, gone the day after; under dispensing it stays."""
    last_day = NOW.date()
    expired, held, other = [await stored(batcher, utloper=last_day + n * DAY) for n in (0, 0, 1)]
    await batcher.submit(m93(held.resept_id))
    late_evening = datetime(2026, 11, 23, 22, 30, tzinfo=UTC)  # 23:30 in Norway
    assert (await sweep(pool, late_evening, PERIODS)).removed.get("expired", 0) == 0
    result = await sweep(pool, late_evening + timedelta(hours=1), PERIODS)
    assert result.removed["expired"] == 1
    assert await ids(pool) == await ids(pool, "resept_dokument") == {held.resept_id, other.resept_id}
    event = await pool.fetchrow("SELECT * FROM historikk WHERE resept_id = $1 AND versjon = 2", expired.resept_id)
    assert event is not None
    assert (event["hendelse"], event["fra"], event["til"], event["msg_id"]) == ("utlopt", "E", "slettet", None)
    await batcher.submit(m10(held.resept_id))
    assert (await sweep(pool, NOW + 2 * DAY, PERIODS)).removed["expired"] == 2


async def test_K2_closed_prescriptions_go_after_their_period(pool: Pool, batcher: Batcher) -> None:
    """Finished and recalled ones, not before."""
    finished, recalled, other = [await stored(batcher) for _ in range(3)]
    await batcher.submit(m93(finished.resept_id))
    await batcher.submit(m10(finished.resept_id, closes=True))
    await batcher.submit(m5(recalled.resept_id))
    assert (await sweep(pool, NOW + PERIODS.closed, PERIODS)).removed.get("closed", 0) == 0
    assert (await sweep(pool, NOW + PERIODS.closed + DAY, PERIODS)).removed["closed"] == 2
    assert await ids(pool) == {other.resept_id}
    ends = await pool.fetch("SELECT fra FROM historikk WHERE hendelse = 'lagringstid_ute' ORDER BY fra")
    assert [end["fra"] for end in ends] == ["R", "T"]


async def test_no_sealed_copy_outlives_the_prescription(pool: Pool, batcher: Batcher) -> None:
    """What is delivered goes with it, what is still owed goes when delivered, inbox copies with the partition (K4)."""
    new = resept()
    owed = tuple(Owed(type_, virksomhet("1"), new.resept_id, "", "", b"<x/>") for type_ in ("M21", "M6"))
    await sweep(pool, NOW - 2 * DAY, PERIODS)
    await batcher.submit(m1(replace(new, utloper=NOW.date()), owed=owed))
    await batcher.submit(m91(Needs(pasienter=(FNR,))))
    await pool.execute("UPDATE utboks SET status = 'S' WHERE type = 'M6'")
    await sweep(pool, NOW + DAY, PERIODS)
    assert await ids(pool) == await ids(pool, "resept_dokument") == set()
    assert [row["type"] for row in await pool.fetch("SELECT type FROM utboks")] == ["M21"]
    assert await ids(pool, "utboks_dokument") == {new.resept_id}, "what is owed can still be made"
    await pool.execute("UPDATE utboks SET status = 'S'")
    removed = (await sweep(pool, NOW + DAY, PERIODS)).removed
    assert (removed["delivered"], removed["unowed_documents"]) == (1, 1)
    assert await ids(pool, "utboks_dokument") == set()
    assert await pool.fetchval("SELECT count(*) FROM innboks WHERE svar IS NOT NULL") == 2
    gone = await sweep(pool, NOW + PERIODS.duplicates + 8 * DAY, PERIODS)
    assert (gone.removed["claims"], gone.removed["innboks_partitions"]) == (2, 2)
    assert await pool.fetchval("SELECT count(*) FROM innboks") == await pool.fetchval("SELECT count(*) FROM krav") == 0
    assert await pool.fetchval("SELECT count(*) FROM historikk") == 2


async def test_what_is_stranded_can_be_replayed_until_its_partition_goes(
    pool: Pool, batcher: Batcher, sealer: Sealer
) -> None:
    """The message and what it carries outlive the prescription; then all of it goes."""
    await sweep(pool, NOW - 2 * DAY, PERIODS)
    new = await stored(batcher, utloper=NOW.date())
    attached = (Vedlegg(new.resept_id, new.resept_id),)
    await owe(pool, sealer, new.resept_id, attachments=attached)
    async with pool.acquire() as connection:
        assert await outbox.give_up(connection, DAY, now=NOW + DAY) == ["M6"]
        for days in (1, 300):
            await sweep(pool, NOW + days * DAY, PERIODS)
            assert await ids(pool) == set()
            assert list(await outbox.documents(connection, attached)) == list(attached)
            assert len(await outbox.stranded(connection)) == 1
    await sweep(pool, NOW + PERIODS.outbox + 8 * DAY, PERIODS)
    removed = (await sweep(pool, NOW + PERIODS.outbox + 8 * DAY, PERIODS)).removed
    assert (removed["stranded"], removed["unowed_documents"]) == (1, 1)
    for table in ("utboks", "utboks_strandet", "utboks_dokument"):
        assert await pool.fetchval(f"SELECT count(*) FROM {table}") == 0


async def test_a_repeat_is_answered_until_its_claim_is_gone(pool: Pool, batcher: Batcher) -> None:
    """After the deletion of its prescription an M1 still has its first answer."""
    message = m1(replace(resept(), utloper=NOW.date()))
    first = await batcher.submit(message)
    await sweep(pool, NOW + PERIODS.duplicates, PERIODS)
    assert await ids(pool) == set()
    assert isinstance(first, Stored)
    assert await batcher.submit(message) == replace(first, repeated=True)


async def test_partitions_are_made_ahead_and_used(pool: Pool, batcher: Batcher) -> None:
    """A second sweep finds nothing to make; messages go to the partition of their time; their number is told."""
    first = await sweep(pool, NOW, PERIODS)
    assert first.partitions_made == 9 + 9 + 3
    assert first.partitions_ahead == {"innboks": 8, "utboks": 8, "historikk": 2}
    assert (await sweep(pool, NOW, PERIODS)).partitions_made == 0
    await stored(batcher)
    for table in ("innboks_20261123", "historikk_20261101"):
        assert await pool.fetchval(f"SELECT count(*) FROM {table}") == 1
    later = await sweep(pool, NOW + timedelta(weeks=2), PERIODS)
    assert (later.partitions_made, later.partitions_ahead["innboks"]) == (2 + 2 + 1, 8)


async def test_a_late_sweep_stops_nobody(pool: Pool, batcher: Batcher) -> None:
    """Without partitions the default one takes the rows, keeps them, and is emptied when all of it is old."""
    await stored(batcher)
    result = await sweep(pool, NOW, PERIODS)
    assert result.partitions_ahead["innboks"] == 8
    assert await pool.fetchval("SELECT count(*) FROM innboks_default") == 1
    await sweep(pool, NOW + PERIODS.duplicates + DAY, PERIODS)
    assert await pool.fetchval("SELECT count(*) FROM innboks_default") == 0
    assert await pool.fetchval("SELECT count(*) FROM historikk_default") == 1
    await sweep(pool, NOW + PERIODS.history + DAY, PERIODS)
    assert await pool.fetchval("SELECT count(*) FROM historikk_default WHERE hendelse = 'rekvirert'") == 0


async def test_steps_are_small_and_go_on(pool: Pool, batcher: Batcher, monkeypatch: pytest.MonkeyPatch) -> None:
    """Twenty rows in bites of three; interrupted after the first bite, the next sweep does the rest."""
    monkeypatch.setattr(retention, "ROWS", 3)
    await asyncio.gather(*(stored(batcher, utloper=NOW.date()) for _ in range(20)))
    async with pool.acquire() as connection:
        assert await retention.delete_expired(connection, NOW.date() + DAY, NOW) == 3
    assert (await sweep(pool, NOW + DAY, PERIODS)).removed["expired"] == 17
    assert await pool.fetchval("SELECT count(*) FROM historikk WHERE til = 'slettet'") == 20


async def test_two_sweeps_at_once(pool: Pool, batcher: Batcher) -> None:
    """One works, the other one says that it did not; each deletion has one row of history."""
    for _ in range(10):
        await stored(batcher, utloper=NOW.date())
    results = await asyncio.gather(*(sweep(pool, NOW + DAY, PERIODS) for _ in range(4)))
    assert sum(result.removed.get("expired", 0) for result in results) == 10
    assert SweepResult(ran=False) in results
    assert await pool.fetchval("SELECT count(*) FROM historikk WHERE til = 'slettet'") == 10


async def test_what_another_one_holds_waits_for_the_next_sweep(pool: Pool, batcher: Batcher) -> None:
    """The sweep never waits for a message, and so never meets it in a deadlock."""
    one, two = [await stored(batcher, utloper=NOW.date()) for _ in range(2)]
    async with gate(pool, "SELECT FROM resept WHERE resept_id = $1 FOR UPDATE", one.resept_id):
        assert (await sweep(pool, NOW + DAY, PERIODS)).removed["expired"] == 1
    assert await ids(pool) == {one.resept_id}
    assert two.resept_id not in await ids(pool)


async def test_a_download_of_what_was_just_swept(pool: Pool, batcher: Batcher) -> None:
    """It had been read before it was deleted: the guard finds it gone, and the message is decided again."""
    new = await stored(batcher, utloper=NOW.date())
    swept = asyncio.Event()
    download = m93(new.resept_id)
    async with gate(pool, "DELETE FROM resept WHERE resept_id = $1", new.resept_id):
        sending = asyncio.ensure_future(batcher.submit(download))
        await asyncio.sleep(0.1)
        swept.set()
    assert isinstance(await sending, Stored)
    await sweep(pool, NOW + 2 * DAY, PERIODS)
    assert await ids(pool) == {new.resept_id}, f"{APOTEK} holds it"


async def test_the_history_is_append_only(pool: Pool, batcher: Batcher) -> None:
    """Who downloaded and what became of it (J3): in every partition, the default one included."""
    await stored(batcher)
    await sweep(pool, NOW + timedelta(days=40), PERIODS)
    await stored(batcher, mottatt=NOW + timedelta(days=40))
    for statement in ("DELETE FROM historikk", "UPDATE historikk SET til = 'R'", "DELETE FROM historikk_default"):
        with pytest.raises(asyncpg.RestrictViolationError):
            await pool.execute(statement)
    assert await pool.fetchval("SELECT count(DISTINCT tableoid) FROM historikk") == 2


async def test_a_sweep_that_fails_leaves_the_lock(
    pool: Pool, batcher: Batcher, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever ends it, the next one can work."""
    await stored(batcher, utloper=NOW.date())

    async def fails(_: object, __: object) -> int:
        raise ZeroDivisionError

    with monkeypatch.context() as patch:
        patch.setattr(retention, "delete_claims", fails)
        with pytest.raises(ZeroDivisionError):
            await sweep(pool, NOW + DAY, PERIODS)
    assert await ids(pool) == set()
    async with asyncio.timeout(5):
        while not (await sweep(pool, NOW + DAY, PERIODS)).ran:
            await asyncio.sleep(0.01)


async def test_searches_are_kept_as_long_as_the_history(pool: Pool) -> None:
    """The audit of an operator's searches, and what they found, go together; a younger one stays."""
    columns = "(startet, operator, begrunnelse, monster, anslag, endret)"
    for age in (PERIODS.history + DAY, PERIODS.history - DAY):
        await pool.execute(f"INSERT INTO innholdssok {columns} VALUES ($1, '', '', '', 0, $1)", NOW - age)
    hit = "SELECT sok_id, '1', gen_random_uuid(), 'E', NULL, $1 FROM innholdssok"
    await pool.execute(f"INSERT INTO innholdssok_treff {hit}", NOW)
    assert (await sweep(pool, NOW, PERIODS)).removed["searches"] == 1
    left = await pool.fetch("SELECT startet FROM innholdssok JOIN innholdssok_treff USING (sok_id)")
    assert [row["startet"] for row in left] == [NOW - PERIODS.history + DAY]
