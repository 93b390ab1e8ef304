"""The relay: everything arrives, at least once and in order, whatever fails; and nothing is said that must not be."""

from __future__ import annotations

import asyncio
import json
import random
from base64 import b64decode
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from uuid import UUID, uuid4

import aiohttp
import asyncpg
import pytest
from lxml import etree

from reseptformidler import log, metrics, relay
from reseptformidler.client.apprec import apprec
from reseptformidler.client.parter import Adresse, Virksomhet
from reseptformidler.domain.decision import Vedlegg
from reseptformidler.domain.hode import OID, Kode
from reseptformidler.registers.receivers import Receivers
from reseptformidler.relay import Courier, Relay
from reseptformidler.store import queries, retention
from reseptformidler.store.batch import Batcher, Stored
from reseptformidler.store.encode import Encoder
from reseptformidler.store.keys import FileKek, open_keyring
from reseptformidler.store.pool import Pool, open_pool
from reseptformidler.store.seal import Sealer
from reseptformidler.wire import reply
from reseptformidler.wire.apprec import NAMESPACE
from reseptformidler.wire.receipt import VERSION_1_1
from reseptformidler.wire.schema import Schemas
from tests.receiver import Answer, Receiver, well
from tests.store.build import FNR, LEGE, NOW, m1, resept
from tests.store.faults import LosingNetwork
from tests.store.owe import owe, owe_facts, waiting

PATIENCE = timedelta(hours=72)
SCHEMAS = Schemas()
KONTOR = Virksomhet("Et kontor", "1", "915933149", Adresse("Lillegata 1", "0123", "Oslo"), "22222222")
DAY, MINUTE = timedelta(days=1), timedelta(minutes=1)
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
    """So many relays; `seconds` is how long they wait for an answer."""
    processes = Relays()
    kek = FileKek(tmp_path / "kek")
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=seconds)) as session:
        for _ in range(count):
            async with pool.acquire() as connection:
                keys = await open_keyring(connection, kek, NOW)
            courier = Courier(receivers, Encoder(Sealer(keys)), keys, SCHEMAS, session, PATIENCE, processes.clock)
            processes.relays.append(Relay(pool, courier, 0.02, processes.clock))
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


def in_order(receiver: Receiver, owed: Mapping[str, list[str]]) -> Mapping[str, list[str]]:
    """First arrivals by prescription."""
    order: defaultdict[str, list[str]] = defaultdict(list)
    of = {cause: resept_id for resept_id, causes in owed.items() for cause in causes}
    for cause in receiver.causes():
        order[of[cause]].append(cause)
    return order


async def stranded(pool: Pool) -> dict[UUID, str]:
    """What is stranded and why, by the MsgId of its cause."""
    return {row["msg_id"]: row["arsak"] for row in await pool.fetch("SELECT msg_id, arsak FROM utboks_strandet")}


def gauge(cause: str) -> float:
    return metrics.REGISTRY.get_sample_value("reseptformidler_outbox_stranded", {"cause": cause}) or 0


def count_of(outcome: str, melding: str = "M6") -> float:
    label = {"melding": melding, "outcome": outcome}
    return metrics.REGISTRY.get_sample_value("reseptformidler_outbox_deliveries_total", label) or 0


def fails_at_random(seed: int) -> Receiver:
    """Half of what it reads is lost, refused, or taken without a word that can be understood."""
    dice = random.Random(seed)
    return Receiver(lambda _: dice.choice([204, 200, 202, 500, 503, None]))


async def test_everything_arrives_in_order_at_a_receiver_that_fails(pool: Pool, sealer: Sealer, tmp_path: Path) -> None:
    """Three relays race; one message of two fails; first arrivals are in the order in which they were owed (G6)."""
    owed = await owe_many(pool, sealer, prescriptions=12, each=5)
    async with (
        fails_at_random(1).listening() as receiver,
        relaying(pool, tmp_path, everything_to(receiver), count=3) as relays,
    ):
        await relays.until_delivered(pool)
    assert in_order(receiver, owed) == owed
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
    arrived = in_order(receiver, owed)
    assert {resept_id: sorted(causes) for resept_id, causes in arrived.items()} == {
        resept_id: sorted(causes) for resept_id, causes in owed.items()
    }
    assert arrived != owed


