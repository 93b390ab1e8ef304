"""The service's alert rules in the lab: the same expressions, in less time, since a drill's faults are short."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import yaml

from loadtest.lab import balancer
from loadtest.lab.lab import CHECKOUT, Lab
from loadtest.lab.network import CLIENTS, address

RULES = CHECKOUT / "k8s" / "monitoring" / "rules.yaml"
FASTER = 15
"""So many times shorter is everything that the rules wait for."""
SHORTEST_RANGE = 5
"""Seconds; the lab scrapes each second."""
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}
_RANGE = re.compile(r"\[(\d+)([smhd])\]")


def faster(folder: Path) -> Path:
    """A file for Prometheus with the shortened rules, in this folder."""
    groups = yaml.safe_load(RULES.read_text("utf-8"))["spec"]["groups"]
    for group in groups:
        group["interval"] = "1s"
        group["rules"] = [_shortened(rule) for rule in group["rules"]]
    path = folder / "rules.yaml"
    path.write_text(yaml.safe_dump({"groups": groups}, allow_unicode=True), "utf-8")
    path.chmod(0o644)
    return path


def _shortened(rule: dict[str, Any]) -> dict[str, Any]:
    shorter = rule | {"expr": _RANGE.sub(_range, rule["expr"])}
    if "for" in rule:
        number, unit = int(rule["for"][:-1]), rule["for"][-1]
        shorter["for"] = f"{number * _UNITS[unit] // FASTER}s"
    return shorter


def _range(found: re.Match[str]) -> str:
    return f"[{max(SHORTEST_RANGE, int(found[1]) * _UNITS[found[2]] // FASTER)}s]"


def fired(lab: Lab, seconds: float, names: Iterable[str] = (".+",)) -> tuple[str, ...]:
    """Which of these alerts fired during the last seconds."""
    window = f"[{max(1, round(seconds))}s]"
    which = f'ALERTS{{alertstate="firing",alertname=~"{"|".join(names)}"}}'
    found = lab.prometheus_query(f"group by (alertname) (last_over_time({which}{window}))")
    return tuple(sorted(one["metric"]["alertname"] for one in found))


def unanswered(lab: Lab, seconds: float) -> list[str]:
    """The dashboard's queries, and metrics of the rules, for which the lab's Prometheus had nothing to show so far."""
    url = f"http://{address(CLIENTS)}:{balancer.PROMETHEUS}"
    argv = [sys.executable, "-m", "k8s.monitoring.evaluate", url, f"--seconds={seconds:.0f}"]
    asked = lab.in_clients(argv, stdout=subprocess.PIPE, text=True, cwd=CHECKOUT)
    told, _ = asked.communicate()
    return told.splitlines() if asked.returncode else []
