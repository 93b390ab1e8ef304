"""What a prescriber and Kjernejournal are told of prescriptions, over the real service. All answers are valid."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from lxml import etree

from reseptformidler.client import kjernejournal, rekvirent, utleverer
from reseptformidler.client.answer import Answer
from reseptformidler.client.head import message
from reseptformidler.client.rekvirent import Oppslag, Resept, Tilbakekalling
from reseptformidler.client.utleverer import Rapport
from reseptformidler.domain import koder
from reseptformidler.domain.aktor import Aktor, Aktortype
from reseptformidler.registers.fixed import FixedRegisters, Registrert
from reseptformidler.sandbox.pki import Pki
from reseptformidler.sandbox.population import APOTEK, LEGER, PERSONER, Lege, refnumre, som_utleverer, som_virksomhet
from reseptformidler.sandbox.varer import ALLERGITABLETT, TABLETT
from reseptformidler.wire.msghead import payload, read_head
from tests.store.owed import messages
from tests.system import world as worlds
from tests.system.world import World, msg_id_of, running, texts

LEGE, KOLLEGA, SPERRET = LEGER[:3]
HER = APOTEK[0]
PERSON = PERSONER[0]
FNR = Oppslag(fnr=PERSON.ident)
KJ = Aktor("9900901", "Nasjonal kjernejournal", Aktortype.KJERNEJOURNAL, "994598759")
REGISTERS = worlds.FEW_REGISTERS.merged(
    FixedRegisters((KJ,), personer=(Registrert((PERSON.ident,), sperret=frozenset({SPERRET.helsepersonell.hpr})),))
)
"""The sandbox's, with Kjernejournal and a person who has blocked a doctor."""


@pytest.fixture
async def world(database_url: str, tmp_path: Path, pki: Pki) -> AsyncIterator[World]:
    """A service of this test alone."""
    async with running(database_url, tmp_path, pki, registers=REGISTERS) as world:
        yield world


def m95(world: World, oppslag: Oppslag = FNR, lege: Lege = LEGE, **version: Any) -> bytes:
    """A signed question for a list."""
    return world.signed(rekvirent.m95(world.hode(), lege.rekvirent, oppslag, **version), lege)


def m97(world: World, resept_id: str, lege: Lege = LEGE, **how: Any) -> bytes:
    """A signed question for dispensings."""
    return world.signed(rekvirent.m97(world.hode(), lege.rekvirent, resept_id, **how), lege)


async def dispensed(world: World, resept_id: str, **rapport: Any) -> bytes:
    """It was downloaded and dispensed; the M10."""
    listed = await world.listed(utleverer.Sok(fnr=PERSON.ident))
    talk = texts(listed, "RefToConversation")[0]
    m94 = await world.accepted(utleverer.m93(world.hode(listed, talk), som_utleverer(HER), resept_id))
    report = Rapport(resept_id, TABLETT, **rapport)
    m10 = utleverer.m10(world.hode(m94, talk), som_utleverer(HER), PERSON, report)
    await world.accepted(m10)
    return m10


def element(answer: Answer, resept_id: str) -> etree._Element:
    """The Listeelement of one prescription."""
    found = [e for e in answer.root.iter("{*}Listeelement") if e.findtext("{*}ReseptId") == resept_id]
    (one,) = found
    return one


async def test_before_and_after_dispensing(world: World) -> None:
    """The M1 as it was signed, its status, who holds it, what was dispensed; finished it is shown on demand."""
    m1 = world.m1(Resept(TABLETT, reiterasjon=1))
    resept_id = msg_id_of(m1)
    await world.accepted(m1)
    for version in ("2015-05-01", "2018-07-01", "2021-02-01"):
        listed = await world.accepted(m95(world, lege=KOLLEGA, versjon=version))
        assert listed.attachments() == [m1]
        assert element(listed, resept_id).find("{*}Status").get("V") == "E"  # type: ignore[union-attr]
    await dispensed(world, resept_id, antall="2")
    m10 = await dispensed(world, resept_id, avsluttet=True)
    assert texts(await world.accepted(m95(world)), "ReseptId") == []
    listed = await world.accepted(m95(world, replace(FNR, alle=True)))
    found = element(listed, resept_id)
    assert found.find("{*}Status").get("V") == "R"  # type: ignore[union-attr]
    assert [
        found.findtext(f"{{*}}Utlevering/{{*}}AntallPakningerUtlevert{which}") for which in ("Totalt", "Siste")
    ] == [
        "3",
        "3",
    ]
    listed = await world.accepted(utleverer.m91(world.hode(), som_utleverer(HER), utleverer.Sok(fnr=PERSON.ident)))
    annulment = Rapport(resept_id, TABLETT, annullerer=msg_id_of(m10))
    head = world.hode(listed, listed.msg_id)
    await world.accepted(utleverer.m10(head, som_utleverer(HER), PERSON, annulment))
    found = element(await world.accepted(m95(world)), resept_id)
    assert found.findtext("{*}Utlevering/{*}AntallPakningerUtlevertTotalt") == "2"


async def test_locked(world: World) -> None:
    """Without the RefNr only that there is one; with it the M1."""
    number = refnumre(LEGE)[0]
    m1 = world.m1(Resept(TABLETT, refnr=number, last=True))
    await world.accepted(m1)
    hidden = await world.accepted(m95(world))
    assert (texts(hidden, "LastResept"), hidden.attachments()) == (["true"], [])
    assert hidden.root.find(".//{*}StatusSok").get("V") == "4"  # type: ignore[union-attr]
    opened = await world.accepted(m95(world, Oppslag(refnr=(number,))))
    assert (texts(opened, "LastResept"), opened.attachments()) == ([], [m1])


