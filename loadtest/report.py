"""The report: the machine, the method, and every figure beside its goal; in Markdown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime


@dataclass(frozen=True, slots=True)
class Figure:
    """One measured value; with a goal, whether it is met. `least`: the goal is a lower bound."""

    measure: str
    value: float
    unit: str
    goal: float | None = None
    least: bool = True
    digits: int = 1

    @property
    def met(self) -> bool | None:
        """None without a goal."""
        if self.goal is None:
            return None
        return self.value >= self.goal if self.least else self.value <= self.goal

    def row(self) -> tuple[str, ...]:
        """Measure, value, goal, verdict."""
        wanted = "" if self.goal is None else f"{'≥' if self.least else '≤'} {self.goal:g} {self.unit}"
        verdict = {None: "", True: "met", False: "**not met**"}[self.met]
        return self.measure, f"{self.value:,.{self.digits}f} {self.unit}", wanted, verdict


@dataclass(frozen=True, slots=True)
class Table:
    """Details behind some figures."""

    title: str
    head: tuple[str, ...]
    rows: Sequence[Sequence[str]]
    note: str = ""


@dataclass(slots=True)
class Report:
    """Everything that was found."""

    facts: Mapping[str, str]
    figures: list[Figure] = field(default_factory=list)
    tables: list[Table] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    """Answers that were not the expected ones, in words: with any, the run has failed."""
    quick: bool = False

    def markdown(self) -> str:
        """The whole page."""
        parts = [_TITLE.format(time=datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"))]
        if self.quick:
            parts.append("> A quick run: few rounds, small tables. Good for a first look, not for a comparison.")
        if self.wrong:
            parts.append("**The run failed: some answers were wrong.**\n\n" + _bullets(self.wrong))
        parts.append(_table(("Measure", "Measured", "Goal", ""), [figure.row() for figure in self.figures]))
        parts += [f"### {one.title}\n\n{_table(one.head, one.rows)}\n\n{one.note}".rstrip() for one in self.tables]
        parts.append("## Machine\n\n" + _table(("", ""), list(self.facts.items())))
        parts.append(_METHOD)
        return "\n\n".join(parts) + "\n"


def _bullets(lines: Sequence[str]) -> str:
    return "\n".join(f"- {line}" for line in lines)


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    numeric = [bool(rows) and all(row[n][:1].isdigit() for row in rows) for n in range(len(head))]
    rule = ["---:" if number else "---" for number in numeric]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in (head, rule, *rows))


_TITLE = """# Performance

Written by `make load ARGS="--report docs/performance.md"`, {time}. The figures are of
one machine and one run; the goals are ratios within a run wherever that is possible, since the same build moves
by a quarter between runs of a shared machine."""

_METHOD = """## Method

Everything runs on one machine over 127.0.0.1: PostgreSQL (embedded, with fsync and `synchronous_commit` on, 2 GB
of buffers), the service as `reseptformidler serve` starts it (log at `info` into a file), and the client. They
share the cores.

- **Messages** are synthetic. An M1 has some 210 elements and 9 kB, signed with RSA-2048; the doctors are few, so
  the service knows their certificates after their first message. All are written before the measurement. Every
  answer is judged after it: its status, type, code, and for M9.4 that it carries the M1 as it was signed. One
  wrong answer fails the run.
- **The mix** is M1 1 : M9.1 2 : M9.3 1.7 : M10 1.7. Each tenth message of a type is wrong, by turns: changed
  after it was signed, an unknown code, an element that no schema has, XML that ends too early, an unknown
  prescription, one that another pharmacy holds.
- **Latency** comes from an open loop: messages start at random times that were planned before (Poisson),
  whatever the service does, and latency counts from the planned start. Waiting for a free connection counts
  too. How late the generator itself was is reported beside it: where it is not small against the latency, the
  figures say nothing.
- **Capacity** comes from a closed loop with a fixed number of waiting messages. Servers that are compared are
  all started before, take turns in rounds, and the median of the rounds counts. CPU is that of the server's
  processes alone, user and system, as the kernel counts it.
- **The plain build** (`loadtest/baseline.py`) is an aiohttp handler with xmlschema and a transaction of four
  statements, with and without signxml. It has no rules, registers or encryption, so the comparison is in its
  favour.
- **The store** is measured with rows that were sealed before, 16 messages waiting: the service's own statement
  for a batch against a statement made for a single M1 and against four statements in a transaction, on the same
  tables.
- **The parts** of an M1 are the service's own functions, called one by one in a warm process; HTTP is the
  service's own server with an empty handler; the store's client is this process's CPU in the measurement of the
  store.
- **Lists**: the first statement of an M9.1 for random patients among many, 20 prescriptions each, 5 of them
  active, everything in PostgreSQL's memory."""
