"""What real messages owe others, through the store: each row opens to a right message with its attachments.

The messages are those of the clients' library, decided by their own types and written by our own renderer.
"""

from __future__ import annotations

import hashlib
from dataclasses import replace
from uuid import UUID, uuid4

import pytest

from reseptformidler import meldinger
from reseptformidler.client import rekvirent, utleverer
from reseptformidler.client.head import Hode
from reseptformidler.client.rekvirent import Resept, Tilbakekalling
from reseptformidler.client.utleverer import Rapport
from reseptformidler.domain.aktor import Facts
from reseptformidler.domain.ident import uuid_of_time
from reseptformidler.meldinger.melding import Mottatt
from reseptformidler.sandbox.population import APOTEK, LEGER, PERSONER, Lege, som_utleverer
from reseptformidler.sandbox.varer import TABLETT
from reseptformidler.store.batch import Batcher, Item, Stored
from reseptformidler.store.pool import Pool
from reseptformidler.store.seal import Sealer
from reseptformidler.wire import reply
from reseptformidler.wire.msghead import payload, read_head
from reseptformidler.wire.parse import parse
from tests.store.build import NOW
from tests.store.owed import checked, messages
from tests.wire.eksempler import SERVICE

LEGE, KOLLEGA = LEGER[:2]
HER = APOTEK[0]


def item(octets: bytes, lege: Lege = LEGE) -> Item:
    """A message that all rules without store have passed, as the spine hands it to the batcher."""
    root = parse(octets)
    head, content = read_head(root), payload(root)
    type_ = meldinger.meant(head, "")
    assert type_ is not None
    assert content is not None
    mottatt = Mottatt(octets=octets, head=head, payload=content, content=type_.parse(content), mottatt=NOW)
    facts = Facts(helsepersonell=lege.helsepersonell)
    return Item(
        sender=head.sender.ident("HER"),
        msg_id=mottatt.msg_id,
        sha256=hashlib.sha256(octets).digest(),
        type=type_.token,
        octets=octets,
        received=NOW,
        needs=type_.needs(mottatt, facts),
        decide=lambda tilstand: type_.decide(mottatt, tilstand, facts, NOW),
        render=lambda decision: b"<svar/>" if decision.accepted else b"<avslag/>",
        render_owed=lambda owed: (
            msg_id := uuid_of_time(NOW, uuid4()),
            reply.render_owed(msg_id=msg_id, now=NOW, service=SERVICE, owed=owed),
        ),
    )


class Talk:
    """A prescription that is written, and what becomes of it."""

    def __init__(self, batcher: Batcher) -> None:
        self.resept_id = uuid4()
        self.conversation = str(uuid4())
        self._batcher = batcher

    async def accepted(self, octets: bytes, lege: Lege = LEGE) -> bytes:
        """Commit it; its bytes."""
        stored = await self._batcher.submit(item(octets, lege))
        assert isinstance(stored, Stored)
        assert stored.accepted, stored.reasons
        return octets

    async def prescribed(self) -> bytes:
        """The M1."""
        hode = Hode(self.resept_id, NOW)
        return await self.accepted(rekvirent.m1(hode, LEGE.rekvirent, PERSONER[0], Resept(TABLETT)))

    async def recalled(self, lege: Lege = KOLLEGA) -> bytes:
        """An M5."""
        recall = Tilbakekalling(str(self.resept_id), "4", "Trenger ikke resten")
        return await self.accepted(rekvirent.m5(Hode(uuid4(), NOW), lege.rekvirent, PERSONER[0], recall), lege)

    async def downloaded(self) -> bytes:
        """An M9.3."""
        return await self.accepted(utleverer.m93(self._in_talk(), som_utleverer(HER), str(self.resept_id)))

    async def dispensed(self, **changes: str) -> bytes:
        """An M10."""
        report = replace(Rapport(str(self.resept_id), TABLETT), **changes)  # type: ignore[arg-type]  # texts alone
        return await self.accepted(utleverer.m10(self._in_talk(), som_utleverer(HER), PERSONER[0], report))

    def _in_talk(self) -> Hode:
        return Hode(uuid4(), NOW, str(uuid4()), self.conversation)


