"""An owed message as it is posted: a standard message with what is attached to it.

What a release before this one recorded is facts instead of a message: those go as JSON, as that release sent them.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from reseptformidler.domain.decision import Vedlegg
from reseptformidler.log import logger, where
from reseptformidler.store import outbox
from reseptformidler.store.encode import Encoder, Outgoing
from reseptformidler.store.keys import KeyProblem, Keyring
from reseptformidler.store.outbox import Claimed
from reseptformidler.store.queries import Connection
from reseptformidler.store.seal import Unsealable, key_ids
from reseptformidler.wire import reply


@dataclass(frozen=True, slots=True)
class Parcel:
    """The body of a request, and what it is."""

    octets: bytes
    content_type: str


Unopened = Unsealable | KeyProblem
"""Why a message cannot be sent: what is stored cannot be opened."""
_Opened = Outgoing | Mapping[str, Any] | Unopened


async def pack(
    connection: Connection, encoder: Encoder, keys: Keyring, claimed: Sequence[Claimed]
) -> list[Parcel | Unopened]:
    """Each message, or why it cannot be sent: one that cannot be opened keeps no other back."""
    await _fetch_keys(connection, keys, (one.innhold for one in claimed))
    opened = [_open(encoder, one) for one in claimed]
    wanted = {document for one in opened if isinstance(one, Outgoing) for document in one.attachments}
    documents = await outbox.documents(connection, wanted)
    await _fetch_keys(connection, keys, documents.values())
    return [_parcel(encoder, *one, documents) for one in zip(claimed, opened, strict=True)]


async def _fetch_keys(connection: Connection, keys: Keyring, sealed: Iterable[bytes]) -> None:
    """One by one: a key that is missing keeps only those messages back that need it."""
    for key_id in key_ids(sealed):
        try:
            await keys.fetch(connection, [key_id])
        except KeyProblem as error:
            logger.error("key_missing", error=type(error).__name__, where=where(error))


def _open(encoder: Encoder, owed: Claimed) -> _Opened:
    try:
        return encoder.open_owed(owed.avsender, owed.msg_id, owed.lopenr, owed.innhold)
    except (Unsealable, KeyProblem) as error:
        return error


def _parcel(encoder: Encoder, owed: Claimed, opened: _Opened, documents: Mapping[Vedlegg, bytes]) -> Parcel | Unopened:
    if isinstance(opened, Unsealable | KeyProblem):
        return opened
    if not isinstance(opened, Outgoing):
        return Parcel(_facts(owed, opened), "application/json")
    there = [document for document in opened.attachments if document in documents]
    if len(there) < len(opened.attachments):  # recalled by a release that did not keep its M5
        logger.warning("attachment_gone", melding=owed.type, rows=len(opened.attachments) - len(there))
    try:
        attached = [encoder.open_dokument(one.resept_id, one.msg_id, documents[one]) for one in there]
    except (Unsealable, KeyProblem) as error:
        return error
    return Parcel(reply.with_attachments(opened.message, attached), "text/xml; charset=utf-8")


def _facts(owed: Claimed, content: Mapping[str, Any]) -> bytes:
    message = {
        "type": owed.type,
        "mottaker": owed.mottaker,
        "arsak": {"avsender": owed.avsender, "msg_id": str(owed.msg_id), "lopenr": owed.lopenr},
        "resept_id": str(owed.resept_id) if owed.resept_id else None,
        "ref_to_parent": owed.ref_to_parent,
        "ref_to_conversation": owed.ref_to_conversation,
        "innhold": dict(content),
    }
    return json.dumps(message, separators=(",", ":")).encode()
