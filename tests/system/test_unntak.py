"""Approval exemption over HTTP: applied for at once or by the pharmacy, granted, refused, recalled while it waits."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
from lxml import etree

from reseptformidler.client import answer, rekvirent, slv, utleverer
from reseptformidler.client.answer import Answer
from reseptformidler.client.head import Hode
from reseptformidler.client.rekvirent import EkspAnm, Resept, Tilbakekalling
from reseptformidler.client.slv import SvarSLV
from reseptformidler.client.utleverer import Rapport, Sok
from reseptformidler.domain.aktor import Aktor, Aktortype
from reseptformidler.registers.fixed import FixedRegisters
from reseptformidler.sandbox.pki import Pki
from reseptformidler.sandbox.population import APOTEK, LEGER, PERSONER, som_utleverer, som_virksomhet
from reseptformidler.sandbox.varer import TABLETT, UREGISTRERT, UREGISTRERT_FORHANDSGODKJENT
from reseptformidler.wire.msghead import read_head
from tests.store import owed
from tests.store.owed import Sent
from tests.system.world import FEW_REGISTERS, World, attachments, check_answer, msg_id_of, posted, running, texts

LEGE = LEGER[0]
HER, DER = APOTEK[:2]
PERSON = PERSONER[0]
SLV = Aktor("105959", "Direktoratet for medisinske produkter", Aktortype.LEGEMIDDELVERKET, "974761122")


@pytest.fixture
async def world(database_url: str, tmp_path: Path, pki: Pki) -> AsyncIterator[World]:
    """A service that knows the authority."""
    registers = FEW_REGISTERS.merged(FixedRegisters((SLV,)))
    async with running(database_url, tmp_path, pki, registers=registers) as world:
        yield world


async def _sent(world: World, kind: str) -> list[Sent]:
    """The messages of one type that are owed, in their order; each is valid."""
    return [one for one in await owed.messages(world.service.pool, world.service.sealer) if one.type == kind]


async def _answered(world: World, resept_id: str, *, innvilget: bool) -> Answer:
    """The authority answers the last application; the answer's AppRec. A repeat gets the same bytes."""
    m14 = (await _sent(world, "M14"))[-1].head
    hode = replace(world.hode(), parent=m14.msg_id_text, conversation=m14.ref_to_conversation)
    m15 = slv.m15(hode, som_virksomhet(SLV), SvarSLV(resept_id, innvilget, "123TA", "" if innvilget else "På lista"))
    first, second = [await posted(world.address, "/Asynkron", m15) for _ in range(2)]
    assert first[:2] == (200, second[1])
    apprec = answer.read(first[1])
    check_answer(read_head(etree.fromstring(m15)), apprec)
    return apprec


async def _downloaded(world: World, resept_id: str, apotek: Aktor = HER) -> tuple[Answer, str]:
    """An M9.4, and the conversation it stands in."""
    listed = await world.listed(Sok(fnr=PERSON.ident), utleverer=apotek)
    talk = texts(listed, "RefToConversation")[0]
    octets = utleverer.m93(world.hode(listed, talk), som_utleverer(apotek), resept_id)
    return await world.accepted(octets), talk


async def _refused_download(world: World, resept_id: str, code: str, apotek: Aktor = DER) -> Answer:
    talk = str(world.hode().msg_id)
    hode = replace(world.hode(), parent=talk, conversation=talk)
    return await world.refused(utleverer.m93(hode, som_utleverer(apotek), resept_id), code)


def _m3(world: World, m94: Answer, talk: str, resept_id: str, apotek: Aktor = HER) -> bytes:
    return utleverer.m3(world.hode(m94, talk), som_utleverer(apotek), resept_id, "Kun dette virker")


async def test_direct_application_granted(world: World) -> None:
    """G2: the M14 goes at once with the M1; a yes makes it dispensable, and M9.4 tells it; M20 after the first."""
    m1 = world.m1(Resept(UREGISTRERT, reiterasjon=1))
    resept_id = msg_id_of(m1)
    await world.accepted(m1)
    (m14,) = await _sent(world, "M14")
    assert (m14.receiver, m14.attachments) == (SLV.her, (m1,))
    assert (m14.head.ref_to_parent, m14.head.ref_to_conversation) == (resept_id, resept_id)
    await _refused_download(world, resept_id, "64")
    assert (await _answered(world, resept_id, innvilget=True)).status == "1"
    (m15,) = await _sent(world, "M15")
    assert (m15.receiver, m15.payload.findtext("{*}Saksbehandler")) == (LEGE.kontor.her, "123TA")
    m94, talk = await _downloaded(world, resept_id)
    assert texts(m94, "InnvligetGodkjFritak") == ["true"]
    assert texts(m94, "DatoSoknadSendtSLV") == texts(m94, "SvarSLVDato") != []
    rapport = Rapport(resept_id, UREGISTRERT)
    await world.accepted(utleverer.m10(world.hode(m94, talk), som_utleverer(HER), PERSON, rapport))
    assert [one.receiver for one in await _sent(world, "M20")] == [SLV.her]


