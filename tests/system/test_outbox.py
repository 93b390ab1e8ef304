"""`outbox`: what could not be delivered, as an operator sees it, and sends it again."""

from __future__ import annotations

import subprocess
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

import pytest

from reseptformidler.domain.kvittering import Kvittering
from reseptformidler.sandbox.pki import Pki
from reseptformidler.store import outbox
from reseptformidler.store.keys import FileKek, open_keyring
from reseptformidler.store.outbox import Routes
from reseptformidler.store.pool import Pool, open_pool
from reseptformidler.store.seal import Sealer
from tests.store.build import FNR
from tests.store.owe import owe, waiting
from tests.system.process import command, environment
from tests.system.world import FEW_REGISTERS

HOUR = timedelta(hours=1)
NOW = datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class Place:
    """A database in which three messages are stranded."""

    environment: dict[str, str]
    pool: Pool
    owed: tuple[UUID, UUID, UUID]
    """Two M6 that were given up, and an M8.1 that was refused."""

    def outbox(self, *words: str) -> subprocess.CompletedProcess[str]:
        return command(["outbox", *words], env=self.environment)


@pytest.fixture
async def place(database_url: str, folder: Path, pki: Pki) -> AsyncIterator[Place]:
    kek = FileKek.create(folder / "kek")
    async with await open_pool(database_url, size=2) as pool:
        async with pool.acquire() as connection:
            sealer = Sealer(await open_keyring(connection, kek, NOW))
        payload = f"<Fnr>{FNR}</Fnr>".encode()
        old = [
            await owe(pool, sealer, mottaker=her, payload=payload, opprettet=NOW - hours * HOUR)
            for her, hours in (("1", 99), ("2", 98))
        ]
        refused = await owe(pool, sealer, type_="M8.1", mottaker="", payload=payload, opprettet=NOW - HOUR)
        async with pool.acquire() as connection:
            (sent,) = await outbox.claim(connection, Routes(others=0), lease=HOUR, limit=1, patience=72 * HOUR, now=NOW)
            said = Kvittering(str(sent.melding_id), "2", ("E10",), frozenset())
            await outbox.mark_delivered(connection, [(sent.key, said)])
            await outbox.give_up(connection, 72 * HOUR)
        yield Place(environment(database_url, folder, pki, FEW_REGISTERS), pool, (*old, refused))  # type: ignore[arg-type]


async def test_what_is_stranded_is_counted(place: Place) -> None:
    """By type, receiver and cause."""
    done = place.outbox("list")
    assert done.returncode == 0
    assert [line.split(maxsplit=3) for line in done.stdout.splitlines()] == [
        ["number", "type", "receiver", "cause"],
        ["1", "M6", "1", "not tried"],
        ["1", "M6", "2", "not tried"],
        ["1", "M8.1", "-", "refused E10"],
    ]


async def test_each_message_is_shown_and_nothing_of_what_it_says(place: Place) -> None:
    """Oldest first: the id that `replay` takes, the MsgId that its receiver knows."""
    done = place.outbox("list", "--all")
    heads, *lines = [line.split() for line in done.stdout.splitlines()]
    assert heads == ["id", "MsgId", "type", "receiver", "age", "attempts", "cause"]
    assert {UUID(line[0].split("/")[1]) for line in lines} == set(place.owed)
    ids = await place.pool.fetch("SELECT melding_id FROM utboks")
    assert {UUID(line[1]) for line in lines} == {row["melding_id"] for row in ids}
    assert lines[-1][2:] == ["M8.1", "-", "1", "h", "1", "refused", "E10"]
    assert FNR not in done.stdout


@pytest.mark.parametrize(
    "words, chosen",
    [
        ((), {0, 1, 2}),
        (("--type", "M6"), {0, 1}),
        (("--receiver", "2"), {1}),
        (("--type", "M8.1", "--receiver", "2"), set()),
        (("--id", "{2}"), {2}),
        (("--id", "x/y"), set()),
    ],
)
async def test_what_is_chosen_is_owed_again(place: Place, words: tuple[str, ...], chosen: set[int]) -> None:
    """Once; repeating it finds nothing more, and it is logged with its number alone."""
    named = [word.replace("{2}", f"8090595/{place.owed[2]}/0") for word in words]
    done = place.outbox("replay", *named)
    assert (done.returncode, done.stdout.splitlines()[-1]) == (0, f"{len(chosen)} messages are owed again")
    assert '"event": "replayed"' in done.stdout
    assert set(await waiting(place.pool)) == {place.owed[number] for number in chosen}
    assert "0 messages are owed again" in place.outbox("replay", *named).stdout


async def test_a_database_that_is_away_is_one_line(place: Place) -> None:
    """No stack trace."""
    away = {"RF_DATABASE_URL": "postgresql://x@127.0.0.1:9/x", "RF_ANSWER_SECONDS": "1"}
    done = command(["outbox", "list"], env=place.environment | away)
    assert done.returncode == 1
    assert done.stderr.startswith("Cannot list: ")
    assert "Traceback" not in done.stderr
