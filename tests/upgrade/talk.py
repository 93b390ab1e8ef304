"""Messages to a service that runs elsewhere, and what it answered: the chain from M1 to M10, step by step."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from typing import Self
from uuid import uuid4

from lxml import etree

from reseptformidler.client import rekvirent, utleverer
from reseptformidler.client.answer import Answer
from reseptformidler.client.head import Hode
from reseptformidler.client.rekvirent import Resept, Tilbakekalling
from reseptformidler.client.sign import sign
from reseptformidler.client.soap import Client
from reseptformidler.client.utleverer import Rapport, Sok
from reseptformidler.domain.aktor import Aktor
from reseptformidler.sandbox.pki import Pki
from reseptformidler.sandbox.population import APOTEK, LEGER, PERSONER, som_utleverer
from reseptformidler.sandbox.varer import TABLETT
from reseptformidler.wire.msghead import read_head
from reseptformidler.wire.schema import Schemas
from tests.system.world import attachments, check_answer, msg_id_of, operation_of, texts

LEGE = LEGER[0]
HER, DER = APOTEK[:2]
PERSON = PERSONER[0]


@cache
def schemas() -> Schemas:
    """Our own schemas, compiled once."""
    return Schemas()


@dataclass(frozen=True, slots=True)
class Download:
    """A prescription that a pharmacy has fetched, and the conversation in which it reports."""

    resept_id: str
    apotek: Aktor
    m94: Answer
    conversation: str


@dataclass
class Talk:
    """A conversation with one process; `answered` remembers what was sent and the answer's bytes."""

    address: str
    pki: Pki
    answered: dict[bytes, bytes] = field(default_factory=dict)

    async def __aenter__(self) -> Self:
        self.client = await Client(self.address).__aenter__()
        return self

    async def __aexit__(self, *error: object) -> None:
        await self.client.__aexit__(*error)

    async def send(self, octets: bytes) -> Answer:
        """Send a message; its answer must be valid and belong to it."""
        answer = await self.client.call(*operation_of(octets), octets)
        check_answer(read_head(etree.fromstring(octets)), answer)
        assert list(schemas().errors(answer.root)) == []
        return answer

    async def accepted(self, octets: bytes) -> Answer:
        """Send what must be accepted, and remember the answer."""
        answer = await self.send(octets)
        assert answer.errors == []
        self.answered[octets] = answer.octets
        return answer

    async def repeats(self, others: dict[bytes, bytes]) -> None:
        """What was answered before, perhaps by another process, is answered with the same bytes."""
        for octets, first in others.items():
            assert (await self.send(octets)).octets == first

    async def prescribe(self, resept: Resept | None = None) -> str:
        """M1; gives the ReseptId."""
        octets = self._signed(rekvirent.m1(_hode(), LEGE.rekvirent, PERSON, resept or Resept(TABLETT, reiterasjon=1)))
        await self.accepted(octets)
        return msg_id_of(octets)

    async def recall(self, resept_id: str) -> None:
        """M5."""
        await self.accepted(self._signed(rekvirent.m5(_hode(), LEGE.rekvirent, PERSON, Tilbakekalling(resept_id))))

    async def listed(self) -> tuple[Answer, dict[str, str]]:
        """M9.1; gives the M9.2, and the status that it shows of each prescription."""
        m92 = await self.accepted(utleverer.m91(_hode(), som_utleverer(HER), Sok(fnr=PERSON.ident, alle=True)))
        shown = m92.root.iter("{*}Reseptinfo")
        return m92, {one.findtext("{*}ReseptId") or "": one.find("{*}Status").get("V", "") for one in shown}  # type: ignore[union-attr]

    def m93(self, listed: Answer, resept_id: str, apotek: Aktor) -> bytes:
        """The wish for a prescription out of a list."""
        return utleverer.m93(_hode(listed, conversation_of(listed)), som_utleverer(apotek), resept_id)

    async def download(self, resept_id: str, apotek: Aktor = HER) -> Download:
        """M9.1 and M9.3."""
        listed, _ = await self.listed()
        m94 = await self.accepted(self.m93(listed, resept_id, apotek))
        assert attachments(m94) != []
        return Download(resept_id, apotek, m94, conversation_of(listed))

    async def report(self, one: Download, *, last: bool) -> None:
        """M10; the last one ends the prescription."""
        rapport = Rapport(one.resept_id, TABLETT, avsluttet=last)
        await self.accepted(utleverer.m10(_hode(one.m94, one.conversation), som_utleverer(one.apotek), PERSON, rapport))

    def _signed(self, octets: bytes) -> bytes:
        return sign(octets, self.pki.card(LEGE, datetime.now(UTC)))


def conversation_of(answer: Answer) -> str:
    """The conversation that an answer belongs to."""
    return texts(answer, "RefToConversation")[0]


def _hode(parent: Answer | None = None, conversation: str = "") -> Hode:
    """A head of now."""
    return Hode(uuid4(), datetime.now(UTC), parent.msg_id if parent else "", conversation)
