"""The chain from M1 to M10 over HTTP. `World.send` asks of every answer that it is valid and answers what was sent."""

from __future__ import annotations

import asyncio
import re
from dataclasses import replace
from uuid import uuid4

import pytest
from lxml import etree

from reseptformidler.client import melding, rekvirent, utleverer
from reseptformidler.client.answer import Answer
from reseptformidler.client.rekvirent import EkspAnm, Resept, Tilbakekalling
from reseptformidler.client.utleverer import Rapport, Sok
from reseptformidler.sandbox.population import (
    APOTEK,
    BANDASJISTER,
    BARN,
    LEGER,
    PERSONER,
    SYSTEM,
    UTEN_NUMMER,
    refnumre,
    som_utleverer,
    som_virksomhet,
)
from reseptformidler.sandbox.varer import A_PREPARAT, TABLETT, TESTSTRIMLER, UREGISTRERT
from reseptformidler.wire.msghead import read_head
from tests.system.world import World, attachments, check_answer, msg_id_of, texts

LEGE, KOLLEGA = LEGER[:2]
HER, DER = APOTEK[:2]
PERSON = PERSONER[0]
FNR = Sok(fnr=PERSON.ident)
REFNR = refnumre(LEGE)


async def _list(world: World, sok: Sok = FNR, **how: object) -> tuple[Answer, str]:
    """A list, and the conversation that asking for it began."""
    answer = await world.listed(sok, **how)
    return answer, texts(answer, "RefToConversation")[0]


async def _download(world: World, resept_id: str, apotek: object = HER, **how: str) -> tuple[Answer, str]:
    listed, talk = await _list(world, utleverer=apotek)
    octets = utleverer.m93(world.hode(listed, talk), som_utleverer(apotek), resept_id, **how)  # type: ignore[arg-type]
    return await world.accepted(octets), talk


async def _report(world: World, parent: Answer, talk: str, rapport: Rapport, apotek: object = HER) -> str:
    octets = utleverer.m10(world.hode(parent, talk), som_utleverer(apotek), PERSON, rapport)  # type: ignore[arg-type]
    await world.accepted(octets)
    return msg_id_of(octets)


async def _status(world: World, resept_id: str, sok: Sok = FNR) -> str:
    """The status that an utleverer is shown; empty when it is not in the list."""
    answer = await world.listed(replace(sok, alle=True))
    shown = {one.findtext("{*}ReseptId"): one.find("{*}Status") for one in answer.root.iter("{*}Reseptinfo")}
    status = shown.get(resept_id)
    return status.get("V", "") if status is not None else ""


def _m93(world: World, resept_id: str, apotek: object = HER, **how: str) -> bytes:
    """A download without a list before it: nobody asks whether there was one."""
    talk = str(uuid4())
    return utleverer.m93(replace(world.hode(), parent=talk, conversation=talk), som_utleverer(apotek), resept_id, **how)  # type: ignore[arg-type]


async def test_M1_to_M10(world: World) -> None:
    """Written, found, downloaded as it was signed, refused to another, dispensed, finished: each status is shown."""
    m1 = world.m1(Resept(TABLETT, reiterasjon=1))
    resept_id = msg_id_of(m1)
    await world.accepted(m1)
    assert await _status(world, resept_id) == "E"
    m94, talk = await _download(world, resept_id)
    assert attachments(m94) == [m1]
    assert await _status(world, resept_id) == "U"
    await world.refused(_m93(world, resept_id, DER), "69")
    await _report(world, m94, talk, Rapport(resept_id, TABLETT))
    assert await _status(world, resept_id) == "E"
    m94, talk = await _download(world, resept_id, DER)
    assert len(attachments(m94)) == 2
    await _report(world, m94, talk, Rapport(resept_id, TABLETT, avsluttet=True), DER)
    assert await _status(world, resept_id) == "R"
    await world.refused(_m93(world, resept_id), "96")


