"""The connection of a command that does one thing to the database and ends."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import asyncpg

    from reseptformidler.settings import Settings


@asynccontextmanager
async def connection_to_primary(settings: Settings) -> AsyncIterator[asyncpg.Connection[Any]]:
    """To the primary among the servers of RF_DATABASE_URL; NoPrimary when there is none in RF_ANSWER_SECONDS."""
    from reseptformidler.store.servers import connected

    url = settings.database_url.get_secret_value()
    async with connected(url, seconds=settings.server_seconds, patience=settings.answer_seconds) as connection:
        yield connection
