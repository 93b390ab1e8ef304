"""The messages that we write: a head, the payload, and whole messages attached to it (M9.2, M9.4, M6, M8 …).

They have the form of the national service's live messages: the payload and then each attachment stand in a Document of
their own, an attachment of an owed message with DocumentConnection, one of a reply without; attachments are base64
(HIS 1036), so what was signed is carried byte for byte.
"""

from __future__ import annotations

import gzip
from base64 import b64encode
from collections.abc import Iterable
from datetime import datetime
from itertools import chain, repeat
from uuid import UUID, uuid5

from reseptformidler.domain import koder
from reseptformidler.domain.decision import Owed, Remade, Reply
from reseptformidler.domain.hode import Kode, MsgInfo, Organisation, Patient
from reseptformidler.wire import parties
from reseptformidler.wire.element import kode, simple
from reseptformidler.wire.msghead import NAMESPACE, written_time

BASE64 = "http://www.kith.no/xmlstds/base64container"

_OPENING = f'<?xml version="1.0" encoding="UTF-8"?><MsgHead xmlns="{NAMESPACE}"><MsgInfo>'
_ATTACHED = '<DocumentConnection V="V" DN="Vedlegg"/>'
_REFDOC = b'<RefDoc><MsgType V="XML" DN="XML-instans"/>'
_DOCUMENT = b"<Document>" + _REFDOC
_GZIP = b'<Compression V="GZ" DN="gzip"/>'
_CONTENT, _DOCUMENT_END, _END = b"<Content>", b"</Content></RefDoc></Document>", b"</MsgHead>"


def render(*, msg_id: UUID, now: datetime, service: Organisation, head: MsgInfo, reply: Reply) -> bytes:
    """The reply to the message with this head, as a UTF-8 document."""
    references = head.msg_id_text, head.ref_to_conversation or head.msg_id_text
    to = service, head.sender.as_receiver(), reply.patient
    written = _head(koder.MELDINGSTYPE.cs(reply.type), msg_id, now, references, to)
    attachments = (*reply.attachments, *(_again(each, service) for each in reply.remade))
    annotated = zip(attachments, chain(reply.annotations, repeat("")), strict=False)
    attached = (_container(each, simple("Annotation", note), compressed=reply.compressed) for each, note in annotated)
    return b"".join((written, _DOCUMENT, _CONTENT, reply.payload, _DOCUMENT_END, *attached, _END))


def _again(remade: Remade, service: Organisation) -> bytes:
    """What it was made of names it, so that it has the same MsgId however often it is asked for."""
    msg_id = uuid5(UUID(remade.owed.ref_to_parent), remade.owed.type)
    return render_owed(msg_id=msg_id, now=remade.made, service=service, owed=remade.owed)


def render_owed(*, msg_id: UUID, now: datetime, service: Organisation, owed: Owed) -> bytes:
    """A message that is owed, as a UTF-8 document, without its attachments: those are put in when it is sent."""
    kind = koder.MELDINGSTYPE.cs("ER" + owed.type.replace(".", ""))
    references = owed.ref_to_parent, owed.ref_to_conversation
    written = _head(kind, msg_id, now, references, (owed.sender or service, owed.to, owed.patient))
    return b"".join((written, _DOCUMENT, _CONTENT, owed.payload, _DOCUMENT_END, _END))


def with_attachments(message: bytes, attachments: Iterable[bytes]) -> bytes:
    """A message of `render_owed` with these messages attached."""
    assert message.endswith(_END)
    attached = (_container(each, _ATTACHED) for each in attachments)
    return b"".join((message.removesuffix(_END), *attached, _END))


def _head(
    kind: Kode,
    msg_id: UUID,
    now: datetime,
    references: tuple[str, str],
    parties_: tuple[Organisation, Organisation, Patient | None],
) -> bytes:
    sender, receiver, patient = parties_
    parent, conversation = references
    inner = simple("RefToParent", parent) + simple("RefToConversation", conversation)
    return (
        f"{_OPENING}{kode('Type', kind)}<MIGversion>v1.2 2006-05-24</MIGversion>"
        f"<GenDate>{written_time(now)}</GenDate><MsgId>{msg_id}</MsgId><ConversationRef>{inner}</ConversationRef>"
        f"<Sender>{parties.organisation(sender)}</Sender><Receiver>{parties.organisation(receiver)}</Receiver>"
        f"{parties.patient(patient)}</MsgInfo>"
    ).encode()


def _container(attachment: bytes, about: str, *, compressed: bool = False) -> bytes:
    """`about` stands before the RefDoc. gzip is told no time, so that the same attachment is always the same bytes."""
    octets = gzip.compress(attachment, mtime=0) if compressed else attachment
    opening = f'<bas:Base64Container xmlns:bas="{BASE64}">'.encode()
    return b"".join(
        (
            b"<Document>",
            about.encode(),
            _REFDOC,
            _GZIP if compressed else b"",
            *(_CONTENT, opening, b64encode(octets), b"</bas:Base64Container>"),
            _DOCUMENT_END,
        )
    )
