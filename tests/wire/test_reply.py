"""The reply message."""

from __future__ import annotations

import gzip
from base64 import b64decode
from dataclasses import replace
from datetime import UTC, date, datetime
from uuid import UUID

from lxml import etree

from reseptformidler.domain.aktor import mottaker
from reseptformidler.domain.decision import Owed, Remade, Reply
from reseptformidler.domain.hode import OID, Address, Ident, Kode, Patient
from reseptformidler.wire import reply
from reseptformidler.wire.format import findings
from reseptformidler.wire.msghead import payload, read_head
from reseptformidler.wire.parse import parse
from reseptformidler.wire.schema import Schemas
from tests.wire.eksempler import CONVERSATION, MSG_ID, NOW, SAMPLES, SERVICE, K, m1, m91, m93

SCHEMAS = Schemas()
REPLY_ID = UUID("00000000-0000-4000-8000-000000000002")
PAYLOAD = f'<ReseptNedlasting xmlns="{K}m94/2010-07-01"><Status V="E" DN="Ekspederbar"/></ReseptNedlasting>'.encode()


def answered(request: bytes, answer: Reply) -> etree._Element:
    """The reply to a request, valid and well-formed by our own rules."""
    octets = reply.render(msg_id=REPLY_ID, now=NOW, service=SERVICE, head=read_head(parse(request)), reply=answer)
    root = parse(octets)
    assert SCHEMAS.errors(root) == []
    assert findings(root) == ()
    return root


def test_head_of_a_reply() -> None:
    """It comes from the service to the sender, refers to the request, and belongs to the request's conversation."""
    request = read_head(parse(m93()))
    root = answered(m93(), Reply("ERM94", PAYLOAD))
    head = read_head(root)
    assert head.type == Kode("ERM94", "Nedlasting av resept")
    assert (head.msg_id, head.gen_date) == (REPLY_ID, NOW)
    assert head.gen_date_text == "2026-03-02T11:00:00.000+01:00"
    assert head.sender == SERVICE
    assert head.receiver == request.sender
    assert head.patient is None
    assert (head.ref_to_parent, head.ref_to_conversation) == (MSG_ID, CONVERSATION)


def test_a_request_that_begins_a_conversation() -> None:
    """Without a RefToConversation the conversation is the request itself."""
    head = read_head(answered(m91(), Reply("ERM92", PAYLOAD)))
    assert (head.ref_to_parent, head.ref_to_conversation) == (MSG_ID, MSG_ID)


def test_a_sender_with_all_its_parts_is_copied() -> None:
    """Address, telephone, department and professional come back field by field."""
    request = read_head(parse(m1()))
    assert read_head(answered(m1(), Reply("ERM94", PAYLOAD))).receiver == request.sender


def test_attachments_are_carried_byte_for_byte() -> None:
    """Each attached message stands in a Document of its own, as base64 without line breaks."""
    attachments = tuple(sample for _, sample in SAMPLES[:3])
    root = answered(m93(), Reply("ERM94", PAYLOAD, attachments))
    documents = list(root.iterfind("{*}Document"))
    assert [[etree.QName(part).localname for part in one] for one in documents] == [["RefDoc"]] * 4
    kinds = [dict(kind.attrib) for kind in root.iterfind("{*}Document/{*}RefDoc/{*}MsgType")]
    assert kinds == [{"V": "XML", "DN": "XML-instans"}] * 4
    found = payload(root)
    assert found is not None
    assert etree.tostring(found) == PAYLOAD
    containers = [one.text or "" for one in root.iter("{http://www.kith.no/xmlstds/base64container}Base64Container")]
    assert tuple(b64decode(text, validate=True) for text in containers) == attachments


def test_the_checker_sees_a_wrong_reply() -> None:
    """Negative control: a reply without its payload's status is not accepted."""
    head = read_head(parse(replace_status(m93())))
    octets = reply.render(
        msg_id=REPLY_ID, now=NOW, service=replace(SERVICE, name=""), head=head, reply=Reply("ERM94", PAYLOAD)
    )
    assert SCHEMAS.errors(parse(octets))


