"""The standby in this datacentre: searches are read from it, and confirmed by the primary when they are committed.

A list costs one round trip to a distant primary instead of two, and the primary sends no payload. What the standby
lacks is noticed at the commit (apply.sql, `stale`); the message is then decided again on the primary's own state. So a
list is as new as one that was read from the primary, and everybody's own changes are in it (docs/adr/0011).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from reseptformidler import metrics
from reseptformidler.domain.decision import Needs
from reseptformidler.store.encode import Encoder
from reseptformidler.store.keys import Keyring
from reseptformidler.store.load import Loaded, load
from reseptformidler.store.pool import Pool


@dataclass(frozen=True, slots=True)
class Near:
    """Where to read instead, and whether that makes sense now."""

    pool: Pool
    is_fresh: Callable[[], bool]
    """Whether it is a standby that lags little: else what is read there is refused too often."""
    seconds: float
    """For all that a batch asks for; the primary is asked when it takes longer."""

    async def load(self, encoder: Encoder, keys: Keyring, needs: Sequence[Needs]) -> Loaded | None:
        """What these messages ask for; None when the primary must be asked."""
        if not needs or not self.is_fresh():
            return None
        try:
            async with asyncio.timeout(self.seconds), self.pool.acquire() as connection:
                return await load(connection, encoder, keys, needs)
        except Exception:  # noqa: BLE001  # whatever is wrong with it, there is the primary
            metrics.db_near_reads.labels("failed").inc(len(needs))
            return None
