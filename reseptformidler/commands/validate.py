"""`validate`: judge message files without a server."""

from __future__ import annotations

import argparse
from datetime import UTC, datetime
from pathlib import Path

from reseptformidler.commands.command import Command


def arguments(parser: argparse.ArgumentParser) -> None:
    """The files."""
    parser.add_argument("files", nargs="+", type=Path, metavar="FILE", help="a message (MsgHead), as XML in UTF-8")


def run(given: argparse.Namespace) -> int:
    """Print every problem; status 1 when there is one, 2 when a file cannot be opened."""
    from reseptformidler.validate import validate
    from reseptformidler.wire.schema import Schemas

    schemas, status = Schemas(), 0
    for path in given.files:
        try:
            octets = path.read_bytes()
        except OSError as error:
            print(f"{path}: {error.strerror}")
            return 2
        problems = validate(octets, schemas, datetime.now(UTC))
        print(f"{path}: {'i orden' if not problems else ''}".rstrip())
        for problem in problems:
            print(f"  {problem}")
        status = status or int(bool(problems))
    return status


COMMAND = Command(
    "validate",
    "judge message files: schema, then the rules that need no database",
    arguments,
    run,
    description="""Judge each FILE: well-formed, schema (with line and path), head, and the business rules that
need neither store nor registers, with the code of list 7419 and Norwegian text. Signatures are not checked.

Exit status: 0 nothing found, 1 something found, 2 a file cannot be read.""",
)
