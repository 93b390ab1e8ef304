"""Hardened XML: what is hostile or outside the profile is refused before, or right after, the tree is built.

The tests on bytes come first: they cost a few microseconds and keep libxml2 from building what we would refuse.
10 MB of empty elements would otherwise become several hundred megabytes of tree.
"""

from __future__ import annotations

import re

from lxml import etree

from reseptformidler.reasons import GENERAL, Reason, reason

MAX_TAGS = 10_000
"""Occurrences of `<`: start and end tags. The largest published message has under 3,000; base64 has none.

The time that libxml2 needs to tell n wrong siblings grows as n².
"""
MAX_ATTRIBUTES = 20_000
"""Occurrences of `=`: a bound for attributes (base64 padding counts too)."""
_BULK = MAX_TAGS * len("<a/>")
"""Octets below which neither bound can be passed."""
MAX_DEPTH = 64
"""Levels of elements. A signed M1 with what the national service adds has 15."""

_BOM = b"\xef\xbb\xbf"
_OTHER_BOMS = (b"\xfe\xff", b"\xff\xfe")
_DECLARATION = re.compile(rb"<\?xml\s[^>]*?\?>")
_DECLARED_ENCODING = re.compile(rb"""\sencoding\s*=\s*["']([A-Za-z][A-Za-z0-9._-]*)["']""")
_TOO_DEEP = etree.XPath("boolean(" + "/*" * (MAX_DEPTH + 1) + ")")
_COMMENT_OR_PI = etree.XPath("boolean(//comment() | //processing-instruction())")


def _parser(*, remove_comments: bool) -> etree.XMLParser:
    """A parser for all calls: lxml locks it while it parses, so threads may share it, one at a time.

    The encoding is given, so no guess of libxml2's (UTF-16, EBCDIC, a declared one) can disagree with our tests.
    """
    return etree.XMLParser(
        encoding="utf-8",
        resolve_entities=False,
        load_dtd=False,
        dtd_validation=False,
        no_network=True,
        huge_tree=False,
        recover=False,
        collect_ids=False,
        remove_comments=remove_comments,
    )


_PARSER, _WITHOUT_COMMENTS = _parser(remove_comments=False), _parser(remove_comments=True)


class Unreadable(Exception):
    """What was sent cannot be read as a message, so no AppRec can answer it.

    `reason` is the code that says why, where the lists have one; `text` is Norwegian and holds nothing of the message;
    `http_status` is 4xx; `fault` is the local name of the SOAP 1.1 fault code.
    """

    def __init__(self, reason: Reason | None, text: str, http_status: int = 400, fault: str = "Client") -> None:
        super().__init__(text)
        self.reason = reason
        self.text = text
        self.http_status = http_status
        self.fault = fault


def parse(octets: bytes, *, comments: bool = False) -> etree._Element:
    """The root element of a message: UTF-8, well-formed, without DTD, comments or processing instructions.

    `comments`: leave comments out instead of refusing them. For envelopes only, never for what may be signed.
    Raises Unreadable: 7419/25 (encoding), 7419/208 (outside the profile), 8221/T01 (not well-formed).
    """
    _refuse_encoding(octets)
    _refuse_bulk(octets)
    try:
        root = etree.fromstring(octets, _WITHOUT_COMMENTS if comments else _PARSER)
    except etree.XMLSyntaxError as error:
        line = error.lineno or 0
        raise Unreadable(GENERAL["T01"], f"Dokumentet er ikke velformet XML (linje {line}).") from None
    _refuse_shape(root)
    return root


def _refuse_encoding(octets: bytes) -> None:
    if octets.startswith(_OTHER_BOMS) or b"\0" in octets:
        raise Unreadable(reason(25), "Dokumentet er ikke i UTF-8.")
    declaration = _DECLARATION.match(octets.removeprefix(_BOM))
    declared = declaration and _DECLARED_ENCODING.search(declaration[0])
    if declared and declared[1].upper() != b"UTF-8":
        raise Unreadable(reason(25), "Dokumentet oppgir et annet tegnsett enn UTF-8.")
    try:
        octets.decode("utf-8")
    except UnicodeDecodeError:
        raise Unreadable(reason(25), "Dokumentet er ikke gyldig UTF-8.") from None


def _refuse_bulk(octets: bytes) -> None:
    if b"<!DOCTYPE" in octets:
        raise Unreadable(reason(208), "Dokumentet har en dokumenttypedeklarasjon (DOCTYPE). Det er ikke tillatt.")
    if len(octets) > _BULK and (octets.count(b"<") > MAX_TAGS or octets.count(b"=") > MAX_ATTRIBUTES):
        raise Unreadable(reason(208), "Dokumentet har for mange elementer eller attributter.")


def _refuse_shape(root: etree._Element) -> None:
    if _COMMENT_OR_PI(root):
        raise Unreadable(
            reason(208), "Dokumentet har en kommentar eller prosesseringsinstruksjon. Det er ikke tillatt."
        )
    if _TOO_DEEP(root):
        raise Unreadable(reason(208), "Dokumentet har for mange nivåer av elementer.")
