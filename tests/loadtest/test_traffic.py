"""The traffic: its mix, its order, and that the service answers each message as the traffic expects."""

from __future__ import annotations

import re
from base64 import b64decode
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import pytest
from pydantic import SecretStr

from loadtest.answers import Message, all_wrong
from loadtest.client import Client
from loadtest.drive import closed_loop
from loadtest.traffic import BAD_EVERY, MIX, Traffic
from loadtest.world import registers_toml
from reseptformidler import app
from reseptformidler.registers.fixed import FixedRegisters
from reseptformidler.sandbox.pki import Pki
from reseptformidler.sandbox.population import APOTEK, LEGEKONTOR, LEGER
from reseptformidler.settings import Settings
from reseptformidler.store.keys import FileKek

BLOCKS = 10
NUMBER = BLOCKS * sum(MIX.values())
STOCK = 60


@pytest.fixture(scope="module")
def pki(tmp_path_factory: pytest.TempPathFactory) -> Pki:
    """An authority with one card."""
    return Pki.open(tmp_path_factory.mktemp("pki") / "pki", datetime.now(UTC))


def stocked(pki: Pki) -> tuple[Traffic, list[list[Message]]]:
    """Traffic with its stock, and the messages that make it."""
    traffic = Traffic.of(pki, doctors=1, patients=50)
    return traffic, [traffic.m1s(2 * STOCK), traffic.m93s(STOCK)]


def good(messages: Sequence[Message]) -> list[Message]:
    return [one for one in messages if one.expected.status == 200 and not one.expected.code]


def resept_id(message: Message) -> str:
    """Of an M1, M9.3 or M10."""
    encoded = re.search(rb"<t:dokument[^>]*>([^<]*)<", message.request)
    assert encoded
    name = b"MsgId" if message.kind == "M1" else b"ReseptId"
    found = re.search(b"<%s>([^<]*)<" % name, b64decode(encoded[1]))
    assert found
    return found[1].decode()


def test_the_mix_is_exact(pki: Pki) -> None:
    """In whole blocks the types stand exactly as planned, and each tenth of a type is wrong."""
    traffic, _ = stocked(pki)
    mix = traffic.mix(NUMBER)
    kinds = Counter(one.kind for one in mix)
    assert kinds == {kind: BLOCKS * times for kind, times in MIX.items()}
    assert kinds - Counter(one.kind for one in good(mix)) == {kind: n // BAD_EVERY for kind, n in kinds.items()}


def test_a_seed_gives_an_order(pki: Pki) -> None:
    """Two runs send the types in the same order, another seed in another one."""
    orders = []
    for seed in (1, 1, 2):
        traffic = Traffic.of(pki, doctors=1, patients=50, seed=seed)
        traffic.m1s(2 * STOCK)
        traffic.m93s(STOCK)
        orders.append([one.kind for one in traffic.mix(NUMBER)])
    assert orders[0] == orders[1] != orders[2]


def test_what_needs_a_message_comes_long_after_it(pki: Pki) -> None:
    """A download follows its M1, or the dispensing before, by most of a stock; a dispensing its download likewise."""
    traffic, before = stocked(pki)
    order = [*before[0], *before[1], *traffic.mix(NUMBER)]
    last: dict[str, tuple[str, int]] = {}
    follows = {"M1": {""}, "M9.3": {"M1", "M10"}, "M10": {"M9.3"}}
    for place, message in enumerate(one for one in good(order) if one.kind in follows):
        name = resept_id(message)
        kind, earlier = last.get(name, ("", -STOCK))
        assert kind in follows[message.kind]
        assert place - earlier >= STOCK // 2
        last[name] = (message.kind, place)


async def test_the_service_answers_as_expected(pki: Pki, database_url: str, tmp_path: Path) -> None:
    """Every message of the mix, wrong ones too, gets the answer that the load test wants."""
    FileKek.create(tmp_path / "kek")
    (tmp_path / "registers.toml").write_text(registers_toml(), "utf-8")
    settings = Settings(
        database_url=SecretStr(database_url),
        kek_file=tmp_path / "kek",
        trust_dir=pki.trust_dir,
        registers=(tmp_path / "registers.toml",),
        port=0,
    )
    traffic, before = stocked(pki)
    async with app.service(settings) as service, service.listening() as port, Client(port, 8) as client:
        await client.connect()
        for messages in (*before, traffic.mix(4 * sum(MIX.values()))):
            load = await closed_loop(client, messages, waiting=8)
            assert len(load.sent) == len(messages)
            assert not all_wrong(load.sent)


def test_the_registers_of_the_load_are_the_sandboxs(tmp_path: Path) -> None:
    """Written as a file and read again, nobody is lost or changed."""
    path = tmp_path / "registers.toml"
    path.write_text(registers_toml(), "utf-8")
    read = FixedRegisters.load([path])
    assert set(read.aktorer) == {*LEGEKONTOR, *APOTEK}
    assert [read.helsepersonell_by_person(lege.kort) for lege in LEGER] == [lege.helsepersonell for lege in LEGER]
