"""What a drill found, as text and as Markdown."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from loadtest.crash.checker import Verdict, Violation
from loadtest.crash.figures import Figures, together
from loadtest.drill.faults import FAULTS
from loadtest.drill.figures import Row, broken_limits, calm, rows

TOLD_IN_FULL = 5
"""Violations whose whole story is told."""
EXPLAINED = """\
Faults in the lab of three datacentres on one machine ([how](datacentres.md)), judged from what the senders wrote down.
*Healthy after*: from the fault until everything stands as before, at the median. *Gap*: the longest time between two
accepted changes (M1, M5, M10) in that time; in brackets what is promised. *Failed*: attempts without an answer, *shed*
those of them that were told to come back later."""
HEAD = ("fault", "rounds", "healthy after", "gap, median", "gap, worst", "failed", "not healed by one retry", "shed")


@dataclass(frozen=True, slots=True)
class Report:
    """The verdict on one drill or several, and what each kind of fault cost."""

    title: str
    violations: Sequence[Violation]
    figures: Figures
    verbs: Mapping[str, int]
    rows: Sequence[Row]
    broken: Sequence[str]
    """Promises of time, of retries and of alerts that were not kept."""

    @classmethod
    def of(cls, title: str, *verdicts: Verdict) -> Report:
        """Counted from the verdicts' records."""
        found = rows(*(one.record for one in verdicts))
        figures = together(
            [{**one.figures, "attempts that failed before any fault": calm(one.record)} for one in verdicts]
        )
        verbs = sum((Counter(one.verbs) for one in verdicts), Counter[str]())
        violations = [violation for one in verdicts for violation in one.violations]
        return cls(title, violations, figures, verbs, found, tuple(broken_limits(found)))

    def text(self) -> str:
        """For a terminal."""
        table = [HEAD, *map(_cells, self.rows)]
        widths = [max(map(len, column)) for column in zip(*table, strict=True)]
        lines = ["  ".join(_padded(cells, widths)) for cells in table]
        return "\n".join([*lines, "", *self._figures(), *self._verbs(), *self._faults_found()])

    def markdown(self, picture: str = "") -> str:
        """For a document; `picture` is the name of an image beside it."""
        table = [HEAD, ["---", *["---:"] * (len(HEAD) - 1)], *map(_cells, self.rows)]
        lines = [f"| {' | '.join(cells)} |" for cells in table]
        shown = [f"![Accepted changes a second, with the faults]({picture})", ""] if picture else []
        found = ["```", *self._figures(), *self._verbs(), *self._faults_found(), "```"]
        return "\n".join([f"# {self.title}", "", EXPLAINED, "", *lines, "", *shown, *found, ""])

    def _figures(self) -> Iterator[str]:
        yield from (f"{name:<40} {value:>12,.10g}" for name, value in self.figures.items())

    def _verbs(self) -> Iterator[str]:
        yield from (f"  {name:<38} {count:>12}" for name, count in sorted(self.verbs.items()))

    def _faults_found(self) -> Iterator[str]:
        for number, one in enumerate(self.violations):
            yield f"VIOLATION ({one.kind}) {one.text if number < TOLD_IN_FULL else one.text.splitlines()[0]}"
        yield from (f"NOT KEPT: {text}" for text in self.broken)
        yield f"{len(self.violations)} violations, {len(self.broken)} limits not kept"


def _cells(row: Row) -> list[str]:
    limit = FAULTS[row.kind].limit
    worst = f"{row.worst_gap:.1f} s" + (f" (≤ {limit.gap:g})" if limit else "")
    counts = [str(row.total(what)) for what in ("failed", "unhealed", "shed")]
    return [row.kind, str(len(row.costs)), f"{row.seconds:.1f} s", f"{row.median_gap:.1f} s", worst, *counts]


def _padded(cells: Sequence[str], widths: Sequence[int]) -> Iterator[str]:
    first, *others = zip(cells, widths, strict=True)
    yield f"{first[0]:<{first[1]}}"
    yield from (f"{cell:>{width}}" for cell, width in others)
