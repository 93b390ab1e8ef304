"""The head of a message (MsgHead v1.2, HIS 80601) as values: a walk of the tree before any schema has judged it."""

from __future__ import annotations

import re
from collections import defaultdict
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from typing import TypeAlias
from uuid import UUID

from lxml import etree

from reseptformidler.domain.hode import (
    Address,
    HealthcareProfessional,
    Ident,
    Kode,
    MsgInfo,
    Organisation,
    Patient,
    TeleCom,
)
from reseptformidler.domain.kalender import NORGE
from reseptformidler.reasons import GENERAL, reason
from reseptformidler.wire.parse import Unreadable

NAMESPACE = "http://www.kith.no/xmlstds/msghead/2006-05-24"
UNKNOWN_TIME = datetime.min.replace(tzinfo=UTC)
"""GenDate where the text is no xs:dateTime; the head's rules refuse it (7419/313)."""

_N = f"{{{NAMESPACE}}}"
_ROOT = _N + "MsgHead"
_DATE_TIME = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]+)?(Z|[+-][0-9]{2}:[0-5][0-9])?", re.ASCII
)
_UUID = re.compile(r"[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}", re.ASCII)
_FIRST_YEAR, _LAST_YEAR = 1900, 2999
"""Outside these nothing is dated, and no arithmetic with time zones can overflow within them."""
_FURTHEST_ZONE = timedelta(hours=14)
_PAYLOAD = etree.XPath("/h:MsgHead/h:Document[1]/h:RefDoc/h:Content/*[1]", namespaces={"h": NAMESPACE})

_Children: TypeAlias = "dict[str, list[etree._Element]]"  # noqa: SLF001  # lxml has no public name for it


def read_head(root: etree._Element) -> MsgInfo:
    """The head as it stands, absent parts empty.

    Raises Unreadable: 8221/T10 when it is no MsgHead, 7419/208 without type or sender (an AppRec names both).
    """
    if root.tag != _ROOT:
        raise Unreadable(GENERAL["T10"], "Dokumentet er ikke en melding med hodemelding (MsgHead v1.2).")
    info = _one(_children(root), "MsgInfo")
    parts = _children(info) if info is not None else {}
    type_, sender = _one(parts, "Type"), _one(parts, "Sender")
    if type_ is None or not type_.get("V") or sender is None:
        raise Unreadable(reason(208), "Hodemeldingen mangler meldingstype (Type) eller avsender (Sender).")
    patient, conversation = _one(parts, "Patient"), _one(parts, "ConversationRef")
    references = _children(conversation) if conversation is not None else {}
    gen_date, msg_id = _text(parts, "GenDate").strip(" \t\r\n"), _text(parts, "MsgId")
    return MsgInfo(
        type=_kode(type_),
        gen_date=read_time(gen_date) or UNKNOWN_TIME,
        gen_date_text=gen_date,
        msg_id=read_uuid(msg_id),
        msg_id_text=msg_id,
        sender=_party(sender),
        receiver=_party(_one(parts, "Receiver")),
        patient=_patient(patient) if patient is not None else None,
        ref_to_parent=_text(references, "RefToParent"),
        ref_to_conversation=_text(references, "RefToConversation"),
    )


def payload(root: etree._Element) -> etree._Element | None:
    """The message proper: the first element in the first Document's Content."""
    found = _PAYLOAD(root)
    assert isinstance(found, list)
    return found[0] if found else None


def payload_namespace(root: etree._Element) -> str:
    """The namespace of the message proper, empty where there is none."""
    found = payload(root)
    return etree.QName(found).namespace or "" if found is not None else ""


def read_time(text: str) -> datetime | None:
    """An xs:dateTime, aware; one without zone is in Norwegian time. Digits beyond microseconds are cut.

    None where the text is none, or not of the years 1900 to 2999.
    """
    if not _DATE_TIME.fullmatch(text):
        return None
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return None
    offset = found.utcoffset() or timedelta()
    if not _FIRST_YEAR <= found.year <= _LAST_YEAR or abs(offset) > _FURTHEST_ZONE:
        return None
    return found if found.tzinfo is not None else found.replace(tzinfo=NORGE)