async def test_the_pharmacy_applies_and_keeps_it(world: World) -> None:
    """G1, G3, G4: M3 after M9.4; nobody else gets it meanwhile; who keeps it is told of the yes and goes on."""
    m1 = world.m1(Resept(UREGISTRERT_FORHANDSGODKJENT))
    resept_id = msg_id_of(m1)
    await world.accepted(m1)
    m94, talk = await _downloaded(world, resept_id)
    m3 = _m3(world, m94, talk, resept_id)
    await world.accepted(m3)
    (m14,) = await _sent(world, "M14")
    assert m14.attachments == (m1, m3)
    assert m14.head.ref_to_conversation == talk
    await world.refused(_m3(world, m94, talk, resept_id), "98")
    rapport = Rapport(resept_id, UREGISTRERT_FORHANDSGODKJENT, avsluttet=True)
    m10 = utleverer.m10(world.hode(m94, talk), som_utleverer(HER), PERSON, rapport)
    await world.refused(m10, "64")
    refusal = await _refused_download(world, resept_id, "69")
    assert f"Under ekspedering hos {HER.navn} siden " in refusal.errors[0][2]
    await _answered(world, resept_id, innvilget=True)
    assert [one.receiver for one in await _sent(world, "M15")] == [LEGE.kontor.her, HER.her]
    again = utleverer.m10(world.hode(m94, talk), som_utleverer(HER), PERSON, rapport)
    await world.accepted(again)
    await _refused_download(world, resept_id, "96")


async def test_the_pharmacy_applies_and_lets_it_go(world: World) -> None:
    """G3: cancelled while the authority decides, it waits at nobody's; refused, nobody gets it (63)."""
    resept_id = await world.prescribed(Resept(UREGISTRERT_FORHANDSGODKJENT))
    m94, talk = await _downloaded(world, resept_id)
    await world.accepted(_m3(world, m94, talk, resept_id))
    cancel = Rapport(resept_id, kansellering="6")
    await world.accepted(utleverer.m10(world.hode(m94, talk), som_utleverer(HER), PERSON, cancel))
    await _refused_download(world, resept_id, "64")
    await _answered(world, resept_id, innvilget=False)
    assert [one.receiver for one in await _sent(world, "M15")] == [LEGE.kontor.her]
    await _refused_download(world, resept_id, "63")
    second = await _answered(world, resept_id, innvilget=True)
    assert (second.status, [code for code, _, _ in second.errors]) == ("2", ["63"])


@pytest.mark.parametrize("innvilget", [True, False])
async def test_recalled_while_it_waits(world: World, innvilget: bool) -> None:
    """T7: 14 in the AppRec; recalled when the answer comes, and who recalled it is told so then."""
    resept_id = await world.prescribed(Resept(UREGISTRERT))
    m5 = world.signed(rekvirent.m5(world.hode(), LEGE.rekvirent, PERSON, Tilbakekalling(resept_id)))
    noted = await world.send(m5)
    assert (noted.status, [code for code, _, _ in noted.errors]) == ("1", ["14"])
    await _answered(world, resept_id, innvilget=innvilget)
    told = [one.payload.find("{*}Status").get("V") for one in await _sent(world, "M5.2")]  # type: ignore[union-attr]
    assert told == ["2", "1"]
    await _refused_download(world, resept_id, "97")


async def test_only_the_authority_answers(world: World) -> None:
    """379 for another organisation, 1 for a prescription that is not here, 302 outside the conversation (F8)."""
    resept_id = await world.prescribed(Resept(UREGISTRERT))
    in_talk = Hode(world.hode().msg_id, world.clock(), resept_id, resept_id)
    unknown = str(world.hode().msg_id)
    for hode, sender, about, codes in (
        (in_talk, HER, resept_id, ["379"]),
        (replace(in_talk, msg_id=world.hode().msg_id), SLV, unknown, ["1"]),
        (world.hode(), SLV, resept_id, ["302", "226"]),
    ):
        octets = slv.m15(hode, som_virksomhet(sender), SvarSLV(about, innvilget=True, saksbehandler="1"))
        _, body, _ = await posted(world.address, "/Asynkron", octets)
        assert [code for code, _, _ in answer.read(body).errors] == codes
    assert await _sent(world, "M15") == []


async def test_F7_download_in_the_conversation_of_the_M1(world: World) -> None:
    """LAR: the pharmacy answers the M21 with an M9.3, without M9.1 (E7); every dispensing stays with it (E5)."""
    anmodning = EkspAnm(som_virksomhet(HER), "L", "Sandkasse")
    resept_id = await world.prescribed(Resept(TABLETT, reiterasjon=2, ekspanm=anmodning))
    (m21,) = await _sent(world, "M21")
    assert (m21.receiver, m21.payload.findtext("{*}ReseptId")) == (HER.her, resept_id)
    for earlier in range(2):
        hode = replace(world.hode(), parent=m21.head.msg_id_text, conversation=m21.head.ref_to_conversation)
        m94 = await world.accepted(utleverer.m93(hode, som_utleverer(HER), resept_id))
        assert texts(m94, "RefToConversation") == [resept_id]
        assert len(attachments(m94)) == 1 + earlier
        m10 = utleverer.m10(world.hode(m94, resept_id), som_utleverer(HER), PERSON, Rapport(resept_id, TABLETT))
        await world.accepted(m10)
        await _refused_download(world, resept_id, "70")
