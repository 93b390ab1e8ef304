"""`python -m loadtest.crash`: kill -9 under load, and the checker's verdict.

Exit status 1 when something acknowledged was lost, dispensed twice or answered twice.
"""

from __future__ import annotations

import argparse
import asyncio
import shutil
import sys
import tempfile
import time
from pathlib import Path
from random import SystemRandom

from loadtest.crash.checker import Verdict, check
from loadtest.crash.history import History
from loadtest.crash.rig import KINDS, Rig
from loadtest.crash.run import Where, crash, look
from loadtest.crash.senders import DOCTORS, PHARMACIES

TOLD_IN_FULL = 5
"""Violations whose whole story is printed."""


def main() -> int:
    """Run, judge, report."""
    given = _arguments()
    folder = Path(tempfile.mkdtemp(prefix="rf-crash-", dir="/tmp"))  # short enough for a socket
    print(f"seed {given.seed}, {given.rounds} rounds, everything in {folder}", flush=True)
    history = given.history or folder / "history.jsonl"
    with Rig(folder, (DOCTORS, PHARMACIES)) as rig, History(history) as writer:
        where = Where(rig.address, rig.pki, writer, given.seed)
        played = crash(rig, where, given.rounds, KINDS, lambda line: print(line, flush=True))
        asyncio.run(look(where, played))
    begun = time.perf_counter()
    verdict = check(history)
    print(report(verdict))
    print(f"judged in {time.perf_counter() - begun:.1f} s")
    if not verdict.violations and not given.keep:
        shutil.rmtree(folder)
    return 1 if verdict.violations else 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser("loadtest.crash", description=__doc__)
    parser.add_argument("--rounds", type=int, default=50, help="how often something is killed (50)")
    parser.add_argument("--seed", type=int, default=SystemRandom().randrange(1_000_000), help="of all random choices")
    parser.add_argument("--history", type=Path, metavar="FILE", help="keep the history there")
    parser.add_argument("--keep", action="store_true", help="keep the folder although all is well")
    return parser.parse_args()


def report(verdict: Verdict) -> str:
    """The figures and the verdict as text."""
    lines = [f"{name:<40} {value:>12,.10g}" for name, value in verdict.figures.items()]
    lines += [f"  killed {name:<31} {count:>12}" for name, count in sorted(verdict.kills.items())]
    lines += [f"  {name:<38} {count:>12}" for name, count in sorted(verdict.verbs.items())]
    for number, one in enumerate(verdict.violations):
        lines.append(f"VIOLATION ({one.kind}) {one.text if number < TOLD_IN_FULL else one.text.splitlines()[0]}")
    lines += [f"{len(verdict.violations)} violations"]
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
