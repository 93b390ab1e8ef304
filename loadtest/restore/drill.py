"""The drill: a backup under load, an accident, a disaster, and three restores into empty clusters."""

from __future__ import annotations

import asyncio
import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from math import inf
from pathlib import Path
from random import Random

from loadtest.crash.checker import CHANGED, check
from loadtest.crash.history import History
from loadtest.crash.post import Letter
from loadtest.crash.rig import Rig
from loadtest.restore import disaster, mark, service
from loadtest.restore.barman import SERVER, STREAM, Barman, ToolFailed
from loadtest.restore.cluster import Cluster, NotRecovered
from loadtest.restore.load import Load, Past, load, past
from loadtest.restore.mark import Mark, lsn_number
from loadtest.restore.rows import Difference, differences
from reseptformidler.embedded.binaries import programs_for


@dataclass(frozen=True, slots=True)
class Plan:
    """How long each of the load's four parts lasts, how much is there beforehand, whether commits wait for Barman."""

    seconds: float
    prescriptions: int
    synchronous: bool
    seed: int


@dataclass(slots=True)
class Report:
    """What was measured, and what was wrong."""

    tell: Callable[[str], None]
    faults: list[str] = field(default_factory=list)

    def figure(self, name: str, value: object) -> None:
        """One line."""
        text = f"{value:,.2f}" if isinstance(value, float) else f"{value:,}" if isinstance(value, int) else str(value)
        self.tell(f"  {name:<58} {text:>14}")

    def fault(self, text: str) -> None:
        """Something is not as it must be."""
        self.faults.append(text)
        self.tell(f"  FAULT {text}")

    @contextmanager
    def timed(self, name: str) -> Iterator[None]:
        """A figure of how many seconds the block took."""
        begun = time.monotonic()
        yield
        self.figure(f"{name} (s)", time.monotonic() - begun)


@dataclass(frozen=True, slots=True)
class Original:
    """What is left of the original when it is gone."""

    marks: Sequence[tuple[Mark, Past]]
    everything: Past
    ended: float
    """By the history's clock."""
    backup_ended: str
    """LSN."""


