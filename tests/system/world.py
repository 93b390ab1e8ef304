"""A running service for the tests: real HTTP on a free port, a database of its own, the sandbox's registers and PKI."""

from __future__ import annotations

import base64
import io
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import aiohttp
from lxml import etree
from pydantic import SecretStr

from reseptformidler import app, meldinger
from reseptformidler.client import rekvirent, utleverer
from reseptformidler.client.answer import Answer
from reseptformidler.client.head import Hode
from reseptformidler.client.parter import Pasient
from reseptformidler.client.rekvirent import Resept
from reseptformidler.client.sign import sign
from reseptformidler.client.soap import Client
from reseptformidler.client.utleverer import Sok
from reseptformidler.domain.hode import MsgInfo
from reseptformidler.registers.fixed import FixedRegisters
from reseptformidler.sandbox.pki import Pki
from reseptformidler.sandbox.population import APOTEK, LEGER, PERSONER, Lege, registers, som_utleverer
from reseptformidler.sandbox.varer import TABLETT
from reseptformidler.settings import Settings
from reseptformidler.store.keys import FileKek
from reseptformidler.trust.chain import Authorities
from reseptformidler.wire.msghead import payload_namespace, read_head

APPREC = "{http://www.kith.no/xmlstds/apprec/2004-11-21}"
MSGHEAD = "{http://www.kith.no/xmlstds/msghead/2006-05-24}"
BASE64 = "{http://www.kith.no/xmlstds/base64container}Base64Container"

_REGISTERS = registers()
FEW_REGISTERS = FixedRegisters(
    _REGISTERS.aktorer,
    _REGISTERS._helsepersonell.values(),
    _REGISTERS._kort,
    dict(_REGISTERS.refnr[:300]),
)
"""The sandbox's registers with the reference numbers of three prescribers: 6,000 fewer to seal at each start."""


@dataclass(slots=True)
class Clock:
    """The real time, unless a test sets another."""

    fixed: datetime | None = None

    def __call__(self) -> datetime:
        return self.fixed or datetime.now(UTC)


@dataclass
class World:
    """The running service, who talks to it, and what a conversation is made of."""

    address: str
    service: app.Service
    client: Client
    pki: Pki
    clock: Clock
    extra_checks: list[Callable[[etree._Element], None]] = field(default_factory=list)
    """What else is asked of each answer's root."""

    def hode(self, parent: Answer | None = None, conversation: str = "", msg_id: UUID | None = None) -> Hode:
        """A head of now; after `parent` in the conversation that began with `conversation`."""
        return Hode(msg_id or uuid4(), self.clock(), parent.msg_id if parent else "", conversation)

    def signed(self, octets: bytes, lege: Lege = LEGER[0]) -> bytes:
        """With the signature of a prescriber."""
        return sign(octets, self.pki.card(lege, self.clock()))

    def m1(self, resept: Resept | None = None, lege: Lege = LEGER[0], person: Pasient = PERSONER[0]) -> bytes:
        """A signed prescription of now."""
        return self.signed(rekvirent.m1(self.hode(), lege.rekvirent, person, resept or Resept(TABLETT)), lege)

    async def send(self, octets: bytes, operation: tuple[str, str] | None = None) -> Answer:
        """Send a message to its operation; every answer must be of the form that the standard promises."""
        answer = await self.client.call(*(operation or operation_of(octets)), octets)
        check_answer(read_head(etree.fromstring(octets)), answer)
        assert [str(error) for error in self.service.spine.schemas.errors(answer.root)] == []
        for check in self.extra_checks:
            check(answer.root)
        return answer

    async def accepted(self, octets: bytes) -> Answer:
        """Send what must be accepted."""
        answer = await self.send(octets)
        assert (answer.status, answer.errors) in (("1", []), ("", []))
        return answer

    async def refused(self, octets: bytes, code: str) -> Answer:
        """Send what must be refused with this code alone."""
        answer = await self.send(octets)
        assert (answer.status, [error[0] for error in answer.errors]) == ("2", [code])
        return answer

    async def prescribed(self, resept: Resept | None = None, **who: Any) -> str:
        """An accepted prescription; its ReseptId."""
        octets = self.m1(resept, **who)
        await self.accepted(octets)
        return msg_id_of(octets)

    async def listed(self, sok: Sok, **how: Any) -> Answer:
        """What a pharmacy is shown."""
        return await self.accepted(
            utleverer.m91(self.hode(), som_utleverer(how.pop("utleverer", APOTEK[0])), sok, **how)
        )

    @cached_property
    def schemas(self) -> Any:
        """Our own compiled schemas."""
        return self.service.spine.schemas


