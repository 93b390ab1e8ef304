"""A client gone wild: it takes every connection of the primary that it gets, and ends those of the service.

`python -m loadtest.drill.rogue URL` goes on until its standard input ends.
"""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from random import Random

import asyncpg

from loadtest.drill.database import url_at
from loadtest.lab.lab import CHECKOUT, Lab

END_THE_SERVICE = """
SELECT pg_terminate_backend(pid) FROM pg_stat_activity
WHERE usename = current_user AND pid <> pg_backend_pid() AND application_name <> 'rogue'
"""
SECONDS_BETWEEN_GRABS = 0.1
SECONDS_TO_END = 10.0


@contextmanager
def rogue(lab: Lab, _: Random) -> Iterator[str]:
    """The fault: it runs where the clients are."""
    place = lab.primary()
    assert place is not None
    argv = [sys.executable, "-m", "loadtest.drill.rogue", url_at(lab, place)]
    process = lab.in_clients(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=CHECKOUT)
    try:
        process.stdout.readline()  # it has them all
        yield place
    finally:
        process.communicate(timeout=SECONDS_TO_END)


async def main() -> None:
    """Grab until standard input ends."""
    ended = asyncio.create_task(asyncio.to_thread(sys.stdin.read))
    held: list[asyncpg.Connection] = []
    while not ended.done():
        held += await _grab(sys.argv[1])
        if held:
            await held[0].execute(END_THE_SERVICE)
            held += await _grab(sys.argv[1])
            print(f"{len(held)} connections", flush=True)
        await asyncio.wait([ended], timeout=SECONDS_BETWEEN_GRABS)
    for connection in held:
        connection.terminate()


async def _grab(url: str) -> list[asyncpg.Connection]:
    """As many connections as there are to be had."""
    found = []
    while True:
        try:
            found.append(await asyncpg.connect(url, timeout=2, server_settings={"application_name": "rogue"}))
        except (OSError, TimeoutError, asyncpg.PostgresError):
            return found


if __name__ == "__main__":
    asyncio.run(main())
