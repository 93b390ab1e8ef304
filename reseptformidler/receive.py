"""The spine: every message of every type takes this one path, and every await of the path stands here.

Read the bytes, judge what needs no store, then hand the decision to the batcher, which commits it with the answer.
A refusal is a value; `Unreadable` and our own failures are exceptions, caught once, at the edge.
"""

from __future__ import annotations

import asyncio
import hashlib
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from time import perf_counter
from uuid import UUID

from lxml import etree

from reseptformidler import meldinger, metrics
from reseptformidler.domain.aktor import Facts, M8Til
from reseptformidler.domain.decision import Decision, Finding, Needs, Owed, Tilstand, refused
from reseptformidler.domain.hode import MsgInfo, Organisation
from reseptformidler.domain.ident import is_orgnr, uuid_of_time
from reseptformidler.meldinger.melding import MeldingType, Mottatt, Rule
from reseptformidler.reasons import reason
from reseptformidler.registers.fixed import FixedRegisters
from reseptformidler.store.batch import Batcher, Item, OtherBytes
from reseptformidler.trust.signature import Verifier
from reseptformidler.wire import apprec, reply
from reseptformidler.wire import format as wire_format
from reseptformidler.wire.head import head_findings
from reseptformidler.wire.msghead import payload, read_head
from reseptformidler.wire.parse import parse
from reseptformidler.wire.schema import Schemas

_HER = re.compile(r"[0-9]{1,10}", re.ASCII)
"""As registers have it (docs/registers.md)."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What goes back: the bytes of an AppRec or of a reply message, and what the log and the metrics may say of it."""

    octets: bytes
    melding: str
    accepted: bool
    in_reply: bool
    """Whether it goes into the operation's ordinary reply whatever that is; what is not accepted may need a fault."""
    repeated: bool = False
    reasons: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Judged:
    """A message after all rules that need no store."""

    mottatt: Mottatt
    type: MeldingType | None
    facts: Facts
    findings: tuple[Finding, ...]


