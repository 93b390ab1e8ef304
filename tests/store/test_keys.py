"""Keys: who can unwrap them, and how they are exchanged."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from reseptformidler.domain.decision import Needs
from reseptformidler.store.batch import Batcher, Stored
from reseptformidler.store.keys import FileKek, KeyProblem, new_kek_line, open_keyring, rotate_kek
from reseptformidler.store.pool import Pool
from reseptformidler.store.seal import Sealer
from tests.store.build import FNR, NOW, m1, m91, resept


def test_a_new_file_is_for_its_owner_only(tmp_path: Path) -> None:
    """It is made once, and never over another one."""
    kek = FileKek.create(tmp_path / "kek")
    assert (tmp_path / "kek").stat().st_mode & 0o777 == 0o600
    assert kek.unwrap(kek.newest, kek.wrap(b"key", "data"), "data") == b"key"
    with pytest.raises(FileExistsError):
        FileKek.create(tmp_path / "kek")


@pytest.mark.parametrize("text", ["", "a\n", "a !\n", "a YWJj\n", "a b c\n"])
def test_a_bad_file_says_what_is_wrong(tmp_path: Path, text: str) -> None:
    """No key, no base64, too few bytes, too many words."""
    (tmp_path / "kek").write_text(text)
    with pytest.raises(KeyProblem):
        FileKek(tmp_path / "kek")


def test_a_wrapped_key_opens_for_its_kek_and_purpose_only(tmp_path: Path) -> None:
    """A data key cannot be passed off as the search key, nor be opened by a stranger's KEK of the same name."""
    ours, theirs = FileKek.create(tmp_path / "a"), FileKek.create(tmp_path / "b")
    wrapped = ours.wrap(b"key", "data")
    (tmp_path / "c").write_text((tmp_path / "b").read_text().replace(theirs.newest, ours.newest))
    for kek, name, purpose in ((ours, ours.newest, "sok"), (theirs, ours.newest, "data")):
        with pytest.raises(KeyProblem):
            kek.unwrap(name, wrapped, purpose)
    with pytest.raises(KeyProblem):
        FileKek(tmp_path / "c").unwrap(ours.newest, wrapped, "data")


async def test_two_processes_that_start_at_once_share_one_search_key(pool: Pool, kek: FileKek) -> None:
    """Whoever is first makes it; data keys are each process's own."""
    async with pool.acquire() as one, pool.acquire() as two:
        first, second = await asyncio.gather(open_keyring(one, kek, NOW), open_keyring(two, kek, NOW))
    assert first.search == second.search
    assert first.current != second.current


async def test_each_day_has_its_data_key(pool: Pool, kek: FileKek) -> None:
    """The key changes with the first message of a new day, and not before."""
    async with pool.acquire() as connection:
        keys = await open_keyring(connection, kek, NOW)
    batcher = Batcher(pool, Sealer(keys))
    used = []
    for later in (timedelta(), timedelta(hours=11), timedelta(hours=13)):
        await batcher.submit(replace(m1(resept()), received=NOW + later))
        used.append(keys.current)
    assert used[0] == used[1] != used[2]


async def test_a_process_reads_what_another_one_sealed(pool: Pool, kek: FileKek, batcher: Batcher) -> None:
    """It fetches the other's data key when it meets it."""
    new = resept()
    await batcher.submit(m1(new))
    async with pool.acquire() as connection:
        other = Batcher(pool, Sealer(await open_keyring(connection, kek, NOW)))
    shown = []  # type: ignore[var-annotated]
    await other.submit(m91(Needs(pasienter=(FNR,)), shown))
    assert shown[0].resepter == (new,)


async def test_exchanging_the_kek_touches_no_payload(
    pool: Pool, kek: FileKek, batcher: Batcher, tmp_path: Path
) -> None:
    """After the rotation everything opens with the new KEK alone, and not with the old one."""
    new = resept()
    await batcher.submit(m1(new))
    before = await pool.fetch("SELECT innhold FROM resept")
    old_line = (tmp_path / "kek").read_text()
    (tmp_path / "kek").write_text(old_line + new_kek_line())
    async with pool.acquire() as connection:
        both = FileKek(tmp_path / "kek")
        keys = await pool.fetchval("SELECT count(*) FROM nokkel")
        assert await rotate_kek(connection, both) == keys == 2
        assert await rotate_kek(connection, both) == 0
        (tmp_path / "kek").write_text((tmp_path / "kek").read_text().removeprefix(old_line))
        sealer = Sealer(await open_keyring(connection, FileKek(tmp_path / "kek"), NOW))
        with pytest.raises(KeyProblem):
            await open_keyring(connection, kek, NOW)
    shown = []  # type: ignore[var-annotated]
    for one in (Batcher(pool, sealer), batcher):
        assert isinstance(await one.submit(m91(Needs(pasienter=(FNR,)), shown)), Stored)
    assert [t.resepter for t in shown] == [(new,), (new,)]
    assert await pool.fetch("SELECT innhold FROM resept") == before


async def test_a_lost_data_key_is_told(pool: Pool, kek: FileKek, sealer: Sealer) -> None:
    """What it sealed cannot be read any more, and that is an error, not an empty list."""
    batcher = Batcher(pool, sealer)
    await batcher.submit(m1(resept()))
    await pool.execute("DELETE FROM nokkel WHERE formal = 'data'")
    async with pool.acquire() as connection:
        other = Batcher(pool, Sealer(await open_keyring(connection, kek, NOW)))
    with pytest.raises(KeyProblem, match="lacks data keys"):
        await other.submit(m91(Needs(pasienter=(FNR,))))
