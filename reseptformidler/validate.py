"""The message validator: what the service would say of a message, as far as no store and no register is needed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from lxml import etree

from reseptformidler import meldinger
from reseptformidler.domain.aktor import Facts
from reseptformidler.domain.decision import Finding
from reseptformidler.domain.hode import MsgInfo
from reseptformidler.meldinger.melding import MeldingType, Mottatt
from reseptformidler.wire import format as wire_format
from reseptformidler.wire.head import head_findings
from reseptformidler.wire.msghead import payload, payload_namespace, read_head
from reseptformidler.wire.parse import Unreadable, parse
from reseptformidler.wire.schema import Schemas

ANY_TIME = timedelta(days=365_000)


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong: a code (empty for the schema's own), a Norwegian text, and where."""

    code: str
    text: str
    path: str
    line: int | None = None

    def __str__(self) -> str:
        place = f"linje {self.line}: " if self.line else ""
        code = f"[{self.code}] " if self.code else ""
        return f"{place}{code}{self.text}{f' ({self.path})' if self.path else ''}"


def validate(octets: bytes, schemas: Schemas, now: datetime) -> list[Problem]:
    """Everything wrong with a message: first what makes it unreadable, then the schema, then the rules."""
    try:
        root = parse(octets)
        head = read_head(root)
    except Unreadable as unreadable:
        return [Problem(unreadable.reason.code if unreadable.reason else "", unreadable.text, "")]
    problems = [Problem("", error.text, error.path, error.line) for error in schemas.explain(octets)]
    type_ = meldinger.meant(head, payload_namespace(root))
    found = [*head_findings(root, head, type_, now, skew=ANY_TIME), *wire_format.findings(root)]
    if not problems and not found and type_ is not None:
        found += _rule_findings(root, head, octets, type_, now)
    return problems + [Problem(one.reason.code, one.reason.text, one.detail) for one in found]


def _rule_findings(
    root: etree._Element, head: MsgInfo, octets: bytes, type_: MeldingType, now: datetime
) -> list[Finding]:
    document = payload(root)
    if document is None:
        return []
    mottatt = Mottatt(octets=octets, head=head, payload=document, content=type_.parse(document), mottatt=now)
    rules = (rule for rule in type_.rules if not rule.needs_facts)
    return [found for rule in rules for found in rule.findings(mottatt, Facts())]
