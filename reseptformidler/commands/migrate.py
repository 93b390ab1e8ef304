"""`migrate`: bring the database to this version's schema."""

from __future__ import annotations

import argparse
import asyncio
import sys

from reseptformidler.commands.command import Command


def arguments(parser: argparse.ArgumentParser) -> None:
    """`--post` is for after the roll-out."""
    parser.add_argument(
        "--post",
        action="store_true",
        help="also run the migrations that are safe only when no process of the release before is left",
    )


def run(given: argparse.Namespace) -> int:
    """Migrate, and say what was done."""
    import asyncpg

    from reseptformidler.commands.environment import settings_or_exit
    from reseptformidler.commands.primary import connection_to_primary
    from reseptformidler.store.migrate import MigrationRefused, migrate
    from reseptformidler.store.servers import NoPrimary

    settings = settings_or_exit()

    async def work() -> list[str]:
        async with connection_to_primary(settings) as connection:
            return await migrate(connection, include_post=given.post)

    try:
        done = asyncio.run(work())
    except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, NoPrimary, MigrationRefused) as error:
        print(f"Cannot migrate: {type(error).__name__}: {error}", file=sys.stderr)
        return 1
    print("\n".join(f"applied {name}" for name in done) or "nothing to do")
    return 0


COMMAND = Command(
    "migrate",
    "bring the database to this version's schema",
    arguments,
    run,
    description="""Apply the schema migrations that RF_DATABASE_URL lacks, in order, each in one transaction.

Before a roll-out: reseptformidler migrate
After it:          reseptformidler migrate --post""",
)
