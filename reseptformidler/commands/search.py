"""`search`: find the active prescriptions whose content matches a pattern (docs/content-search.md)."""

from __future__ import annotations

import argparse
import csv
import json
import sys
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime
from itertools import groupby
from operator import attrgetter
from time import monotonic
from typing import TYPE_CHECKING

from reseptformidler.commands.command import Command

if TYPE_CHECKING:
    from reseptformidler.app import Database
    from reseptformidler.settings import Settings
    from reseptformidler.store.content import Found, Search

    Work = Callable[[argparse.Namespace, Settings, Database], Awaitable[None]]

PAUSE, MOST_HITS = 0.1, 100_000
SECONDS_BETWEEN_LINES = 2.0
DELETED = "slettet"
FIELDS = ("ReseptId", "StatusVedTreff", "Status", "Forskrivningsdato", "Utloper")


def _arguments(parser: argparse.ArgumentParser) -> None:
    chosen = parser.add_subparsers(dest="search", metavar="WHAT", required=True)
    start = chosen.add_parser("start", help="search all active prescriptions")
    start.add_argument("--pattern", required=True, metavar="XPATH", help="what to find, asked from the Resept element")
    start.add_argument("--reason", required=True, metavar="TEXT", help="why; it is kept")
    start.add_argument("--operator", required=True, metavar="NAME", help="who asks; it is kept")
    resume = chosen.add_parser("resume", help="go on with a search that was broken off")
    shown = chosen.add_parser("show", help="print what a search found")
    rule = chosen.add_parser("rule", help="print its pattern as a rule for RF_SAFETY_RULES")
    status = chosen.add_parser("status", help="who searched for what, why, how far it is")
    listed = chosen.add_parser("list", help="one line a search, the newest first")
    for one in (resume, shown, rule, status):
        one.add_argument("number", type=int, metavar="NUMBER", help="of the search")
    for one in (start, resume):
        one.add_argument("--pause", type=float, default=PAUSE, metavar="SECONDS", help=f"between two pages ({PAUSE})")
        one.add_argument("--most", type=int, default=MOST_HITS, metavar="HITS", help=f"stop after more ({MOST_HITS})")
    shown.add_argument("--format", choices=("csv", "json"), default="csv", help="csv unless said")
    rule.add_argument("--name", required=True, help="what the rule is called")
    rule.add_argument("--text", required=True, help="what a sender is told, in Norwegian")
    for one, work in ((start, _start), (resume, _resume), (shown, _show), (rule, _rule), (status, _status)):
        one.set_defaults(work=work)
    listed.set_defaults(work=_list)


def _run(given: argparse.Namespace) -> int:
    """Do it; what an operator can mend is one line."""
    import asyncpg

    from reseptformidler import app
    from reseptformidler.commands.environment import settings_or_exit
    from reseptformidler.commands.loop import run_loop
    from reseptformidler.meldinger.pasientsikkerhet import Regelfeil
    from reseptformidler.registers.files import RegisterError
    from reseptformidler.store.content import SearchStopped
    from reseptformidler.store.keys import KeyProblem
    from reseptformidler.store.queries import NotReplicated

    settings = settings_or_exit()
    work: Work = given.work

    async def connected() -> None:
        async with app.database(settings) as database:
            await work(given, settings, database)

    try:
        run_loop(connected())
    except (SearchStopped, KeyProblem, RegisterError) as error:
        return _complain(str(error))
    except Regelfeil as error:
        return _complain(f"no usable pattern or rule: {error}")
    except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, NotReplicated) as error:
        return _complain(f"{type(error).__name__}: {error}")
    return 0


def _complain(text: str) -> int:
    print(f"Cannot search: {text}", file=sys.stderr)
    return 1


async def _start(given: argparse.Namespace, settings: Settings, database: Database) -> None:
    from reseptformidler.store import content

    who = {"operator": given.operator, "reason": given.reason, "pattern": given.pattern}
    async with database.pool.acquire() as connection:
        search = await content.begin(connection, **who, now=datetime.now(UTC))
    await _search(search, "started", given, settings, database)


async def _resume(given: argparse.Namespace, settings: Settings, database: Database) -> None:
    await _search(await _asked(given, database), "resumed", given, settings, database)


async def _search(search: Search, how: str, given: argparse.Namespace, settings: Settings, database: Database) -> None:
    """Run it to its end; the log has that it was begun and that it ended."""
    from reseptformidler.log import configure, logger
    from reseptformidler.store.content import Searcher
    from reseptformidler.store.keys import FileKek, open_keyring
    from reseptformidler.store.seal import Sealer

    configure(settings.log_level)
    print(f"search {search.sok_id} {how}", file=sys.stderr, flush=True)
    logger.info("content_search", outcome=how, pending=search.anslag)
    async with database.pool.acquire() as connection:
        sealer = Sealer(await open_keyring(connection, FileKek(settings.kek_file), datetime.now(UTC)))
    searcher = Searcher(
        database.pool, database.near, settings.near_lag_seconds, sealer, clock=lambda: datetime.now(UTC)
    )
    progress = _Progress(search.sett)
    search = await searcher.run(search, most=given.most, pause=given.pause, tell=progress.tell)
    logger.info("content_search", outcome="finished", rows=search.treff)
    print(_line(search), file=sys.stderr)