async def test_what_is_sent(pool: Pool, sealer: Sealer, receiver: Receiver, tmp_path: Path) -> None:
    """The message of the standard under the MsgId of its row, and a key by which a receiver knows a repeat."""
    cause = await owe(pool, sealer, uuid4(), type_="M5.2", mottaker="8090595")
    receiver.answer = lambda number: (500, 204)[number]
    async with relaying(pool, tmp_path, everything_to(receiver)) as relays:
        await relays.until_delivered(pool)
    first, again = receiver.arrived
    assert first.octets == again.octets, "it is made once"
    melding_id = await pool.fetchval("SELECT melding_id FROM utboks")
    head = first.head
    assert (head.type.v, head.msg_id, head.gen_date) == ("ERM52", melding_id, NOW)
    assert (head.receiver.ident("HER"), head.ref_to_parent) == ("8090595", str(cause))
    for message in receiver.arrived:
        assert message.headers["Idempotency-Key"] == f"{LEGE}/{cause}/0"
        assert message.headers["Content-Type"] == "text/xml; charset=utf-8"


async def test_what_is_attached_comes_along(pool: Pool, sealer: Sealer, receiver: Receiver, tmp_path: Path) -> None:
    """Byte for byte: from the prescription, or, when that is deleted, from what was kept; what is gone is left out."""
    batcher, expired, stays = Batcher(pool, sealer), resept(), replace(resept(), utloper=NOW.date() + 900 * DAY)
    for one in (expired, stays):
        assert isinstance(await batcher.submit(m1(one)), Stored)
    await batcher.close()
    documents = tuple(Vedlegg(one.resept_id, one.resept_id) for one in (expired, stays))
    await owe(pool, sealer, expired.resept_id, attachments=(*documents, Vedlegg(uuid4(), uuid4())))
    async with pool.acquire() as connection:
        assert await retention.delete_expired(connection, expired.utloper + DAY, NOW) == 1
    async with relaying(pool, tmp_path, everything_to(receiver)) as relays:
        await relays.round()
    (arrived,) = receiver.arrived
    attached = [b64decode(one.text or "") for one in etree.fromstring(arrived.octets).iter(f"{{{reply.BASE64}}}*")]
    assert attached == [f"<M1>{one.resept_id}</M1>".encode() for one in (expired, stays)]


async def test_what_an_older_release_recorded(pool: Pool, sealer: Sealer, receiver: Receiver, tmp_path: Path) -> None:
    """Facts, not a message: they go as that release sent them. A receipt in the answer is for no message of ours."""
    resept_id, content = uuid4(), {"Status": "1", "Navn": "Å"}
    receiver.answer = lambda _: b"<AppRec/>"
    cause = await owe_facts(pool, sealer, content, resept_id=resept_id)
    async with relaying(pool, tmp_path, everything_to(receiver)) as relays:
        await relays.round()
    (arrived,) = receiver.arrived
    assert json.loads(arrived.octets) == {
        "type": "M6", "mottaker": "1", "arsak": {"avsender": LEGE, "msg_id": str(cause), "lopenr": 0},
        "resept_id": str(resept_id), "ref_to_parent": "parent", "ref_to_conversation": "conversation",
        "innhold": content,
    }  # fmt: skip
    assert arrived.headers["Content-Type"] == "application/json"
    assert await waiting(pool) == []


