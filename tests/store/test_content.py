"""Searches through the content of prescriptions: exactly what matches, whatever breaks them off, and nobody named."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID, uuid4

import pytest

from reseptformidler.client import rekvirent
from reseptformidler.client.head import Hode
from reseptformidler.domain.resept import Resept, Status
from reseptformidler.meldinger.pasientsikkerhet import Regelfeil
from reseptformidler.sandbox.population import LEGER, PERSONER
from reseptformidler.sandbox.varer import TABLETT
from reseptformidler.store import content
from reseptformidler.store.batch import Batcher
from reseptformidler.store.content import PAGE, Search, Searcher, SearchStopped
from reseptformidler.store.near import Near
from reseptformidler.store.pool import Pool, open_pool
from reseptformidler.store.queries import QUERIES
from reseptformidler.store.seal import Sealer
from tests.conftest import created_database, with_database
from tests.store.build import LEGE, NOW, m1, m5, m10, m93, resept

PATTERN = ".//fs:DosVeiledEnkel[contains(., 'ukentlig')]"
WEEKLY = replace(TABLETT, dosering="1 tablett ukentlig")
PATIENT = PERSONER[0]
SECRETS = (PATIENT.ident, PATIENT.fornavn, PATIENT.etternavn, LEGER[0].helsepersonell.hpr, "ukentlig", "Prøvadol")


@dataclass
class Stock:
    """A store with prescriptions, and who searches it."""

    pool: Pool
    sealer: Sealer
    batcher: Batcher

    async def prescribe(self, *, hit: bool = False, resept_id: UUID | None = None, **changes: Any) -> UUID:
        """An M1 with a real message; its ReseptId."""
        new: Resept = replace(resept(resept_id), **changes)
        written = rekvirent.Resept(WEEKLY if hit else TABLETT)
        octets = rekvirent.m1(Hode(new.resept_id, NOW), LEGER[0].rekvirent, PATIENT, written)
        await self.batcher.submit(m1(new, octets=octets))
        return new.resept_id

    async def many(self, number: int, *, hit: bool = False) -> set[UUID]:
        return set(await asyncio.gather(*(self.prescribe(hit=hit) for _ in range(number))))

    async def begin(self, pattern: str = PATTERN, **texts: str) -> Search:
        given = {"operator": "Vakt 1", "reason": "Feil i dosering", "pattern": pattern, **texts}
        async with self.pool.acquire() as connection:
            return await content.begin(connection, **given, now=NOW)

    async def run(
        self, search: Search, *, tell: Callable[[Search], None] = lambda _: None, most: int = 1000, **how: Any
    ) -> Search:
        given = {"near": None, "near_lag": 0.0, "page": 3} | how
        searcher = Searcher(self.pool, sealer=self.sealer, clock=lambda: NOW, **given)
        return await searcher.run(search, most=most, pause=0, tell=tell)

    async def again(self, search: Search) -> Search:
        async with self.pool.acquire() as connection:
            return await content.search(connection, search.sok_id)

    async def found(self, search: Search) -> dict[UUID, content.Found]:
        async with self.pool.acquire() as connection:
            hits = await content.found(connection, search.sok_id)
        assert len({hit.resept_id for hit in hits}) == len(hits)
        return {hit.resept_id: hit for hit in hits}


@pytest.fixture
async def stock(pool: Pool, sealer: Sealer, batcher: Batcher) -> Stock:
    """Nothing in it yet."""
    return Stock(pool, sealer, batcher)


@pytest.fixture
def empty_standby_url(server_url: str, migrated_template: str) -> Iterator[str]:
    """A migrated database without prescriptions, to be read in place of a standby."""
    with created_database(server_url, template=migrated_template) as name:
        yield with_database(server_url, name)


def counts(search: Search) -> tuple[int, int, int]:
    return search.sett, search.treff, search.ulest


async def test_all_that_are_active_and_match(stock: Stock) -> None:
    """E, U and B, with their state; neither what is closed or refused, nor what does not match."""
    e, u, b, a, r, t = [await stock.prescribe(hit=True, status=Status(status)) for status in "EEBAEE"]
    for message in (m93(u), m93(r), m10(r, closes=True), m5(t)):
        await stock.batcher.submit(message)
    await stock.many(5)
    search = await stock.run(await stock.begin())
    found = await stock.found(search)
    assert {key: hit.status for key, hit in found.items()} == {e: "E", u: "U", b: "B"}
    assert a not in found
    assert all((hit.her, hit.forskrivningsdato) == (LEGE, NOW.date()) for hit in found.values())
    assert (counts(search), search.ferdig) == ((8, 3, 0), NOW)


@pytest.mark.parametrize("number", [0, 2, 3, 4, 6])
async def test_every_number_of_pages(stock: Stock, number: int) -> None:
    """None, a part of a page, whole pages, and one more."""
    planted = await stock.many(number, hit=True)
    search = await stock.run(await stock.begin())
    assert set(await stock.found(search)) == planted
    assert (search.sett, search.ferdig) == (number, NOW)


async def test_the_first_and_the_last_id_that_can_be(stock: Stock) -> None:
    """Nothing lies before or behind what is searched."""
    ends = {await stock.prescribe(hit=True, resept_id=UUID(int=number)) for number in (0, 1, 2**128 - 1)}
    assert set(await stock.found(await stock.run(await stock.begin()))) == ends


class Killed(Exception):
    """As if the process ended."""


@pytest.mark.parametrize("pages", [1, 2, 3])
async def test_broken_off_and_resumed(stock: Stock, pages: int) -> None:
    """Again and again after some pages: what is found is the same, and each prescription is counted once."""
    planted = await stock.many(7, hit=True)
    await stock.many(10)
    search, left = await stock.begin(), 0

    def kill(_: Search) -> None:
        nonlocal left
        left -= 1
        if left == 0:
            raise Killed

    runs = 0
    while search.ferdig is None:
        runs, left = runs + 1, pages
        with pytest.raises(Killed):
            await stock.run(search, tell=kill)
        search = await stock.again(search)
    assert runs > 1
    assert set(await stock.found(search)) == planted
    assert counts(search) == (17, 7, 0)


async def test_cancelled_anywhere(stock: Stock) -> None:
    """Between reading and writing too: as if nothing of that page had been."""
    planted = await stock.many(5, hit=True)
    search, turns = await stock.begin(), 0
    while search.ferdig is None:
        turns += 1
        task = asyncio.create_task(stock.run(search, page=2))
        for _ in range(turns):
            await asyncio.sleep(0)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        search = await stock.again(search)
    assert turns > 2
    assert set(await stock.found(search)) == planted
    assert counts(search) == (5, 5, 0)


async def test_two_processes_at_one_search(stock: Stock) -> None:
    """A page is counted once: whoever comes second to it stops."""
    planted = await stock.many(20, hit=True)
    search = await stock.begin()
    done = await asyncio.gather(stock.run(search), stock.run(search), return_exceptions=True)
    stopped = {str(one) for one in done if isinstance(one, SearchStopped)}
    assert [text for text in stopped if "another one is at it" in text] == list(stopped) != []
    search = await stock.again(search)
    if search.ferdig is None:
        search = await stock.run(search)
    assert set(await stock.found(search)) == planted
    assert counts(search) == (20, 20, 0)


async def test_what_is_prescribed_meanwhile(stock: Stock) -> None:
    """All that was stored before is found, whatever is stored or closed while the search runs."""
    planted = await stock.many(9, hit=True)
    later: set[UUID] = set()
    search = await stock.begin()
    while search.ferdig is None:
        with pytest.raises(Killed):
            await stock.run(search, tell=_raise)
        search = await stock.again(search)
        later |= await stock.many(1 if len(later) < 5 else 0, hit=True)
    found = set(await stock.found(search))
    assert planted <= found <= planted | later


def _raise(_: Search) -> None:
    raise Killed


async def test_what_cannot_be_read_is_told(stock: Stock) -> None:
    """A changed message, a lost one, one without payload, a changed prescription: each counted, none skipped."""
    changed, lost, empty, turned = [await stock.prescribe(hit=True) for _ in range(4)]
    fine = await stock.prescribe(hit=True)
    sealed = (await stock.pool.fetchval("SELECT innhold FROM resept WHERE resept_id = $1", turned))[:-1] + b"x"
    await stock.pool.execute("UPDATE resept SET innhold = $1 WHERE resept_id = $2", sealed, turned)
    for one, octets in ((changed, b"<MsgHead>"), (empty, b"<MsgHead/>")):
        dokument = stock.sealer.seal("dokument", one.bytes + one.bytes, octets)
        await stock.pool.execute("UPDATE resept_dokument SET dokument = $1 WHERE resept_id = $2", dokument, one)
    await stock.pool.execute("DELETE FROM resept_dokument WHERE resept_id = $1", lost)
    search = await stock.run(await stock.begin())
    found = await stock.found(search)
    assert {key: hit.her for key, hit in found.items()} == {fine: LEGE} | dict.fromkeys(
        (changed, lost, empty, turned), ""
    )
    assert counts(search) == (5, 1, 4)


async def test_too_many_hits(stock: Stock) -> None:
    """The pattern was too wide; it can be gone on with all the same."""
    await stock.many(8, hit=True)
    search = await stock.begin()
    with pytest.raises(SearchStopped, match="more than 4 hits"):
        await stock.run(search, most=4)
    search = await stock.again(search)
    assert counts(search) == (6, 6, 0)
    assert counts(await stock.run(search)) == (8, 8, 0)


async def test_too_slow(stock: Stock) -> None:
    """A pattern that takes longer than it may on one prescription; any takes longer than no time at all."""
    await stock.many(1)
    with pytest.raises(SearchStopped, match="took more than"):
        await stock.run(await stock.begin(), slow=0.0)


async def test_a_pattern_that_fails_on_a_prescription(stock: Stock) -> None:
    """What only shows there ends the search."""
    await stock.many(1)
    with pytest.raises(Regelfeil, match="cannot be asked"):
        await stock.run(await stock.begin(".//fs:DosVeiledEnkel[re:test(., '[')]"))


async def test_a_pattern_that_cannot_be_asked(stock: Stock) -> None:
    """Refused before anything is written down or read."""
    for pattern in (".//fs:[", "document('/etc/passwd')", ".//fs:Bruk[document('x')]", "count(.//*)"):
        with pytest.raises(Regelfeil):
            await stock.begin(pattern)
    assert await stock.pool.fetchval("SELECT count(*) FROM innholdssok") == 0


async def test_a_text_that_is_not_kept(stock: Stock) -> None:
    """No identity number, nothing that is not printable, nothing empty."""
    numbers = (f"'{PATIENT.ident}'", "'010190 12345'", "'010190-12345'")
    for field in ("operator", "reason", "pattern"):
        for text in ("", " ", *numbers, "a\nb", "'\x1b[2J'"):
            with pytest.raises(SearchStopped) as stopped:
                await stock.begin(**{field: text})
            assert PATIENT.ident not in str(stopped.value)
    assert await stock.pool.fetchval("SELECT count(*) FROM innholdssok") == 0


async def test_numbers_that_are_kept(stock: Stock) -> None:
    """Shorter or longer than an identity number: a Varenr, an EAN."""
    kept = await stock.begin(".//fs:Varenr = '990001' or .//fs:Ean = '7046260123456'", reason="Sak 2026/0001234567")
    assert kept.sok_id == (await stock.again(kept)).sok_id


async def test_the_audit(stock: Stock) -> None:
    """Who, when, why, for what, how far; with nothing of a patient, and nothing of the content."""
    await stock.many(4, hit=True)
    await stock.pool.execute("ANALYZE resept")
    search = await stock.run(await stock.begin(".//fs:Bruk[@V = '3']"))
    row = await stock.pool.fetchrow("SELECT * FROM innholdssok")
    assert row is not None
    assert dict(row) == {
        "sok_id": search.sok_id, "startet": NOW, "operator": "Vakt 1", "begrunnelse": "Feil i dosering",
        "monster": ".//fs:Bruk[@V = '3']", "anslag": 4, "neste": search.neste, "sett": 4, "treff": 4, "ulest": 0,
        "endret": NOW, "ferdig": NOW,
    }  # fmt: skip
    assert secrets_in(await kept(stock.pool)) == set()
    assert secrets_in([f"x{PATIENT.ident}", PATIENT.fornavn.encode().hex()]) == {PATIENT.ident, PATIENT.fornavn}, (
        "negative control"
    )


async def kept(pool: Pool) -> list[str]:
    """All that stands in the tables of searches, as text."""
    tables = ("innholdssok", "innholdssok_treff")
    rows = [row for table in tables for row in await pool.fetch(f"SELECT t::text AS text FROM {table} t")]
    assert len(rows) > 1
    return [row["text"] for row in rows]


def secrets_in(texts: Iterable[str]) -> set[str]:
    return {secret for text in texts for secret in SECRETS if secret in text or secret.encode().hex() in text}


async def test_what_became_of_it(stock: Stock) -> None:
    """The state of now beside that of then; none once the prescription is deleted."""
    closed, gone, same = [await stock.prescribe(hit=True) for _ in range(3)]
    search = await stock.run(await stock.begin())
    await stock.batcher.submit(m5(closed))
    await stock.pool.execute("DELETE FROM resept WHERE resept_id = $1", gone)
    found = await stock.found(search)
    assert {key: (hit.status, hit.status_now) for key, hit in found.items()} == {
        closed: ("E", "T"), gone: ("E", None), same: ("E", "E"),
    }  # fmt: skip


async def test_searches_are_listed(stock: Stock) -> None:
    """The newest first; one that is not there is no trace."""
    first, second = await stock.begin(), await stock.begin()
    async with stock.pool.acquire() as connection:
        assert [one.sok_id for one in await content.searches(connection)] == [second.sok_id, first.sok_id]
        with pytest.raises(SearchStopped, match="no search 99"):
            await content.search(connection, 99)


@pytest.mark.parametrize("fresh, lag, sees", [(True, -1.0, 0), (True, 3600.0, 2), (False, -1.0, 2)])
async def test_where_it_reads(stock: Stock, empty_standby_url: str, fresh: bool, lag: float, sees: int) -> None:
    """The standby only while it is fresh, and once it cannot lack what was stored before; here it is an empty one."""
    await stock.many(2)
    async with await open_pool(empty_standby_url, size=1) as empty:
        near = Near(empty, is_fresh=lambda: fresh, seconds=5)
        search = await stock.run(await stock.begin(), near=near, near_lag=lag)
    assert search.sett == sees


async def test_a_page_is_read_by_the_index(stock: Stock) -> None:
    """From where the search is: the pages before are not read again."""
    page = QUERIES["content.page"].replace("$1", f"'{uuid4()}'").replace("$2", str(PAGE))
    plan = "\n".join(row[0] for row in await stock.pool.fetch(f"EXPLAIN {page}"))
    assert "Index Cond: (resept_id >=" in plan
    assert "Sort" not in plan
