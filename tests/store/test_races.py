"""Races and failures between processes: real connections, real locks, each process a batcher of its own."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import asyncpg
import pytest

from reseptformidler.domain.decision import Decision, Needs, Tilstand
from reseptformidler.domain.livslop import Steg
from reseptformidler.store import apply, batch, queries
from reseptformidler.store.batch import Batcher, Contended, Item, OtherBytes, Stored
from reseptformidler.store.keys import FileKek, open_keyring
from reseptformidler.store.pool import Pool, open_pool
from reseptformidler.store.seal import Sealer
from tests.store.build import ANNET_APOTEK, APOTEK, NOW, changes, item, m1, m5, m10, m91, m93, resept
from tests.store.faults import LosingNetwork, gate, until_waiting

LOCK_RESEPT = "SELECT FROM resept WHERE resept_id = $1 FOR UPDATE"
WRONG_HISTORY = """
SELECT count(*) FROM resept r, LATERAL (
    SELECT count(*) AS rows, max(versjon) AS newest FROM historikk h WHERE h.resept_id = r.resept_id
) h WHERE (h.rows, h.newest) IS DISTINCT FROM (r.versjon, r.versjon)
"""
CLAIM = "INSERT INTO krav (avsender, msg_id, sha256, mottatt) VALUES ($1, $2, '', now())"


@pytest.fixture
async def other(pool: Pool, kek: FileKek) -> AsyncIterator[Batcher]:
    """The batcher of a second process: it has data keys of its own."""
    async with pool.acquire() as connection:
        batcher = Batcher(pool, Sealer(await open_keyring(connection, kek, NOW)))
    yield batcher
    await batcher.close()


@asynccontextmanager
async def broken(monkeypatch: pytest.MonkeyPatch, guard: str) -> AsyncIterator[None]:
    """The statement that applies a batch, without one of its guards."""
    text = queries.QUERIES["apply.batch"]
    assert text.count(guard) == 1
    with monkeypatch.context() as patch:
        patch.setattr(queries, "QUERIES", {**queries.QUERIES, "apply.batch": text.replace(guard, "")})
        yield


async def race(pool: Pool, one: tuple[Batcher, Item], two: tuple[Batcher, Item], lock: object) -> list[Stored]:
    """Both have read the prescription before either may write it."""
    async with gate(pool, LOCK_RESEPT, lock):
        racing = [asyncio.ensure_future(batcher.submit(message)) for batcher, message in (one, two)]
        await until_waiting(pool, 2)
    answers = await asyncio.gather(*racing)
    assert all(isinstance(answer, Stored) for answer in answers)
    return [answer for answer in answers if isinstance(answer, Stored)]


async def downloads(pool: Pool, batcher: Batcher, other: Batcher) -> list[bool]:
    """Two pharmacies download the same prescription at the same moment."""
    new = resept()
    await batcher.submit(m1(new))
    late = replace(m93(new.resept_id, ANNET_APOTEK), received=NOW + timedelta(seconds=1))
    return [a.accepted for a in await race(pool, (batcher, m93(new.resept_id)), (other, late), new.resept_id)]


async def test_7419_69_two_pharmacies_download_at_the_same_moment(pool: Pool, batcher: Batcher, other: Batcher) -> None:
    """One of them gets it; the other one is decided again and refused."""
    assert sorted(await downloads(pool, batcher, other)) == [False, True]
    events = await pool.fetch("SELECT versjon FROM historikk WHERE hendelse = 'nedlastet'")
    assert [event["versjon"] for event in events] == [2]


async def test_control_without_the_version_guard_both_pharmacies_get_it(
    pool: Pool, batcher: Batcher, other: Batcher, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The race above sees the fault it looks for."""
    async with broken(monkeypatch, "AND r.versjon = c.versjon - 1"):
        assert await downloads(pool, batcher, other) == [True, True]


async def test_a_recall_races_a_download(pool: Pool, batcher: Batcher, other: Batcher) -> None:
    """Whoever comes first, the other one is decided on it: recalled, or held with a recall waiting."""
    new = resept()
    await batcher.submit(m1(new))
    download, recall = await race(pool, (batcher, m93(new.resept_id)), (other, m5(new.resept_id)), new.resept_id)
    history = [row["til"] for row in await pool.fetch("SELECT til FROM historikk ORDER BY versjon")]
    assert recall.accepted
    assert history == (["E", "U", "U_T"] if download.accepted else ["E", "T"])


async def test_a_repeat_races_its_original(pool: Pool, batcher: Batcher, other: Batcher) -> None:
    """The same message through two processes: one change, one answer, byte for byte."""
    new = resept()
    await batcher.submit(m1(new))
    download = m93(new.resept_id)
    answers = await race(pool, (batcher, download), (other, download), new.resept_id)
    assert answers[0].answer == answers[1].answer
    assert sorted(answer.repeated for answer in answers) == [False, True]
    assert await pool.fetchval("SELECT count(*) FROM historikk") == 2


