"""The relay: everything arrives, at least once and in order, whatever fails; and nothing is said that must not be."""

from __future__ import annotations

import asyncio
import random
from collections import defaultdict
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import aiohttp
import asyncpg
import pytest

from reseptformidler import log, metrics, relay
from reseptformidler.registers.receivers import Receivers
from reseptformidler.relay import Courier, Relay
from reseptformidler.store import queries, retention
from reseptformidler.store.batch import Batcher, Stored
from reseptformidler.store.encode import Encoder
from reseptformidler.store.keys import FileKek, open_keyring
from reseptformidler.store.pool import Pool, open_pool
from reseptformidler.store.seal import Sealer
from tests.receiver import Receiver
from tests.store.build import FNR, LEGE, NOW, m1, resept
from tests.store.faults import LosingNetwork
from tests.store.owe import owe, waiting

KEEP = timedelta(days=365)
MINUTE = timedelta(minutes=1)
ORDER = """
      AND (u.resept_id IS NULL OR NOT EXISTS ("""


@pytest.fixture
async def pool(database_url: str) -> AsyncIterator[Pool]:
    async with await open_pool(database_url, size=6) as pool:
        yield pool


@pytest.fixture
async def sealer(pool: Pool, tmp_path: Path) -> Sealer:
    async with pool.acquire() as connection:
        return Sealer(await open_keyring(connection, FileKek.create(tmp_path / "kek"), NOW))


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    async with Receiver().listening() as receiver:
        yield receiver


@dataclass(slots=True)
class Clock:
    """A time that the test sets."""

    now: datetime = NOW

    def __call__(self) -> datetime:
        return self.now


@dataclass(slots=True)
class Relays:
    """Several processes, each with keys and connections of its own, and the clock of their database."""

    relays: list[Relay] = field(default_factory=list)
    clock: Clock = field(default_factory=Clock)

    async def round(self) -> None:
        """All do what is due."""
        await asyncio.gather(*(one.once() for one in self.relays))

    async def until_delivered(self, pool: Pool) -> None:
        """Round after round, with time for the longest pause between them."""
        for _ in range(100):
            await self.round()
            if not await waiting(pool):
                return
            self.clock.now += 6 * MINUTE
        raise AssertionError(f"{len(await waiting(pool))} messages are still owed")


@asynccontextmanager
async def relaying(
    pool: Pool, tmp_path: Path, receivers: Receivers, *, count: int = 1, seconds: float = relay.POST_SECONDS
) -> AsyncIterator[Relays]:
    """So many relays; `seconds` is their patience with a receiver."""
    processes = Relays()
    kek = FileKek(tmp_path / "kek")
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=seconds)) as session:
        for _ in range(count):
            async with pool.acquire() as connection:
                keys = await open_keyring(connection, kek, NOW)
            courier = Courier(receivers, Encoder(Sealer(keys)), keys, session, processes.clock)
            processes.relays.append(Relay(pool, courier, KEEP, 0.02, processes.clock))
        yield processes


def everything_to(receiver: Receiver) -> Receivers:
    return Receivers({}, {}, receiver.url)


async def owe_many(pool: Pool, sealer: Sealer, *, prescriptions: int, each: int) -> dict[str, list[str]]:
    """What each prescription owes, in order; the clocks that wrote it did not agree."""
    owed: dict[str, list[str]] = {str(uuid4()): [] for _ in range(prescriptions)}
    for _ in range(each):
        for resept_id, causes in owed.items():
            moment = NOW - random.Random(len(causes)).randrange(60) * MINUTE
            causes.append(str(await owe(pool, sealer, UUID(resept_id), opprettet=moment)))
    return owed


def in_order(receiver: Receiver) -> Mapping[str, list[str]]:
    """First arrivals by prescription."""
    order: defaultdict[str, list[str]] = defaultdict(list)
    of = {message["arsak"]["msg_id"]: message["resept_id"] for message in receiver.arrived}
    for cause in receiver.causes():
        order[of[cause]].append(cause)
    return order


def count_of(outcome: str, melding: str = "M6") -> float:
    label = {"melding": melding, "outcome": outcome}
    return metrics.REGISTRY.get_sample_value("reseptformidler_outbox_deliveries_total", label) or 0


