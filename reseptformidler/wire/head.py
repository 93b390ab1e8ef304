"""Rules of the head that need neither store nor registers: MsgInfo (7419; rules.md F5, F7–F10)."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Protocol

from lxml import etree

from reseptformidler.domain.decision import Finding
from reseptformidler.domain.hode import Ident, MsgInfo, Organisation
from reseptformidler.reasons import reason
from reseptformidler.wire.msghead import UNKNOWN_TIME, payload, read_uuid

PERSON_ID_TYPES = frozenset(
    ["FNR", "DNR", "HNR", "FHN", "HPR", "HER", "DUF", "PNR", "UID", "SSN", "SEF", "DKF", "FPN", "XXX"]
)
"""List 8116: kinds of identifiers of persons."""
IN_CONVERSATION = frozenset({"ERM93", "ERM10", "ERM3", "ERM15", "ERM9NA3"})
"""What belongs to a conversation that M9.1, M1 or M9NA1 began (F7, F8, F10, F12). M1, M5, M9.1 and MV begin one."""

_CONTENT_MISSING = {"ERM1": 7, "ERM241": 76}
"""Codes of their own for a message without its content."""

_PAPER = etree.XPath(
    "boolean(.//*[local-name() = 'Papirresept'][normalize-space() != 'false' and normalize-space() != '0'])"
)


class Expected(Protocol):
    """What a message type is, as far as the head can be compared with it."""

    @property
    def code(self) -> str: ...
    @property
    def namespaces(self) -> tuple[str, ...]: ...
    @property
    def root(self) -> str: ...


def head_findings(
    root: etree._Element, head: MsgInfo, expected: Expected | None, now: datetime, *, skew: timedelta
) -> Iterator[Finding]:
    """What is wrong with a head: 7419/303, 39, 133, 999, 45, 314, 313, 199, 319, 326, 218, 216, 217, 283, 302, 226.

    `expected` is the type that the operation is for, None for one that is not built; `skew` is how far GenDate may be
    from `now`, to either side.
    """
    document = payload(root)
    yield from _type(head, document, expected)
    yield from _msg_id(head)
    if not _within(head, now, skew):
        yield Finding(reason(313), "MsgInfo/GenDate")
    yield from _organisations(head)
    yield from _idents(head)
    if head.type.v in IN_CONVERSATION and not (document is not None and _PAPER(document)):
        yield from _conversation(head)
    elif head.ref_to_conversation and read_uuid(head.ref_to_conversation) is None:
        yield Finding(reason(302), "ConversationRef/RefToConversation")


def _type(head: MsgInfo, document: etree._Element | None, expected: Expected | None) -> Iterator[Finding]:
    if expected is None:
        yield Finding(reason(999 if head.type.v.startswith("ERM") else 303), "MsgInfo/Type/@V")
        return
    if head.type.v != expected.code:
        yield Finding(reason(133 if expected.code == "ERMV" else 303), "MsgInfo/Type/@V")
    name = etree.QName(document) if document is not None else None
    if name is None or name.localname != expected.root:
        kode = _CONTENT_MISSING.get(expected.code, 303) if head.type.v == expected.code else 303
        yield Finding(reason(kode), "Document/RefDoc/Content")
    elif name.namespace not in expected.namespaces:
        yield Finding(reason(39), f"Document/RefDoc/Content/{name.localname}")


def _msg_id(head: MsgInfo) -> Iterator[Finding]:
    if not head.msg_id_text.strip():
        yield Finding(reason(45), "MsgInfo/MsgId")
    elif head.msg_id is None:
        yield Finding(reason(314), "MsgInfo/MsgId")


def _within(head: MsgInfo, now: datetime, skew: timedelta) -> bool:
    """Whether GenDate is near the clock. In the hour that autumn repeats, a time without zone may mean either."""
    if head.gen_date == UNKNOWN_TIME:
        return False
    meant = (head.gen_date.replace(fold=fold).astimezone(UTC) for fold in (0, 1))
    return any(abs(now.astimezone(UTC) - time) <= skew for time in meant)


def _organisations(head: MsgInfo) -> Iterator[Finding]:
    if not head.sender.name.strip():
        yield Finding(reason(199), "Sender/Organisation/OrganisationName")
    part = head.sender.part
    if part is not None and not part.name.strip():
        yield Finding(reason(319), "Sender/Organisation/Organisation/OrganisationName")
    # A department is right (R0908 §4.1.1); a department of a department is what the code list calls recursive.
    if part is not None and part.part is not None:
        yield Finding(reason(326), "Sender/Organisation/Organisation/Organisation")
    if not head.receiver.name.strip():
        yield Finding(reason(218), "Receiver/Organisation/OrganisationName")


def _idents(head: MsgInfo) -> Iterator[Finding]:
    for owner, idents, person in _owners(head):
        if any(not (one.id.strip() and one.type.v and one.type.s and one.type.dn) for one in idents):
            yield Finding(reason(216), f"{owner}/Ident")
        kinds = [one.type.v for one in idents if one.type.v]
        if len(kinds) != len(set(kinds)):
            yield Finding(reason(217), f"{owner}/Ident")
        if person and any(kind not in PERSON_ID_TYPES for kind in kinds):
            yield Finding(reason(283), f"{owner}/Ident/TypeId/@V")


def _owners(head: MsgInfo) -> Iterator[tuple[str, tuple[Ident, ...], bool]]:
    """Whoever has identifiers in the head: where, which, and whether it is a person."""
    yield from _owners_in("Sender/Organisation", head.sender)
    yield from _owners_in("Receiver/Organisation", head.receiver)
    if head.patient is not None:
        yield "Patient", head.patient.idents, True


def _owners_in(path: str, organisation: Organisation) -> Iterator[tuple[str, tuple[Ident, ...], bool]]:
    yield path, organisation.idents, False
    if organisation.professional is not None:
        yield f"{path}/HealthcareProfessional", organisation.professional.idents, True
    if organisation.part is not None:
        yield from _owners_in(f"{path}/Organisation", organisation.part)


def _conversation(head: MsgInfo) -> Iterator[Finding]:
    # A MsgId is stored in clear where it is owed; what else stands here may be an identity number.
    if read_uuid(head.ref_to_conversation) is None:
        yield Finding(reason(302), "ConversationRef/RefToConversation")
    parent = read_uuid(head.ref_to_parent)
    if parent is None or parent == head.msg_id:
        yield Finding(reason(226), "ConversationRef/RefToParent")
