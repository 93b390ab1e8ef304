"""A reply message: the head that answers a request's, the payload, and whole messages attached to it (M9.2, M9.4)."""

from __future__ import annotations

from base64 import b64encode
from datetime import datetime
from uuid import UUID

from reseptformidler.domain.decision import Reply
from reseptformidler.domain.hode import Address, HealthcareProfessional, Ident, Kode, MsgInfo, Organisation, TeleCom
from reseptformidler.wire.element import attribute, kode, simple
from reseptformidler.wire.msghead import NAMESPACE, written_time

BASE64 = "http://www.kith.no/xmlstds/base64container"

_OPENING = f'<?xml version="1.0" encoding="UTF-8"?><MsgHead xmlns="{NAMESPACE}"><MsgInfo>'
_DOCUMENT = b'<Document><RefDoc><MsgType V="XML" DN="XML-instans"/><Content>'
_DOCUMENT_END = b"</Content></RefDoc></Document>"


def render(*, msg_id: UUID, now: datetime, service: Organisation, head: MsgInfo, reply: Reply) -> bytes:
    """The reply to the message with this head, as a UTF-8 document in the form of the national service's live messages.

    The payload and then each attachment stand in a Document of their own, without DocumentConnection; attachments are
    base64 (HIS 1036), so what was signed is carried byte for byte.
    """
    conversation = head.ref_to_conversation or head.msg_id_text
    references = simple("RefToParent", head.msg_id_text) + simple("RefToConversation", conversation)
    info = (
        f"{_OPENING}{kode('Type', Kode(reply.type, reply.dn))}<MIGversion>v1.2 2006-05-24</MIGversion>"
        f"<GenDate>{written_time(now)}</GenDate><MsgId>{msg_id}</MsgId><ConversationRef>{references}</ConversationRef>"
        f"<Sender>{_organisation(service)}</Sender><Receiver>{_organisation(head.sender)}</Receiver></MsgInfo>"
    )
    documents = (reply.payload, *map(_container, reply.attachments))
    body = b"".join(_DOCUMENT + document + _DOCUMENT_END for document in documents)
    return b"".join((info.encode(), body, b"</MsgHead>"))


def _container(attachment: bytes) -> bytes:
    return b"".join(
        (f'<bas:Base64Container xmlns:bas="{BASE64}">'.encode(), b64encode(attachment), b"</bas:Base64Container>")
    )


def _organisation(organisation: Organisation) -> str:
    professional = organisation.professional
    return (
        f"<Organisation>{simple('OrganisationName', organisation.name)}{''.join(map(_ident, organisation.idents))}"
        f"{_address(organisation.address)}{''.join(map(_telecom, organisation.telecom))}"
        f"{_organisation(organisation.part) if organisation.part is not None else ''}"
        f"{_professional(professional) if professional is not None else ''}</Organisation>"
    )


def _professional(professional: HealthcareProfessional) -> str:
    return (
        f"<HealthcareProfessional>{kode('TypeHealthcareProfessional', professional.type)}"
        f"{simple('FamilyName', professional.family_name)}{simple('MiddleName', professional.middle_name)}"
        f"{simple('GivenName', professional.given_name)}{''.join(map(_ident, professional.idents))}"
        "</HealthcareProfessional>"
    )


def _ident(ident: Ident) -> str:
    return f"<Ident>{simple('Id', ident.id)}{kode('TypeId', ident.type)}</Ident>"


def _address(address: Address | None) -> str:
    if address is None:
        return ""
    inner = (
        f"{kode('Type', address.type)}{simple('StreetAdr', address.street)}"
        f"{simple('PostalCode', address.postal_code)}{simple('City', address.city)}{simple('Postbox', address.postbox)}"
        f"{kode('County', address.county)}{kode('Country', address.country)}"
    )
    return f"<Address>{inner}</Address>" if inner else ""


def _telecom(telecom: TeleCom) -> str:
    url = f'<TeleAddress V="{attribute(telecom.address)}"/>' if telecom.address else ""
    return f"<TeleCom>{kode('TypeTelecom', telecom.type)}{url}</TeleCom>" if url else ""
