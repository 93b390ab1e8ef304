"""The checker accepts what could have happened and finds what could not: forged histories."""

from __future__ import annotations

from pathlib import Path

import pytest

from loadtest.crash.checker import CHANGED, CLASH, LOST, UNREAD, check
from tests.crash.forge import ALTA, BODO, DOCTOR, M1, RESEPT, Forged, apprec, m92, m94, ok


@pytest.fixture
def forged(tmp_path: Path) -> Forged:
    """A history with one acknowledged prescription."""
    forged = Forged(tmp_path / "history.jsonl")
    forged.prescribed()
    return forged


def kinds(forged: Forged) -> list[str]:
    return [one.kind for one in check(forged.written()).violations]


def test_a_life_as_it_should_be_is_accepted(forged: Forged) -> None:
    """Every verb once, with the answers of the published rules: nothing is found."""
    forged.downloaded(ALTA, "d1")
    forged.says(BODO, "download", "d2", apprec("d2", "69"))
    forged.says(BODO, "list", "l1", m92("l1", "U", ALTA))
    forged.reported(ALTA, "dispense", "r1")
    forged.says(ALTA, "dispense", "r2", apprec("r2", "357"))
    forged.says(ALTA, "cancel", "c1", apprec("c1", "41"))
    forged.downloaded(BODO, "d3", b"r1")
    forged.says(DOCTOR, "recall", "m5", apprec("m5", "13", accepted=True))
    forged.reported(BODO, "finish", "r3")
    forged.says(ALTA, "download", "d4", apprec("d4", "96"))
    forged.says(BODO, "list", "l2", m92("l2"))
    forged.reported(BODO, "annul", "a1", annuls="r3")
    forged.says(BODO, "annul", "a2", apprec("a2", "41"), annuls="r3")
    forged.says(ALTA, "download", "d5", apprec("d5", "97"))
    verdict = check(forged.written())
    assert verdict.violations == ()
    assert verdict.figures["prescriptions"] == 1
    assert verdict.figures["messages"] == 15


def test_a_lost_prescription_is_found(forged: Forged) -> None:
    """The M1 was acknowledged, and the list of everything does not have it."""
    forged.says(ALTA, "list_all", "l1", m92("l1"))
    assert kinds(forged) == [LOST]


def test_a_lost_state_is_found(forged: Forged) -> None:
    """It was finished, and stands in the list as if it were not."""
    forged.downloaded(ALTA, "d1")
    forged.reported(ALTA, "finish", "r1")
    forged.says(ALTA, "list_all", "l1", m92("l1", "E"))
    assert kinds(forged) == [LOST]


def test_a_lost_dispensing_is_found(forged: Forged) -> None:
    """The next pharmacy is not told of a dispensing that was acknowledged."""
    forged.downloaded(ALTA, "d1")
    forged.reported(ALTA, "dispense", "r1")
    forged.downloaded(BODO, "d2")
    assert kinds(forged) != []


def test_other_bytes_than_those_signed_are_found(forged: Forged) -> None:
    """The M9.4 carries an M1 that nobody sent."""
    forged.says(ALTA, "download", "d1", m94("d1", M1 + b" "))
    assert kinds(forged) != []


def test_two_holders_are_found(forged: Forged) -> None:
    """Two pharmacies were given the prescription, and none had let it go."""
    forged.downloaded(ALTA, "d1")
    forged.downloaded(BODO, "d2")
    assert kinds(forged) == [CLASH]


def test_two_holders_at_the_same_time_are_found(forged: Forged) -> None:
    """The same when both asked at the same time: no order explains it."""
    forged.says(ALTA, "download", "d1", m94("d1", M1), at=(10, 12))
    forged.says(BODO, "download", "d2", m94("d2", M1), at=(10.5, 11.5))
    assert kinds(forged) == [CLASH]


