"""Asks a real Prometheus what the dashboard and the alert rules ask: `python -m k8s.monitoring.evaluate URL`.

Status 1 and a line for each query that is refused or has no number to show. An alert that does not fire shows nothing,
which is well; so of a rule each metric that it names is asked for. The counter of an outcome may begin with the first
such outcome, so there the outcome is left out.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Mapping, Sequence

from k8s.monitoring.panels import panels
from k8s.monitoring.prometheus import Refused, series
from k8s.monitoring.promql import Selector, selectors
from k8s.monitoring.rules import groups

SECONDS = 60


def questions() -> dict[str, str]:
    """Every query by whose it is; each must have something to show."""
    rules = [(rule.get("alert", rule.get("record")), rule["expr"]) for g in groups()["groups"] for rule in g["rules"]]
    return {
        **{f"panel “{panel.title}”": panel.expression_for_all for panel in panels()},
        **{f"rule {name}: {one.metric}": _without_outcome(one).text() for name, e in rules for one in selectors(e)},
    }


def expressions() -> dict[str, str]:
    """Every rule whole, which must be understood and may be silent."""
    return {f"rule {r.get('alert', r.get('record'))}": r["expr"] for g in groups()["groups"] for r in g["rules"]}


def _without_outcome(selector: Selector) -> Selector:
    return Selector(selector.metric, tuple(one for one in selector.matchers if one[0] != "outcome"))


def problems(url: str, asked: Mapping[str, str], *, seconds: float, silent: bool = False) -> Iterator[str]:
    """What is refused, or shows nothing unless it may be silent."""
    for whose, query in asked.items():
        try:
            if not series(url, query, seconds=seconds) and not silent:
                yield f"{whose}: nothing to show: {query}"
        except Refused as refused:
            yield f"{whose}: {refused}: {query}"


def main(arguments: Sequence[str]) -> int:
    """Ask all, tell what is wrong."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("url", help="address of the Prometheus")
    parser.add_argument("--seconds", type=float, default=SECONDS, help="how far back to look (default %(default)s)")
    given = parser.parse_args(arguments)
    found = list(problems(given.url, questions(), seconds=given.seconds))
    found += problems(given.url, expressions(), seconds=given.seconds, silent=True)
    sys.stdout.writelines(f"{line}\n" for line in found or [f"{len(questions())} queries have something to show"])
    return 1 if found else 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
