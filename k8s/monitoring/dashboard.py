"""Writes the overview for Grafana: `python -m k8s.monitoring.dashboard` (`--check` only says whether it is stale)."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from itertools import count
from pathlib import Path

from grafana_foundation_sdk.builders import common, prometheus, statetimeline, timeseries
from grafana_foundation_sdk.builders import dashboard as grafana
from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models.common import GraphThresholdsStyleMode
from grafana_foundation_sdk.models.dashboard import (
    DashboardCursorSync,
    DashboardLinkType,
    DataSourceRef,
    Threshold,
    ThresholdsMode,
    VariableModel,
    VariableOption,
    VariableRefresh,
)

from k8s.monitoring.panels import Panel, rows

FILE = Path(__file__).resolve().parent / "dashboards" / "overview.json"
RUNBOOK = "docs/runbook/alerts.md"
SOURCE = DataSourceRef(type_val="prometheus", uid="${source}")
WIDTH, HEIGHT = 8, 7


def overview() -> grafana.Dashboard:
    """The whole dashboard."""
    board = (
        grafana.Dashboard("Reseptformidler: overview")
        .uid("reseptformidler-overview")
        .tags(["reseptformidler"])
        .readonly()
        .tooltip(DashboardCursorSync.CROSSHAIR)
        .timezone("Europe/Oslo")
        .time("now-1h", "now")
        .refresh("10s")
        .variables(_variables())
    )
    ids = count(1)
    for title, panels in rows().items():
        board.with_row(grafana.Row(title).id(next(ids)))
        for panel in panels:
            board.with_panel(_drawn(panel).id(next(ids)))
    return board


def _variables() -> list[Builder[VariableModel]]:
    everything = VariableOption(selected=True, text="All", value="$__all")
    return [
        grafana.DatasourceVariable("source").label("Prometheus").type("prometheus"),
        grafana.QueryVariable("datacentre")
        .label("Datacentre")
        .datasource(SOURCE)
        .query('label_values(up{job=~"web|relay|sweep"}, datacentre)')
        .refresh(VariableRefresh.ON_TIME_RANGE_CHANGED)
        .multi(True)
        .include_all(True)
        .all_value(".*")
        .current(everything),
        grafana.TextBoxVariable("runbook").label("Address of the runbook").default_value(RUNBOOK),
    ]


def _drawn(panel: Panel) -> statetimeline.Panel | timeseries.Panel:
    drawn = statetimeline.Panel() if panel.draw == "timeline" else _lines(panel)
    link = grafana.DashboardLink(f"Runbook: {panel.alert}").type(DashboardLinkType.LINK).target_blank(True)
    query = prometheus.Dataquery().expr(panel.expression).legend_format(panel.series).ref_id("A").range()
    drawn.title(panel.title).unit(panel.unit).datasource(SOURCE).span(WIDTH).height(HEIGHT)
    return drawn.links([link.url(f"${{runbook}}#reseptformidler{panel.alert.lower()}")]).with_target(query)


def _lines(panel: Panel) -> timeseries.Panel:
    drawn = timeseries.Panel().min(0).fill_opacity(10)
    limit = panel.below if panel.above is None else panel.above
    if limit is None:
        return drawn
    low, high = ("red", "green") if panel.above is None else ("green", "red")
    steps = [Threshold(value=None, color=low), Threshold(value=limit, color=high)]
    drawn.thresholds(grafana.ThresholdsConfig().mode(ThresholdsMode.ABSOLUTE).steps(steps))
    return drawn.thresholds_style(common.GraphThresholdsStyleConfig().mode(GraphThresholdsStyleMode.DASHED))


def text() -> str:
    """The file's text."""
    return json.dumps(overview().build(), cls=JSONEncoder, indent=1, sort_keys=True, ensure_ascii=False) + "\n"


def main(arguments: Sequence[str]) -> int | str:
    """Write it, or say whether it is what panels.yaml says."""
    if "--check" in arguments:
        return (
            0 if FILE.read_text("utf-8") == text() else f"{FILE.name} is stale: run python -m k8s.monitoring.dashboard"
        )
    FILE.write_text(text(), "utf-8")
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
