"""The path of an M1 in this process: the very functions that the spine calls, one by one."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

from lxml import etree

from loadtest.answers import Message
from reseptformidler import app, meldinger
from reseptformidler.domain.aktor import Facts
from reseptformidler.domain.decision import Finding, Owed, Tilstand
from reseptformidler.domain.hode import MsgInfo, Organisation
from reseptformidler.domain.ident import uuid_of_time
from reseptformidler.meldinger.melding import MeldingType, Mottatt
from reseptformidler.registers.fixed import FixedRegisters
from reseptformidler.settings import Settings
from reseptformidler.store.apply import Decided, Rows, rows_of
from reseptformidler.store.encode import Encoder
from reseptformidler.store.item import Item
from reseptformidler.trust.chain import load_authorities
from reseptformidler.trust.signature import Verifier
from reseptformidler.wire import apprec, reply, soap
from reseptformidler.wire import format as wire_format
from reseptformidler.wire.head import head_findings
from reseptformidler.wire.msghead import payload, read_head
from reseptformidler.wire.parse import parse
from reseptformidler.wire.schema import Schemas

SERVICE, OPERATION = "Rekvirent", "M1"
SKEW = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Prescribing:
    """An M1 that went the whole way up to the store, with what each part made of it."""

    body: bytes
    octets: bytes
    root: etree._Element
    mottatt: Mottatt
    facts: Facts
    decided: Decided
    rows: Rows


@dataclass(frozen=True, slots=True)
class M1Path:
    """The parts of the path, made as the service makes them."""

    registers: FixedRegisters
    verifier: Verifier
    schemas: Schemas
    encoder: Encoder
    service: Organisation
    type: MeldingType

    @classmethod
    def of(cls, settings: Settings, encoder: Encoder) -> M1Path:
        """With the registers and the authorities of these settings."""
        type_ = meldinger.by_operation(SERVICE, OPERATION)
        assert type_ is not None
        verifier = Verifier(load_authorities(settings.trust_dir))
        registers = FixedRegisters.load(settings.registers)
        return cls(registers, verifier, Schemas(), encoder, app.identity(settings), type_)

    def walk(self, message: Message) -> Prescribing:
        """The whole way of one correct message."""
        body = message.request.split(b"\r\n\r\n", 1)[1]
        octets = soap.read_request(body, "", SERVICE).dokument
        root = parse(octets)
        head = read_head(root)
        assert not self.head_findings(root, head)
        assert not wire_format.findings(root)
        assert not self.schemas.errors(root)
        facts = self.signed_by(root, head)
        mottatt, findings = self.judged(octets, root, head, facts)
        assert not findings
        decided = self.decided(mottatt, facts)
        return Prescribing(body, octets, root, mottatt, facts, decided, self.rows(decided))

    def head_findings(self, root: etree._Element, head: MsgInfo) -> tuple[Finding, ...]:
        """What the rules of the head find."""
        return tuple(head_findings(root, head, self.type, datetime.now(UTC), skew=SKEW))

    def signed_by(self, root: etree._Element, head: MsgInfo) -> Facts:
        """Whose signature it is, and who sent it."""
        signatur = self.verifier.verify(root, datetime.now(UTC))
        assert not isinstance(signatur, Finding)
        return Facts(
            avsender=self.registers.aktor(head.sender.ident("HER")),
            signatur=signatur,
            helsepersonell=self.registers.helsepersonell_by_person(signatur.person),
        )

    def judged(
        self, octets: bytes, root: etree._Element, head: MsgInfo, facts: Facts
    ) -> tuple[Mottatt, tuple[Finding, ...]]:
        """The content, and what the type's rules find in it."""
        document = payload(root)
        assert document is not None
        mottatt = Mottatt(octets, head, document, self.type.parse(document), datetime.now(UTC))
        facts = replace(facts, personer=self.registers.personer(self.type.personer(mottatt)))
        return mottatt, tuple(found for rule in self.type.rules for found in rule.findings(mottatt, facts))

    def decided(self, mottatt: Mottatt, facts: Facts) -> Decided:
        """The decision with what it owes; the answer is rendered apart."""
        item = self._item(mottatt, facts)
        decision = item.decide(Tilstand())
        return Decided(item, Tilstand(), decision, b"", tuple(map(item.render_owed, decision.owed)))

    def _item(self, mottatt: Mottatt, facts: Facts) -> Item:
        return Item(
            sender=mottatt.head.sender.ident("HER"),
            msg_id=mottatt.msg_id,
            sha256=hashlib.sha256(mottatt.octets).digest(),
            type=self.type.token,
            octets=mottatt.octets,
            received=mottatt.mottatt,
            needs=self.type.needs(mottatt, facts),
            decide=lambda tilstand: self.type.decide(mottatt, tilstand, facts, mottatt.mottatt),
            render=lambda _: self.receipt(mottatt),
            render_owed=lambda owed: self._render_owed(owed, mottatt.mottatt),
        )

    def _render_owed(self, owed: Owed, now: datetime) -> tuple[UUID, bytes]:
        msg_id = uuid_of_time(now, uuid4())
        return msg_id, reply.render_owed(msg_id=msg_id, now=now, service=self.service, owed=owed)

    def receipt(self, mottatt: Mottatt) -> bytes:
        """The AppRec."""
        return apprec.render(
            apprec_id=uuid4(),
            now=mottatt.mottatt,
            service=self.service,
            head=mottatt.head,
            findings=(),
            accepted=True,
        )

    def rows(self, decided: Decided) -> Rows:
        """The sealed rows."""
        return rows_of(self.encoder, 0, decided)