class Drill:
    """One drill, in one folder. Use `run` in the main thread."""

    def __init__(self, folder: Path, program: Path, plan: Plan, report: Report) -> None:
        self._folder, self._program, self._plan, self._report = folder, program, plan, report
        self._copies = 0

    def run(self, rig: Rig) -> None:
        """Everything, with a rig that runs. What was wrong stands in the report."""
        self._keep_outside(rig)
        with History(self._folder / "history.jsonl") as history:
            barman, original = self._original(rig, history)
            self._report.tell("to the restore point, by its name")
            self._to_a_mark(barman, history, original, 0, lambda at: ["--target-name", at.name])
            self._report.tell("to the moment before the wrong DELETE, by the clock")
            self._to_a_mark(barman, history, original, 1, lambda at: ["--target-time", at.at.isoformat(" ")])
            self._report.tell("to the end of the archive")
            self._to_the_end(barman, original)
        self._report.tell("negative controls")
        self._damaged(barman, original)

    def _keep_outside(self, rig: Rig) -> None:
        """What no backup of the database holds: the copy of the key file, and the password of the drill's own role."""
        self._outside = self._folder / "kept-elsewhere"
        self._outside.mkdir(mode=0o700)
        shutil.copy(rig.folder / "kek", self._outside / "kek")
        shutil.copy(rig.folder / "postgresql" / "password", self._outside / "password")
        self._office = service.Office(self._outside / "kek", rig.folder / "registers.toml", rig.pki)

    def _original(self, rig: Rig, history: History) -> tuple[Barman, Original]:
        dsn = rig.postgres.dsn()
        programs = programs_for(rig.folder / "postgresql").folder
        barman = Barman.configured(self._program, self._folder / "barman", programs, dsn)
        if self._plan.synchronous:
            asyncio.run(disaster.wait_for_stream(dsn, STREAM))
        with barman.streaming() as stream:
            with load(rig.address, rig.pki, history, self._plan.seed) as working:
                barman.until_streaming(stream)  # where nothing is written, a file takes ten seconds to end
                marks, position = self._under_load(rig, barman, working)
                rig.kill("PostgreSQL and all servers", Random(self._plan.seed))
                ended = time.monotonic()
            stream.wait(30)
        shutil.rmtree(rig.folder / "postgresql" / "data-18")
        kept = working.kept()
        pasts = [
            past(history.path, kept, one.monotonic - history.begun, self._folder / f"until-{one.name}.jsonl")
            for one in marks
        ]
        everything = past(history.path, kept, inf, self._folder / "until-the-end.jsonl")
        self._report.figure("answers before the disaster", history.answers)
        self._report.figure("WAL in the archive (MB)", disaster.size(*barman.archive) / 1e6)
        return barman, Original(list(zip(marks, pasts, strict=True)), everything, ended - history.begun, position)

    def _under_load(self, rig: Rig, barman: Barman, working: Load) -> tuple[list[Mark], str]:
        """From the first message to the last second before the disaster."""
        dsn, seconds = rig.postgres.dsn(), self._plan.seconds
        working.go_on(seconds)
        with self._report.timed(f"{self._plan.prescriptions:,} more prescriptions"):
            asyncio.run(disaster.add_prescriptions(dsn, self._plan.prescriptions))
        before = working.history.answers
        with self._report.timed("full backup under load, with its WAL"):
            barman.run("backup", "--wait", SERVER)
        self._report.figure("answers meanwhile", working.history.answers - before)
        self._report.figure("size of the backup (MB)", disaster.size(barman.base) / 1e6)
        with self._report.timed("the backup's files against its manifest"):
            barman.run("verify-backup", SERVER, "latest")
        position = asyncio.run(disaster.wal_position(dsn))
        marks = []
        for name in ("restore_point", "before_the_accident"):
            working.go_on(seconds)
            marks.append(self._mark(dsn, name))
        self._report.figure("prescriptions deleted", asyncio.run(disaster.delete_everything(dsn)))
        working.go_on(seconds)
        return marks, position

    def _mark(self, dsn: dict[str, object], name: str) -> Mark:
        folder = self._folder / f"rows-{name}"
        folder.mkdir()
        one = asyncio.run(mark.take(dsn, name, folder))
        self._report.figure(f"{name}: rows", one.number)
        self._report.figure(f"{name}: writers held (ms)", one.seconds_held * 1000)
        return one

    @contextmanager
    def _restored(self, barman: Barman, target: Sequence[str]) -> Iterator[Cluster]:
        """A started copy; after the block its pages are checked."""
        barman.run("archive-wal", SERVER)
        self._copies += 1
        base = self._folder / f"copy-{self._copies}"
        cluster = Cluster.restored(barman, self._outside / "password", base, target)
        with cluster.running():
            yield cluster
        cluster.check_pages()
        for name, seconds in cluster.seconds.items():
            self._report.figure(f"{name} (s)", seconds)
        shutil.rmtree(base)

    def _to_a_mark(
        self, barman: Barman, history: History, original: Original, which: int, options: Callable[[Mark], Sequence[str]]
    ) -> None:
        one, before = original.marks[which]
        with self._restored(barman, [*options(one), "--target-action", "promote"]) as cluster:
            self._compare(cluster, one)
            cluster.check_indexes()
            after = History(self._folder / f"after-{one.name}.jsonl", history.begun)
            with self._serving(cluster) as address, after:
                asyncio.run(service.look(address, self._office.pki, before, after, self._copies))
                self._send_lost(address, original.everything.lost(before), one)
        verdict = check(before.path, after.path)
        for violation in verdict.violations:
            self._report.fault(f"{one.name}: {violation.kind} {violation.text.splitlines()[0]}")
        repeated = past(after.path, {}, inf, self._folder / f"seen-{one.name}.jsonl").answered.keys() & before.answered
        self._report.figure("messages acknowledged before it, judged by the checker", len(before.answered))
        self._report.figure("  of them repeated, with the same bytes", len(repeated))

    def _send_lost(self, address: str, lost: Sequence[Letter], one: Mark) -> None:
        """What the restore lost is sent again by whoever has it: prescriptions, in the drill."""
        with History(self._folder / f"again-{one.name}.jsonl") as again:
            accepted = asyncio.run(service.send_lost(address, lost, again, self._office.pki))
        self._report.figure("prescriptions acknowledged after it and sent again", len(lost))
        if accepted != len(lost):
            self._report.fault(
                f"{one.name}: {len(lost) - accepted} of {len(lost)} lost prescriptions are not taken again"
            )

    def _compare(self, cluster: Cluster, one: Mark) -> None:
        """Row by row; and then once more with planted differences, which must be found."""
        dsn = cluster.server.dsn()
        begun = time.monotonic()
        number, found = self._differences(dsn, one, planted=False)
        cluster.seconds["hashing and comparing every row"] = time.monotonic() - begun
        self._report.figure("rows compared with the original", number)
        self._report.figure("tables that differ", len(found))
        for difference in found:
            self._report.fault(f"{one.name}: {difference}")
        _, planted = self._differences(dsn, one, planted=True)
        if [(d.missing, d.added, d.changed) for d in planted if d.table == "public.krav"] != [(1, 1, 1)]:
            self._report.fault("the comparison does not see a changed, a deleted and an added row")

    def _differences(self, dsn: dict[str, object], one: Mark, *, planted: bool) -> tuple[int, list[Difference]]:
        folder = self._folder / "rows-of-the-copy"
        folder.mkdir()
        number = asyncio.run(disaster.hashes(dsn, folder, planted=planted))
        found = differences(one.rows, folder)
        shutil.rmtree(folder)
        return number, found

    @contextmanager
    def _serving(self, cluster: Cluster) -> Iterator[str]:
        environment = self._office.environment(cluster.server.url(), service.free_port())
        if wrong := service.check(environment):
            self._report.fault(f"reseptformidler check: {wrong}")
        with service.serving(environment, self._folder / f"serve-{self._copies}.log") as address:
            yield address

    def _to_the_end(self, barman: Barman, original: Original) -> None:
        everything = original.everything
        with self._restored(barman, []) as cluster:
            present = asyncio.run(disaster.claimed(cluster.server.dsn()))
            missing = everything.answered.keys() - present
            cluster.check_indexes()
            with self._serving(cluster) as address, History(self._folder / "after-the-end.jsonl") as after:
                asyncio.run(service.repeat(address, everything, after, self._office.pki))
        answered = past(after.path, {}, inf, self._folder / "seen-at-the-end.jsonl").answered
        changed = [one for one, sha256 in answered.items() if sha256 != everything.answered[one]]
        self._report.figure("messages acknowledged before the disaster", len(everything.answered))
        self._report.figure("  of them missing: the gap of the archive", len(missing))
        self._report.figure("  of them repeated", len(answered))
        if missing:
            oldest = min(everything.seconds[one] for one in missing)
            self._report.figure("  the oldest missing was answered before the disaster (s)", original.ended - oldest)
        if missing and self._plan.synchronous:
            self._report.fault(f"{len(missing)} acknowledged messages are not in the archive")
        if set(changed) - missing:
            self._report.fault(f"{CHANGED}: {len(set(changed) - missing)} repeats got another answer")

    def _damaged(self, barman: Barman, original: Original) -> None:
        """A damaged WAL file must not lead to an older state in silence, a damaged backup not to a restore."""
        target = original.marks[0][0]
        position = (lsn_number(original.backup_ended) + lsn_number(target.lsn)) // 2
        disaster.damage_file(*disaster.segment_of(position, barman.archive))
        base = self._folder / "copy-damaged"
        cluster = Cluster.restored(barman, self._outside / "password", base, ["--target-name", target.name])
        try:
            with cluster.running():
                self._report.fault("a damaged WAL file was not noticed")
        except NotRecovered:
            self._report.tell("  damaged WAL: PostgreSQL ends before the target, as it must")
        shutil.rmtree(base)
        largest = max(barman.base.rglob("data/base/*/[0-9]*"), key=lambda path: path.stat().st_size)
        disaster.damage_file(largest, largest.stat().st_size // 2)
        try:
            barman.run("verify-backup", SERVER, "latest")
            self._report.fault("a damaged file of the backup was not noticed")
        except ToolFailed:
            self._report.tell("  damaged backup: its manifest tells, as it must")
