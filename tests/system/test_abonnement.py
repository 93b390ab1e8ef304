"""Reference numbers that are issued and used, and subscriptions to dispensing reports, over the real service."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import pytest

from reseptformidler.client import rekvirent, utleverer
from reseptformidler.client.answer import Answer
from reseptformidler.client.rekvirent import Abonnement, Resept
from reseptformidler.client.utleverer import Rapport, Sok
from reseptformidler.domain.ident import is_refnr
from reseptformidler.domain.kalender import norsk_dag
from reseptformidler.registers.fixed import FixedRegisters, Registrert
from reseptformidler.sandbox.pki import Pki
from reseptformidler.sandbox.population import APOTEK, LEGER, PERSONER, Lege, som_utleverer
from reseptformidler.sandbox.varer import TABLETT
from tests.store.owed import Sent, messages
from tests.system.world import FEW_REGISTERS, World, msg_id_of, running, texts

LEGE, FASTLEGE = LEGER[:2]
PERSON = PERSONER[0]
TIL = norsk_dag(datetime.now(UTC)) + timedelta(days=365)
REGISTERS = FEW_REGISTERS.merged(
    FixedRegisters(
        personer=(Registrert((PERSON.ident,), fastlege=FASTLEGE.helsepersonell.hpr, fastlege_her=FASTLEGE.kontor.her),)
    )
)
"""The sandbox's, and whose patient the patient is."""


@pytest.fixture
async def world(database_url: str, tmp_path: Path, pki: Pki) -> AsyncIterator[World]:
    """A service of this test alone, which knows the patient's fastlege."""
    async with running(database_url, tmp_path, pki, registers=REGISTERS) as world:
        yield world


def m241(world: World, lege: Lege = FASTLEGE, *, pa: bool = True) -> bytes:
    """A signed M24.1 that begins or ends a subscription."""
    abonnement = Abonnement(pa=pa, til=TIL)
    return world.signed(rekvirent.m241(world.hode(), lege.rekvirent, PERSON, abonnement), lege)


def svar(answer: Answer) -> list[str]:
    """What an M24.2 says: the values, Begrunnelse last."""
    return [one.get("V", "") for name in ("Svar", "Begrunnelse") for one in answer.root.iter(f"{{*}}{name}")]


async def dispensed(world: World, lege: Lege = LEGE, **changes: bool) -> bytes:
    """A prescription by that doctor is written, downloaded and dispensed; its M1."""
    m1 = world.m1(lege=lege)
    await world.accepted(m1)
    talk = str(uuid4())
    hode = replace(world.hode(), parent=talk, conversation=talk)
    m94 = await world.accepted(utleverer.m93(hode, som_utleverer(APOTEK[0]), msg_id_of(m1)))
    rapport = replace(Rapport(msg_id_of(m1), TABLETT, avsluttet=True), **changes)  # type: ignore[arg-type]  # booleans
    await world.accepted(utleverer.m10(world.hode(m94, talk), som_utleverer(APOTEK[0]), PERSON, rapport))
    return m1


async def owed(world: World) -> list[Sent]:
    """All that is owed until now."""
    return await messages(world.service.pool, world.service.sealer)


async def test_L3_numbers_are_issued_and_used(world: World) -> None:
    """The prescriber who asked locks a prescription with one; another prescriber is refused it (52)."""
    octets = rekvirent.m41(world.hode(), LEGE.rekvirent, 100)
    answer = await world.accepted(octets)
    numre = texts(answer, "RefNr")
    assert len(set(numre)) == 100
    assert all(map(is_refnr, numre))
    assert (await world.accepted(octets)).octets == answer.octets
    last = Resept(TABLETT, refnr=numre[0], last=True)
    resept_id = await world.prescribed(last)
    assert texts(await world.listed(Sok(refnr=(numre[0],))), "ReseptId") == [resept_id]
    await world.refused(world.m1(replace(last, refnr=numre[1]), FASTLEGE), "52")
    await world.prescribed(replace(last, refnr=numre[1]))
    more = texts(await world.accepted(rekvirent.m41(world.hode(), LEGE.rekvirent, 1)), "RefNr")
    assert set(more).isdisjoint(numre)


async def test_L3_more_than_a_hundred_are_not_issued(world: World) -> None:
    """49, and nobody has a number more."""
    before = await world.service.pool.fetchval("SELECT count(*) FROM refnr")
    await world.refused(rekvirent.m41(world.hode(), LEGE.rekvirent, 101), "49")
    assert await world.service.pool.fetchval("SELECT count(*) FROM refnr") == before


async def test_S1_a_fastlege_is_told_from_the_subscription_to_its_end(world: World) -> None:
    """Before it and after it nothing; within it of each dispensing that the patient did not reserve against (U12)."""
    await dispensed(world)
    assert svar(await world.accepted(m241(world))) == ["1"]
    m1 = await dispensed(world)
    await dispensed(world, reservert_fastlege=True)
    await dispensed(world, FASTLEGE)
    assert svar(await world.accepted(m241(world, pa=False))) == ["1"]
    await dispensed(world)
    sent = await owed(world)
    assert [one.type for one in sent].count("M8.1") == [one.type for one in sent].count("M6") == 5
    (m8,) = (one for one in sent if one.type == "M8")
    assert (m8.receiver, m8.attachments) == (FASTLEGE.kontor.her, (m1,))
    assert m8.head.receiver.professional is not None
    assert m8.head.receiver.professional.ident("HPR") == FASTLEGE.helsepersonell.hpr
    assert m8.head.patient is not None
    assert m8.head.patient.ident("FNR") == PERSON.ident


async def test_S2_who_is_not_the_fastlege_is_told_so(world: World) -> None:
    """By an M24.2; nothing is registered, so that nobody is told of a dispensing."""
    assert svar(await world.accepted(m241(world, LEGE))) == ["2", "2"]
    await dispensed(world, LEGER[2])
    assert [one.type for one in await owed(world)] == ["M6", "M8.1"]


async def test_V1_a_subscription_is_signed(world: World) -> None:
    """Without a signature nobody has asked for anything (47)."""
    unsigned = rekvirent.m241(world.hode(), FASTLEGE.rekvirent, PERSON, Abonnement(pa=True, til=TIL))
    answer = await world.send(unsigned)
    assert (answer.status, [code for code, _, _ in answer.errors]) == ("2", ["47"])
