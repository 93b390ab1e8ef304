"""Searches read from a standby: confirmed by the primary at the commit, or read again there.

The standby is a copy of the database that stands still: as stale as one can be whose replication hangs.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import date
from urllib.parse import urlsplit, urlunsplit

import asyncpg
import pytest

from reseptformidler import metrics
from reseptformidler.domain.decision import Decision, Needs, Nodsok, Tilstand
from reseptformidler.store.batch import Batcher, Stored
from reseptformidler.store.keys import FileKek, open_keyring
from reseptformidler.store.near import Near
from reseptformidler.store.pool import Pool, open_pool
from reseptformidler.store.refnr import issue
from reseptformidler.store.seal import Sealer
from tests.store.build import FNR, NOW, item, m1, m10, m93, number, resept

ANOTHER_FNR = "21016400952"


@dataclass
class Pair:
    """A primary, and a copy of it that lags for ever."""

    primary: Batcher
    """Reads and writes the primary alone."""
    reader: Batcher
    """Reads searches from the copy."""
    copy: Pool


@asynccontextmanager
async def pair(database_url: str, server_url: str, kek: FileKek, *prescriptions: object) -> AsyncIterator[Pair]:
    """Two batchers on a database with these prescriptions, and its copy of this moment."""
    async with await open_pool(database_url, size=2) as pool, batcher_on(pool, kek) as first:
        for one in prescriptions:
            await first.submit(m1(one))  # type: ignore[arg-type]
    name = urlsplit(database_url).path.strip("/")
    async with (
        copied(server_url, name) as copy_url,
        await open_pool(database_url, size=4) as pool,
        await open_pool(copy_url, size=2) as copy,
        batcher_on(pool, kek) as primary,
        batcher_on(pool, kek, Near(copy, lambda: True, seconds=5)) as reader,
    ):
        yield Pair(primary, reader, copy)


@asynccontextmanager
async def batcher_on(pool: Pool, kek: FileKek, near: Near | None = None) -> AsyncIterator[Batcher]:
    """The batcher of a process of its own; reference number 1234567890 is known."""
    async with pool.acquire() as connection:
        sealer = Sealer(await open_keyring(connection, kek, NOW))
        await issue(connection, sealer, [number()])
    batcher = Batcher(pool, sealer, near=near)
    yield batcher
    await batcher.close()


@asynccontextmanager
async def copied(server_url: str, name: str) -> AsyncIterator[str]:
    """A copy of a database to which nobody is connected."""
    connection = await asyncpg.connect(server_url)
    try:
        await connection.execute(f"CREATE DATABASE {name}_copy TEMPLATE {name}")
        yield urlunsplit(urlsplit(server_url)._replace(path=f"/{name}_copy"))
        await connection.execute(f"DROP DATABASE {name}_copy WITH (FORCE)")
    finally:
        await connection.close()


async def listed(batcher: Batcher, needs: Needs) -> tuple[Tilstand, int]:
    """What a search is answered with, and how often it was decided."""
    shown: list[Tilstand] = []

    def decide(tilstand: Tilstand) -> Decision:
        shown.append(tilstand)
        return Decision()

    answer = await batcher.submit(replace(item(decide, needs, type_="m91"), only_reads=True))
    assert isinstance(answer, Stored)
    return shown[-1], len(shown)


def confirmed() -> float:
    """How many searches the primary has confirmed in this process."""
    return float(metrics.db_near_reads.labels("confirmed")._value.get())


KEYS = [
    Needs(pasienter=(FNR,)),
    Needs(pasienter=(FNR,), alle=True),
    Needs(refnr=("1234567890",)),
    Needs(nodsok=Nodsok(date(1969, 11, 13).isoformat(), "Line", "Danser")),
    Needs(pasienter=(FNR, ANOTHER_FNR), refnr=("1234567890",), alle=True),
]


@pytest.mark.parametrize("needs", KEYS)
async def test_what_the_primary_confirms_is_decided_once(
    database_url: str, server_url: str, kek: FileKek, needs: Needs
) -> None:
    """Nothing has changed: the copy's state is good enough, whatever the search asks by."""
    one, other = resept(refnr="1234567890"), resept(fnr=ANOTHER_FNR)
    async with pair(database_url, server_url, kek, one, other) as both:
        before = confirmed()
        shown, decided = await listed(both.reader, needs)
        assert one.resept_id in {found.resept_id for found in shown.resepter}
        assert (decided, confirmed() - before) == (1, 1)


@pytest.mark.parametrize("needs", KEYS)
async def test_what_was_written_since_is_seen(database_url: str, server_url: str, kek: FileKek, needs: Needs) -> None:
    """A download, a new prescription, a finished one: each is in the list that is asked for after it."""
    old = resept(refnr="1234567890")
    async with pair(database_url, server_url, kek, old) as both:
        await both.primary.submit(m93(old.resept_id))
        shown, decided = await listed(both.reader, needs)
        assert {one.las.her for one in shown.resepter if one.las} == {"8100001"}
        assert decided == 2
        new = resept(refnr="1234567890")
        await both.primary.submit(m1(new))
        shown, _ = await listed(both.reader, needs)
        assert new.resept_id in {one.resept_id for one in shown.resepter}
        await both.primary.submit(m10(old.resept_id, closes=True))
        shown, _ = await listed(both.reader, needs)
        assert (old.resept_id in {one.resept_id for one in shown.resepter}) is needs.alle


async def test_a_deleted_prescription_is_not_listed(database_url: str, server_url: str, kek: FileKek) -> None:
    """What the sweep has deleted since is gone from the list too."""
    old = resept()
    async with pair(database_url, server_url, kek, old) as both:
        async with both.primary._pool.acquire() as connection:
            await connection.execute("DELETE FROM resept")
        shown, decided = await listed(both.reader, Needs(pasienter=(FNR,)))
        assert (shown.resepter, decided) == ((), 2)


async def test_a_repeat_gets_the_first_answer(database_url: str, server_url: str, kek: FileKek) -> None:
    """A search that was read from the copy is claimed like any other."""
    async with pair(database_url, server_url, kek, resept()) as both:
        search = replace(item(lambda _: Decision(), KEYS[0], type_="m91"), only_reads=True)
        first = await both.reader.submit(search)
        again = await both.reader.submit(search)
        assert isinstance(first, Stored)
        assert isinstance(again, Stored)
        assert (again.answer, again.repeated) == (first.answer, True)


async def test_a_standby_that_fails_is_passed_over(database_url: str, server_url: str, kek: FileKek) -> None:
    """When it cannot be read, the primary is."""
    one = resept()
    async with pair(database_url, server_url, kek, one) as both:
        await both.copy.execute("ALTER TABLE resept RENAME TO gone")
        shown, decided = await listed(both.reader, KEYS[0])
        assert ([found.resept_id for found in shown.resepter], decided) == ([one.resept_id], 1)


async def test_many_at_once(database_url: str, server_url: str, kek: FileKek) -> None:
    """Searches in one batch with changes: those of the changed patient are decided anew, the others are not."""
    changed, same = resept(), resept(fnr=ANOTHER_FNR)
    async with pair(database_url, server_url, kek, changed, same) as both:
        await both.primary.submit(m93(changed.resept_id))
        results = await asyncio.gather(
            *(listed(both.reader, Needs(pasienter=(fnr,))) for fnr in (FNR, ANOTHER_FNR) * 5),
            both.reader.submit(m1(resept(fnr="13116900216"))),
        )
        decided = [one[1] for one in results[:-1]]  # type: ignore[index]
        assert decided[1::2] == [1] * 5
        assert min(decided[0::2]) >= 2
