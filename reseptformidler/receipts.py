"""The receipts that come for what was sent: each is matched with its message, which has arrived or was refused.

A receipt may come with the answer to the message, or later in a message of its own; and it may come again.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from reseptformidler import metrics
from reseptformidler.domain.kvittering import Kvittering
from reseptformidler.log import logger
from reseptformidler.store import outbox
from reseptformidler.store.outbox import Sent
from reseptformidler.store.pool import Pool
from reseptformidler.store.queries import Connection
from reseptformidler.wire.msghead import read_uuid
from reseptformidler.wire.parse import Unreadable, parse
from reseptformidler.wire.receipt import is_receipt, read_receipt
from reseptformidler.wire.schema import Schemas

UNMATCHED = "ukjent"
"""The type of a message that nobody was sent, in the figures."""


@dataclass(frozen=True, slots=True)
class Receipts:
    """What takes in receipts that come in messages of their own."""

    pool: Pool
    schemas: Schemas
    seconds: float

    async def take(self, said: Kvittering) -> None:
        """Write down what a receipt says. One for a message that its sender was never sent is counted, and no more."""
        async with asyncio.timeout(self.seconds), self.pool.acquire() as connection:
            sent = await self._matched(connection, said)
            if sent is not None:
                await outbox.mark_delivered(connection, [(sent.key, said)])
        count(sent.type if sent is not None else UNMATCHED, said)

    async def _matched(self, connection: Connection, said: Kvittering) -> Sent | None:
        melding_id = read_uuid(said.original)
        return await outbox.sent_as(connection, melding_id, said.avsender) if melding_id is not None else None


def answered(octets: bytes, schemas: Schemas) -> Kvittering | None:
    """The receipt in the answer to a message; None where the answer is empty or something else."""
    try:
        root = parse(octets)
        return read_receipt(root, schemas) if is_receipt(root) else None
    except Unreadable:
        return None


def count(melding: str, said: Kvittering) -> None:
    """Tell of one receipt."""
    metrics.receipts.labels(melding, said.status).inc()
    logger.info("receipt", melding=melding, status=said.status, reasons=said.koder)
