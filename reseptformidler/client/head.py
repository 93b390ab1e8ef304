"""A whole message around its payload: the head (MsgHead v1.2) as text in the schema's order."""

from __future__ import annotations

from base64 import b64encode
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from reseptformidler.client.parter import Avsender, Pasient, avsender, pasient
from reseptformidler.domain import koder
from reseptformidler.domain.hode import Ident, Kode, Organisation
from reseptformidler.wire import parties
from reseptformidler.wire.element import kode, simple
from reseptformidler.wire.msghead import NAMESPACE
from reseptformidler.wire.reply import BASE64


@dataclass(frozen=True, slots=True)
class Hode:
    """What the head of a message says of the message itself. `gen_date` has a time zone.

    Both references or none: the message that is answered or followed, and the one that began the conversation.
    """

    msg_id: UUID
    gen_date: datetime
    parent: str = ""
    conversation: str = ""


def message(hode: Hode, kind: Kode, sender: Avsender, patient: Pasient | None, payload: str, *vedlegg: bytes) -> bytes:
    """The whole message, unsigned; each of `vedlegg` in a Document of its own, as base64."""
    return (
        f'<?xml version="1.0" encoding="utf-8"?>\n<MsgHead xmlns="{NAMESPACE}"><MsgInfo>{kode("Type", kind)}'
        f"<MIGversion>v1.2 2006-05-24</MIGversion><GenDate>{hode.gen_date.isoformat()}</GenDate>"
        f"<MsgId>{hode.msg_id}</MsgId>{_conversation(hode)}<Sender>{avsender(sender)}</Sender>{_RECEIVER}"
        f"{pasient(patient)}</MsgInfo>{_document(payload)}{''.join(map(_container, vedlegg))}</MsgHead>"
    ).encode()


def _conversation(hode: Hode) -> str:
    references = simple("RefToParent", hode.parent) + simple("RefToConversation", hode.conversation)
    return f"<ConversationRef>{references}</ConversationRef>" if references else ""


def _document(content: str) -> str:
    return f'<Document><RefDoc><MsgType V="XML" DN="XML-instans"/><Content>{content}</Content></RefDoc></Document>'


def _container(octets: bytes) -> str:
    return _document(f'<Base64Container xmlns="{BASE64}">{b64encode(octets).decode()}</Base64Container>')


_RECEIVER = (
    "<Receiver>"
    + parties.organisation(
        Organisation(
            name="Reseptformidleren",
            idents=(
                Ident("915933149", koder.ORGANISASJON_ID.cv("ENH")),
                Ident("80624", koder.ORGANISASJON_ID.cv("HER")),
            ),
        )
    )
    + "</Receiver>"
)