@asynccontextmanager
async def running(
    database_url: str,
    folder: Path,
    pki: Pki,
    *,
    clock: Clock | None = None,
    authorities: Authorities | None = None,
    registers: FixedRegisters = FEW_REGISTERS,
    **settings: Any,
) -> AsyncIterator[World]:
    """A service in this process; `settings` are fields of Settings."""
    clock = clock or Clock()
    kek = folder / "kek"
    if not kek.exists():
        FileKek.create(kek)
    given = {
        "database_url": SecretStr(database_url),
        "kek_file": kek,
        "trust_dir": pki.trust_dir,
        "registers": (),
        "port": 0,
        "leave_seconds": 0,
        **settings,
    }
    started = app.service(
        Settings.model_validate(given), registers=registers, authorities=authorities or pki.authorities, clock=clock
    )
    async with started as service, service.listening() as port:
        address = f"http://127.0.0.1:{port}"
        async with Client(address) as client:
            yield World(address, service, client, pki, clock)


def operation_of(octets: bytes) -> tuple[str, str]:
    """The operation that carries a message of this type."""
    root = etree.fromstring(octets)
    type_ = meldinger.meant(read_head(root), payload_namespace(root))
    assert type_ is not None
    return type_.operations[0]


def msg_id_of(octets: bytes) -> str:
    """Its MsgId."""
    return etree.fromstring(octets).findtext(f".//{MSGHEAD}MsgId") or ""


def check_answer(head: MsgInfo, answer: Answer) -> None:
    """That an answer belongs to the message with this head."""
    root = answer.root
    if root.tag == f"{APPREC}AppRec":
        original = root.find(f"{APPREC}OriginalMsgId")
        assert original is not None
        assert original.findtext(f"{APPREC}Id") == head.msg_id_text
        assert original.findtext(f"{APPREC}IssueDate") == head.gen_date_text
        assert original.find(f"{APPREC}MsgType").get("V") == head.type.v  # type: ignore[union-attr]
        assert answer.status in ("1", "2")
        assert bool(answer.errors) or answer.status == "1"
        return
    reply = read_head(root)
    assert reply.ref_to_parent == head.msg_id_text
    assert reply.ref_to_conversation == (head.ref_to_conversation or head.msg_id_text)
    assert reply.msg_id is not None
    assert reply.msg_id_text != head.msg_id_text
    assert reply.receiver.ident("HER") == head.sender.ident("HER")
    assert reply.sender.ident("HER") == "80624"


def attachments(answer: Answer) -> list[bytes]:
    """The whole messages that an answer carries."""
    return [base64.b64decode(one.text or "") for one in answer.root.iter(BASE64)]


def texts(answer: Answer, name: str) -> list[str]:
    """The texts of all elements of that local name."""
    return [one.text or "" for one in answer.root.iter(f"{{*}}{name}")]


async def posted(address: str, path: str, body: bytes, **headers: str) -> tuple[int, bytes, dict[str, str]]:
    """One raw POST: status, body and headers of what came back."""
    sent = {"Content-Type": "text/xml; charset=utf-8", **{name.replace("_", "-"): v for name, v in headers.items()}}
    async with (
        aiohttp.ClientSession() as session,
        session.post(address + path, data=io.BytesIO(body), headers=sent) as response,
    ):
        return response.status, await response.read(), dict(response.headers)
