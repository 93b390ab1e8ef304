"""What is owed to others: the checker knows whom each change must tell, and sees what is missing, wrong, disordered."""

from __future__ import annotations

from pathlib import Path

import pytest

from loadtest.crash.checker import BEYOND, CLASH, DISORDER, LOST, UNDELIVERED, UNOWED, check
from tests.crash.forge import ALTA, BODO, DOCTOR, HER, OTHER_DOCTOR, RESEPT, RIGHT, Forged, apprec, ok


@pytest.fixture
def forged(tmp_path: Path) -> Forged:
    """Receivers that listen, and one acknowledged prescription."""
    forged = Forged(tmp_path / "history.jsonl")
    forged.listens()
    forged.prescribed()
    return forged


def kinds(forged: Forged) -> list[str]:
    return [one.kind for one in check(forged.written()).violations]


def dispensed(forged: Forged, who: str, m10: str, verb: str = "dispense", *earlier: bytes) -> None:
    forged.downloaded(who, f"d-{m10}", *earlier)
    forged.reported(who, verb, m10)


def recalled(forged: Forged, who: str, m5: str, *, waits: bool = False) -> None:
    forged.says(who, "recall", m5, apprec(m5, "13", accepted=True) if waits else ok(m5))
    forged.arrives("M5.2", m5, HER[who], "2" if waits else "1")


def test_everything_owed_has_arrived(forged: Forged) -> None:
    """A dispensing, its annulment, a cancel, and a recall by another doctor; repeats of what arrived do no harm."""
    dispensed(forged, ALTA, "r1")
    forged.reports_arrive("r1")
    forged.reported(ALTA, "annul", "a1", annuls="r1")
    forged.reports_arrive("a1", "annuls")
    forged.reports_arrive("r1")
    dispensed(forged, BODO, "c1", "cancel")
    recalled(forged, OTHER_DOCTOR, "m5")
    forged.arrives("M7", "m5", HER[DOCTOR])
    verdict = check(forged.written())
    assert verdict.violations == ()
    assert verdict.figures["owed messages that arrived"] == 6
    assert verdict.figures["  of them again"] == 2


@pytest.mark.parametrize("missing", ["M6", "M8.1"])
def test_a_report_that_never_arrives_is_found(forged: Forged, missing: str) -> None:
    dispensed(forged, ALTA, "r1")
    forged.reports_arrive("r1", but=missing)
    assert kinds(forged) == [UNDELIVERED]


def test_a_receipt_that_never_arrives_is_found(forged: Forged) -> None:
    """The recall was accepted, and its M5.2 is nowhere."""
    forged.says(DOCTOR, "recall", "m5", ok("m5"))
    assert kinds(forged) == [UNDELIVERED]


def test_an_m7_that_never_arrives_is_found(forged: Forged) -> None:
    """Another doctor recalled the prescription, and its prescriber was not told."""
    recalled(forged, OTHER_DOCTOR, "m5")
    assert kinds(forged) == [UNDELIVERED]


def test_a_recall_that_waited_is_told_when_it_takes_effect(forged: Forged) -> None:
    """First that it waits; then, when the holder lets go, that it is recalled: with the M10 as the cause."""
    forged.downloaded(ALTA, "d1")
    recalled(forged, OTHER_DOCTOR, "m5", waits=True)
    forged.reported(ALTA, "cancel", "c1")
    forged.arrives("M5.2", "c1", HER[OTHER_DOCTOR], "1", parent="m5")
    assert kinds(forged) == [UNDELIVERED]
    forged.arrives("M7", "c1", HER[DOCTOR], parent="m5")
    assert kinds(forged) == []


def test_a_recall_that_waited_for_the_end_has_no_effect_any_more(forged: Forged) -> None:
    """The holder finished the prescription: nothing is left to recall. An annulment opens it, and the recall acts."""
    forged.downloaded(ALTA, "d1")
    recalled(forged, DOCTOR, "m5", waits=True)
    forged.reported(ALTA, "finish", "r1")
    forged.reports_arrive("r1")
    assert kinds(forged) == []
    forged.reported(ALTA, "annul", "a1", annuls="r1")
    forged.reports_arrive("a1", "annuls")
    assert kinds(forged) == [UNDELIVERED]
    forged.arrives("M5.2", "a1", HER[DOCTOR], "1", parent="m5")
    assert kinds(forged) == []


def test_what_says_something_else_than_happened_is_found(forged: Forged) -> None:
    """The recall took effect, and its M5.2 says that it waits."""
    forged.says(DOCTOR, "recall", "m5", ok("m5"))
    forged.arrives("M5.2", "m5", HER[DOCTOR], "2")
    assert kinds(forged) == [UNOWED]


def test_what_reaches_somebody_else_is_found(forged: Forged) -> None:
    dispensed(forged, ALTA, "r1")
    forged.reports_arrive("r1", but="M6")
    forged.arrives("M6", "r1", HER[OTHER_DOCTOR])
    assert kinds(forged) == [UNOWED]