def test_a_double_dispensing_is_found(forged: Forged) -> None:
    """Two reports for one download."""
    forged.downloaded(ALTA, "d1")
    forged.reported(ALTA, "dispense", "r1")
    forged.reported(ALTA, "dispense", "r2")
    assert kinds(forged) == [CLASH]


def test_a_dispensing_of_what_another_holds_is_found(forged: Forged) -> None:
    """The report came from a pharmacy that had not downloaded."""
    forged.downloaded(ALTA, "d1")
    forged.reported(BODO, "dispense", "r1")
    assert kinds(forged) == [CLASH]


def test_a_dispensing_after_the_end_is_found(forged: Forged) -> None:
    """What was finished cannot be dispensed."""
    forged.downloaded(ALTA, "d1")
    forged.reported(ALTA, "finish", "r1")
    forged.downloaded(BODO, "d2", b"r1")
    assert kinds(forged) == [CLASH]


def test_concurrent_requests_may_have_happened_in_any_order(forged: Forged) -> None:
    """The download that ended last was first; the one that was refused came between."""
    forged.says(ALTA, "download", "d1", m94("d1", M1), at=(10, 20))
    forged.says(BODO, "download", "d2", apprec("d2", "69"), at=(11, 12))
    forged.says(BODO, "list", "l1", m92("l1", "E"), at=(10.5, 19))
    assert kinds(forged) == []


def test_what_was_answered_before_is_never_later(forged: Forged) -> None:
    """The list began after the download was answered: it must show the holder."""
    forged.says(ALTA, "download", "d1", m94("d1", M1), at=(10, 12))
    forged.says(BODO, "list", "l1", m92("l1", "E"), at=(12.1, 19))
    assert kinds(forged) == [LOST]


def test_what_was_never_answered_may_have_happened(forged: Forged) -> None:
    """Nobody told Alta that it holds the prescription, but it does."""
    forged.says(ALTA, "download", "d1", None)
    forged.says(BODO, "download", "d2", apprec("d2", "69"))
    assert kinds(forged) == []


def test_what_was_never_answered_may_happen_late_or_never(forged: Forged) -> None:
    """An M1 without an answer is absent, then there."""
    late = Forged(forged.path)
    late.says(DOCTOR, "prescribe", RESEPT, None)
    late.says(ALTA, "list_all", "l1", m92("l1"))
    late.says(ALTA, "list_all", "l2", m92("l2", "E"))
    assert kinds(late) == []


def test_what_was_never_answered_did_not_happen_before_it_was_asked(forged: Forged) -> None:
    """Somebody holds it, and nobody had asked yet."""
    forged.says(BODO, "download", "d2", apprec("d2", "69"))
    forged.says(ALTA, "download", "d1", None)
    assert kinds(forged) != []


def test_a_repeat_counts_once(forged: Forged) -> None:
    """The same report, sent three times, is one dispensing."""
    forged.downloaded(ALTA, "d1")
    forged.says(ALTA, "dispense", "r1", None)
    forged.reported(ALTA, "dispense", "r1")
    forged.reported(ALTA, "dispense", "r1")
    forged.says(BODO, "list", "l1", m92("l1", "E"))
    verdict = check(forged.written())
    assert verdict.violations == ()
    assert verdict.figures["answers compared with the first one"] == 1


def test_a_changed_answer_is_found(forged: Forged) -> None:
    """The repeat was accepted like the first one, but in other bytes."""
    forged.says(DOCTOR, "prescribe", RESEPT, ok(RESEPT).replace("</Envelope>", " </Envelope>"))
    assert kinds(forged) == [CHANGED]


def test_another_messages_answer_is_found(forged: Forged) -> None:
    """An acceptance that names another message."""
    forged.downloaded(ALTA, "d1")
    forged.says(ALTA, "dispense", "r1", ok("r2"))
    assert kinds(forged) == [CHANGED]


def test_what_is_no_answer_is_found(forged: Forged) -> None:
    """A message in order must be answered with a message."""
    forged.says(ALTA, "list", "l1", "<Fault/>", status=400)
    assert kinds(forged) == [UNREAD]
