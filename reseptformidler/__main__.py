"""The command line: each command is one module of `commands`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from reseptformidler import __version__
from reseptformidler.commands import COMMANDS


def parser() -> argparse.ArgumentParser:
    """The parser of all commands."""
    top = argparse.ArgumentParser(
        prog="reseptformidler",
        description="An open Reseptformidler: Norway's e-prescription intermediary. Start with `reseptformidler dev`.",
    )
    top.add_argument("--version", action="version", version=__version__)
    chosen = top.add_subparsers(dest="command", metavar="COMMAND", required=True)
    for command in COMMANDS:
        sub = chosen.add_parser(
            command.name,
            help=command.help,
            description=command.description or command.help,
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        command.arguments(sub)
        sub.set_defaults(run=command.run)
    return top


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit status."""
    given = parser().parse_args(arguments)
    try:
        return int(given.run(given))
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main())
