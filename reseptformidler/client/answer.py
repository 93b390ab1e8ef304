"""What came back from the service, read: a reply message with what is attached to it, or an AppRec."""

from __future__ import annotations

import base64
import zlib
from collections.abc import Iterator
from dataclasses import dataclass

from lxml import etree

_PARSER = etree.XMLParser(resolve_entities=False, no_network=True)
_APPREC = "{http://www.kith.no/xmlstds/apprec/2004-11-21}"
_MSGHEAD = "{http://www.kith.no/xmlstds/msghead/2006-05-24}"
_CONTAINER = "{http://www.kith.no/xmlstds/base64container}Base64Container"
_COMPRESSIONS = ("DF", "GZ")
_EITHER = 47
"""What zlib calls a window of 32 kB, and a head of its own format or of gzip."""


class NoAnswer(Exception):
    """No message came back: the HTTP status and the fault's text."""


@dataclass(frozen=True, slots=True)
class Answer:
    """A message that came back, and how long it took."""

    octets: bytes
    root: etree._Element
    seconds: float

    @property
    def is_apprec(self) -> bool:
        """Whether it is a receipt; a refusal always is."""
        return self.root.tag == f"{_APPREC}AppRec"

    @property
    def msg_id(self) -> str:
        """MsgId of a reply message, or Id of an AppRec."""
        return self.root.findtext(".//{*}MsgInfo/{*}MsgId") or self.root.findtext(f"{_APPREC}Id") or ""

    @property
    def conversation(self) -> str:
        """RefToConversation of a reply message: the conversation that it goes on with."""
        return self.root.findtext(".//{*}MsgInfo/{*}ConversationRef/{*}RefToConversation") or ""

    @property
    def status(self) -> str:
        """Status of an AppRec (list 8258): 1 accepted, 2 refused; empty for a reply message."""
        status = self.root.find(f"{_APPREC}Status")
        return status.get("V", "") if status is not None else ""

    @property
    def errors(self) -> list[tuple[str, str, str]]:
        """Code, display name and detail of each error of an AppRec."""
        found = self.root.iterfind(f"{_APPREC}Error")
        return [(error.get("V", ""), error.get("DN", ""), error.get("OT", "")) for error in found]

    @property
    def payload(self) -> etree._Element | None:
        """The reply itself (ReseptListe and the like); None in an AppRec."""
        found = (one.find(f"{_MSGHEAD}Content/*") for one in self._documents())
        return next((one for one in found if one is not None and one.tag != _CONTAINER), None)

    def attachments(self) -> list[bytes]:
        """The whole messages that are attached (M1, M6 …), as their senders wrote and signed them.

        ValueError: one that is not base64, or not compressed as it says.
        """
        found = ((one, one.findtext(f"{_MSGHEAD}Content/{_CONTAINER}")) for one in self._documents())
        return [_attached(document, encoded) for document, encoded in found if encoded]

    def _documents(self) -> Iterator[etree._Element]:
        return self.root.iterfind(f"{_MSGHEAD}Document/{_MSGHEAD}RefDoc")


def _attached(document: etree._Element, encoded: str) -> bytes:
    """What a container holds, decompressed where RefDoc says that it is compressed (list 1204)."""
    octets = base64.b64decode("".join(encoded.split()), validate=True)
    compression = document.find(f"{_MSGHEAD}Compression")
    if compression is None:
        return octets
    if compression.get("V") not in _COMPRESSIONS:
        raise ValueError(f"an attachment is compressed as {compression.get('V')}")
    try:
        return zlib.decompress(octets, _EITHER)
    except zlib.error as error:
        raise ValueError("an attachment is not compressed as it says") from error


def read(octets: bytes, seconds: float = 0) -> Answer:
    """A message in octets. lxml's XMLSyntaxError: no XML."""
    return Answer(octets, etree.fromstring(octets, _PARSER), seconds)