async def claim_race(pool: Pool, batcher: Batcher, other: Batcher) -> list[Stored | OtherBytes]:
    """An M1 and its repeat, which touch nothing but the claim, at the same moment."""
    prescribed = m1(resept())
    async with gate(pool, CLAIM, prescribed.sender, prescribed.msg_id):
        racing = [asyncio.ensure_future(one.submit(prescribed)) for one in (batcher, other)]
        await until_waiting(pool, 2)
    return await asyncio.gather(*racing)


async def test_an_m1_races_its_repeat(pool: Pool, batcher: Batcher, other: Batcher) -> None:
    """The claim lets one of them through."""
    first, second = await claim_race(pool, batcher, other)
    assert isinstance(first, Stored)
    assert isinstance(second, Stored)
    assert first.answer == second.answer
    assert await pool.fetchval("SELECT count(*) FROM resept") == 1
    assert await pool.fetchval("SELECT count(*) FROM innboks") == 1


async def test_many_pharmacies_many_prescriptions(pool: Pool, batcher: Batcher, other: Batcher) -> None:
    """A crowd downloads, dispenses and recalls without order: every invariant holds afterwards."""
    made = [resept() for _ in range(6)]
    await asyncio.gather(*(batcher.submit(m1(one)) for one in made))
    crowd: list[Item] = []
    for one in made:
        for her in (APOTEK, ANNET_APOTEK, "8100003"):
            crowd += [m93(one.resept_id, her), m93(one.resept_id, her)]
        crowd.append(m5(one.resept_id))
    answers = await asyncio.gather(*((batcher, other)[n % 2].submit(message) for n, message in enumerate(crowd)))
    assert all(isinstance(answer, Stored) for answer in answers)
    assert await pool.fetchval("SELECT count(*) FROM krav") == len(crowd) + len(made)
    assert await pool.fetchval(WRONG_HISTORY) == 0
    holders: list[Tilstand] = []
    await batcher.submit(m91(Needs(resepter=tuple(one.resept_id for one in made)), holders))
    accepted = {(crowd[n].sender) for n, answer in enumerate(answers) if isinstance(answer, Stored) and answer.accepted}
    assert {one.las.her for one in holders[0].resepter if one.las} <= accepted


