"""What a fault costs is counted from the senders' history alone, and every promise that is not kept is said."""

from __future__ import annotations

from pathlib import Path

import pytest
from lxml.etree import fromstring

from loadtest.crash.checker import check
from loadtest.drill.faults import FAULTS
from loadtest.drill.picture import svg
from loadtest.drill.report import Report
from tests.crash.forge import ALTA, BODO, Forged, apprec

ALERT = "ReseptformidlerFailover"


@pytest.fixture
def forged(tmp_path: Path) -> Forged:
    """One prescription, accepted at 2.5 s; then a list each now and then, which is no change."""
    forged = Forged(tmp_path / "history.jsonl")
    forged.prescribed()
    return forged


def report(forged: Forged) -> Report:
    return Report.of("A drill", check(forged.written()))


def test_a_gap_lies_between_two_accepted_changes(forged: Forged) -> None:
    """From the last one before the fault to the first one after it; what was refused or only read does not end it."""
    forged.suffers("postgres of the primary killed", (10, 20), ALERT)
    forged.downloaded(ALTA, "d1")
    forged.says(BODO, "cancel", "c0", apprec("c0", "69"), at=(11, 12))
    forged.says(ALTA, "cancel", "c1", apprec("c1", accepted=True), at=(11, 15.5))
    [row] = report(forged).rows
    assert row.worst_gap == row.median_gap == pytest.approx(14)
    assert (row.total("failed"), row.total("unhealed"), row.total("shed")) == (0, 0, 0)


def test_a_gap_over_its_limit_is_said(forged: Forged) -> None:
    forged.suffers("postgres of the primary killed", (10, 21), ALERT)
    assert report(forged).broken == ("postgres of the primary killed: a gap of 11.0 s, more than 10 s",)


def test_one_retry_heals_or_not(forged: Forged) -> None:
    """The first download fails once; the second one twice, the second time after the first failure."""
    forged.suffers("postgres of the primary killed", (10, 11), ALERT)
    forged.downloaded(ALTA, "d1")
    for begun in (10.1, 10.3):
        forged.says(ALTA, "download", "d2", None, at=(begun, begun + 0.1))
    forged.says(BODO, "download", "d3", None, at=(10.1, 10.2))
    forged.says(BODO, "download", "d3", apprec("d3", "69"), at=(10.3, 10.4))
    found = report(forged)
    [row] = found.rows
    assert (row.total("failed"), row.total("unhealed")) == (3, 1)
    assert found.broken == ("postgres of the primary killed: 1 messages that one retry did not heal",)


def test_two_attempts_at_once_are_no_retry(forged: Forged) -> None:
    forged.suffers("postgres of the primary killed", (10, 11), ALERT)
    forged.downloaded(ALTA, "d1")
    forged.says(BODO, "download", "d3", None, at=(10.1, 10.2))
    forged.says(BODO, "download", "d3", None, at=(10.1, 10.3))
    forged.says(BODO, "download", "d3", apprec("d3", "69"), at=(10.4, 10.5))
    [row] = report(forged).rows
    assert (row.total("failed"), row.total("unhealed")) == (2, 0)


def test_a_planned_change_costs_no_attempt(forged: Forged) -> None:
    forged.suffers("switchover", (3, 4), ALERT)
    forged.says(BODO, "list", "l1", None, at=(3.5, 3.6))
    assert report(forged).broken == ("switchover: 1 attempts failed, none should",)


def test_a_late_failure_belongs_to_the_fault_before_it(forged: Forged) -> None:
    """A sender may wait long for an answer that never comes."""
    forged.suffers("switchover", (3, 4), ALERT)
    forged.says(BODO, "list", "l1", None, at=(3.5, 30))
    forged.suffers("web killed", (40, 41), "ReseptformidlerProcessDown")
    assert [row.total("failed") for row in report(forged).rows] == [0, 1]


def test_a_fault_that_no_alert_told_of_is_said(forged: Forged) -> None:
    forged.suffers("web killed", (3, 4), "ReseptformidlerFailover")
    assert report(forged).broken == ("web killed: no alert told of 1 of 1",)


def test_the_report_holds_every_kind_and_the_verdict(forged: Forged) -> None:
    """As text and as Markdown; a violation with its story."""
    for number, (kind, fault) in enumerate(FAULTS.items()):
        forged.suffers(kind, (number + 3, number + 3.5), *fault.alerts)
    forged.downloaded(ALTA, "d1")
    forged.downloaded(BODO, "d2")
    found = report(forged)
    for text in (found.text(), found.markdown("plot.svg")):
        assert all(kind in text for kind in FAULTS)
        assert "VIOLATION (clash) prescription" in text
        assert "1 violations" in text
    assert fromstring(svg(check(forged.written()).record)).tag == "{http://www.w3.org/2000/svg}svg"
    assert "![Accepted changes a second, with the faults](plot.svg)" in found.markdown("plot.svg")
