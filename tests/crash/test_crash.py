"""The real service under kill -9, briefly; and faults planted in the real service, which the checker must see.

`python -m loadtest.crash` does the same for longer.
"""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from pathlib import Path
from random import Random

import pytest

from loadtest.crash.checker import CHANGED, CLASH, LOST, check
from loadtest.crash.history import History
from loadtest.crash.post import Post, session
from loadtest.crash.rig import Rig
from loadtest.crash.run import Where, crash, load, look, until_answers
from loadtest.crash.senders import DOCTORS, PHARMACIES, Doctor, Pharmacy, Scene
from reseptformidler.sandbox.pki import Pki
from reseptformidler.store import queries
from tests.conftest import execute
from tests.system.world import running

PARTIES = (DOCTORS, PHARMACIES)
KINDS = ("PostgreSQL", "one server", "PostgreSQL and all servers")
LOSE_A_PRESCRIPTION = "DELETE FROM resept WHERE resept_id = (SELECT resept_id FROM resept ORDER BY mottatt LIMIT 1)"
FORGET_LISTS = "DELETE FROM krav USING innboks i WHERE i.msg_id = krav.msg_id AND i.type = 'm91'"
CARELESS = (
    "ALTER SYSTEM SET wal_writer_delay = '10s'",
    "ALTER SYSTEM SET wal_writer_flush_after = '1GB'",
    "ALTER SYSTEM SET synchronous_commit = 'off'",
    "SELECT pg_reload_conf()",
)
GUARD = " AND r.versjon = c.versjon - 1"


@pytest.fixture(scope="session")
def pki(tmp_path_factory: pytest.TempPathFactory) -> Pki:
    """The sandbox's certificate authority."""
    return Pki.open(tmp_path_factory.mktemp("pki") / "pki", datetime.now(UTC))


def kinds(history: Path) -> set[str]:
    return {one.kind for one in check(history).violations}


@pytest.mark.timeout(120)
def test_kill_9_loses_nothing_and_planted_losses_are_seen(folder: Path) -> None:
    """Three rounds of kill -9 under load break no promise. Then a prescription and the claims of lists are deleted
    behind the service's back: the same checker, on the same history a little later, sees both.
    """
    with Rig(folder, PARTIES) as rig, History(folder / "history") as history:
        where = Where(rig.address, rig.pki, history, seed=1)
        played = crash(rig, where, len(KINDS), KINDS, print)
        asyncio.run(look(where, played))
        verdict = check(history.path)
        assert verdict.violations == ()
        assert verdict.kills == dict.fromkeys(KINDS, 1)
        assert verdict.figures["prescriptions"] >= 10
        assert verdict.figures["answers compared with the first one"] >= 50
        assert verdict.figures["attempts that failed"] >= 5

        asyncio.run(execute(rig.postgres.url(), LOSE_A_PRESCRIPTION))
        asyncio.run(execute(rig.postgres.url(), FORGET_LISTS))
        asyncio.run(look(where, played))
    assert kinds(history.path) == {LOST, CHANGED}


@pytest.mark.timeout(120)
def test_an_answer_that_leaves_before_its_commit_is_safe_is_seen(folder: Path) -> None:
    """With a PostgreSQL that reports commits it has yet to write, one kill -9 loses something, and it is seen."""
    with Rig(folder, PARTIES) as rig, History(folder / "history") as history:
        where = Where(rig.address, rig.pki, history, seed=2)
        with load(where) as playing:
            until_answers(history, playing, rig)
            for statement in CARELESS:
                asyncio.run(execute(rig.postgres.url(), statement))
            until_answers(history, playing, rig)
            rig.kill("PostgreSQL", Random(2))
            until_answers(history, playing, rig)
        asyncio.run(look(where, playing.result()))
    assert kinds(history.path) & {LOST, CLASH}


async def test_pharmacies_that_race_are_told_apart(database_url: str, tmp_path: Path, pki: Pki) -> None:
    """Eight pharmacies ask two processes for the same prescriptions at the same time: one of them gets each."""
    await race(database_url, tmp_path, pki)
    verdict = check(tmp_path / "history")
    assert verdict.violations == ()
    assert verdict.verbs["download: given"] == 12
    assert verdict.verbs["download: refused 69"] == 84


async def test_a_statement_without_its_guard_is_seen(
    database_url: str, tmp_path: Path, pki: Pki, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same race, but the statement does not compare the version: two get a prescription, and it is seen."""
    unguarded = queries.QUERIES["apply.batch"].replace(GUARD, "")
    assert unguarded != queries.QUERIES["apply.batch"]
    monkeypatch.setattr(queries, "QUERIES", {**queries.QUERIES, "apply.batch": unguarded})
    await race(database_url, tmp_path, pki)
    assert kinds(tmp_path / "history") == {CLASH}


async def race(database_url: str, folder: Path, pki: Pki) -> None:
    """Two processes' worth of service on one database, and everybody after the same prescriptions."""
    async with running(database_url, folder, pki) as one, running(database_url, folder, pki) as other:
        with History(folder / "history") as history:
            async with session() as connections:
                posts = [Post(connections, world.address, history, lambda: True) for world in (one, other)]
                scene = Scene(posts[0], pki, seed=3)
                beside = Scene(posts[1], pki, seed=3, prescribed=scene.prescribed, hot=scene.hot)
                doctor = Doctor(scene, DOCTORS[0])
                pharmacies = [Pharmacy((scene, beside)[n % 2], aktor) for n, aktor in enumerate(PHARMACIES)]
                for _ in range(12):
                    await doctor.prescribe()
                for resept in scene.hot:
                    await asyncio.gather(*(pharmacy.download(resept) for pharmacy in pharmacies))
