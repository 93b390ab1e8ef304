"""The sandbox's stories against a real service with a relay, and what is said when one cannot be told."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from reseptformidler import app
from reseptformidler.client import melding
from reseptformidler.client.answer import NoAnswer
from reseptformidler.commands import demo
from reseptformidler.registers.fixed import FixedRegisters
from reseptformidler.sandbox.legemiddelverket import Legemiddelverket
from reseptformidler.sandbox.mottak import Mottak
from reseptformidler.sandbox.pki import Pki
from reseptformidler.sandbox.population import LEGER, REGISTRERTE, SYSTEM, som_virksomhet
from reseptformidler.sandbox.stage import DemoFailed, Stage
from reseptformidler.sandbox.stories import ALL, STORIES, chosen, perform
from reseptformidler.sandbox.varer import UREGISTRERT, UREGISTRERT_FORHANDSGODKJENT
from tests.conftest import short_folder
from tests.system.process import command
from tests.system.world import FEW_REGISTERS, World, running

REGISTERS = FEW_REGISTERS.merged(FixedRegisters(personer=REGISTRERTE))


@dataclass(frozen=True, slots=True)
class Place:
    """A data folder with an authority, and a service that believes it."""

    data: Path
    world: World
    told: list[str]

    def stage(self, mottak: str = "") -> Stage:
        """Where what is played is told to the test."""
        return Stage(self.world.client, self.world.pki, self.world.clock, self.told.append, mottak)

    @asynccontextmanager
    async def relay(self, address: str) -> AsyncIterator[None]:
        """Deliver what the service owes to that address."""
        file, stopped = self.data / "receivers.toml", asyncio.Event()
        file.write_text(f'[[mottaker]]\nurl = "{address}"\n', "utf-8")
        settings = self.world.service.settings.model_copy(update={"receivers": file, "relay_seconds": 0.02})
        async with app.relaying(self.world.service.pool, settings) as relay:
            relaying = asyncio.create_task(relay.run(stopped))
            yield
            stopped.set()
            await relaying

    async def played(self, name: str, mottak: Mottak | None = None) -> list[str]:
        """What is told of a story, with all that it waits for."""
        mottak = mottak or Mottak(self.world.address, self.world.clock)
        async with mottak.listening(0) as address, self.relay(address):
            await perform(self.stage(address), chosen(name))
        return self.told


@pytest.fixture(scope="module")
def data() -> Iterator[Path]:
    """A folder like that of `dev`, whose authority the service of each test believes."""
    with short_folder() as folder:
        Pki.open(folder / "pki" / "now", datetime.now(UTC))
        yield folder


@pytest.fixture
async def place(database_url: str, data: Path) -> AsyncIterator[Place]:
    """A service of this test alone, which knows the sandbox's persons."""
    pki = Pki.open(data / "pki" / "now", datetime.now(UTC))
    async with running(database_url, data, pki, registers=REGISTERS) as world:
        yield Place(data, world, [])


@pytest.mark.parametrize("name", [story.name for story in STORIES])
async def test_each_story(place: Place, name: str) -> None:
    """Played twice on one server: what the first time leaves behind does not matter."""
    await place.played(name)
    told = await place.played(name)
    assert len([line for line in told if "demo passed" in line]) == 2
    assert any("→ received" in line for line in told)


async def test_the_first_story_needs_no_receivers(place: Place) -> None:
    """It plays against any server; the others say what they need."""
    await perform(place.stage(), chosen("kjede"))
    assert place.told[-1] == "    demo passed: 13 messages"
    with pytest.raises(DemoFailed, match="renewal waits for what the service sends"):
        await perform(place.stage(), chosen("renewal"))


@pytest.mark.parametrize(
    "refused, decided",
    [
        (UREGISTRERT.varenr, ["Innvilget: Nei", "Innvilget: Ja"]),
        (UREGISTRERT_FORHANDSGODKJENT.varenr, ["Innvilget: Ja", "Innvilget: Nei"]),
    ],
)
async def test_legemiddelverket_decides_by_the_players_rule(place: Place, refused: str, decided: list[str]) -> None:
    """The story follows what was decided, whichever it is."""
    slv = Legemiddelverket(frozenset({refused}))
    told = await place.played("exemption", Mottak(place.world.address, place.world.clock, slv))
    assert [text for line in told for text in ("Innvilget: Ja", "Innvilget: Nei") if text in line] == decided


