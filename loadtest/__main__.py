"""`python -m loadtest`: measure the service on this machine and write a report.

Ends with status 1 when an answer was wrong, and with --require-goals also when a goal is not met.
"""

from __future__ import annotations

import argparse
import shutil
import signal
import sys
import tempfile
from pathlib import Path

import uvloop

from loadtest.plan import FULL, QUICK, measure
from loadtest.world import world


def main() -> int:
    """Parse, measure, report."""
    parser = argparse.ArgumentParser(prog="python -m loadtest", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="within a minute, with fewer rounds and smaller tables")
    parser.add_argument("--ten-million", action="store_true", help="lists among 10^7 prescriptions too (10 GB, slow)")
    parser.add_argument("--report", type=Path, metavar="FILE", help="write the report there too")
    parser.add_argument("--require-goals", action="store_true", help="fail when a goal is not met")
    given = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))  # so that everything started is ended
    folder = Path(tempfile.mkdtemp(prefix="rf-load-", dir="/tmp"))
    folder.chmod(0o755)  # the account that runs PostgreSQL for root must come through
    try:
        with world(folder) as made:
            report = uvloop.run(measure(made, QUICK if given.quick else FULL, ten_million=given.ten_million))
    finally:
        shutil.rmtree(folder)
    text = report.markdown()
    print(text)
    if given.report:
        given.report.write_text(text, "utf-8")
    missed = given.require_goals and any(figure.met is False for figure in report.figures)
    return int(bool(report.wrong) or missed)


if __name__ == "__main__":
    sys.exit(main())