class _Progress:
    """A line every two seconds, with the rate of this run."""

    def __init__(self, seen_before: int) -> None:
        self._before = seen_before
        self._begun = self._shown = monotonic()

    def tell(self, search: Search) -> None:
        now = monotonic()
        if now - self._shown >= SECONDS_BETWEEN_LINES:
            self._shown = now
            rate = (search.sett - self._before) / max(now - self._begun, 1e-3)
            print(f"{_line(search)}, {rate:,.0f}/s", file=sys.stderr, flush=True)


def _line(search: Search) -> str:
    state = "finished" if search.ferdig else f"at {search.neste}"
    counts = f"{search.sett:,} of about {search.anslag:,} seen, {search.treff:,} hits, {search.ulest:,} unreadable"
    return f"search {search.sok_id} {state}: {counts}"


async def _asked(given: argparse.Namespace, database: Database) -> Search:
    from reseptformidler.store import content

    async with database.pool.acquire() as connection:
        return await content.search(connection, given.number)


async def _list(_: argparse.Namespace, __: Settings, database: Database) -> None:
    from reseptformidler.store import content

    async with database.pool.acquire() as connection:
        for search in await content.searches(connection):
            print(f"{_line(search)}; {search.startet:%Y-%m-%d %H:%M} UTC by {search.operator}")


async def _status(given: argparse.Namespace, _: Settings, database: Database) -> None:
    search = await _asked(given, database)
    print(_line(search))
    for name, value in (("started", search.startet), ("last page", search.endret), ("finished", search.ferdig)):
        print(f"{name:<10} {value.isoformat(timespec='seconds') if value else 'not yet'}")
    for name, text in (("operator", search.operator), ("reason", search.begrunnelse), ("pattern", search.monster)):
        print(f"{name:<10} {text}")


async def _rule(given: argparse.Namespace, _: Settings, database: Database) -> None:
    from reseptformidler.meldinger.pasientsikkerhet import som_regel

    search = await _asked(given, database)
    print(som_regel(given.name, search.monster, given.text), end="")


async def _show(given: argparse.Namespace, settings: Settings, database: Database) -> None:
    """Names of organisations come from the registers, not from what was sent."""
    from reseptformidler.registers.fixed import FixedRegisters
    from reseptformidler.store import content

    search, registers = await _asked(given, database), FixedRegisters.load(settings.registers)
    async with database.pool.acquire() as connection:
        found = await content.found(connection, search.sok_id)
    if search.ferdig is None:
        print(f"not the whole: {_line(search)}", file=sys.stderr)
    names = {hit.her: aktor.navn for hit in found if (aktor := registers.aktor(hit.her))}
    (_write_json if given.format == "json" else _write_csv)(found, names)


def _write_json(found: list[Found], names: Mapping[str, str]) -> None:
    groups = [
        {"HerId": her, "Organisasjon": names.get(her, ""), "Resepter": [_fields(hit) for hit in hits]}
        for her, hits in groupby(found, attrgetter("her"))
    ]
    print(json.dumps(groups, ensure_ascii=False, indent=1))


def _write_csv(found: list[Found], names: Mapping[str, str]) -> None:
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(("HerId", "Organisasjon", *FIELDS))
    writer.writerows((hit.her, names.get(hit.her, ""), *_fields(hit).values()) for hit in found)


def _fields(hit: Found) -> dict[str, str]:
    written = hit.forskrivningsdato.isoformat() if hit.forskrivningsdato else ""
    values = (str(hit.resept_id), hit.status, hit.status_now or DELETED, written, hit.utloper.isoformat())
    return dict(zip(FIELDS, values, strict=True))


COMMAND = Command(
    "search",
    "find the active prescriptions whose content matches a pattern",
    _arguments,
    _run,
    description="""A search goes through every prescription that is E, U or B, page by page and gently. It is written
down with who asked and why; it may be killed, and goes on with `resume`. What it found never names a patient.

  reseptformidler search start --reason "dosing error of June" --operator "Vakt 1" \\
      --pattern ".//fs:DoseFastTidspunkt[fs:Intervall/@U = 'Uke']"
  reseptformidler search show 1 --format csv > letters.csv
  reseptformidler search rule 1 --name ukedosering --text "Doseringen er oppgitt per uke." >> safety.toml

A pattern is an XPath 1.0 with the prefixes m1, fs, kith, fk1 and re; its result is a boolean or a set of nodes.
docs/content-search.md says in which order to use these, what is covered, and what it costs.""",
)