async def test_repeated_messages(world: World) -> None:
    """The same message has the same answer, byte for byte; other bytes under its MsgId are refused (65)."""
    m1 = world.m1()
    resept_id = msg_id_of(m1)
    first, second = await world.accepted(m1), await world.accepted(m1)
    assert first.octets == second.octets
    m94, talk = await _download(world, resept_id)
    m10 = utleverer.m10(world.hode(m94, talk), som_utleverer(HER), PERSON, Rapport(resept_id, TABLETT, avsluttet=True))
    answers = await asyncio.gather(*(world.accepted(m10) for _ in range(5)))
    assert len({answer.octets for answer in answers}) == 1
    answer = await world.send(m10.replace(b"<Antall>1", b"<Antall>2"))
    assert answer.status == "2"
    assert answer.errors[0][0] == "65"


async def test_recall(world: World) -> None:
    """Recalled, it is shown with its cause on demand only, and not downloaded (97) or recalled again (16)."""
    resept_id = await world.prescribed()
    m5 = world.signed(rekvirent.m5(world.hode(), LEGE.rekvirent, PERSON, Tilbakekalling(resept_id, "2", "Virker ikke")))
    await world.accepted(m5)
    listed, _ = await _list(world)
    assert texts(listed, "ReseptId") == []
    listed, _ = await _list(world, replace(FNR, alle=True))
    assert texts(listed, "MerknadTilbakekalling")[0].startswith("Virker ikke- ")
    await world.refused(_m93(world, resept_id), "97")
    again = world.signed(rekvirent.m5(world.hode(), LEGE.rekvirent, PERSON, Tilbakekalling(resept_id)))
    await world.refused(again, "16")


async def test_recall_by_a_colleague_while_under_dispensing(world: World) -> None:
    """7419/13 accepts: the recall waits for the dispensing, and then takes effect."""
    resept_id = await world.prescribed(Resept(TABLETT, reiterasjon=3))
    m94, talk = await _download(world, resept_id)
    m5 = world.signed(rekvirent.m5(world.hode(), KOLLEGA.rekvirent, PERSON, Tilbakekalling(resept_id)), KOLLEGA)
    answer = await world.send(m5)
    assert (answer.status, [code for code, _, _ in answer.errors]) == ("1", ["13"])
    assert await _status(world, resept_id) == "U"
    await _report(world, m94, talk, Rapport(resept_id, TABLETT))
    assert await _status(world, resept_id) == "T"


async def test_locked_prescription(world: World) -> None:
    """Only who names the reference number sees it and gets it (L7; 258, 161); another patient may not use it (75)."""
    locked = Resept(TABLETT, refnr=REFNR[0], last=True)
    resept_id = await world.prescribed(locked)
    listed, _ = await _list(world)
    assert texts(listed, "ReseptId") == []
    listed, talk = await _list(world, Sok(refnr=(REFNR[0],)))
    assert texts(listed, "ReseptId") == [resept_id]
    assert texts(listed, "RefNr") == [REFNR[0]]
    await world.refused(_m93(world, resept_id), "258")
    await world.refused(_m93(world, resept_id, refnr=REFNR[1]), "161")
    m94 = await world.accepted(utleverer.m93(world.hode(listed, talk), som_utleverer(HER), resept_id, refnr=REFNR[0]))
    await _report(world, m94, talk, Rapport(resept_id, TABLETT, avsluttet=True))
    await world.refused(world.m1(locked, person=PERSONER[1]), "75")


async def test_guardian_may_not_see(world: World) -> None:
    """A prescription that a guardian may not see is listed only when that is asked for."""
    child = BARN[0]
    hidden = Resept(TABLETT, refnr=REFNR[2], last=True, vergereservert=True)
    resept_id = await world.prescribed(hidden, person=child)
    sok = Sok(refnr=(REFNR[2],))
    listed, _ = await _list(world, sok)
    assert texts(listed, "ReseptId") == []
    listed, _ = await _list(world, replace(sok, vergereserverte=True))
    assert texts(listed, "ReseptId") == [resept_id]


