"""`outbox`: what could not be delivered, and sending it again."""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING

from reseptformidler.commands.command import Command

if TYPE_CHECKING:
    from reseptformidler.settings import Settings
    from reseptformidler.store.outbox import Stranded
    from reseptformidler.store.queries import Connection

    Work = Callable[[Connection, Settings], Awaitable[str]]


def arguments(parser: argparse.ArgumentParser) -> None:
    """Two sub-commands."""
    chosen = parser.add_subparsers(dest="outbox", metavar="WHAT", required=True)
    shown = chosen.add_parser("list", help="count what is stranded, by type, receiver and cause")
    shown.add_argument("--all", action="store_true", help="show each message")
    shown.set_defaults(do=_list)
    again = chosen.add_parser("replay", help="let relays send what is stranded again")
    again.add_argument("--type", metavar="TYPE", help="messages of this type only (M6, M8.1 …)")
    again.add_argument("--receiver", metavar="HER", help="messages for this HER-id only")
    again.add_argument("--id", metavar="ID", help="the one message that `list --all` calls so")
    again.set_defaults(do=_replay)


def run(given: argparse.Namespace) -> int:
    """Run the sub-command."""
    do: Callable[[argparse.Namespace], int] = given.do
    return do(given)


def _list(given: argparse.Namespace) -> int:
    async def work(connection: Connection, _: Settings) -> str:
        from reseptformidler.store import outbox

        stranded = await outbox.stranded(connection)
        return each(stranded) if given.all else counted(stranded)

    return _run("list", work)


def _replay(given: argparse.Namespace) -> int:
    from reseptformidler.log import logger

    async def work(connection: Connection, settings: Settings) -> str:
        from reseptformidler.store import outbox

        patience = outbox.Patience.of(hours=settings.give_up_hours, keep_days=settings.keep_outbox_days)
        keys = [one.key for one in await outbox.stranded(connection) if is_chosen(one, given)]
        types: Counter[str] = Counter()
        for begin in range(0, len(keys), outbox.ROWS):
            types.update(await outbox.replay(connection, keys[begin : begin + outbox.ROWS], patience))
        logger.info("replayed", rows=dict(types))
        return f"{types.total()} messages are owed again"

    return _run("replay", work)


def is_chosen(one: Stranded, given: argparse.Namespace) -> bool:
    """Whether a message is of the type, for the receiver and of the id that are given."""
    wanted = ((given.type, one.type), (given.receiver, one.mottaker), (given.id, one.id))
    return all(want in (None, there) for want, there in wanted)


def counted(stranded: Sequence[Stranded]) -> str:
    """How many, by type, receiver and cause; the most first."""
    numbers = Counter((one.type, one.mottaker or "-", one.arsak) for one in stranded)
    rows = [(str(number), *what) for what, number in numbers.most_common()]
    return table(("number", "type", "receiver", "cause"), rows)


def each(stranded: Sequence[Stranded]) -> str:
    """One line a message, oldest first; hours of age."""
    rows = [
        (one.id, str(one.melding_id or "-"), one.type, one.mottaker or "-", f"{one.age.total_seconds() / 3600:.0f} h",
         str(one.forsok), one.arsak)
        for one in stranded
    ]  # fmt: skip
    return table(("id", "MsgId", "type", "receiver", "age", "attempts", "cause"), rows)


def table(heads: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    """Columns under their heads."""
    widths = [max(map(len, column)) for column in zip(heads, *rows, strict=True)]
    lines = ("  ".join(map(str.ljust, row, widths)).rstrip() for row in (heads, *rows))
    return "\n".join(lines)


def _run(what: str, work: Work) -> int:
    """Do it on a connection to the primary; whatever goes wrong is one line."""
    import asyncpg

    from reseptformidler import log
    from reseptformidler.commands.environment import settings_or_exit
    from reseptformidler.commands.primary import connection_to_primary
    from reseptformidler.store.queries import NotReplicated
    from reseptformidler.store.servers import NoPrimary

    settings = settings_or_exit()
    log.configure(settings.log_level)

    async def connected() -> str:
        async with connection_to_primary(settings) as connection:
            return await work(connection, settings)

    try:
        print(asyncio.run(connected()))
    except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, NoPrimary, NotReplicated) as error:
        print(f"Cannot {what}: {type(error).__name__}: {error}", file=sys.stderr)
        return 1
    return 0


COMMAND = Command(
    "outbox",
    "show what could not be delivered, and send it again",
    arguments,
    run,
    description="""What `relay` could not deliver in RF_GIVE_UP_HOURS, or what its receiver refused with an AppRec, is
stranded: it is not tried any more, and kept until RF_KEEP_OUTBOX_DAYS are over. Nothing of a message is shown.

  reseptformidler outbox list                       how many, by type, receiver and cause
  reseptformidler outbox list --all                 each of them
  reseptformidler outbox replay --receiver 8090595  owed again: relays try it for another RF_GIVE_UP_HOURS

Without --type, --receiver or --id everything is replayed. Both may be repeated, and run beside relays.""",
)