@pytest.fixture
def talk(batcher: Batcher) -> Talk:
    """A prescription yet to be written."""
    return Talk(batcher)


async def kept(pool: Pool, resept_id: UUID) -> int:
    """How many messages are kept with a prescription."""
    return int(await pool.fetchval("SELECT count(*) FROM resept_dokument WHERE resept_id = $1", resept_id))


async def test_T4_an_M7_carries_the_M5_as_it_came(talk: Talk, pool: Pool, sealer: Sealer) -> None:
    """Of a recall by a colleague: M5.2 to who recalled, M7 with the M5 to who wrote it; the M5 is kept for that."""
    await talk.prescribed()
    m5 = await talk.recalled()
    m52, m7 = await messages(pool, sealer)
    assert (m52.type, m52.receiver, m52.attachments) == ("M5.2", KOLLEGA.kontor.her, ())
    assert (m7.type, m7.receiver, m7.attachments) == ("M7", LEGE.kontor.her, (m5,))
    assert m52.head.ref_to_parent == m7.head.ref_to_parent == read_head(parse(m5)).msg_id_text
    assert await kept(pool, talk.resept_id) == 2


async def test_T2_a_recall_that_waited_is_carried_when_it_takes_effect(talk: Talk, pool: Pool, sealer: Sealer) -> None:
    """The M5 is found again by the M10 that ends the dispensing, in the conversation that the M5 began."""
    await talk.prescribed()
    await talk.downloaded()
    m5 = await talk.recalled()
    await talk.dispensed()
    sent = await messages(pool, sealer)
    assert [one.type for one in sent] == ["M5.2", "M6", "M8.1", "M5.2", "M7"]
    waits, _, _, done, m7 = sent
    states = [one.payload.find("{*}Status") for one in (waits, done)]
    assert [state.get("V") for state in states if state is not None] == ["2", "1"]
    assert m7.attachments == (m5,)
    recall = read_head(parse(m5)).msg_id_text
    assert {(one.head.ref_to_parent, one.head.ref_to_conversation) for one in (waits, done, m7)} == {(recall, recall)}


async def test_R1308_a_report_carries_the_M1_as_it_came(talk: Talk, pool: Pool, sealer: Sealer) -> None:
    """M8.1 has it and M6 has none; both belong to the M10, which is kept with the prescription."""
    m1 = await talk.prescribed()
    await talk.downloaded()
    m10 = await talk.dispensed()
    m6, m81 = await messages(pool, sealer)
    assert (m6.type, m6.receiver, m6.attachments) == ("M6", LEGE.kontor.her, ())
    assert (m81.type, m81.receiver, m81.attachments) == ("M8.1", "", (m1,))
    ours = read_head(parse(m10))
    for one in (m6, m81):
        assert one.payload.findtext("{*}ReferanseM10") == one.head.ref_to_parent == ours.msg_id_text
        assert one.head.ref_to_conversation == talk.conversation
        assert one.head.patient == ours.patient
    assert await kept(pool, talk.resept_id) == 2


async def test_M2r_an_annulment_is_told_of(talk: Talk, pool: Pool, sealer: Sealer) -> None:
    """And a cancel is not (M1r)."""
    await talk.prescribed()
    await talk.downloaded()
    m10 = read_head(parse(await talk.dispensed())).msg_id_text
    await talk.dispensed(annullerer=m10)
    *_, m6, m81 = await messages(pool, sealer)
    assert [one.payload.findtext("{*}Utlevering/{*}AnnulleringsId") for one in (m6, m81)] == [m10, m10]
    await talk.downloaded()
    await talk.dispensed(kansellering="3")
    assert len(await messages(pool, sealer)) == 4


def test_the_check_of_what_is_owed_sees_its_faults() -> None:
    """Negative control: something empty, and something that no schema has."""
    right = rekvirent.m41(Hode(uuid4(), NOW), LEGE.rekvirent, 1)
    checked(right)
    for wrong in (right.replace(b"Antall", b"Mengde"), right.replace(b"Antall>1<", b"Antall><")):
        with pytest.raises(AssertionError):
            checked(wrong)