async def test_cancel(world: World) -> None:
    """A cancel lets the prescription go; one before any download locks nothing and is answered with an AppRec."""
    resept_id = await world.prescribed()
    m94, talk = await _download(world, resept_id)
    await _report(world, m94, talk, Rapport(resept_id, kansellering="1"))
    assert await _status(world, resept_id) == "E"
    listed, talk = await _list(world)
    answer = await world.accepted(utleverer.m93(world.hode(listed, talk), som_utleverer(HER), kansellering="1"))
    assert answer.status == "1"
    m94, _ = await _download(world, resept_id, DER)
    assert len(attachments(m94)) == 1


async def test_annul_and_dispense_again(world: World) -> None:
    """An annulled report opens what it closed, for its sender alone; a second dispensing is then possible."""
    resept_id = await world.prescribed()
    m94, talk = await _download(world, resept_id)
    m10 = await _report(world, m94, talk, Rapport(resept_id, TABLETT, avsluttet=True))
    assert await _status(world, resept_id) == "R"
    annul = Rapport(resept_id, TABLETT, annullerer=m10)
    refused = await world.send(utleverer.m10(world.hode(m94, talk), som_utleverer(DER), PERSON, annul))
    assert refused.status == "2"
    await _report(world, m94, talk, annul)
    assert await _status(world, resept_id) == "E"
    m94, talk = await _download(world, resept_id, DER)
    assert len(attachments(m94)) == 1
    await _report(world, m94, talk, Rapport(resept_id, TABLETT, avsluttet=True), DER)
    assert await _status(world, resept_id) == "R"


async def test_paper_prescription(world: World) -> None:
    """A dispensing on paper is accepted without download or conversation; what it is owed to is recorded."""
    octets = utleverer.m10(
        world.hode(), som_utleverer(HER), PERSON, Rapport(str(uuid4()), TABLETT, papir=LEGE.rekvirent)
    )
    await world.accepted(octets)
    async with world.service.pool.acquire() as connection:
        owed = await connection.fetch("SELECT type FROM utboks ORDER BY type")
    assert [row["type"] for row in owed] == ["M8.1"]  # nobody subscribes to M8


async def test_dispatch_request(world: World) -> None:
    """A dispatch request binds the first dispensing to the pharmacy it names (70); the others may have the second."""
    resept_id = await world.prescribed(
        Resept(TABLETT, reiterasjon=1, ekspanm=EkspAnm(som_virksomhet(HER), "F", "Sandkasse"))
    )
    await world.refused(_m93(world, resept_id, DER), "70")
    m94, talk = await _download(world, resept_id)
    await _report(world, m94, talk, Rapport(resept_id, TABLETT))
    await _download(world, resept_id, DER)


async def test_dispatch_request_that_cannot_be_met(world: World) -> None:
    """A drug is not asked of a bandasjist (118): the M1 is refused and nothing is owed."""
    await world.refused(
        world.m1(Resept(TABLETT, ekspanm=EkspAnm(som_virksomhet(BANDASJISTER[0]), "U", "Sandkasse"))), "118"
    )
    async with world.service.pool.acquire() as connection:
        assert await connection.fetchval("SELECT count(*) FROM utboks") == 0


async def test_consumables_at_a_bandasjist(world: World) -> None:
    """A bandasjist sees and gets consumables, not drugs (387)."""
    consumable = await world.prescribed(Resept(TESTSTRIMLER))
    drug = await world.prescribed()
    bandasjist = BANDASJISTER[0]
    listed, talk = await _list(world, utleverer=bandasjist)
    assert texts(listed, "ReseptId") == [consumable]
    await world.refused(_m93(world, drug, bandasjist), "387")
    m94 = await world.accepted(utleverer.m93(world.hode(listed, talk), som_utleverer(bandasjist), consumable))
    await _report(world, m94, talk, Rapport(consumable, TESTSTRIMLER, avsluttet=True), bandasjist)
    assert await _status(world, consumable) == "R"


