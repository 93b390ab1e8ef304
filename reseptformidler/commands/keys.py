"""`keys`: make and exchange key-encryption keys."""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import Callable

from reseptformidler.commands.command import Command


def arguments(parser: argparse.ArgumentParser) -> None:
    """Two sub-commands."""
    chosen = parser.add_subparsers(dest="keys", metavar="WHAT", required=True)
    chosen.add_parser("new", help="print a line with a new key, for the key file").set_defaults(do=_new)
    chosen.add_parser("rotate", help="wrap every data key with the newest key of the file").set_defaults(do=_rotate)


def run(given: argparse.Namespace) -> int:
    """Run the sub-command."""
    do: Callable[[], int] = given.do
    return do()


def _new() -> int:
    from reseptformidler.store.keys import new_kek_line

    sys.stdout.write(new_kek_line())
    return 0


def _rotate() -> int:
    import asyncpg

    from reseptformidler.commands.environment import settings_or_exit
    from reseptformidler.commands.primary import connection_to_primary
    from reseptformidler.store.keys import FileKek, KeyProblem, rotate_kek
    from reseptformidler.store.servers import NoPrimary

    settings = settings_or_exit()

    async def work() -> int:
        async with connection_to_primary(settings) as connection:
            return await rotate_kek(connection, FileKek(settings.kek_file))

    try:
        print(f"{asyncio.run(work())} data keys wrapped with the newest key")
    except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, NoPrimary, KeyProblem) as error:
        print(f"Cannot rotate: {type(error).__name__}: {error}", file=sys.stderr)
        return 1
    return 0


COMMAND = Command(
    "keys",
    "make and exchange key-encryption keys",
    arguments,
    run,
    description="""The file RF_KEK_FILE holds key-encryption keys, one a line; the last one wraps, all unwrap.

  reseptformidler keys new > kek     the first key (keep the file at mode 0600, and a copy elsewhere)
  reseptformidler keys rotate        wrap what older keys wrap with the newest one; no stored payload is touched

docs/operating.md has the order in which a key is exchanged while the service runs.""",
)
