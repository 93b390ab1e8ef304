"""Judges what drills left in their folders: `python -m loadtest.drill.judge FOLDER … [--report FILE.md]`.

So several drills, each with a lab of its own, become one report.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from loadtest.crash.checker import check
from loadtest.drill.picture import svg
from loadtest.drill.report import Report

HISTORIES = ("senders.jsonl", "faults.jsonl")


def judge(title: str, folders: Sequence[Path], report: Path | None) -> Report:
    """Tell the verdict; write it into a file too, beside a picture of the first drill."""
    begun = time.perf_counter()
    verdicts = [check(*(folder / name for name in HISTORIES)) for folder in folders]
    found = Report.of(title, *verdicts)
    print(found.text())
    print(f"judged in {time.perf_counter() - begun:.1f} s")
    if report:
        image = report.with_suffix(".svg")
        image.write_text(svg(verdicts[0].record), "utf-8")
        report.write_text(found.markdown(image.name), "utf-8")
    return found


def main() -> int:
    """Exit status 1 when a promise was broken."""
    parser = argparse.ArgumentParser("loadtest.drill.judge", description=__doc__)
    parser.add_argument("folders", type=Path, nargs="+", metavar="FOLDER", help="of a drill that was run with --keep")
    parser.add_argument("--report", type=Path, metavar="FILE.md", help="write the report there, and a picture")
    given = parser.parse_args()
    found = judge(f"Drills: {len(given.folders)}, one after the other", given.folders, given.report)
    return 1 if found.violations or found.broken else 0


if __name__ == "__main__":
    sys.exit(main())