def replace_status(sample: bytes) -> bytes:
    return sample.replace(b"<OrganisationName>Fjell</OrganisationName>", b"")


def test_compressed_attachments_say_so() -> None:
    """Q14: gzip, named in RefDoc/Compression (list 1204), and the same bytes each time."""
    answer = Reply("ERM96", PAYLOAD, (m1(),), compressed=True)
    root = answered(m93(), answer)
    (compression,) = root.iter("{*}Compression")
    assert (compression.get("V"), compression.get("DN")) == ("GZ", "gzip")
    (container,) = root.iter("{*}Base64Container")
    assert gzip.decompress(b64decode(container.text or "")) == m1()
    assert etree.tostring(answered(m93(), answer)) == etree.tostring(root)


def test_an_attachment_may_be_annotated() -> None:
    """Document/Annotation, of those attachments that have one."""
    root = answered(m93(), Reply("ERM96", PAYLOAD, (m1(), m91(), m93()), annotations=("A & B", "")))
    assert [one.findtext("{*}Annotation") for one in root.iterfind("{*}Document")] == [None, "A & B", None, None]


def test_what_was_owed_is_made_again() -> None:
    """A whole message after the other attachments, with its own time; its MsgId follows from what it was made of."""
    remade = Remade(replace(OWED, ref_to_parent=CONVERSATION), datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC))
    answer = Reply("ERM98", PAYLOAD, (m1(),), remade=(Remade(OWED, NOW), remade))
    roots = [parse(b64decode(one.text or "")) for one in answered(m93(), answer).iter("{*}Base64Container")]
    assert [SCHEMAS.errors(root) for root in roots] == [[], [], []]
    heads = [read_head(root) for root in roots[1:]]
    assert [head.gen_date for head in heads] == [NOW, remade.made]
    assert [head.sender for head in heads] == [SERVICE, SERVICE]
    again = [parse(b64decode(one.text or "")) for one in answered(m91(), answer).iter("{*}Base64Container")]
    assert [read_head(root).msg_id for root in again[1:]] == [head.msg_id for head in heads]
    assert len({head.msg_id for head in heads} | {UUID(MSG_ID), UUID(CONVERSATION)}) == 4


def test_a_reply_may_name_its_patient() -> None:
    """The head's patient, part by part."""
    patient = Patient(
        "Knutsen",
        "Mellom",
        "Ottar",
        date(1946, 1, 21),
        Kode("1", "Mann"),
        (Ident("21014605158", Kode("FNR", "Fødselsnummer", f"{OID}8116")),),
        Address(Kode("H", "Bostedsadresse"), "Veien 1", "0001", "Oslo", county=Kode("0301", "Oslo")),
    )
    assert read_head(answered(m93(), Reply("ERM9NA4", PAYLOAD, patient=patient))).patient == patient


OWED = Owed("M5.2", mottaker("Et legekontor", "988453315", "8091390"), None, MSG_ID, CONVERSATION, PAYLOAD)


def test_an_owed_message_is_a_whole_message() -> None:
    """Its type is that of list 8279, it comes from the service, and refers to what caused it."""
    octets = reply.render_owed(msg_id=REPLY_ID, now=NOW, service=SERVICE, owed=OWED)
    root = parse(octets)
    assert SCHEMAS.errors(root) == []
    head = read_head(root)
    assert head.type == Kode("ERM52", "Kvittering på tilbakekalt resept")
    assert (head.sender, head.receiver, head.msg_id) == (SERVICE, OWED.to, REPLY_ID)
    assert (head.ref_to_parent, head.ref_to_conversation) == (MSG_ID, CONVERSATION)
    assert OWED.receiver == "8091390"


def test_attachments_are_put_into_an_owed_message() -> None:
    """Byte for byte, in their order, behind the payload."""
    octets = reply.render_owed(msg_id=REPLY_ID, now=NOW, service=SERVICE, owed=OWED)
    root = parse(reply.with_attachments(octets, (m1(), m93())))
    assert SCHEMAS.errors(root) == []
    assert [b64decode(one.text or "") for one in root.iter("{*}Base64Container")] == [m1(), m93()]
    assert reply.with_attachments(octets, ()) == octets
