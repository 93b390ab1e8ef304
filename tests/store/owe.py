"""Owed messages for the tests of outbox and relay, as apply.sql stores them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

from pydantic_core import to_json

from reseptformidler.domain.decision import Owed, Vedlegg
from reseptformidler.domain.hode import Ident, Kode, Organisation
from reseptformidler.domain.ident import uuid_of_time
from reseptformidler.store.encode import Encoder, Outgoing
from reseptformidler.store.pool import Pool
from reseptformidler.store.seal import Sealer
from reseptformidler.wire import reply
from tests.store.build import LEGE, NOW

INSERT = """
INSERT INTO utboks (opprettet, avsender, msg_id, lopenr, type, mottaker, resept_id, ref_to_parent,
                    ref_to_conversation, neste, innhold, melding_id)
VALUES ($1, $2, $3, 0, $4, $5, $6, 'parent', 'conversation', $1, $7, $8)
"""
PAYLOAD = b'<KvitteringTilbakekalling xmlns="http://www.kith.no/xmlstds/eresept/m52/2013-12-01"/>'


def virksomhet(her: str) -> Organisation:
    """An organisation with a HER-id, or without one."""
    idents = (Ident(her, Kode("HER", "HER-id", "2.16.578.1.12.4.1.1.9051")),) if her else ()
    return Organisation("Et kontor", (Ident("915933149", Kode("ENH", "Organisasjonsnummer")), *idents))


RF = virksomhet("80624")


async def owe(
    pool: Pool,
    sealer: Sealer,
    resept_id: UUID | None = None,
    *,
    type_: str = "M6",
    mottaker: str = "1",
    payload: bytes = PAYLOAD,
    attachments: tuple[Vedlegg, ...] = (),
    opprettet: datetime = NOW,
) -> UUID:
    """Owe one message; the MsgId of what caused it."""
    msg_id = uuid4()
    owed = Owed(type_, virksomhet(mottaker), resept_id, str(msg_id), "conversation", payload)
    melding_id = uuid_of_time(opprettet, uuid4())
    message = reply.render_owed(msg_id=melding_id, now=opprettet, service=RF, owed=owed)
    sealed = Encoder(sealer).owed(LEGE, msg_id, 0, Outgoing(message, attachments))
    await pool.execute(INSERT, opprettet, LEGE, msg_id, type_, mottaker, resept_id, sealed, melding_id)
    return msg_id


async def owe_facts(
    pool: Pool, sealer: Sealer, content: Mapping[str, Any], *, type_: str = "M6", resept_id: UUID | None = None
) -> UUID:
    """Owe one as the release before this one recorded it: its facts, in place of a message."""
    msg_id = uuid4()
    record = msg_id.bytes + (0).to_bytes(2, "big") + LEGE.encode()
    sealed = sealer.seal("utboks", record, b"\x01" + to_json(content))
    await pool.execute(INSERT, NOW, LEGE, msg_id, type_, "1", resept_id, sealed, None)
    return msg_id


async def waiting(pool: Pool) -> list[UUID]:
    """The MsgIds of what is not delivered."""
    rows = await pool.fetch("SELECT msg_id FROM utboks WHERE status = 'V' ORDER BY plass")
    return [row["msg_id"] for row in rows]
