"""The panels of the overview as values: what panels.yaml says."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import yaml

from k8s.monitoring.promql import grouping_labels

FILE = Path(__file__).resolve().parent / "panels.yaml"
HERE = 'datacentre=~"$datacentre"'


@dataclass(frozen=True, slots=True)
class Panel:
    """One picture of one query."""

    title: str
    unit: str
    alert: str
    """Without the prefix that all names have."""
    query: str
    above: float | None = None
    below: float | None = None
    draw: str = "lines"

    @property
    def expression(self) -> str:
        """The query as Grafana gets it."""
        return self.query.replace("$here", HERE)

    @property
    def expression_for_all(self) -> str:
        """The query as Prometheus takes it, for every datacentre."""
        return self.expression.replace("$datacentre", ".*")

    @property
    def series(self) -> str:
        """How Grafana names a series."""
        return " ".join(f"{{{{{label}}}}}" for label in sorted(grouping_labels(self.query) - {"le"})) or self.title


def rows() -> dict[str, list[Panel]]:
    """The panels by the title of their row."""
    read = yaml.safe_load(FILE.read_text("utf-8"))
    return {row["row"]: [Panel(**panel) for panel in row["panels"]] for row in read}


def panels() -> list[Panel]:
    """All of them, from top to bottom."""
    return [panel for row in rows().values() for panel in row]
