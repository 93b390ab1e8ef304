"""What is owed to others: asynchronous messages that were recorded with the change that owes them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from reseptformidler.store.queries import Connection, fetch


@dataclass(frozen=True, slots=True)
class Pending:
    """How many messages of one type wait, and since when the oldest does."""

    count: int
    oldest: datetime


async def pending(connection: Connection) -> Mapping[str, Pending]:
    """What waits, by message type."""
    rows = await fetch(connection, "outbox.pending")
    return {row["type"]: Pending(row["antall"], row["eldste"]) for row in rows}
