"""The overview: current, made of what exists, and answered by a real Prometheus that scrapes a real service."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from lxml import etree

from k8s.monitoring import dashboard, draw, evaluate
from k8s.monitoring.panels import panels
from tests.monitoring import declared
from tests.monitoring.test_rules import NAMES

pytestmark = pytest.mark.timeout(180)  # four processes start first, on a machine that may be busy
SECONDS = 60
SILENT_HERE = {
    "reseptformidler_db_replication_lag_seconds": "one server has no standby",
    "reseptformidler_db_near_reads_total": "and no near one",
    "reseptformidler_outbox_deliveries_total": "no receiver is set up",
    "reseptformidler_receipts_total": "so nobody sends a receipt",
}
"""What only a cluster, a receiver or a fault shows, and why."""


def test_the_file_is_current(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """What panels.yaml says stands in it; negative control: a file with other panels is stale."""
    assert dashboard.main(["--check"]) == 0
    other = tmp_path / "overview.json"
    other.write_text(dashboard.FILE.read_text("utf-8").replace("Ready processes", "Processes"))
    monkeypatch.setattr(dashboard, "FILE", other)
    assert "is stale" in str(dashboard.main(["--check"]))


def test_every_panel_stands_in_its_own_place() -> None:
    """Identities and places are unique, every query has its source, every link its section of the runbook."""
    drawn = json.loads(dashboard.FILE.read_text("utf-8"))["panels"]
    assert len({panel["id"] for panel in drawn}) == len(drawn)
    assert len({(panel["gridPos"]["x"], panel["gridPos"]["y"]) for panel in drawn}) == len(drawn)
    with_query = [panel for panel in drawn if panel["type"] != "row"]
    assert [panel["targets"][0]["expr"] for panel in with_query] == [panel.expression for panel in panels()]
    assert {f"Reseptformidler{panel.alert}" for panel in panels()} <= set(NAMES)


def test_the_panels_name_what_exists() -> None:
    """Metrics, labels and values are those of metrics.py."""
    assert [problem for panel in panels() for problem in declared.problems(panel.expression)] == []


def test_every_query_is_answered(prometheus: str, capsys: pytest.CaptureFixture[str]) -> None:
    """By numbers, but for what is silent on one server without faults; the rules are understood."""
    status = evaluate.main([prometheus])
    told = capsys.readouterr().out.splitlines()
    assert [line for line in told if not any(one in line for one in SILENT_HERE)] == []
    assert [line for line in told if "nothing to show" not in line] == []
    assert status == 1
    assert [one for one in SILENT_HERE if not any(one in query for query in evaluate.questions().values())] == []


def test_the_picture_shows_every_panel(prometheus: str, tmp_path: Path) -> None:
    """With its title, and a line for what Prometheus knows."""
    assert draw.main([prometheus, str(tmp_path / "overview.svg")]) == 0
    drawn = etree.parse(tmp_path / "overview.svg")
    titles = [one.text for one in drawn.iterfind(".//{*}text[@class='title']")]
    assert titles == [panel.title for panel in panels()]
    assert len(drawn.findall(".//{*}path")) >= len(titles) - len(SILENT_HERE)


def test_a_query_without_an_answer_is_reported(prometheus: str) -> None:
    """Negative controls: a wrong name, a wrong label, no PromQL."""
    wrong = {"a": "reseptformidler_redy", "b": 'reseptformidler_ready{job="wbe"}', "c": "sum("}
    assert [line[0] for line in evaluate.problems(prometheus, wrong, seconds=SECONDS)] == ["a", "b", "c"]
