"""The drill's parts that need no lab: the order of faults, the files it writes, the planted faults, the receivers."""

from __future__ import annotations

import subprocess
import tomllib
from pathlib import Path
from random import Random
from uuid import uuid4

import aiohttp
import pytest
import yaml

from loadtest.crash.history import Arrived, History, Listening, read
from loadtest.drill import receivers
from loadtest.drill.alerts import RULES, faster
from loadtest.drill.controls import CONTROLS
from loadtest.drill.faults import FAULTS
from loadtest.drill.run import order
from loadtest.lab.lab import CHECKOUT
from reseptformidler.domain.decision import Owed
from reseptformidler.receipts import answered
from reseptformidler.registers.receivers import Receivers
from reseptformidler.wire import rapport, reply
from reseptformidler.wire.schema import Schemas
from tests.store.build import NOW
from tests.store.owe import RF, virksomhet


def owed(type_: str, payload: bytes) -> bytes:
    """A message as the service sends it."""
    message = Owed(type_, virksomhet("9900001"), None, "m5", "c", payload)
    return reply.render_owed(msg_id=uuid4(), now=NOW, service=RF, owed=message)


def test_every_kind_of_fault_comes_before_any_comes_again() -> None:
    kinds = list(FAULTS)
    found = order(kinds, 2 * len(kinds) + 3, Random(1))
    assert len(found) == 2 * len(kinds) + 3
    assert sorted(found[: len(kinds)]) == sorted(found[len(kinds) : 2 * len(kinds)]) == sorted(kinds)
    assert found == order(kinds, len(found), Random(1)) != order(kinds, len(found), Random(2))


def test_alerts_that_must_fire_are_rules() -> None:
    groups = yaml.safe_load(RULES.read_text("utf-8"))["spec"]["groups"]
    known = {rule["alert"] for group in groups for rule in group["rules"] if "alert" in rule}
    assert {alert for fault in FAULTS.values() for alert in fault.alerts} <= known


def test_shortened_rules_are_still_rules(tmp_path: Path) -> None:
    """The same alerts, none waiting longer than some seconds."""
    before = yaml.safe_load(RULES.read_text("utf-8"))["spec"]["groups"]
    after = yaml.safe_load(faster(tmp_path).read_text("utf-8"))["groups"]
    names = [[rule.get("alert") for group in groups for rule in group["rules"]] for groups in (before, after)]
    assert names[0] == names[1]
    assert all(rule.get("for", "0s").endswith("s") for group in after for rule in group["rules"])


@pytest.mark.parametrize("name", CONTROLS)
def test_a_planted_fault_changes_one_place(name: str, tmp_path: Path) -> None:
    """The text that it replaces is still there, and the copy differs in that file alone."""
    control = CONTROLS[name]
    code = control.patched(CHECKOUT, tmp_path / "patched")
    if control.patch is None:
        assert code == CHECKOUT
        return
    differing = subprocess.run(
        ["diff", "-rq", "-x", "__pycache__", CHECKOUT / "reseptformidler", code / "reseptformidler"],
        check=False,
        capture_output=True,
        text=True,
    ).stdout.splitlines()
    assert [line.split()[1] for line in differing] == [str(CHECKOUT / control.patch.path)]


def test_the_file_of_receivers_is_one_the_service_reads(tmp_path: Path) -> None:
    text = receivers.receivers_toml("192.0.2.4", ["9900001", "9900002"])
    assert len(tomllib.loads(text)["mottaker"]) == 2 + len(receivers.TYPES) + 1
    (tmp_path / "receivers.toml").write_text(text)
    known = Receivers.load(tmp_path / "receivers.toml")
    assert known.by_her["9900001"] == "http://192.0.2.4:8090/her/9900001"
    assert set(known.by_type) == {"M8.1"}


async def test_receivers_write_down_what_they_have_and_misbehave(tmp_path: Path, unused_tcp_port: int) -> None:
    """A message that was refused has not arrived, one whose answer was lost has; the others are receipted."""
    refused = lost = taken = 0
    schemas = Schemas()
    m52, key = owed("M5.2", rapport.m52("r", "1")), {"Idempotency-Key": "a/m5/0"}
    url = f"http://127.0.0.1:{unused_tcp_port}/her/9900001"
    with History(tmp_path / "history.jsonl") as history:
        async with (
            receivers.receiving("127.0.0.1", history, Random(4), unused_tcp_port),
            aiohttp.ClientSession() as session,
        ):
            for _ in range(150):
                try:
                    async with session.post(url, data=m52, headers=key) as response:
                        refused += response.status == 503
                        receipt = answered(await response.read(), schemas)
                        taken += receipt is not None and receipt.status == "1"
                except aiohttp.ClientError:
                    lost += 1
    entries = list(read(history.path))
    arrived = [one for one in entries if isinstance(one, Arrived)]
    assert isinstance(entries[0], Listening)
    assert refused > 0
    assert lost > 0
    assert len(arrived) == taken + lost
    assert (arrived[0].type, arrived[0].cause, arrived[0].content) == ("M5.2", "m5", {"Status": "1"})


def test_what_a_delivered_message_tells() -> None:
    """Its prescription, whose M7 names in the M5 alone, and what it says of it."""
    m5 = b'<MsgHead><Tilbakekalling xmlns="x"><ReseptId>r</ReseptId></Tilbakekalling></MsgHead>'
    m7 = receivers.read_arrived(reply.with_attachments(owed("M7", rapport.m7(NOW)), [m5]), "c")
    assert (m7.type, m7.receiver, m7.cause, m7.parent, m7.resept, m7.content) == ("M7", "9900001", "c", "m5", "r", {})
    m6 = b'<M6 xmlns="x"><Utlevering><ReseptId>r</ReseptId><Annullering>true</Annullering></Utlevering></M6>'
    assert receivers.read_arrived(owed("M6", m6), "m10").content == {"Annullering": True}
