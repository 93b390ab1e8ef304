"""`relay` as processes of their own: killed in the middle of a delivery, ended in the middle of one, started wrong."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

import aiohttp
import pytest

from reseptformidler.sandbox.pki import Pki
from reseptformidler.store.keys import FileKek, open_keyring
from reseptformidler.store.pool import Pool, open_pool
from reseptformidler.store.seal import Sealer
from tests.receiver import Receiver
from tests.store.build import FNR, NOW
from tests.store.owe import owe, waiting
from tests.system.process import SECONDS, Serving, command, environment
from tests.system.world import FEW_REGISTERS


@dataclass(frozen=True, slots=True)
class Place:
    """A database in which one prescription owes two messages, a receiver that holds them, and relays between them."""

    environment: dict[str, str]
    pool: Pool
    receiver: Receiver
    owed: tuple[str, ...]
    log: Path

    @contextmanager
    def relay(self) -> Iterator[Serving]:
        """`relay`, until the context ends."""
        with self.log.open("ab") as file:
            process = subprocess.Popen(
                [sys.executable, "-m", "reseptformidler", "relay"],
                env=self.environment, stdout=file, stderr=subprocess.STDOUT,
            )  # fmt: skip
        try:
            yield Serving(process, self.log)
        finally:
            if process.poll() is None:
                process.kill()
            process.wait()


@pytest.fixture
async def place(database_url: str, folder: Path, pki: Pki) -> AsyncIterator[Place]:
    kek = FileKek.create(folder / "kek")
    file = folder / "receivers.toml"
    more = {"RF_RECEIVERS": str(file), "RF_METRICS_PORT": "0", "RF_RELAY_SECONDS": "0.05"}
    async with await open_pool(database_url, size=2) as pool, Receiver().listening() as receiver:
        file.write_text(f"[[mottaker]]\nurl = '{receiver.url}'\n")
        async with pool.acquire() as connection:
            sealer = Sealer(await open_keyring(connection, kek, NOW))
        payload, now = f"<Fnr>{FNR}</Fnr>".encode(), datetime.now(UTC)
        owed = [str(await owe(pool, sealer, UUID(int=7), payload=payload, opprettet=now)) for _ in range(2)]
        receiver.open.clear()
        given = environment(database_url, folder, pki, FEW_REGISTERS, **more)
        yield Place(given, pool, receiver, tuple(owed), folder / "log")


async def until(true: Callable[[], bool]) -> None:
    async with asyncio.timeout(SECONDS):
        while not true():
            await asyncio.sleep(0.02)


async def test_killed_while_a_message_is_on_its_way(place: Place) -> None:
    """Kill -9: another relay sends it again when the lease is over, then what follows it."""
    with place.relay() as relay:
        await until(lambda: len(place.receiver.arrived) == 1)
        relay.process.kill()
    place.receiver.open.set()
    assert len(await waiting(place.pool)) == 2
    await place.pool.execute("UPDATE utboks SET neste = now() WHERE forsok = 1")  # as if the lease had ended
    with place.relay() as one, place.relay() as other:
        await until(lambda: len(place.receiver.causes()) == 2)
        await until(lambda: other.text.count('"event": "listening"') == 3)  # before that a signal ends it at once
        assert await asyncio.gather(*(asyncio.to_thread(process.end) for process in (one, other))) == [0, 0]
    assert place.receiver.causes() == list(place.owed)
    assert len(place.receiver.arrived) == 3
    assert await waiting(place.pool) == []
    assert FNR not in place.log.read_text("utf-8")


async def test_ended_while_a_message_is_on_its_way(place: Place) -> None:
    """SIGTERM: the message arrives and is written down, nothing new is taken, the status is 0."""
    with place.relay() as relay:
        await until(lambda: len(place.receiver.arrived) == 1)
        ending = asyncio.create_task(asyncio.to_thread(relay.end))
        await asyncio.sleep(0.2)
        assert not ending.done()
        place.receiver.open.set()
        assert await ending == 0
    assert list(map(str, await waiting(place.pool))) == list(place.owed[1:])


async def test_it_tells_what_is_owed(place: Place) -> None:
    """Health and figures stand on a port of its own."""
    with place.relay() as relay:
        address = f"http://127.0.0.1:{(await asyncio.to_thread(relay.line, 'listening'))['port']}"
        await until(lambda: len(place.receiver.arrived) == 1)
        async with aiohttp.ClientSession() as session, session.get(f"{address}/metrics") as answer:
            figures = await answer.text()
    assert 'reseptformidler_outbox_pending{melding="M6"} 2.0' in figures
    assert "reseptformidler_outbox_oldest_age_seconds" in figures


async def test_once(place: Place) -> None:
    """`relay --once` delivers what is due, in order, and ends."""
    place.receiver.open.set()
    done = await asyncio.to_thread(command, ["relay", "--once"], env=place.environment)
    assert (done.returncode, place.receiver.causes()) == (0, list(place.owed))


async def test_receivers_that_make_no_sense(place: Place) -> None:
    """The operator is told the file and the place in one line."""
    file = Path(place.environment["RF_RECEIVERS"])
    file.write_text("[[mottaker]]\nurl = 'ftp://a'\n")
    done = await asyncio.to_thread(command, ["relay"], env=place.environment)
    assert done.returncode == 1
    assert done.stderr == f"Cannot start: RegisterError: {file}: mottaker[1].url: is no http:// or https:// URL\n"