def fails_at_random(seed: int) -> Receiver:
    """Half of what it reads is lost, refused, or taken without a word that can be understood."""
    dice = random.Random(seed)
    return Receiver(lambda _: dice.choice([204, 200, 202, 500, 503, None]))


async def test_everything_arrives_in_order_at_a_receiver_that_fails(pool: Pool, sealer: Sealer, tmp_path: Path) -> None:
    """Three relays race; one message of two fails; first arrivals are in the order in which they were owed."""
    owed = await owe_many(pool, sealer, prescriptions=12, each=5)
    async with (
        fails_at_random(1).listening() as receiver,
        relaying(pool, tmp_path, everything_to(receiver), count=3) as relays,
    ):
        await relays.until_delivered(pool)
    assert in_order(receiver) == owed
    assert len(receiver.arrived) > 60, "some were sent again"


async def test_control_without_its_condition_the_order_is_lost(
    pool: Pool, sealer: Sealer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same test sees it."""
    text = queries.QUERIES["outbox.claim"]
    assert text.count(ORDER) == 1
    broken = text.replace(ORDER, ORDER.replace("u.resept_id IS NULL OR", "true OR"))
    monkeypatch.setattr(queries, "QUERIES", {**queries.QUERIES, "outbox.claim": broken})
    owed = await owe_many(pool, sealer, prescriptions=12, each=5)
    async with (
        fails_at_random(1).listening() as receiver,
        relaying(pool, tmp_path, everything_to(receiver), count=3) as relays,
    ):
        await relays.until_delivered(pool)
    arrived = in_order(receiver)
    assert {resept_id: sorted(causes) for resept_id, causes in arrived.items()} == {
        resept_id: sorted(causes) for resept_id, causes in owed.items()
    }
    assert arrived != owed


async def test_what_is_sent(pool: Pool, sealer: Sealer, receiver: Receiver, tmp_path: Path) -> None:
    """The record as it stands, and a key by which a receiver knows a repeat."""
    resept_id = uuid4()
    one = await owe(pool, sealer, resept_id, type_="M5.2", mottaker="8090595", content={"Status": "1", "Navn": "Å"})
    two = await owe(pool, sealer, type_="M8", mottaker="")
    async with relaying(pool, tmp_path, everything_to(receiver)) as relays:
        await relays.round()
    assert sorted(receiver.arrived, key=lambda message: str(message["type"])) == [
        {
            "type": "M5.2", "mottaker": "8090595", "arsak": {"avsender": LEGE, "msg_id": str(one), "lopenr": 0},
            "resept_id": str(resept_id), "ref_to_parent": "parent", "ref_to_conversation": "conversation",
            "innhold": {"Status": "1", "Navn": "Å"},
        },
        {
            "type": "M8", "mottaker": "", "arsak": {"avsender": LEGE, "msg_id": str(two), "lopenr": 0},
            "resept_id": None, "ref_to_parent": "parent", "ref_to_conversation": "conversation", "innhold": {},
        },
    ]  # fmt: skip
    assert {headers["Idempotency-Key"] for headers in receiver.headers} == {f"{LEGE}/{one}/0", f"{LEGE}/{two}/0"}
    assert {headers["Content-Type"] for headers in receiver.headers} == {"application/json"}


async def test_each_message_goes_to_its_receiver(pool: Pool, sealer: Sealer, tmp_path: Path) -> None:
    """By HER-id, by type where there is none, or to who takes all others; without one it stays owed."""
    async with Receiver().listening() as her, Receiver().listening() as fixed, Receiver().listening() as others:
        owed = [
            await owe(pool, sealer, type_=type_, mottaker=mottaker)
            for type_, mottaker in (("M6", "1"), ("M8", "1"), ("M8", ""), ("M8", "2"), ("M14", ""))
        ]
        async with relaying(pool, tmp_path, Receivers({"1": her.url}, {"M8": fixed.url}, None)) as relays:
            await relays.round()
        assert await waiting(pool) == owed[3:]
        async with relaying(pool, tmp_path, Receivers({"1": her.url}, {"M8": fixed.url}, others.url)) as relays:
            await relays.until_delivered(pool)
    assert [sorted(one.causes()) for one in (her, fixed, others)] == [
        sorted(map(str, part)) for part in (owed[:2], owed[2:3], owed[3:])
    ]


async def test_a_relay_that_dies_between_sending_and_writing_down(
    pool: Pool, sealer: Sealer, receiver: Receiver, tmp_path: Path
) -> None:
    """The message is sent again when the lease is over, not before; then what follows it."""
    one, two = [str(await owe(pool, sealer, UUID(int=7))) for _ in range(2)]
    async with relaying(pool, tmp_path, everything_to(receiver), count=2) as relays:
        first, second = relays.relays
        assert first.courier is not None
        async with pool.acquire() as connection:
            await first.courier.step(connection)
        await asyncio.wait(first.courier.sending)
        assert receiver.causes() == [one]
        relays.clock.now += timedelta(seconds=29)
        await second.once()
        assert len(receiver.arrived) == 1
        relays.clock.now += timedelta(seconds=1)
        await second.once()
    assert [message["arsak"]["msg_id"] for message in receiver.arrived] == [one, one, two]
    assert await waiting(pool) == []


async def test_a_claim_whose_answer_is_lost(
    database_url: str, folder: Path, pool: Pool, sealer: Sealer, receiver: Receiver, tmp_path: Path
) -> None:
    """Nobody knows that the message was taken: it is sent when the lease is over."""
    network = LosingNetwork(database_url, folder)
    async with (
        network.working(),
        await open_pool(network.url, size=1) as unlucky,
        relaying(unlucky, tmp_path, everything_to(receiver)) as relays,
    ):
        await relays.round()
        await owe(pool, sealer)
        network.lose_next_answer()
        with pytest.raises((OSError, asyncpg.PostgresError, asyncpg.InterfaceError)):
            await relays.round()
        assert await pool.fetchval("SELECT forsok FROM utboks") == 1
        await relays.round()
        assert receiver.arrived == []
        relays.clock.now += MINUTE
        await relays.round()
    assert (network.lost, len(receiver.arrived), await waiting(pool)) == (1, 1, [])


async def test_an_outcome_that_could_not_be_written_down(
    database_url: str, folder: Path, pool: Pool, sealer: Sealer, receiver: Receiver, tmp_path: Path
) -> None:
    """It is written by the next round, and the message is not sent again."""
    await owe(pool, sealer)
    await owe(pool, sealer, opprettet=NOW + MINUTE)
    network = LosingNetwork(database_url, folder)
    async with (
        network.working(),
        await open_pool(network.url, size=1) as unlucky,
        relaying(unlucky, tmp_path, everything_to(receiver)) as relays,
    ):
        courier = relays.relays[0].courier
        assert courier is not None
        await relays.round()
        relays.clock.now += MINUTE
        async with unlucky.acquire() as connection:
            assert await courier.step(connection)
        await asyncio.wait(courier.sending)
        network.lose_next_answer()
        with pytest.raises((OSError, asyncpg.PostgresError, asyncpg.InterfaceError)):
            await relays.round()
        await relays.round()
    assert (network.lost, len(receiver.arrived), await waiting(pool)) == (1, 2, [])


async def test_what_a_deleted_prescription_owes_arrives_all_the_same(
    pool: Pool, sealer: Sealer, receiver: Receiver, tmp_path: Path
) -> None:
    """And is deleted by the next sweep."""
    batcher = Batcher(pool, sealer)
    new = resept()
    assert isinstance(await batcher.submit(m1(new)), Stored)
    await batcher.close()
    await owe(pool, sealer, new.resept_id, content={"Navn": "Line Danser"})
    async with pool.acquire() as connection:
        assert await retention.delete_expired(connection, new.utloper + timedelta(days=1), NOW) == 1
        async with relaying(pool, tmp_path, everything_to(receiver)) as relays:
            await relays.round()
        assert [message["innhold"] for message in receiver.arrived] == [{"Navn": "Line Danser"}]
        assert await retention.delete_delivered(connection) == 1
        assert await retention.delete_unowed_documents(connection) == 1


async def test_a_message_is_given_up_when_its_time_is_over(
    pool: Pool, sealer: Sealer, receiver: Receiver, tmp_path: Path
) -> None:
    """An hour before its row may be dropped, and never because of its attempts; what follows goes on."""
    receiver.answer = lambda _: 500
    old = await owe(pool, sealer, UUID(int=7))
    follows = await owe(pool, sealer, UUID(int=7), opprettet=NOW + timedelta(days=9))
    before = count_of("given_up")
    async with relaying(pool, tmp_path, everything_to(receiver)) as relays:
        for _ in range(50):
            await relays.round()
            relays.clock.now += 6 * MINUTE
        relays.clock.now = NOW + KEEP - timedelta(hours=1)
        await relays.round()
        assert (await waiting(pool), count_of("given_up")) == ([old, follows], before)
        receiver.answer = lambda _: 200
        receiver.arrived.clear()
        await pool.execute("UPDATE utboks SET neste = $1 WHERE msg_id = $2", relays.clock.now, old)
        relays.clock.now += timedelta(seconds=1)
        await relays.relays[0].look()
        assert (await waiting(pool), count_of("given_up")) == ([follows], before + 1)
        relays.clock.now += 6 * MINUTE
        await relays.round()
    assert receiver.causes() == [str(follows)]


async def test_a_redirect_is_not_followed(pool: Pool, sealer: Sealer, receiver: Receiver, tmp_path: Path) -> None:
    """Who is named in the file gets a message, nobody else; a redirect is a failure."""
    elsewhere = Receiver(lambda _: receiver.url)
    await owe(pool, sealer)
    async with elsewhere.listening(), relaying(pool, tmp_path, everything_to(elsewhere)) as relays:
        await relays.round()
    assert (len(elsewhere.arrived), len(receiver.arrived), len(await waiting(pool))) == (1, 0, 1)


async def test_a_silent_receiver_does_not_stop_the_others(
    pool: Pool, sealer: Sealer, receiver: Receiver, tmp_path: Path
) -> None:
    """Two hundred messages wait for who never answers; the twenty for another one arrive meanwhile."""
    silent = Receiver()
    silent.open.clear()
    for _ in range(200):
        await owe(pool, sealer, uuid4(), mottaker="1")
    for _ in range(20):
        await owe(pool, sealer, uuid4(), mottaker="2", opprettet=NOW + timedelta(milliseconds=1))
    stopped = asyncio.Event()
    async with silent.listening():
        receivers = Receivers({"1": silent.url, "2": receiver.url}, {}, None)
        async with relaying(pool, tmp_path, receivers) as relays:
            relays.clock.now += MINUTE
            running = asyncio.create_task(relays.relays[0].run(stopped))
            while len(receiver.arrived) < 20:
                await asyncio.sleep(0.01)
            assert 0 < len(silent.arrived) < 2 * relay.SHARE
            silent.open.set()
            stopped.set()
            await running


async def test_who_did_not_answer_is_left_alone_for_a_while(pool: Pool, sealer: Sealer, tmp_path: Path) -> None:
    """Its messages wait untouched: neither an attempt nor a slot is spent on it."""
    silent = Receiver()
    silent.open.clear()
    await owe(pool, sealer)
    async with silent.listening(), relaying(pool, tmp_path, everything_to(silent), seconds=0.1) as relays:
        await relays.round()
        follows = await owe(pool, sealer)
        await relays.round()
        assert len(silent.arrived) == 1
        assert await pool.fetchval("SELECT forsok FROM utboks WHERE msg_id = $1", follows) == 0


async def test_sigterm_lets_what_is_on_its_way_finish(
    pool: Pool, sealer: Sealer, receiver: Receiver, tmp_path: Path
) -> None:
    """Nothing new is taken, and what arrives is written down."""
    receiver.open.clear()
    await owe(pool, sealer, UUID(int=7))
    second = await owe(pool, sealer, UUID(int=7))
    stopped = asyncio.Event()
    async with relaying(pool, tmp_path, everything_to(receiver)) as relays:
        running = asyncio.create_task(relays.relays[0].run(stopped))
        while not receiver.arrived:
            await asyncio.sleep(0.01)
        stopped.set()
        await asyncio.sleep(0.05)
        assert not running.done()
        receiver.open.set()
        await running
    assert await waiting(pool) == [second]


async def test_a_message_that_cannot_be_opened_keeps_only_its_followers_back(
    pool: Pool, sealer: Sealer, receiver: Receiver, tmp_path: Path
) -> None:
    """One was changed, one has lost its data key; the others arrive."""
    changed, keyless, follows, good = [await owe(pool, sealer, UUID(int=number)) for number in (1, 2, 1, 3)]
    await pool.execute("UPDATE utboks SET innhold = innhold || 'x' WHERE msg_id = $1", changed)
    await pool.execute(
        "UPDATE utboks SET innhold = overlay(innhold PLACING '\\x7fffffff' FROM 3) WHERE msg_id = $1", keyless
    )
    async with relaying(pool, tmp_path, everything_to(receiver)) as relays:
        await relays.round()
    assert receiver.causes() == [str(good)]
    assert await waiting(pool) == [changed, keyless, follows]


HOSTILE: list[dict[str, Any]] = [
    {"Tekst": "x" * 5_000_000},
    {"Tekst": "\0\r\nHost: other\r\n\r\n\u2028\U0001f480</script>" * 1000},
    {"a": [[[[[[[[[[[["dypt"]]]]]]]]]]]], "": None, "\r\n": -1e308},
    {f"felt {n}": n for n in range(20_000)},
]


@pytest.mark.parametrize("content", HOSTILE, ids=["large", "odd", "deep", "many"])
async def test_content_of_any_kind_arrives_unchanged(
    pool: Pool, sealer: Sealer, receiver: Receiver, tmp_path: Path, content: dict[str, Any]
) -> None:
    """As it was owed."""
    await owe(pool, sealer, content=content)
    async with relaying(pool, tmp_path, everything_to(receiver)) as relays:
        await relays.round()
    assert [message["innhold"] for message in receiver.arrived] == [content]


async def test_nothing_personal_is_said(
    pool: Pool, sealer: Sealer, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Whatever a receiver answers, and whatever fails, the log tells type, host and kind of error alone."""
    log.configure("debug")
    secrets = {"Fnr": FNR, "Navn": "Line Danser"}
    answers = iter([500, 400, None, f"http://127.0.0.1/{FNR}", 302, 200])
    owed = [await owe(pool, sealer, content=secrets) for _ in range(8)]
    await pool.execute("UPDATE utboks SET innhold = innhold || 'x' WHERE msg_id = $1", owed[0])
    async with Receiver(lambda _: next(answers, 200)).listening() as receiver:
        receivers = Receivers({}, {}, receiver.url)
        async with relaying(pool, tmp_path, receivers) as relays:
            await relays.round()
    gone = Receivers({}, {}, "http://127.0.0.1:9/inn")
    async with relaying(pool, tmp_path, gone) as relays:
        relays.clock.now += 6 * MINUTE
        await relays.round()
    said = capsys.readouterr().out
    assert said.count('"not_delivered"') > 6
    assert '"host": "127.0.0.1"' in said
    for secret in (*secrets.values(), "Line", "/inn", *map(str, owed), "Traceback"):
        assert secret not in said
    assert FNR in str(receiver.arrived), "the search would find it"


async def test_without_receivers_it_only_watches(pool: Pool, sealer: Sealer) -> None:
    """Count and age are told; nothing is taken, given up or put off."""
    for minutes in (1, 3):
        await owe(pool, sealer, opprettet=NOW - minutes * MINUTE)
    before = await pool.fetch("SELECT * FROM utboks")
    await Relay(pool, None, KEEP, 1.0, lambda: NOW + 2 * KEEP).look()
    assert await pool.fetch("SELECT * FROM utboks") == before
    await Relay(pool, None, KEEP, 1.0, lambda: NOW).once()
    value = metrics.REGISTRY.get_sample_value
    assert value("reseptformidler_outbox_pending", {"melding": "M6"}) == 2
    assert value("reseptformidler_outbox_oldest_age_seconds") == 180


async def test_deliveries_are_counted(pool: Pool, sealer: Sealer, tmp_path: Path) -> None:
    """By type and outcome."""
    before = count_of("delivered"), count_of("failed")
    for _ in range(3):
        await owe(pool, sealer)
    answers = iter([500])
    async with (
        Receiver(lambda _: next(answers, 204)).listening() as receiver,
        relaying(pool, tmp_path, everything_to(receiver)) as relays,
    ):
        await relays.until_delivered(pool)
    assert (count_of("delivered"), count_of("failed")) == (before[0] + 3, before[1] + 1)


def test_pauses_grow_to_five_minutes() -> None:
    """However often it failed."""
    pauses = [relay.pause_after(attempts).total_seconds() for attempts in (1, 2, 3, 8, 9, 10, 10**9)]
    assert pauses == [1, 2, 4, 128, 256, 300, 300]