@dataclass(frozen=True, slots=True)
class Spine:
    """Everything the path needs, made once by `app`. `clock` gives aware time, `new_id` a random UUID."""

    schemas: Schemas
    verifier: Verifier
    registers: FixedRegisters
    batcher: Batcher
    safety: tuple[Rule, ...]
    """The operator's patient safety rules, for the types that are screened."""
    service: Organisation
    clock: Callable[[], datetime]
    new_id: Callable[[], UUID]
    skew: timedelta
    m8_til: M8Til
    answer_seconds: float

    async def receive(self, operation: tuple[str, str], octets: bytes) -> Answer:
        """Answer one message. Raises Unreadable (nothing stored) or an error of ours (the same may be sent again)."""
        now = self.clock()
        judged = self._judge(operation, octets, now)
        if judged.mottatt.head.msg_id is None or not _sender(judged.mottatt.head):
            return self._without_store(judged, now)
        with stage("store"):
            async with asyncio.timeout(self.answer_seconds):
                stored = await self.batcher.submit(self._item(judged, now))
        if isinstance(stored, OtherBytes):
            return self._without_store(replace(judged, findings=(Finding(reason(65), "MsgInfo/MsgId"),)), now)
        return Answer(
            octets=stored.answer,
            melding=_token(judged),
            accepted=stored.accepted,
            in_reply=stored.accepted,
            repeated=stored.repeated,
            reasons=stored.reasons,
        )

    def _judge(self, operation: tuple[str, str], octets: bytes, now: datetime) -> Judged:
        """Stop 2 and 3 of the path: envelope and facts."""
        with stage("parse"):
            root = parse(octets)
            head = read_head(root)
        type_ = meldinger.by_operation(*operation)
        with stage("envelope"):
            findings = self._envelope_findings(root, head, type_, now)
        document = payload(root)
        mottatt = Mottatt(
            octets=octets, head=head, payload=root if document is None else document, content=None, mottatt=now
        )
        if findings or type_ is None:
            return Judged(mottatt, type_, Facts(), findings)
        return self._judge_content(root, mottatt, type_, now)

    def _envelope_findings(
        self, root: etree._Element, head: MsgInfo, type_: MeldingType | None, now: datetime
    ) -> tuple[Finding, ...]:
        """The head's own rules first; then those with a code of their own; what is left is the schema's (320)."""
        found = tuple(head_findings(root, head, type_, now, skew=self.skew)) or wire_format.findings(root)
        return found or tuple(Finding(reason(320), f"{e.path}: {e.text}") for e in self.schemas.errors(root))

    def _judge_content(self, root: etree._Element, mottatt: Mottatt, type_: MeldingType, now: datetime) -> Judged:
        facts = Facts(
            avsender=self.registers.aktor(mottatt.head.sender.ident("HER")),
            legemiddelverket=self.registers.legemiddelverket,
            kjernejournal=self.registers.kjernejournal,
            m8_til=self.m8_til,
        )
        if type_.signed:
            with stage("signature"):
                verdict = self.verifier.verify(root, now)
            if isinstance(verdict, Finding):
                return Judged(mottatt, type_, facts, (verdict,))
            person = self.registers.helsepersonell_by_person(verdict.person)
            facts = replace(facts, signatur=verdict, helsepersonell=person)
        with stage("rules"):
            mottatt = replace(mottatt, content=type_.parse(mottatt.payload))
            facts = replace(
                facts,
                mottaker_ekspanm=self.registers.aktor(type_.annen_aktor(mottatt.content)),
                personer=self.registers.personer(type_.personer(mottatt)),
            )
            rules = (*type_.rules, *self.safety) if type_.screened else type_.rules
            findings = tuple(found for rule in rules for found in rule.findings(mottatt, facts))
        return Judged(mottatt, type_, facts, findings)

    def _item(self, judged: Judged, now: datetime) -> Item:
        mottatt, type_ = judged.mottatt, judged.type
        refuse = bool(judged.findings) or type_ is None

        def decide(tilstand: Tilstand) -> Decision:
            if refuse or type_ is None:
                return refused(*judged.findings)
            return type_.decide(mottatt, tilstand, judged.facts, now)

        return Item(
            sender=_sender(mottatt.head),
            msg_id=mottatt.msg_id,
            sha256=hashlib.sha256(mottatt.octets).digest(),
            type=_token(judged),
            octets=mottatt.octets,
            received=now,
            needs=Needs() if refuse or type_ is None else type_.needs(mottatt, judged.facts),
            decide=decide,
            render=lambda decision: self._render(judged, decision, now),
            render_owed=lambda owed: self._render_owed(owed, now),
            only_reads=not refuse and type_ is not None and type_.only_reads,
        )

    def _render(self, judged: Judged, decision: Decision, now: datetime) -> bytes:
        head = judged.mottatt.head
        if decision.reply is not None:
            return reply.render(msg_id=self.new_id(), now=now, service=self.service, head=head, reply=decision.reply)
        findings: Sequence[Finding] = decision.notes if decision.accepted else decision.refusals
        return apprec.render(
            apprec_id=self.new_id(),
            now=now,
            service=self.service,
            head=head,
            findings=findings,
            accepted=decision.accepted,
        )

    def _render_owed(self, owed: Owed, now: datetime) -> tuple[UUID, bytes]:
        msg_id = uuid_of_time(now, self.new_id())
        return msg_id, reply.render_owed(msg_id=msg_id, now=now, service=self.service, owed=owed)

    def _without_store(self, judged: Judged, now: datetime) -> Answer:
        """A refusal of what is not kept (7419/361): no usable sender or MsgId, or other bytes under a known MsgId."""
        findings = (*judged.findings, Finding(reason(361), "MsgInfo"))
        return Answer(
            octets=self._render(judged, refused(*findings), now),
            melding=_token(judged),
            accepted=False,
            in_reply=False,
            reasons=tuple(found.reason.code for found in findings),
        )


def _sender(head: MsgInfo) -> str:
    """The key of a sender: its HER-id, else its organisation number. Empty if it has neither in its form.

    The key is stored in clear, so what else a sender puts there (a national identity number, a megabyte) must not pass.
    """
    her, enh = head.sender.ident("HER"), head.sender.ident("ENH")
    return her if _HER.fullmatch(her) else enh if is_orgnr(enh) else ""


def _token(judged: Judged) -> str:
    return judged.type.token if judged.type is not None else "ukjent"


_STAGES = {name: metrics.stage_duration.labels(name).observe for name in metrics.STAGES}


class stage:  # noqa: N801  # reads as the statement it is: with stage("parse")
    """Time one stage of the path."""

    __slots__ = ("_begun", "_observe")

    def __init__(self, name: str) -> None:
        self._observe = _STAGES[name]

    def __enter__(self) -> None:
        self._begun = perf_counter()

    def __exit__(self, *_: object) -> None:
        self._observe(perf_counter() - self._begun)
