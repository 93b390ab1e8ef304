"""What metrics.py declares, as Prometheus shows it: every name, its labels, the values that a label may have."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from prometheus_client.metrics import MetricWrapperBase

from k8s.monitoring.promql import Selector, grouping_labels, selectors
from k8s.monitoring.rules import groups
from reseptformidler import metrics

OF_TARGETS = {"job", "instance", "datacentre"}
"""What Prometheus adds to every series."""
OTHERS: Mapping[str, set[str]] = {"up": set()}
"""Metrics that are not ours."""
SUFFIXES = {"counter": ("_total",), "gauge": ("",), "histogram": ("_bucket", "_sum", "_count")}
JOBS = {"web", "relay", "sweep"}
POOL_STATES = {"idle", "busy"}


def _declared() -> dict[str, set[str]]:
    """Labels by the name of the series."""
    names = dict(OTHERS)
    for one in vars(metrics).values():
        if isinstance(one, MetricWrapperBase):
            for suffix in SUFFIXES[str(one._type)]:
                names[one._name + suffix] = set(one._labelnames) | ({"le"} if suffix == "_bucket" else set())
    for rule in (rule for group in groups()["groups"] for rule in group["rules"] if "record" in rule):
        names[rule["record"]] = grouping_labels(rule["expr"])
    return names


SERIES = _declared()
VALUES = {"job": JOBS, "state": POOL_STATES, "role": set(metrics.DB_ROLES)}


def problems(query: str) -> list[str]:
    """Names, labels and values in a query that nothing declares."""
    found = selectors(query)
    known = OF_TARGETS.union(*(SERIES.get(one.metric, set()) for one in found))
    return [
        *(f"no metric {one.metric}" for one in found if one.metric not in SERIES),
        *(problem for one in found if one.metric in SERIES for problem in _of_matchers(one)),
        *(f"no label {label}" for label in sorted(grouping_labels(query) - known)),
    ]


def _of_matchers(selector: Selector) -> Iterable[str]:
    for label, _, value in selector.matchers:
        if label not in SERIES[selector.metric] | OF_TARGETS:
            yield f"{selector.metric} has no label {label}"
        closed = _values(selector.metric, label)
        yield from (f"{label} is never {one}" for one in value.split("|") if closed and one not in closed)


def _values(metric: str, label: str) -> set[str]:
    """The closed set of a label's values; an outcome's stand in the metric's own description."""
    if label != "outcome" or ":" in metric:
        return VALUES.get(label, set())
    (told,) = (one.documentation for one in metrics.REGISTRY.collect() if f"{one.name}_total" == metric)
    return set(re.findall(r"\w+", told[told.rindex("(") :]))
