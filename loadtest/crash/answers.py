"""Reads the service's answers without the service's code: what a sender's own system would take from them."""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass

from lxml import etree

_PARSER = etree.XMLParser(resolve_entities=False, no_network=True, huge_tree=False)


@dataclass(frozen=True, slots=True)
class Listed:
    """One prescription in an M9.2."""

    status: str
    """List 7408."""
    holder: str
    """NavnUtleverer."""
    recalled: bool


@dataclass(frozen=True, slots=True)
class Answer:
    """An AppRec, an M9.2 or an M9.4."""

    msg_id: str
    """Of the message that it answers."""
    kind: str
    """Accepted, refused (both AppRec), list (M9.2) or given (M9.4)."""
    codes: tuple[str, ...] = ()
    """Of an AppRec's errors."""
    listed: tuple[tuple[str, Listed], ...] = ()
    """Of an M9.2, by ReseptId."""
    status: str = ""
    """Of an M9.4: where the prescription stood."""
    documents: frozenset[str] = frozenset()
    """SHA-256 of each message attached to an M9.4."""


class NoAnswer(Exception):
    """The body of a response holds no message of the kinds above."""


def read(body: str | bytes) -> Answer:
    """The message in an HTTP body, whether in the operation's reply or in a fault. NoAnswer if there is none."""
    try:
        envelope = etree.fromstring(body.encode() if isinstance(body, str) else body, _PARSER)
        root = etree.fromstring(base64.b64decode(envelope.findtext(".//{*}dokument") or ""), _PARSER)
    except (etree.XMLSyntaxError, ValueError) as error:
        raise NoAnswer(str(error)) from None
    if root.tag == "{http://www.kith.no/xmlstds/apprec/2004-11-21}AppRec":
        return _apprec(root)
    return _reply(root)


def _apprec(root: etree._Element) -> Answer:
    status = root.find("{*}Status")
    kinds = {"1": "accepted", "2": "refused"}
    kind = kinds.get(_value(status), "unknown")
    codes = tuple(_value(error) for error in root.iterfind("{*}Error"))
    return Answer(root.findtext("{*}OriginalMsgId/{*}Id") or "", kind, codes)


def _reply(root: etree._Element) -> Answer:
    msg_id = root.findtext("{*}MsgInfo/{*}ConversationRef/{*}RefToParent") or ""
    type_ = _value(root.find("{*}MsgInfo/{*}Type"))
    if type_ == "ERM92":
        return Answer(msg_id, "list", listed=tuple(map(_listed, root.iter("{*}Reseptinfo"))))
    if type_ == "ERM94":
        status = _value(root.find(".//{*}ReseptNedlasting/{*}Status"))
        attached = (base64.b64decode(found.text or "") for found in root.iter("{*}Base64Container"))
        documents = frozenset(hashlib.sha256(octets).hexdigest() for octets in attached)
        return Answer(msg_id, "given", status=status, documents=documents)
    raise NoAnswer(f"a message of type {type_}")


def _listed(info: etree._Element) -> tuple[str, Listed]:
    listed = Listed(
        status=_value(info.find("{*}Status")),
        holder=info.findtext("{*}NavnUtleverer") or "",
        recalled=info.find("{*}MerknadTilbakekalling") is not None,
    )
    return info.findtext("{*}ReseptId") or "", listed


def _value(element: etree._Element | None) -> str:
    return element.get("V", "") if element is not None else ""
