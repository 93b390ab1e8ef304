"""The store's contenders do the same work: only then is comparing them fair."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import asyncpg
from pydantic import SecretStr

from loadtest import store
from loadtest.m1 import M1Path
from loadtest.store import Batches, M1Rows, written
from loadtest.traffic import Traffic
from loadtest.world import registers_toml
from reseptformidler.sandbox.pki import Pki
from reseptformidler.settings import Settings
from reseptformidler.store.encode import Encoder
from reseptformidler.store.keys import FileKek, open_keyring
from reseptformidler.store.pool import open_pool
from reseptformidler.store.seal import Sealer

TABLES = ("krav", "resept", "resept_dokument", "historikk", "innboks")
NUMBER, WAITING = 40, 8
_SEEN = "SELECT md5(string_agg(md5(t::text), '' ORDER BY md5(t::text))) FROM {table} t"


async def an_m1(url: str, pool: asyncpg.Pool[Any], folder: Path) -> M1Rows:
    """The sealed rows of one M1 that went the whole way."""
    pki = Pki.open(folder / "pki", datetime.now(UTC))
    (folder / "registers.toml").write_text(registers_toml(), "utf-8")
    kek = FileKek.create(folder / "kek")
    settings = Settings(
        database_url=SecretStr(url),
        kek_file=folder / "kek",
        trust_dir=pki.trust_dir,
        registers=(folder / "registers.toml",),
    )
    async with pool.acquire() as connection:
        keys = await open_keyring(connection, kek, datetime.now(UTC))
    path = M1Path.of(settings, Encoder(Sealer(keys)))
    (message,) = Traffic.of(pki, doctors=1, patients=1).m1s(1)
    return M1Rows.of(path.walk(message).rows)


async def test_all_three_ways_write_the_same_rows(database_url: str, tmp_path: Path) -> None:
    """The same messages leave the same content in every table, whichever way they were written."""
    async with await open_pool(database_url, size=WAITING) as pool:
        m1 = await an_m1(database_url, pool, tmp_path)
        messages = [m1.renewed() for _ in range(NUMBER)]
        contents = []
        for write in (
            Batches(pool).write,
            partial(store.one_statement, pool),
            partial(store.four_statements, pool),
        ):
            await written(write, messages, WAITING)
            contents.append([await pool.fetchval(_SEEN.format(table=table)) for table in TABLES])
            await pool.execute("TRUNCATE krav, resept, resept_dokument, historikk, innboks")
    assert None not in contents[0]
    assert contents[0] == contents[1] == contents[2]


async def test_a_failed_batch_fails_its_messages(database_url: str, tmp_path: Path) -> None:
    """A contender that lost messages would look quick: a repeated message ends the measurement instead."""
    async with await open_pool(database_url, size=WAITING) as pool:
        m1 = await an_m1(database_url, pool, tmp_path)
        try:
            await written(Batches(pool).write, [m1, m1], 1)
        except AssertionError:
            return
    raise AssertionError("the repeated message was counted as written")