def written_time(moment: datetime) -> str:
    """An aware time as an xs:dateTime in Norwegian time, in milliseconds and with its offset."""
    return moment.astimezone(NORGE).isoformat(timespec="milliseconds")


def read_uuid(text: str) -> UUID | None:
    """A UUID in its canonical form of 36 characters, in either case; None where it is none."""
    return UUID(text) if _UUID.fullmatch(text) else None


def _children(element: etree._Element) -> _Children:
    found: _Children = defaultdict(list)
    for child in element:
        found[str(child.tag)].append(child)
    return found


def _one(children: _Children, name: str) -> etree._Element | None:
    found = children.get(_N + name)
    return found[0] if found else None


def _text(children: _Children, name: str) -> str:
    found = children.get(_N + name)
    return (found[0].text or "") if found else ""


@lru_cache(maxsize=4096)
def _shared_kode(v: str, dn: str, s: str, ot: str) -> Kode:
    """The same few codes stand in every message: one frozen value serves them all."""
    return Kode(v, dn, s, ot)


def _kode(element: etree._Element) -> Kode:
    get = element.get
    return _shared_kode(get("V", ""), get("DN", ""), get("S", ""), get("OT", ""))


def _code(children: _Children, name: str) -> Kode | None:
    found = children.get(_N + name)
    return _kode(found[0]) if found else None


def _party(element: etree._Element | None) -> Organisation:
    """The organisation in a Sender or Receiver; an empty one where it is missing."""
    organisation = _one(_children(element), "Organisation") if element is not None else None
    return _organisation(organisation) if organisation is not None else Organisation()


def _organisation(element: etree._Element) -> Organisation:
    parts = _children(element)
    inner, professional = _one(parts, "Organisation"), _one(parts, "HealthcareProfessional")
    return Organisation(
        name=_text(parts, "OrganisationName"),
        idents=_idents(parts),
        address=_address(parts),
        telecom=tuple(map(_telecom, parts.get(_N + "TeleCom", ()))),
        part=_organisation(inner) if inner is not None else None,
        professional=_professional(professional) if professional is not None else None,
    )


def _professional(element: etree._Element) -> HealthcareProfessional:
    parts = _children(element)
    return HealthcareProfessional(
        type=_code(parts, "TypeHealthcareProfessional"),
        family_name=_text(parts, "FamilyName"),
        middle_name=_text(parts, "MiddleName"),
        given_name=_text(parts, "GivenName"),
        idents=_idents(parts),
    )


def _patient(element: etree._Element) -> Patient:
    parts = _children(element)
    return Patient(
        family_name=_text(parts, "FamilyName"),
        middle_name=_text(parts, "MiddleName"),
        given_name=_text(parts, "GivenName"),
        date_of_birth=_date(_text(parts, "DateOfBirth")),
        sex=_code(parts, "Sex"),
        idents=_idents(parts),
        address=_address(parts),
    )


def _idents(parts: _Children) -> tuple[Ident, ...]:
    return tuple(map(_ident, parts.get(_N + "Ident", ())))


def _ident(element: etree._Element) -> Ident:
    parts = _children(element)
    return Ident(_text(parts, "Id"), _code(parts, "TypeId") or Kode(""))


def _address(parts: _Children) -> Address | None:
    element = _one(parts, "Address")
    if element is None:
        return None
    inner = _children(element)
    return Address(
        type=_code(inner, "Type"),
        street=_text(inner, "StreetAdr"),
        postal_code=_text(inner, "PostalCode"),
        city=_text(inner, "City"),
        postbox=_text(inner, "Postbox"),
        county=_code(inner, "County"),
        country=_code(inner, "Country"),
    )


def _telecom(element: etree._Element) -> TeleCom:
    parts = _children(element)
    address = _one(parts, "TeleAddress")
    return TeleCom(_code(parts, "TypeTelecom"), address.get("V", "") if address is not None else "")


def _date(text: str) -> date | None:
    """An xs:date, its zone left out; None where it is none (the schema says so then)."""
    try:
        return date.fromisoformat(text.strip(" \t\r\n")[:10])
    except ValueError:
        return None
