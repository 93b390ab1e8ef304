"""`codes`: the table of refusal codes as JSON lines."""

from __future__ import annotations

import argparse
import json
import sys

from reseptformidler.commands.command import Command, no_arguments


def run(_: argparse.Namespace) -> int:
    """Print one line a code."""
    from reseptformidler import reasons

    for line in reasons.table():
        json.dump(line, sys.stdout, ensure_ascii=False)
        print()
    return 0


COMMAND = Command(
    "codes",
    "print code list 7419 as JSON lines: what is implemented, planned, not applicable",
    no_arguments,
    run,
    description="""Print every code of list 7419 as one JSON object a line.

state is one of
  implemented     with the rule that finds it and the test that shows it
  planned         with the part of the system it waits for
  not_applicable  with the reason

Example: reseptformidler codes | grep '"planned"'""",
)
