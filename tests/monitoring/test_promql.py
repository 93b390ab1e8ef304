"""What is read out of a query."""

from __future__ import annotations

from k8s.monitoring.promql import grouping_labels, selectors


def test_metrics_and_labels_are_found() -> None:
    """Functions, aggregations, ranges, offsets and words of the language are no metrics."""
    query = """max by (a, b) (rate(one_total{x="1", y=~"p|q"}[5m])) / two > 0.5
        and on () absent(three{}) unless rule:four:rate5m offset 15m or vector(0)"""
    assert [one.text() for one in selectors(query)] == [
        'one_total{x="1",y=~"p|q"}',
        "two{}",
        "three{}",
        "rule:four:rate5m{}",
    ]
    assert grouping_labels(query) == {"a", "b"}


def test_a_label_s_value_is_no_metric() -> None:
    """Whatever stands between braces."""
    assert [one.metric for one in selectors('sum(up{job="web and relay"} == bool 0)')] == ["up"]
