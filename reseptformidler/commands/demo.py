"""`demo`: the sandbox's stories against any running server."""

from __future__ import annotations

import argparse
import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from reseptformidler.commands.command import Command
from reseptformidler.commands.sandbox import data_dir_argument, pki_of

if TYPE_CHECKING:
    from reseptformidler.sandbox.mottak import Mottak
    from reseptformidler.sandbox.pki import Pki

SCENARIO = "kjede"


def arguments(parser: argparse.ArgumentParser) -> None:
    """Where the server is, whose signatures it believes, and what is played."""
    parser.add_argument("--url", default="http://127.0.0.1:8080", help="address of the server (http://127.0.0.1:8080)")
    parser.add_argument("--scenario", default=SCENARIO, metavar="NAME", help=f"which story, or all ({SCENARIO})")
    parser.add_argument("--list", action="store_true", help="only print which stories there are")
    parser.add_argument(
        "--receiver-port",
        type=int,
        metavar="PORT",
        help="where the receivers of `dev` are (one above the server's); if they are not there, receive here what the "
        "server sends: its RF_RECEIVERS names http://127.0.0.1:PORT/mottak",
    )
    refuse_argument(parser)
    data_dir_argument(parser)


def refuse_argument(parser: argparse.ArgumentParser) -> None:
    """The rule of the sandbox's Legemiddelverket."""
    parser.add_argument(
        "--refuse",
        action="append",
        metavar="VARENR",
        help="goods whose use Legemiddelverket refuses; it grants all others (990007); repeatable",
    )


def run(given: argparse.Namespace) -> int:
    """Play; status 1 when an answer was not the promised one, 2 when there is no such story."""
    from reseptformidler.sandbox.stories import STORIES, chosen

    if given.list or not chosen(given.scenario):
        print("\n".join(f"{story.name:<26} {story.about}" for story in STORIES))
        return 0 if given.list else 2
    return asyncio.run(_run(given))


async def _run(given: argparse.Namespace) -> int:
    pki = pki_of(given.data_dir, _now())
    try:
        async with _receivers(given) as mottak:
            return await played(given.url, pki, _now, given.scenario, mottak)
    except OSError as error:
        print(f"     demo FAILED: --receiver-port: {error.strerror or error}")
        return 1


async def played(url: str, pki: Pki, clock: Callable[[], datetime], scenario: str, mottak: str) -> int:
    """Play and tell a story, or all; the exit status. `mottak`: the address of `sandbox.mottak`, empty for none."""
    from aiohttp import ClientError

    from reseptformidler.client.answer import NoAnswer
    from reseptformidler.client.soap import Client
    from reseptformidler.sandbox.stage import DemoFailed, Stage
    from reseptformidler.sandbox.stories import chosen, perform

    try:
        async with Client(url) as client:
            await perform(Stage(client, pki, clock, print, mottak), chosen(scenario))
    except (DemoFailed, NoAnswer, ClientError, OSError) as error:
        print(f"     demo FAILED: {error}")
        return 1
    return 0


@asynccontextmanager
async def _receivers(given: argparse.Namespace) -> AsyncIterator[str]:
    """The address of the receivers of `dev`, or of our own; empty where there are none."""
    found = await receivers_at(given.receiver_port or beside(urlsplit(given.url).port or 80))
    if found or given.receiver_port is None:
        yield found
        return
    async with mottak_of(given, given.url, _now).listening(given.receiver_port) as address:
        yield address


def mottak_of(given: argparse.Namespace, url: str, clock: Callable[[], datetime]) -> Mottak:
    """The receivers of the sandbox, for a service at `url`; Legemiddelverket decides by the rule that was given."""
    from reseptformidler.sandbox.legemiddelverket import REFUSED, Legemiddelverket
    from reseptformidler.sandbox.mottak import Mottak

    return Mottak(url, clock, Legemiddelverket(frozenset(given.refuse or REFUSED)))


def beside(port: int) -> int:
    """Where `dev` on that port receives unless it is told otherwise; any free port (0) for any free port."""
    return port and port + 1


async def receivers_at(port: int) -> str:
    """The address of the sandbox's receivers on that port; empty if they are not there."""
    import aiohttp

    from reseptformidler.sandbox.mottak import PATH

    address, patience = f"http://127.0.0.1:{port}{PATH}", aiohttp.ClientTimeout(total=2)
    try:
        async with aiohttp.ClientSession(timeout=patience) as session, session.get(address) as response:
            return address if response.status == 200 else ""
    except (aiohttp.ClientError, TimeoutError):
        return ""


def _now() -> datetime:
    return datetime.now(UTC)


COMMAND = Command(
    "demo",
    "play the sandbox's stories against a running server",
    arguments,
    run,
    description="""Play the stories of the sandbox (docs/sandbox.md) against `dev`, or against any server that knows the
sandbox's parties and trusts its certificate authority (the folder pki/now/trust of the data folder). All but kjede wait
for messages that the server sends. Exit status: 0 all answered as promised, 1 not, 2 no such story.""",
)
