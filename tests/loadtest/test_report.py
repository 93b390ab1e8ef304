"""The report: a goal is met or not met, and never silently absent."""

from __future__ import annotations

from loadtest.report import Figure, Report, Table


def test_a_goal_is_met_at_its_bound_and_not_beyond() -> None:
    """Lower and upper bounds."""
    assert [Figure("x", value, "×", 3).met for value in (2.9, 3, 4)] == [False, True, True]
    assert [Figure("x", value, "ms", 25, least=False).met for value in (26, 25, 1)] == [False, True, True]
    assert Figure("x", 1, "×").met is None


def test_the_page_tells_everything() -> None:
    """Each figure with its goal and verdict, the tables, the machine, and wrong answers above all."""
    report = Report(
        {"CPU": "two cores"},
        [Figure("ratio", 2.5, "×", 3), Figure("rate", 1234, "/s", 900, digits=0), Figure("told", 1, "ms")],
        [Table("Details", ("a", "b"), [("1", "x")], "A note.")],
        ["3 × M1: HTTP 503 instead of 200"],
    )
    page = report.markdown()
    for line in (
        "| ratio | 2.5 × | ≥ 3 × | **not met** |",
        "| rate | 1,234 /s | ≥ 900 /s | met |",
        "| told | 1.0 ms |  |  |",
        "| 1 | x |",
        "A note.",
        "| CPU | two cores |",
        "- 3 × M1: HTTP 503 instead of 200",
    ):
        assert line in page.splitlines()
    assert page.index("The run failed") < page.index("| ratio")
    assert "The run failed" not in Report({}).markdown()