async def test_emergency_search(world: World) -> None:
    """Name and date of birth find the one without number; others and incomplete searches do not (list 7407)."""
    person = UTEN_NUMMER[0]
    resept_id = await world.prescribed(Resept(TABLETT, refnr=REFNR[3]), person=person)
    sok = Sok(fdato=person.fdato, fornavn=person.fornavn, etternavn=person.etternavn, arsak="U")
    listed, _ = await _list(world, sok)
    assert texts(listed, "ReseptId") == [resept_id]
    for other, why in ((replace(sok, etternavn="Ingen"), "4"), (replace(sok, fornavn=""), "3")):
        listed, _ = await _list(world, other)
        assert texts(listed, "ReseptId") == []
        assert listed.root.find(".//{*}Reseptliste/{*}Status").get("V") == why  # type: ignore[union-attr]


async def test_the_newer_list(world: World) -> None:
    """A question in the newer namespace is answered in it, with Bruk."""
    await world.prescribed()
    listed, _ = await _list(world, versjon="2023-03-20")
    assert listed.root.find(".//{http://www.kith.no/xmlstds/eresept/m92/2023-03-20}Reseptliste") is not None
    assert listed.root.find(".//{*}Reseptinfo/{*}Bruk") is not None


async def test_unlicensed_drug(world: World) -> None:
    """A direct application is with the authority (63 or 62): it is neither dispensed nor forgotten."""
    resept_id = await world.prescribed(Resept(UREGISTRERT))
    assert await _status(world, resept_id) == "B"
    answer = await world.send(_m93(world, resept_id))
    assert answer.status == "2"


@pytest.mark.parametrize("name", ["\u00a0", "\u0085", "\u3000", "\u202e", "&#13;x"])
async def test_a_strange_name_spoils_no_list(world: World, name: str) -> None:
    """Whatever name was accepted, the list that it stands in is valid; or it is refused."""
    m1 = rekvirent.m1(world.hode(), LEGE.rekvirent, PERSON, Resept(TABLETT)).decode()
    begin = m1.index("<Patient>")
    for element in ("FamilyName", "GivenName"):
        m1 = m1[:begin] + re.sub(f"(<{element}>)[^<]*", rf"\g<1>{name}", m1[begin:], count=1)
    await world.send(world.signed(m1.encode()))
    await _list(world)


async def test_group_A_needs_the_right(world: World) -> None:
    """A prescription of group A by a doctor with the right."""
    await world.prescribed(Resept(A_PREPARAT))


async def test_verify_in_all_three_services(world: World) -> None:
    """MV answers whoever is known, in each of the services."""
    for service, sender in (("Rekvirent", LEGE.kontor), ("Utleverer", HER), ("NA", HER)):
        answer = await world.send(melding.mv(world.hode(), som_virksomhet(sender), SYSTEM), (service, "Verify"))
        assert answer.status == "1"


async def test_a_message_in_the_wrong_operation(world: World) -> None:
    """It is refused with a code: no message is lost without an answer."""
    m91 = utleverer.m91(world.hode(), som_utleverer(HER), FNR)
    assert [e[0] for e in (await world.send(m91, ("Utleverer", "M9_3"))).errors] == ["303", "303"]
    answer = await world.send(world.m1(), ("Rekvirent", "M25_1"))
    assert [e[0] for e in answer.errors] == ["303", "303"]


async def test_what_is_checked_of_answers_can_fail(world: World) -> None:
    """Negative control: an answer to one message is no answer to another."""
    m1, other = world.m1(), world.m1()
    answer = await world.accepted(m1)
    with pytest.raises(AssertionError):
        check_answer(read_head(etree.fromstring(other)), answer)
