"""kill -9 in the middle: the same command again, and it goes on after the last whole file."""

from __future__ import annotations

import asyncio
import random
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import asyncpg
import pytest

from loadtest.transfer import fill, prepare
from reseptformidler.sandbox.pki import Pki
from tests.conftest import run
from tests.system.process import command, environment
from tests.system.world import FEW_REGISTERS
from tests.transfer.conftest import Operator

PRESCRIPTIONS = 12_000


def killed_until_done(words: list[str], given: dict[str, str], done_files: Callable[[], int], seed: int) -> int:
    """Kill the command after some more files, again and again, until it comes to its end; how often it was killed."""
    chosen, kills = random.Random(seed), 0
    while True:
        process = subprocess.Popen(
            [sys.executable, "-m", "reseptformidler", *words], env=given, stdout=subprocess.DEVNULL
        )
        enough = done_files() + chosen.randint(3, 20)
        while process.poll() is None and done_files() < enough:
            time.sleep(0.02)
        time.sleep(chosen.random() * 0.02)
        process.kill()
        if process.wait() == 0:
            return kills
        assert process.returncode == -9
        kills += 1


@pytest.mark.timeout(300)
async def test_killed_at_any_moment(source: Operator, target: Operator, tmp_path: Path, pki: Pki) -> None:
    """Both commands, at random moments (the seed is in the failure), while the service goes on writing."""
    await prepare(source.url, source.kek_file, PRESCRIPTIONS)
    seed = random.SystemRandom().randrange(10**6)
    folder = source.folder.path
    words = [str(folder), "--key", str(tmp_path / "transfer.key")]
    given = [
        environment(one.url, tmp_path, pki, FEW_REGISTERS, RF_KEK_FILE=str(one.kek_file)) for one in (source, target)
    ]

    def files() -> int:
        return len(list(folder.glob("pass-*")))

    kills = await asyncio.to_thread(killed_until_done, ["export", *words], given[0], files, seed)
    assert kills >= 2, seed
    await source.connection.execute("DELETE FROM resept WHERE resept_id < '10000000-0000-0000-0000-000000000000'")
    await fill(source.connection, 500)
    done = command(["export", *words, "--last"], env=given[0])
    assert (done.returncode, done.stderr) == (0, ""), seed
    imported = ["import", *words]
    kills = await asyncio.to_thread(killed_until_done, imported, given[1], lambda: run(taken(target.url)), seed)
    assert kills >= 2, seed
    verified = command(["import", *words, "--verify"], env=given[1])
    assert (verified.returncode, verified.stderr) == (0, ""), seed
    assert verified.stdout.startswith("equal to pass-"), seed


async def taken(url: str) -> int:
    connection = await asyncpg.connect(url)
    try:
        return int(await connection.fetchval("SELECT count(*) FROM overforing.fil"))
    except asyncpg.UndefinedTableError:
        return 0
    finally:
        await connection.close()
