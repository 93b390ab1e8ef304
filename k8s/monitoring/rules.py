"""The rules as a file for Prometheus itself: `python -m k8s.monitoring.rules > groups.yaml`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import yaml

FOLDER = Path(__file__).resolve().parent


def groups() -> dict[str, Any]:
    """What `promtool` and `rule_files` take."""
    resource = yaml.safe_load((FOLDER / "rules.yaml").read_text("utf-8"))
    return {"groups": resource["spec"]["groups"]}


def alerts(of: dict[str, Any]) -> list[dict[str, Any]]:
    """The alert rules of all groups; one name may have several."""
    return [rule for group in of["groups"] for rule in group["rules"] if "alert" in rule]


def text(of: dict[str, Any]) -> str:
    """As YAML."""
    return yaml.safe_dump(of, sort_keys=False, allow_unicode=True, width=120)


if __name__ == "__main__":
    sys.stdout.write(text(groups()))