async def test_compressed(world: World) -> None:
    """From so many M1s on, and the M6s likewise: the same octets come out of it."""
    m1s = [world.m1(Resept(vare)) for vare in (TABLETT, ALLERGITABLETT)]
    for m1 in m1s:
        await world.accepted(m1)
    for wanted, compressed in ((0, 0), (2, 2), (3, 0)):
        listed = await world.accepted(m95(world, replace(FNR, komprimering=wanted)))
        assert len(list(listed.root.iter("{*}Compression"))) == compressed
        assert sorted(listed.attachments()) == sorted(m1s)
    await dispensed(world, msg_id_of(m1s[0]))
    plain, small = [await world.accepted(m97(world, msg_id_of(m1s[0]), komprimering=each)) for each in (0, 1)]
    assert len(list(small.root.iter("{*}Compression"))) == 1
    assert plain.attachments() == small.attachments()


async def test_blocked(world: World) -> None:
    """Whom the patient has blocked sees the own alone, and is told so; where the version cannot say it, 358 does."""
    theirs = await world.prescribed()
    blocked = await world.accepted(m95(world, lege=SPERRET))
    assert (texts(blocked, "ReseptId"), texts(blocked, "Pasientreservasjon")) == ([], ["true"])
    answer = await world.send(m95(world, lege=SPERRET, versjon="2015-05-01"))
    assert [code for code, _, _ in answer.errors] == ["358"]
    own = await world.prescribed(lege=SPERRET)
    assert texts(await world.accepted(m95(world, lege=SPERRET)), "ReseptId") == [own]
    assert sorted(texts(await world.accepted(m95(world)), "ReseptId")) == sorted([own, theirs])
    await world.refused(m97(world, theirs, SPERRET), "115")
    question = f'<M97 xmlns="http://www.ehelse.no/xmlstds/eresept/m97/2018-07-01"><ReseptId>{theirs}</ReseptId>'
    head, kind = world.hode(), koder.MELDINGSTYPE.cs("ERM97")
    named = message(head, kind, SPERRET.rekvirent, PERSON, f"{question}<Komprimering>0</Komprimering></M97>")
    assert texts(await world.accepted(world.signed(named, SPERRET)), "Pasientreservasjon") == ["true"]


async def test_repeated(world: World) -> None:
    """The same question has the same answer byte for byte, whatever has happened meanwhile; a new one a new one."""
    resept_id = await world.prescribed()
    question, about = m95(world), m97(world, resept_id)
    first, reports = await world.accepted(question), await world.accepted(about)
    await dispensed(world, resept_id)
    again, reports_again = await world.accepted(question), await world.accepted(about)
    assert (again.octets, reports_again.octets) == (first.octets, reports.octets)
    assert texts(reports_again, "AntallUtleveringer") == ["0"]
    assert texts(await world.accepted(m97(world, resept_id)), "AntallUtleveringer") == ["1"]


async def test_the_M6s_of_M98_are_those_that_are_owed(world: World) -> None:
    """Head and content of the M6 in the outbox, but for MsgId and GenDate."""
    resept_id = await world.prescribed()
    await dispensed(world, resept_id)
    (sent,) = [one for one in await messages(world.service.pool, world.service.sealer) if one.type == "M6"]
    (attached,) = (await world.accepted(m97(world, resept_id))).attachments()
    root = etree.fromstring(attached)
    assert world.schemas.errors(root) == []
    unnamed: dict[str, Any] = {"msg_id": None, "msg_id_text": "", "gen_date": world.clock(), "gen_date_text": ""}
    assert replace(read_head(root), **unnamed) == replace(sent.head, **unnamed)
    report = payload(root)
    assert report is not None
    assert etree.tostring(report, method="c14n") == etree.tostring(sent.payload, method="c14n")


async def test_no_such_prescription(world: World) -> None:
    """Of one that the service never had."""
    answer = await world.accepted(m97(world, "c2883dc2-8eef-4b8e-a80f-167f858425f7"))
    assert texts(answer, "IngenResept") == ["true"]
    old = await world.accepted(m97(world, "c2883dc2-8eef-4b8e-a80f-167f858425f7", versjon="2015-05-01"))
    assert texts(old, "IngenResept") == ["true"]


async def test_renewed_and_likely_doubles(world: World) -> None:
    """Both of a pair say so at their M1s; when one was recalled in favour of the other, that is told instead."""
    old, new = await world.prescribed(), await world.prescribed()
    said = {one.text for one in (await world.accepted(m95(world))).root.iter("{*}Annotation")}
    assert said == {f"Mulig dobbeltresept: samme virkestoff eller vare som {one}." for one in (old, new)}
    recall = Tilbakekalling(old, "1", ny_resept_id=new)
    await world.accepted(world.signed(rekvirent.m5(world.hode(), LEGE.rekvirent, PERSON, recall)))
    listed = await world.accepted(m95(world))
    assert texts(listed, "ForrigeReseptId") == [old]
    assert texts(listed, "Annotation") == []
    listed = await world.accepted(m95(world, replace(FNR, alle=True)))
    assert element(listed, old).findtext("{*}Fornying/{*}NyReseptId") == new


async def test_kjernejournal(world: World) -> None:
    """It asks unsigned and is sent the M1s; nobody else may use its operation (160)."""
    m1 = world.m1()
    await world.accepted(m1)
    operation = ("Rekvirent", "M9_5kj")
    listed = await world.send(kjernejournal.m95kj(world.hode(), som_virksomhet(KJ), PERSON.ident), operation)
    assert (texts(listed, "ReseptId"), listed.attachments()) == ([msg_id_of(m1)], [m1])
    answer = await world.send(kjernejournal.m95kj(world.hode(), som_virksomhet(HER), PERSON.ident), operation)
    assert [code for code, _, _ in answer.errors] == ["160"]