async def test_each_message_goes_to_its_receiver(pool: Pool, sealer: Sealer, tmp_path: Path) -> None:
    """Of its HER-id, else of its type, else who takes all others; without one it stays owed."""
    async with Receiver().listening() as her, Receiver().listening() as fixed, Receiver().listening() as others:
        owed = [
            await owe(pool, sealer, type_=type_, mottaker=mottaker)
            for type_, mottaker in (("M6", "1"), ("M8", "1"), ("M8", ""), ("M8", "2"), ("M14", ""), ("M6", "2"))
        ]
        async with relaying(pool, tmp_path, Receivers({"1": her.url}, {"M8": fixed.url}, None)) as relays:
            await relays.round()
        assert await waiting(pool) == owed[4:]
        async with relaying(pool, tmp_path, Receivers({"1": her.url}, {"M8": fixed.url}, others.url)) as relays:
            await relays.until_delivered(pool)
    assert [sorted(one.causes()) for one in (her, fixed, others)] == [
        sorted(map(str, part)) for part in (owed[:2], owed[2:4], owed[4:])
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
    assert [message.cause for message in receiver.arrived] == [one, one, two]
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
    cause = await owe(pool, sealer, new.resept_id)
    async with pool.acquire() as connection:
        assert await retention.delete_expired(connection, new.utloper + DAY, NOW) == 1
        async with relaying(pool, tmp_path, everything_to(receiver)) as relays:
            await relays.round()
        assert receiver.causes() == [str(cause)]
        assert await retention.delete_delivered(connection) == 1
        assert await retention.delete_unowed_documents(connection) == 1


async def test_a_message_is_given_up_when_its_time_is_over(
    pool: Pool, sealer: Sealer, receiver: Receiver, tmp_path: Path
) -> None:
    """By its age, never because of its attempts: it strands with its last cause, and what follows goes on."""
    receiver.answer = lambda _: 500
    old = await owe(pool, sealer, UUID(int=7))
    follows = await owe(pool, sealer, UUID(int=7), opprettet=NOW + 9 * MINUTE)
    before = count_of("given_up")
    async with relaying(pool, tmp_path, everything_to(receiver)) as relays:
        for _ in range(20):
            await relays.round()
            relays.clock.now += 6 * MINUTE
        relays.clock.now = NOW + PATIENCE - timedelta(seconds=1)
        await relays.round()
        assert (await waiting(pool), count_of("given_up")) == ([old, follows], before)
        receiver.answer = well
        receiver.arrived.clear()
        relays.clock.now += 6 * MINUTE
        await relays.round()
        assert (await waiting(pool), count_of("given_up")) == ([follows], before + 1)
        relays.clock.now += MINUTE
        await relays.round()
    assert receiver.causes() == [str(follows)]
    assert await stranded(pool) == {old: "HTTP 500"}
    assert gauge("given_up") == 1


@pytest.mark.parametrize(
    "answer, cause",
    [(lambda _: 503, "HTTP 503"), (lambda _: None, "ServerDisconnectedError"), (lambda _: "/", "HTTP 307")],
)
async def test_the_last_cause_is_known(pool: Pool, sealer: Sealer, tmp_path: Path, answer: Answer, cause: str) -> None:
    """A status, or the kind of error; of what has no receiver, that."""
    one = await owe(pool, sealer, mottaker="1")
    nobody = await owe(pool, sealer, mottaker="2")
    async with (
        Receiver(answer).listening() as receiver,
        relaying(pool, tmp_path, Receivers({"1": receiver.url}, {}, None)) as relays,
    ):
        await relays.round()
        relays.clock.now += PATIENCE
        await relays.round()
    assert await stranded(pool) == {one: cause, nobody: "no receiver"}


def receipt(original: bytes, *codes: str, version: str = "1.0") -> bytes:
    """The AppRec for a message, OK or refused with these codes of list 8221."""
    written = apprec(uuid4(), NOW, KONTOR, original, tuple(Kode(code, "Feil", f"{OID}8221") for code in codes))
    if version == "1.1":
        written = written.replace(NAMESPACE.encode(), VERSION_1_1.encode())
        written = written.replace(b"1.0 2004-11-21", b"v1.1 2012-02-15")
    return written


def receipts_of(status: str, melding: str = "M6") -> float:
    label = {"melding": melding, "status": status}
    return metrics.REGISTRY.get_sample_value("reseptformidler_receipts_total", label) or 0


@pytest.mark.parametrize("version", ["1.0", "1.1"])
async def test_a_receipt_in_the_answer(
    pool: Pool, sealer: Sealer, receiver: Receiver, tmp_path: Path, version: str
) -> None:
    """OK is written down; a refusal strands the message, with its codes, and what follows goes on."""
    one, two = [await owe(pool, sealer, UUID(int=7)) for _ in range(2)]
    codes = [("E10", "T99"), ()]
    receiver.answer = lambda number: receipt(receiver.arrived[number].octets, *codes[number], version=version)
    before = [receipts_of(status) for status in "12"]
    async with relaying(pool, tmp_path, everything_to(receiver)) as relays:
        await relays.round()
    rows = await pool.fetch("SELECT msg_id, status, kvittering, kvittert FROM utboks ORDER BY plass")
    assert list(map(tuple, rows)) == [(one, "F", "2", NOW), (two, "S", "1", NOW)]
    assert await stranded(pool) == {one: "refused E10 T99"}
    assert gauge("refused") == 1
    assert [receipts_of(status) for status in "12"] == [before[0] + 1, before[1] + 1]


NO_RECEIPTS: dict[str, Callable[[bytes], bytes]] = {
    "empty": lambda _: b"",
    "a page": lambda _: b"<html><body>takk</body></html>",
    "no XML": lambda _: b"OK\0",
    "too large": lambda octets: receipt(octets) + b" " * relay.MOST_ANSWER,
    "breaks the schema": lambda octets: receipt(octets).replace(b"<Status", b"<Statuss"),
    "a status of no list": lambda octets: receipt(octets).replace(b'<Status V="1"', b'<Status V="4"'),
    "for another message": lambda octets: receipt(octets).replace(octets.split(b"MsgId>")[1][:36], b"%036d" % 0),
}


@pytest.mark.parametrize("answer", NO_RECEIPTS.values(), ids=NO_RECEIPTS)
async def test_an_answer_that_is_no_receipt_for_the_message(
    pool: Pool, sealer: Sealer, receiver: Receiver, tmp_path: Path, answer: Callable[[bytes], bytes]
) -> None:
    """It has arrived all the same: the status says so, and its receipt may come later."""
    await owe(pool, sealer)
    receiver.answer = lambda number: answer(receiver.arrived[number].octets)
    async with relaying(pool, tmp_path, everything_to(receiver)) as relays:
        await relays.round()
    assert [tuple(row) for row in await pool.fetch("SELECT status, kvittering FROM utboks")] == [("S", None)]
    assert await stranded(pool) == {}


async def test_codes_that_are_none_are_not_written_down(
    pool: Pool, sealer: Sealer, receiver: Receiver, tmp_path: Path
) -> None:
    """What a receiver writes there may be anything, an identity number too."""
    one = await owe(pool, sealer)
    receiver.answer = lambda number: receipt(receiver.arrived[number].octets, FNR, "E10", "Line Danser")
    async with relaying(pool, tmp_path, everything_to(receiver)) as relays:
        await relays.round()
    assert await stranded(pool) == {one: "refused E10"}


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


async def test_a_large_message_arrives_unchanged(
    pool: Pool, sealer: Sealer, receiver: Receiver, tmp_path: Path
) -> None:
    """However large, and whatever letters it has."""
    text = "<Tekst>" + "x\u2028\U0001f480</Tekst><Tekst>" * 500_000 + "</Tekst>"
    await owe(pool, sealer, payload=f"<a>{text}</a>".encode())
    async with relaying(pool, tmp_path, everything_to(receiver)) as relays:
        await relays.round()
    assert text.encode() in receiver.arrived[0].octets


async def test_nothing_personal_is_said(
    pool: Pool, sealer: Sealer, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Whatever a receiver answers, and whatever fails, the log tells type, host and kind of error alone."""
    log.configure("debug")
    secrets = f"<Fnr>{FNR}</Fnr><Navn>Line Danser</Navn>".encode()
    answers = iter([500, 400, None, f"http://127.0.0.1/{FNR}", 302, 200])
    owed = [await owe(pool, sealer, payload=secrets) for _ in range(8)]
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
    for secret in (FNR, "Line", "/inn", *map(str, owed), "Traceback"):
        assert secret not in said
    assert FNR.encode() in receiver.arrived[0].octets, "the search would find it"


async def test_without_receivers_it_only_watches(pool: Pool, sealer: Sealer) -> None:
    """Count and age are told; nothing is taken, given up or put off."""
    for minutes in (1, 3):
        await owe(pool, sealer, opprettet=NOW - minutes * MINUTE)
    before = await pool.fetch("SELECT * FROM utboks")
    await Relay(pool, None, 1.0, lambda: NOW + 2 * PATIENCE).look()
    assert await pool.fetch("SELECT * FROM utboks") == before
    await Relay(pool, None, 1.0, lambda: NOW).once()
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
