"""The proof that a net pharmacy's customer has logged in (HIS 3016 6.1, HIS 3018 6.1; N6): whether one is attached.

It is a SAML assertion or a token of ID-porten, in a Document of its own after the message's. Whether it is genuine, in
force and the customer's own (7419/282) needs the login service's keys; that is not judged here.
"""

from __future__ import annotations

import binascii
import re
from base64 import b64decode

from lxml import etree

from reseptformidler.wire.msghead import NAMESPACE
from reseptformidler.wire.parse import Unreadable, parse
from reseptformidler.wire.reply import BASE64

_ASSERTION = "{urn:oasis:names:tc:SAML:2.0:assertion}Assertion"
_ATTACHED = etree.XPath(
    "/h:MsgHead/h:Document[position() > 1]/h:RefDoc/h:Content/b:Base64Container",
    namespaces={"h": NAMESPACE, "b": BASE64},
)
_TOKEN = re.compile(rb"eyJ[\w-]+\.eyJ[\w-]+\.[\w-]+")
"""A signed JWT (RFC 7519): three parts in base64url, of which `eyJ` is how a JSON object begins."""


def has_proof(payload: etree._Element) -> bool:
    """Whether the message that this payload stands in carries a proof of login."""
    found = _ATTACHED(payload)
    assert isinstance(found, list)
    return any(_is_proof(container.text or "") for container in found)


def _is_proof(encoded: str) -> bool:
    try:
        octets = b64decode("".join(encoded.split()), validate=True).strip()
    except binascii.Error:
        return False
    return _TOKEN.fullmatch(octets) is not None or _is_assertion(octets)


def _is_assertion(octets: bytes) -> bool:
    try:
        return parse(octets).tag == _ASSERTION
    except Unreadable:
        return False
