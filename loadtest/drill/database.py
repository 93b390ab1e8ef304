"""The lab's database, for what a drill must see or do in it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar
from urllib.parse import urlsplit, urlunsplit

import asyncpg

from loadtest.lab.lab import Lab
from loadtest.lab.network import CLIENTS, address
from loadtest.lab.postgresql import PORT

T = TypeVar("T")
WAITING = "SELECT count(*) FROM utboks WHERE status = 'V'"


def url_at(lab: Lab, place: str) -> str:
    """One server, for the service's own role."""
    parts = urlsplit(lab.environment(place)["RF_DATABASE_URL"])
    credentials = parts.netloc.rsplit("@", 1)[0]
    return urlunsplit(parts._replace(netloc=f"{credentials}@{address(place)}:{PORT}"))


def at_primary(lab: Lab, work: Callable[[asyncpg.Connection[Any]], Awaitable[T]]) -> T:
    """The result of some work on a connection to the primary."""
    place = lab.primary()
    assert place is not None
    return lab.network.call(CLIENTS, asyncio.run, _connected(url_at(lab, place), work))


async def _connected(url: str, work: Callable[[asyncpg.Connection[Any]], Awaitable[T]]) -> T:
    connection = await asyncpg.connect(url)
    try:
        return await work(connection)
    finally:
        await connection.close()


def owed(lab: Lab) -> int:
    """How many messages wait to be delivered."""
    return int(at_primary(lab, lambda connection: connection.fetchval(WAITING)))
