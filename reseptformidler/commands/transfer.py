"""`export` and `import`: move the whole service to another operator or engine."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from reseptformidler.commands.command import Command

if TYPE_CHECKING:
    from reseptformidler.store.keys import FileKek
    from reseptformidler.store.queries import Connection
    from reseptformidler.transfer.folder import Folder

    Work = Callable[[Connection, Folder, FileKek], Awaitable[str]]


def _arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("folder", type=Path, metavar="FOLDER", help="where the files of the export stand")
    parser.add_argument(
        "--key", type=Path, required=True, metavar="FILE", help="file with the transfer key, made by `keys new`"
    )
    parser.add_argument("--verify", action="store_true", help="only compare the database with the last pass")


def _export_arguments(parser: argparse.ArgumentParser) -> None:
    _arguments(parser)
    parser.add_argument("--last", action="store_true", help="the last pass, after the service was stopped")


def _export(given: argparse.Namespace) -> int:
    async def work(connection: Connection, folder: Folder, kek: FileKek) -> str:
        from reseptformidler.transfer.outward import export

        made = await export(connection, folder, kek, last=given.last, now=datetime.now(UTC))
        rows = sum(piece.rows for piece in made.pieces if piece.kind == "rows")
        size = sum(piece.octets for piece in made.pieces) / 1e6
        name = f"{'last pass' if made.last else 'pass'} {made.number}"
        return f"{name}: {rows} rows, {len(made.pieces)} files, {size:.1f} MB"

    return _run("export", given, _verify if given.verify else work)


def _import(given: argparse.Namespace) -> int:
    async def work(connection: Connection, folder: Folder, kek: FileKek) -> str:
        from reseptformidler.transfer.inward import take_in

        taken = await take_in(connection, folder, kek)
        done = f"{taken.files} files, {taken.rows} rows taken in, {taken.deleted} rows deleted"
        return f"{done}\n{'equal to the source' if taken.proved else 'not the whole yet: the last pass is missing'}"

    return _run("import", given, _verify if given.verify else work)


async def _verify(connection: Connection, folder: Folder, kek: FileKek) -> str:
    from reseptformidler.transfer.inward import verify

    return f"equal to {(await verify(connection, folder, kek)).name}"


def _run(what: str, given: argparse.Namespace, work: Work) -> int:
    """Do it on a connection to the primary; whatever goes wrong is one line."""
    import asyncio

    import asyncpg

    from reseptformidler.commands.environment import settings_or_exit
    from reseptformidler.store.keys import FileKek, KeyProblem
    from reseptformidler.store.transfer import CannotMove, connect
    from reseptformidler.transfer.folder import Folder

    settings = settings_or_exit()

    async def connected() -> str:
        folder, kek = Folder(given.folder, FileKek(given.key)), FileKek(settings.kek_file)
        connection = await connect(settings.database_url.get_secret_value())
        try:
            return await work(connection, folder, kek)
        finally:
            await connection.close()

    try:
        print(asyncio.run(connected()))
    except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, KeyProblem, CannotMove) as error:
        known = isinstance(error, KeyProblem | CannotMove)
        print(f"Cannot {what}: {error if known else f'{type(error).__name__}: {error}'}", file=sys.stderr)
        return 1
    return 0


EXPORT = Command(
    "export",
    "write the whole service into a folder, sealed, while it runs",
    _export_arguments,
    _export,
    description="""Each run is one pass: the first writes everything, a later one what has changed since. A run that
was broken off is repeated: what it wrote is kept. The files are sealed with the transfer key; nothing about a
person is opened.

  reseptformidler keys new > transfer.key
  reseptformidler export moving --key transfer.key           as often as you like
  reseptformidler export moving --key transfer.key --last    after the service was stopped

docs/moving.md says how a whole move goes.""",
)

IMPORT = Command(
    "import",
    "take an export into an empty, migrated database, and prove that both are the same",
    _arguments,
    _import,
    description="""Takes in every pass that is in the folder and not in the database yet; repeat it after each export,
and when it was broken off. After the last pass both databases are compared by hashes; until they are equal, serve
nothing.

  reseptformidler migrate
  reseptformidler import moving --key transfer.key

docs/moving.md says how a whole move goes.""",
)
