"""A net pharmacy's dialogue over HTTP: the list, one prescription in full, and the dispensing that follows an order."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest

from reseptformidler.client import nettapotek, utleverer
from reseptformidler.client.answer import Answer
from reseptformidler.client.nettapotek import Kunde
from reseptformidler.client.parter import Pasient
from reseptformidler.client.rekvirent import Resept
from reseptformidler.client.utleverer import Rapport, Sok
from reseptformidler.domain.aktor import Forelder
from reseptformidler.registers.fixed import FixedRegisters, Registrert
from reseptformidler.sandbox.pki import Pki
from reseptformidler.sandbox.population import (
    APOTEK,
    BOSTED,
    LEGER,
    NETTAPOTEK,
    PERSONER,
    refnumre,
    som_utleverer,
    som_virksomhet,
)
from reseptformidler.sandbox.varer import TABLETT
from reseptformidler.wire.msghead import read_head
from tests.meldinger.nettkunder import ASSERTION, fnr
from tests.system.world import FEW_REGISTERS, World, running, texts

MOR, FAR, TANTE = PERSONER[1], PERSONER[2], PERSONER[3]
_FODT = date(datetime.now(UTC).year - 10, 1, 1)
BARN = Pasient("Syver", "Barn", _FODT, "1", fnr(_FODT), "FNR", BOSTED)
ET_BARN_TIL = replace(BARN, fdato=date(_FODT.year, 1, 2), ident=fnr(date(_FODT.year, 1, 2)))
REFNR = refnumre(LEGER[0])[0]


def _registrert(person: Pasient, *foreldre: Pasient, **changes: Any) -> Registrert:
    parents = tuple(Forelder(one.ident, foreldreansvar=True) for one in foreldre)
    return Registrert((person.ident,), foreldre=parents, **changes)


REGISTERS = FEW_REGISTERS.merged(
    FixedRegisters(
        personer=(
            *map(_registrert, (MOR, TANTE)),
            _registrert(FAR, gradert=True),
            _registrert(BARN, MOR),
            _registrert(ET_BARN_TIL, MOR, FAR),
        )
    )
)


@pytest.fixture
async def world(database_url: str, tmp_path: Path, pki: Pki) -> AsyncIterator[World]:
    """A service whose person register knows a family, an aunt, and a father with a protected address."""
    async with running(database_url, tmp_path, pki, registers=REGISTERS) as world:
        yield world


def m9na1(world: World, person: Pasient = MOR, kunde: Pasient = MOR, talk: str = "", **how: Any) -> bytes:
    """A search; after the first one of the dialogue `talk` is the first one's MsgId."""
    hode = replace(world.hode(), parent=talk, conversation=talk)
    proof = Kunde(kunde.ident, how.pop("bevis", ASSERTION))
    return nettapotek.m9na1(hode, som_virksomhet(how.pop("apotek", NETTAPOTEK)), person, proof, **how)


def m9na3(world: World, m9na2: Answer, resept_id: str, person: Pasient = MOR) -> bytes:
    """What more there is about one of a list."""
    hode = world.hode(m9na2, texts(m9na2, "RefToConversation")[0])
    return nettapotek.m9na3(hode, som_virksomhet(NETTAPOTEK), person, Kunde(MOR.ident, ASSERTION), resept_id)


def listed(answer: Answer) -> list[str]:
    """The ids in a list, of which there must be as many as it says."""
    assert answer.payload is not None
    found = texts(answer, "ReseptId")
    assert answer.payload.findtext("{*}Antall") == str(len(found))
    return found


def status(answer: Answer) -> list[str | None]:
    """Status of each prescription that an answer tells of."""
    return [one.get("V") for one in answer.root.iter("{*}Status")]


