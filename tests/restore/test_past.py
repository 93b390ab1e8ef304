"""What had happened at a moment, and what is done to files: forged histories, forged archives."""

from __future__ import annotations

import json
import time
from dataclasses import asdict
from math import inf
from pathlib import Path
from typing import Any

import pytest

from loadtest.crash.checker import LOST, check
from loadtest.crash.history import Asked, History
from loadtest.crash.post import Letter
from loadtest.restore.disaster import DAMAGED_BYTES, damage_file, segment_of
from loadtest.restore.load import past
from loadtest.restore.mark import lsn_number
from tests.crash.forge import DOCTOR, RESEPT, m92, ok


def asked(verb: str, msg_id: str, resept: str = RESEPT) -> Asked:
    return Asked(DOCTOR, verb, msg_id, resept if verb == "prescribe" else "", 0, sha256=msg_id)


def line(kind: str, at: float, **fields: Any) -> str:
    return json.dumps({"kind": kind, **fields, "at": at}) + "\n"


def prescribe(no: int, msg_id: str, at: float) -> str:
    fields = {**asdict(asked("prescribe", msg_id, msg_id)), "no": no}
    del fields["at"]
    return line("Asked", at, **fields)


@pytest.fixture
def history(tmp_path: Path) -> Path:
    """A prescription that is answered in the first second, one answered after it, one asked after it."""
    path = tmp_path / "history"
    path.write_text(
        prescribe(0, RESEPT, at=0.1)
        + line("Answered", 0.2, no=0, status=200, sha256="a", body=ok(RESEPT))
        + prescribe(1, "late", at=0.3)
        + line("Answered", 1.5, no=1, status=200, sha256="b", body=ok("late"))
        + prescribe(2, "later", at=1.6)
    )
    return path


def test_the_past_ends_at_its_moment(history: Path, tmp_path: Path) -> None:
    """What was answered later is unanswered, what was asked later was never asked."""
    kept = {DOCTOR: [Letter(asked("prescribe", one), "", "", b"") for one in (RESEPT, "late")]}
    before = past(history, kept, 1.0, tmp_path / "before")
    assert set(before.answered) == {RESEPT}
    assert set(before.prescribed) == {RESEPT, "late"}
    assert [one.asked.msg_id for one in before.kept[DOCTOR]] == [RESEPT]
    verdict = check(before.path)
    assert (verdict.figures["messages"], verdict.figures["messages without an answer"]) == (2, 1)
    assert set(past(history, kept, inf, tmp_path / "all").answered) == {RESEPT, "late"}


def test_a_restore_without_an_acknowledged_prescription_is_seen(history: Path, tmp_path: Path) -> None:
    """The checker, on the past and on what the restored service says, finds what is lost."""
    before = past(history, {}, 1.0, tmp_path / "before")
    with History(tmp_path / "after", begun=time.monotonic() - 5) as after:
        after.answered(after.asked(asked("list_all", "l1")), 200, m92("l1").encode())
    assert [one.kind for one in check(before.path, after.path).violations] == [LOST]


def test_a_position_of_the_wal_is_found_in_the_archive(tmp_path: Path) -> None:
    """Whole segments lie in folders of 256, the one that streams in has an ending."""
    whole, streaming = tmp_path / "wals" / "0000000100000001", tmp_path / "streaming"
    whole.mkdir(parents=True)
    streaming.mkdir()
    (whole / "0000000100000001000000A2").touch()
    (streaming / "0000000100000001000000A3.partial").touch()
    folders = (tmp_path / "wals", streaming)
    assert segment_of(lsn_number("1/A2000010"), folders) == (whole / "0000000100000001000000A2", 0x10)
    assert segment_of(lsn_number("1/A3ABCDEF"), folders)[0].parent == streaming


def test_damage_stays_where_it_is_done(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(bytes(1000))
    damage_file(path, 100)
    assert path.read_bytes() == bytes(100) + b"\xff" * DAMAGED_BYTES + bytes(1000 - 100 - DAMAGED_BYTES)
