"""`python -m loadtest.restore`: a backup under load, a disaster, restores, and every row compared with the original.

Exit status 1 when anything was not as it must be.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
import time
from pathlib import Path
from random import SystemRandom

from loadtest.crash.rig import Rig
from loadtest.crash.senders import DOCTORS, PHARMACIES
from loadtest.restore.barman import find_barman
from loadtest.restore.drill import Drill, Plan, Report


def main() -> int:
    """Run, judge, report."""
    given = _arguments()
    begun = time.monotonic()
    folder = Path(tempfile.mkdtemp(prefix="rf-restore-", dir="/tmp"))  # short enough for a socket
    folder.chmod(0o711)
    plan = Plan(given.seconds / 4, given.prescriptions, not given.asynchronous, given.seed)
    report = Report(lambda line: print(line, flush=True))
    report.tell(f"seed {given.seed}, everything in {folder}")
    original = folder / "original"
    original.mkdir()
    with Rig(original, (DOCTORS, PHARMACIES)) as rig:
        Drill(folder, find_barman(), plan, report).run(rig)
    report.tell(f"{len(report.faults)} faults in {time.monotonic() - begun:.0f} s")
    if not report.faults and not given.keep:
        shutil.rmtree(folder)
    return 1 if report.faults else 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser("loadtest.restore", description=__doc__)
    parser.add_argument("--seconds", type=float, default=8, help="of load, beside the backup (8)")
    parser.add_argument("--prescriptions", type=int, default=2_000, help="that are there before the backup (2000)")
    parser.add_argument("--asynchronous", action="store_true", help="commits do not wait for the archive")
    parser.add_argument("--seed", type=int, default=SystemRandom().randrange(1_000_000), help="of all random choices")
    parser.add_argument("--keep", action="store_true", help="keep the folder although all is well")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
