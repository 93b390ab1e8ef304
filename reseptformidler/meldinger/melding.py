"""What a message type is: one frozen value that the spine drives without knowing the type.

The spine calls, in this order: `parse` (the payload as a value), `rules` (all that can be judged without the store),
`needs` (what to load), `decide` (the change and the answer). All four are pure.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import Any
from uuid import UUID

from lxml import etree

from reseptformidler.domain.aktor import Facts
from reseptformidler.domain.decision import Decision, Finding, Needs, Tilstand
from reseptformidler.domain.hode import MsgInfo


class Avsendertype(Enum):
    """Who may send a type; the rules for persons do not apply to an utleverer."""

    REKVIRENT = "rekvirent"
    UTLEVERER = "utleverer"
    NETTAPOTEK = "nettapotek"
    KJERNEJOURNAL = "kjernejournal"
    LEGEMIDDELVERKET = "legemiddelverket"
    ALLE = "alle"


@dataclass(frozen=True, slots=True)
class Mottatt:
    """A message that was read: its bytes, head, payload (of the verified tree) and, once parsed, content."""

    octets: bytes
    head: MsgInfo
    payload: etree._Element
    content: Any
    mottatt: datetime
    """The service's clock when it arrived, with time zone."""

    @property
    def msg_id(self) -> UUID:
        """The MsgId, once the head's rules have passed."""
        assert self.head.msg_id is not None
        return self.head.msg_id

    @property
    def samtale(self) -> str:
        """MsgId of the message that began the conversation (domain.md a.5): RefToConversation, or its own."""
        return self.head.ref_to_conversation or self.head.msg_id_text


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule that needs no store: its name, where it comes from, and what it finds.

    `source` is a rules.md number or "7419/<code>"; `findings` yields nothing when the rule is kept.
    """

    name: str
    source: str
    findings: Callable[[Mottatt, Facts], Iterator[Finding]]
    needs_facts: bool = False
    """Whether it looks at `Facts`; the file validator leaves such rules out."""


def pasientens_nummer(m: Mottatt) -> tuple[str, ...]:
    """The numbers of the head's patient."""
    patient = m.head.patient
    return tuple(i.id for i in patient.idents if i.type.v in ("FNR", "DNR")) if patient is not None else ()


@dataclass(frozen=True, slots=True)
class MeldingType:
    """All that is known of one message type."""

    token: str
    """The schema token: m1, m5, m91 …"""
    code: str
    """MsgInfo/Type/@V, list 8279: ERM1 …"""
    dn: str
    namespaces: tuple[str, ...]
    """Payload namespaces that are understood, newest first."""
    root: str
    """Local name of the payload's root element."""
    operations: tuple[tuple[str, str], ...]
    """(service, operation) of the SOAP interface: ("Rekvirent", "M1")."""
    avsender: Avsendertype
    signed: bool
    """Whether a personal signature is required (domain.md d.3)."""
    reply: str
    """What answers it: "APPREC", or the type of a reply message (a refusal is then an AppRecFault)."""
    parse: Callable[[etree._Element], Any]
    rules: tuple[Rule, ...]
    needs: Callable[[Mottatt, Facts], Needs]
    decide: Callable[[Mottatt, Tilstand, Facts, datetime], Decision]
    """The last argument is `now`, with time zone."""
    annen_aktor: Callable[[Any], str] = lambda _: ""
    """HER-id of another organisation that the content names and the rules ask the registers about; empty for none."""
    personer: Callable[[Mottatt], tuple[str, ...]] = pasientens_nummer
    """National identity numbers that the registers are asked about: `Facts.personer`."""
    only_reads: bool = False
    """Whether it changes nothing: it may then be read from a standby."""
    screened: bool = False
    """Whether the operator's patient safety rules (7419/330) are asked about it."""