async def test_what_does_not_come_is_missed(place: Place) -> None:
    """Receivers to which nobody delivers: the story says what it waits for, not that all is well."""
    mottak = Mottak(place.world.address, place.world.clock, patience_seconds=0.1)
    async with mottak.listening(0) as address:
        with pytest.raises(DemoFailed, match=r"after step 4: M5\.2 has not come to Sandkasse Legekontor Bodø"):
            await perform(place.stage(address), chosen("renewal"))


async def test_another_answer_than_the_promised_one(place: Place) -> None:
    """Whatever differs ends the story: a refusal, an acceptance, another code."""
    stage = place.stage()
    sender = som_virksomhet(LEGER[0].kontor)
    with pytest.raises(DemoFailed, match="step 1: expected 69, got acceptance"):
        await stage.send(
            "an EPJ", "MV", ("Rekvirent", "Verify"), melding.mv(stage.hode(), sender, SYSTEM), expects="69"
        )
    with pytest.raises(DemoFailed, match="step 2: expected acceptance, got 303"):
        await stage.send("an EPJ", "MV", ("Rekvirent", "M1"), melding.mv(stage.hode(), sender, SYSTEM))
    with pytest.raises(DemoFailed, match="step 2: no"):
        stage.check(False, "no")


async def test_what_is_no_message_is_not_delivered(place: Place) -> None:
    """The client says what the address for asynchronous messages answered."""
    with pytest.raises(NoAnswer, match="HTTP 400"):
        await place.world.client.deliver(b"x")


def test_all_are_told() -> None:
    """In their order; a name that no story has chooses none."""
    assert chosen(ALL) == STORIES
    assert [story.name for story in chosen("locked")] == ["locked"]
    assert chosen("ingen") == ()


async def test_the_command_receives_by_itself(place: Place) -> None:
    """`--receiver-port` is where the server's receivers file points; without it the story says what is missing."""
    async with Mottak("", place.world.clock).listening(0) as address:
        port = urlsplit(address).port  # free again when the command takes it
    given = ["demo", "--url", place.world.address, "--data-dir", str(place.data), "--scenario", "locked"]
    async with place.relay(address):
        done = await asyncio.to_thread(command, [*given, "--receiver-port", str(port)])
    assert (done.returncode, done.stderr) == (0, "")
    assert "→ received M6" in done.stdout
    done = await asyncio.to_thread(command, given)
    assert (done.returncode, done.stderr) == (1, "")
    assert "demo FAILED: locked waits for what the service sends" in done.stdout


async def test_the_command_finds_the_receivers_of_dev(place: Place) -> None:
    """Where something else is, or nothing, there are none."""
    async with Mottak("", place.world.clock).listening(0) as address:
        port = urlsplit(address).port
        assert port is not None
        assert await demo.receivers_at(port) == address
    assert await demo.receivers_at(port) == ""
    service = urlsplit(place.world.address).port
    assert service is not None
    assert await demo.receivers_at(service) == ""


async def test_the_command_plays_with_the_receivers_of_dev(place: Place) -> None:
    """What they took is told, and nothing else listens."""
    async with Mottak(place.world.address, place.world.clock).listening(0) as address, place.relay(address):
        given = ["demo", "--url", place.world.address, "--data-dir", str(place.data), "--scenario", "locked"]
        done = await asyncio.to_thread(command, [*given, "--receiver-port", str(urlsplit(address).port)])
    assert (done.returncode, done.stderr) == (0, "")
    assert "→ received M6" in done.stdout


def test_the_command_lists_the_stories() -> None:
    """On demand, and where the name is none of them (status 2)."""
    listed, unknown = command(["demo", "--list"]), command(["demo", "--scenario", "x"])
    assert (listed.returncode, unknown.returncode) == (0, 2)
    assert listed.stdout == unknown.stdout
    assert [line.split()[0] for line in listed.stdout.splitlines()] == [story.name for story in STORIES]