async def test_from_the_list_to_the_dispensing(world: World) -> None:
    """N7, N11: what is ordered is dispensed in the ordinary way; it is U meanwhile, and then says what was given."""
    resept_id = await world.prescribed(Resept(TABLETT, reiterasjon=1), person=MOR)
    m9na2 = await world.accepted(m9na1(world))
    assert (listed(m9na2), status(m9na2)) == ([resept_id], ["E"])
    m9na4 = await world.accepted(m9na3(world, m9na2, resept_id))
    assert (status(m9na4), texts(m9na4, "Utlevering")) == (["E"], [])
    apotek = som_utleverer(APOTEK[0])
    m92 = await world.listed(Sok(fnr=MOR.ident))
    talk = texts(m92, "RefToConversation")[0]
    m94 = await world.accepted(utleverer.m93(world.hode(m92, talk), apotek, resept_id))
    assert status(await world.accepted(m9na1(world))) == ["U"]
    periods = tuple((date(2026, month, 1), "0") for month in (1, 4, 7, 10))
    report = Rapport(resept_id, TABLETT, antall="2", egenandel=periods)
    await world.accepted(utleverer.m10(world.hode(m94, talk), apotek, MOR, report))
    m9na4 = await world.accepted(m9na3(world, m9na2, resept_id))
    assert status(m9na4) == ["E"]
    assert texts(m9na4, "AntallPakningerUtlevertTotalt") == ["2"]
    assert len(texts(m9na4, "StartEgenandelsperiode")) == 4


async def test_the_dialogue(world: World) -> None:
    """F12: whatever comes later, the conversation is the first message's; the answer names the patient."""
    resept_id = await world.prescribed(person=MOR)
    first = m9na1(world)
    m9na2 = await world.accepted(first)
    talk = texts(m9na2, "RefToConversation")[0]
    again = await world.accepted(m9na1(world, talk=talk))
    m9na4 = await world.accepted(m9na3(world, again, resept_id))
    assert {texts(one, "RefToConversation")[0] for one in (m9na2, again, m9na4)} == {talk}
    patients = [read_head(one.root).patient for one in (m9na2, m9na4)]
    assert [patient and patient.ident("FNR") for patient in patients] == [MOR.ident] * 2
    alone = nettapotek.m9na3(world.hode(), som_virksomhet(NETTAPOTEK), MOR, Kunde(MOR.ident, ASSERTION), resept_id)
    answer = await world.send(alone)
    assert [code for code, _, _ in answer.errors] == ["302", "226"]
    repeated = await world.accepted(first)
    assert repeated.octets == m9na2.octets


async def test_the_first_version_is_answered_in_its_own(world: World) -> None:
    """Utloper came with the second version."""
    await world.prescribed(person=MOR)
    old, new = [await world.accepted(m9na1(world, versjon=one)) for one in ("2016-06-06", "2023-10-01")]
    assert (len(texts(old, "Utloper")), len(texts(new, "Utloper"))) == (0, 1)


async def test_a_locked_prescription(world: World) -> None:
    """N9: by its reference number; what the number opened can then be asked about."""
    resept_id = await world.prescribed(Resept(TABLETT, refnr=REFNR, last=True), person=MOR)
    assert listed(await world.accepted(m9na1(world))) == []
    m9na2 = await world.accepted(m9na1(world, refnr=(REFNR,)))
    assert (listed(m9na2), texts(m9na2, "RefNr")) == ([resept_id], [REFNR])
    await world.accepted(m9na3(world, m9na2, resept_id))


async def test_a_child(world: World) -> None:
    """N8, N10: a parent sees the child's, an aunt does not; the other parent's protected address hides all."""
    resept_id = await world.prescribed(person=BARN)
    m9na2 = await world.accepted(m9na1(world, BARN))
    assert listed(m9na2) == [resept_id]
    await world.accepted(m9na3(world, m9na2, resept_id, BARN))
    await world.refused(m9na1(world, BARN, TANTE), "289")
    hidden = await world.prescribed(person=ET_BARN_TIL)
    m9na2 = await world.accepted(m9na1(world, ET_BARN_TIL))
    assert listed(m9na2) == []
    await world.refused(m9na3(world, m9na2, hidden, ET_BARN_TIL), "1")


async def test_who_may_not_ask(world: World) -> None:
    """A pharmacy over the counter, a customer nobody knows, and one who did not log in: an AppRec in a fault."""
    await world.refused(m9na1(world, apotek=APOTEK[0]), "292")
    await world.refused(m9na1(world, PERSONER[4], PERSONER[4]), "288")
    await world.refused(m9na1(world, bevis=b"<Assertion/>"), "295")


async def test_a_signature_is_passed_over(world: World) -> None:
    """The business signature is not judged yet: neither is it asked for, nor does one do harm."""
    await world.accepted(world.signed(m9na1(world)))