async def test_conflicts_without_end_are_given_up(
    pool: Pool, batcher: Batcher, other: Batcher, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After the last round the sender is told, and nothing is stored for it."""
    monkeypatch.setattr(batch, "ROUNDS", 1)
    new = resept()
    await batcher.submit(m1(new))
    async with gate(pool, LOCK_RESEPT, new.resept_id):
        messages = m93(new.resept_id), m5(new.resept_id)
        racing = [asyncio.ensure_future(b.submit(m)) for b, m in zip((batcher, other), messages, strict=True)]
        await until_waiting(pool, 2)
    answers = await asyncio.gather(*racing, return_exceptions=True)
    assert sorted(type(answer).__name__ for answer in answers) == ["Contended", "Stored"]
    assert any(isinstance(answer, Contended) for answer in answers)
    assert await pool.fetchval("SELECT count(*) FROM krav") == 2


async def test_a_batch_is_repeated_when_its_backend_is_killed(pool: Pool, batcher: Batcher) -> None:
    """Killed before the commit: nothing was stored, the repeat stores it once."""
    new = resept()
    await batcher.submit(m1(new))
    async with gate(pool, LOCK_RESEPT, new.resept_id):
        download = asyncio.ensure_future(batcher.submit(m93(new.resept_id)))
        await until_waiting(pool, 1)
        await pool.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE wait_event_type = 'Lock'")
        await until_waiting(pool, 1)
    answer = await download
    assert isinstance(answer, Stored)
    assert (answer.accepted, answer.repeated) == (True, False)


def losing_once(network: LosingNetwork, render: Callable[[Decision], bytes]) -> Callable[[Decision], bytes]:
    """Rendering is the last thing before the statement that commits: the first time, its answer is lost."""

    def rendered(decision: Decision) -> bytes:
        if not network.lost:
            network.lose_next_answer()
        return render(decision)

    return rendered


async def test_an_answer_that_is_lost_after_the_commit(
    pool: Pool, batcher: Batcher, kek: FileKek, database_url: str, folder: Path
) -> None:
    """The line is cut between commit and answer: the process finds by the claim what it did, and does nothing twice."""
    network = LosingNetwork(database_url, folder)
    new = resept()
    await batcher.submit(m1(new))
    async with network.working(), await open_pool(network.url, size=2) as far_pool:
        async with far_pool.acquire() as connection:
            far = Batcher(far_pool, Sealer(await open_keyring(connection, kek, NOW)))
        await far.submit(m91(Needs(resepter=(new.resept_id,))))  # so that the statements are prepared
        download = m93(new.resept_id)
        answer = await far.submit(replace(download, render=losing_once(network, download.render)))
    assert network.lost == 1
    assert isinstance(answer, Stored)
    assert (answer.accepted, answer.repeated) == (True, True)
    assert await batcher.submit(download) == answer
    assert await pool.fetchval("SELECT count(*) FROM historikk") == 2


async def test_a_process_that_dies_after_the_commit(pool: Pool, batcher: Batcher, other: Batcher) -> None:
    """The sender got no answer and repeats through another process: it gets the answer that was committed."""
    new = resept()
    prescribed = replace(m1(new), render=lambda _: b"the first answer")
    sending = asyncio.ensure_future(batcher.submit(prescribed))
    while not batcher._running:
        await asyncio.sleep(0)
    sending.cancel()
    await batcher.close()
    repeat = await other.submit(replace(prescribed, render=lambda _: b"another answer"))
    assert repeat == Stored(b"the first answer", accepted=True, reasons=(), repeated=True)


async def test_a_cancelled_wait_for_the_standby_is_no_commit(database_url: str, kek: FileKek) -> None:
    """PostgreSQL says success with a warning; the answer leaves only when a standby is there again."""
    admin = await asyncpg.connect(database_url)
    try:
        async with await open_pool(database_url + "&synchronous_commit=on", size=3) as pool:
            async with pool.acquire() as connection:
                batcher = Batcher(pool, Sealer(await open_keyring(connection, kek, NOW)))
            await _standby(admin, "nobody")
            sending = asyncio.ensure_future(batcher.submit(m1(resept())))
            for _ in range(2):
                await until_waiting(pool, 1, "IPC")
                await admin.execute("SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE wait_event = 'SyncRep'")
            await until_waiting(pool, 1, "IPC")
            assert not sending.done()
            await _standby(admin, "")
            answer = await sending
            await batcher.close()
    finally:
        await _standby(admin, "")
        await admin.close()
    assert isinstance(answer, Stored)
    assert (answer.accepted, answer.repeated) == (True, True)


async def _standby(admin: asyncpg.Connection[asyncpg.Record], name: str) -> None:
    await admin.execute(f"ALTER SYSTEM SET synchronous_standby_names = '{name}'")
    await admin.execute("SELECT pg_reload_conf()")
    while await admin.fetchval("SHOW synchronous_standby_names") != name:
        await asyncio.sleep(0.01)


async def test_control_who_ignores_the_warning_answers_too_early(
    database_url: str, kek: FileKek, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The warning above is all that tells: without listening to it the answer leaves although no standby has it."""
    monkeypatch.setattr(apply, "commit", queries.fetch)
    admin = await asyncpg.connect(database_url)
    try:
        async with await open_pool(database_url + "&synchronous_commit=on", size=3) as pool:
            async with pool.acquire() as connection:
                batcher = Batcher(pool, Sealer(await open_keyring(connection, kek, NOW)))
            await _standby(admin, "nobody")
            sending = asyncio.ensure_future(batcher.submit(m1(resept())))
            await until_waiting(pool, 1, "IPC")
            await admin.execute("SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE wait_event = 'SyncRep'")
            answer = await sending
    finally:
        await _standby(admin, "")
        await admin.close()
    assert isinstance(answer, Stored)
    assert not answer.repeated


async def test_a_dispensing_races_an_annulled_lock(pool: Pool, batcher: Batcher, other: Batcher) -> None:
    """The report and the cancel of the same download: the one that comes second finds no lock and is refused."""
    new = resept()
    await batcher.submit(m1(new))
    await batcher.submit(m93(new.resept_id))
    cancel = item(changes(new.resept_id, Steg.KANSELLERT), Needs(resepter=(new.resept_id,)))
    answers = await race(pool, (batcher, m10(new.resept_id)), (other, cancel), new.resept_id)
    assert sorted(answer.accepted for answer in answers) == [False, True]


async def test_a_prescription_that_is_deleted_between_two_reads_is_not_there(batcher: Batcher, pool: Pool) -> None:
    """Its documents went with it: who asks for both is shown neither, and nothing fails."""
    new, stays = resept(), resept()
    for one in (new, stays):
        await batcher.submit(m1(one))
    shown: list[Tilstand] = []
    asked = m91(Needs(resepter=(new.resept_id, stays.resept_id), dokumenter=True), shown)
    async with pool.acquire() as connection, connection.transaction():
        await connection.execute("LOCK TABLE resept_dokument")  # prescriptions can be read, their documents cannot
        reading = asyncio.create_task(batcher.submit(asked))
        await until_waiting(pool, 1)
        await connection.execute("DELETE FROM resept WHERE resept_id = $1", new.resept_id)
    await reading
    assert [one.resept_id for one in shown[-1].resepter] == [stays.resept_id]
    assert set(shown[-1].dokumenter) == {stays.resept_id}