def test_a_report_of_a_refused_dispensing_is_found(forged: Forged) -> None:
    forged.says(ALTA, "dispense", "r1", apprec("r1", "357"))
    forged.reports_arrive("r1")
    assert kinds(forged) == [UNOWED]


def test_a_report_that_nobody_caused_is_found(forged: Forged) -> None:
    forged.arrives("M6", "r9", HER[DOCTOR])
    assert kinds(forged) == [UNOWED]


def test_two_dispensings_in_the_wrong_order_are_found(forged: Forged) -> None:
    """The second one's reports arrive first."""
    dispensed(forged, ALTA, "r1")
    dispensed(forged, BODO, "r2", "dispense", b"r1")
    forged.reports_arrive("r2")
    forged.reports_arrive("r1")
    assert kinds(forged) == [DISORDER]


def test_the_order_of_receivers_among_each_other_is_free(forged: Forged) -> None:
    dispensed(forged, ALTA, "r1")
    dispensed(forged, BODO, "r2", "dispense", b"r1")
    forged.reports_arrive("r1", but="M8.1")
    forged.reports_arrive("r2", but="M8.1")
    forged.arrives("M8.1", "r1")
    forged.arrives("M8.1", "r2")
    assert kinds(forged) == []


def test_changes_at_the_same_time_may_arrive_in_any_order(forged: Forged) -> None:
    """An annulment while another pharmacy dispenses: who was first shows only in what arrives."""
    dispensed(forged, ALTA, "r1")
    forged.reports_arrive("r1")
    forged.downloaded(BODO, "d2", b"r1")
    forged.says(ALTA, "annul", "a1", ok("a1"), at=(50, 60), annuls="r1")
    forged.says(BODO, "dispense", "r2", ok("r2"), at=(50, 60))
    forged.reports_arrive("r2")
    forged.reports_arrive("a1", "annuls")
    assert kinds(forged) == []


def test_what_was_never_answered_is_owed_if_it_happened(forged: Forged) -> None:
    """Nobody knows whether the dispensing was taken; the next download shows that it was."""
    forged.downloaded(ALTA, "d1")
    forged.says(ALTA, "dispense", "r1", None)
    assert kinds(forged) == []
    forged.downloaded(BODO, "d2", b"r1")
    assert kinds(forged) == [UNDELIVERED]
    forged.reports_arrive("r1")
    assert kinds(forged) == []


def test_what_has_arrived_has_happened(forged: Forged) -> None:
    """The dispensing was never answered, but its reports came: the next download must show it."""
    forged.downloaded(ALTA, "d1")
    forged.says(ALTA, "dispense", "r1", None)
    forged.reports_arrive("r1")
    assert kinds(forged) == []
    forged.downloaded(BODO, "d2")
    assert kinds(forged) != []


def test_nobody_is_accused_where_nobody_listened(tmp_path: Path) -> None:
    """The histories of `make crash` have no receivers."""
    deaf = Forged(tmp_path / "history.jsonl")
    deaf.prescribed()
    dispensed(deaf, ALTA, "r1")
    assert kinds(deaf) == []


def test_more_dispensings_than_the_prescription_allows_are_found(forged: Forged) -> None:
    """All of them told truly; but the pharmacies of these histories would have stopped."""
    earlier: list[bytes] = []
    for number in range(RIGHT + 1):
        dispensed(forged, ALTA, f"r{number}", "dispense", *earlier)
        forged.reports_arrive(f"r{number}")
        assert kinds(forged) == ([BEYOND] if number == RIGHT else [])
        earlier.append(f"r{number}".encode())


def test_a_message_may_be_refused_for_its_date_while_a_clock_is_wrong(forged: Forged) -> None:
    """7419/313 is excused while a fault of the clock lasts; it changes nothing."""
    forged.says(ALTA, "download", "d1", apprec("d1", "313"), at=(30, 31))
    assert kinds(forged) == [LOST]
    forged.suffers("clock two hours ahead", (29, 40), "ReseptformidlerClockOff")
    verdict = check(forged.written())
    assert verdict.violations == ()
    assert verdict.figures["refused for a wrong clock"] == 1


def test_histories_that_began_together_are_merged(forged: Forged, tmp_path: Path) -> None:
    """Faults stand in a file of their own."""
    faults = Forged(tmp_path / "faults.jsonl")
    faults.suffers("clock two hours ahead", (29, 40))
    forged.says(ALTA, "download", "d1", apprec("d1", "313"), at=(30, 31))
    assert check(forged.written(), faults.written()).violations == ()


def test_owed_messages_do_not_hide_a_loss(forged: Forged) -> None:
    """The dispensing was told to everybody, and the service has forgotten it."""
    dispensed(forged, ALTA, "r1", "finish")
    forged.reports_arrive("r1")
    forged.downloaded(BODO, "d2")
    assert set(kinds(forged)) <= {LOST, CLASH}
    assert RESEPT in check(forged.written()).violations[0].text
