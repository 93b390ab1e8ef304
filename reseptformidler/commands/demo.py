"""`demo`: the timeline against any running server."""

from __future__ import annotations

import argparse
import asyncio
from datetime import UTC, datetime
from pathlib import Path

from reseptformidler.commands.command import Command
from reseptformidler.commands.sandbox import data_dir_argument, pki_of


def arguments(parser: argparse.ArgumentParser) -> None:
    """Where the server is, and whose signatures it believes."""
    parser.add_argument("--url", default="http://127.0.0.1:8080", help="address of the server (http://127.0.0.1:8080)")
    data_dir_argument(parser)


def run(given: argparse.Namespace) -> int:
    """Play; status 1 when an answer was not the promised one."""
    return asyncio.run(play_against(given.url, given.data_dir))


async def play_against(url: str, data_dir: Path | None) -> int:
    """Play the demonstration with the cards of the sandbox in `data_dir`."""
    from reseptformidler.client.answer import NoAnswer
    from reseptformidler.client.soap import Client
    from reseptformidler.sandbox.demo import DemoFailed, play

    now = datetime.now(UTC)
    try:
        async with Client(url) as client:
            await play(client, pki_of(data_dir, now), lambda: datetime.now(UTC), print)
    except (DemoFailed, NoAnswer, OSError) as error:
        print(f"     demo FAILED: {error}")
        return 1
    return 0


COMMAND = Command(
    "demo",
    "play one prescription from M1 to M10 against a running server",
    arguments,
    run,
    description="""Play the demonstration of `dev` against any server that knows the sandbox's parties and trusts its
certificate authority (the folder pki/now/trust of the data folder). Exit status: 0 all answered as promised, 1 not.""",
)
