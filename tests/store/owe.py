"""Owed messages for the tests of outbox and relay, as apply.sql stores them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

from reseptformidler.domain.decision import Owed
from reseptformidler.store.encode import Encoder
from reseptformidler.store.pool import Pool
from reseptformidler.store.seal import Sealer
from tests.store.build import LEGE, NOW

INSERT = """
INSERT INTO utboks (opprettet, avsender, msg_id, lopenr, type, mottaker, resept_id, ref_to_parent,
                    ref_to_conversation, neste, innhold)
VALUES ($1, $2, $3, 0, $4, $5, $6, 'parent', 'conversation', $1, $7)
"""


async def owe(
    pool: Pool,
    sealer: Sealer,
    resept_id: UUID | None = None,
    *,
    type_: str = "M6",
    mottaker: str = "1",
    content: Mapping[str, Any] | None = None,
    opprettet: datetime = NOW,
) -> UUID:
    """Owe one message; the MsgId of what caused it."""
    msg_id = uuid4()
    owed = Owed(type_, mottaker, resept_id, "parent", "conversation", content or {})
    sealed = Encoder(sealer).owed(LEGE, msg_id, 0, owed)
    await pool.execute(INSERT, opprettet, LEGE, msg_id, type_, mottaker, resept_id, sealed)
    return msg_id


async def waiting(pool: Pool) -> list[UUID]:
    """The MsgIds of what is not delivered."""
    rows = await pool.fetch("SELECT msg_id FROM utboks WHERE status = 'V' ORDER BY plass")
    return [row["msg_id"] for row in rows]
