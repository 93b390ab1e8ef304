"""The published M5.2, M7 and M24.2: ours say what they say, but for the rows of ALLOWED, each of which is needed."""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from lxml import etree

from reseptformidler.registers.fixed import FixedRegisters, Registrert
from reseptformidler.sandbox.population import PUBLISERTE_LEGER
from tests.published.chain import published, relayed, sent, signed_anew, standing_at
from tests.published.standard import SIGNED, Allowed, differences, unexplained, without_added
from tests.system.world import BASE64, FEW_REGISTERS, World

COSYLAN, M5 = "c2883dc2-8eef-4b8e-a80f-167f858425f7", "097d012e-39a8-470d-836b-1680fc8e9ab6"
RECALL = "Rekvirent rekvirerer kun resept og leverer ikke PLL"
SUBSCRIPTION = "Registrer informasjon om abonnement"
EIDSVIK = PUBLISERTE_LEGER[0]
FASTLEGE = Registrert(("21014605158",), fastlege=EIDSVIK.helsepersonell.hpr, fastlege_her=EIDSVIK.kontor.her)
_PERSON = ".*/Receiver/Organisation/HealthcareProfessional"

_EACH = (
    Allowed("MsgHead/MsgInfo/(MsgId|GenDate)", "our own"),
    Allowed("MsgHead(/Document.*)?/@schemaLocation", "a hint for editors, to files that the receiver does not have"),
)
_AS_SENT = Allowed(f"{_PERSON}/(Sex|Address)(/.*)?", "of the sender's person we keep what names him or her")
ALLOWED = {
    "M5.2": (*_EACH, _AS_SENT, Allowed("MsgHead/MsgInfo/Type/@DN", "as list 8279 has it")),
    "M7": (
        *_EACH,
        Allowed(".*/SlettetReseptRF/Tidspunkt", "the moment at which ours takes effect"),
        Allowed(f"{_PERSON}/(Family|Middle|Given)Name", "as the M1 divides the name, not the register"),
    ),
    "M242": (
        *_EACH,
        _AS_SENT,
    ),
}


@pytest.fixture
async def world(database_url: str, tmp_path: Path) -> AsyncIterator[World]:
    """A service of that summer, whose register says who is the patient's fastlege."""
    registers = FEW_REGISTERS.merged(FixedRegisters(personer=(FASTLEGE,)))
    async with standing_at(datetime(2019, 6, 13, 8, tzinfo=UTC), database_url, tmp_path, registers) as world:
        yield world


async def recalled(world: World, folder: Path) -> dict[str, etree._Element]:
    """What the signed M5 of another doctor brings to its receivers."""
    await sent(world, without_added((SIGNED / f"ERM1-{COSYLAN}.xml").read_bytes()))
    await sent(world, (SIGNED / f"ERM5-{M5}.xml").read_bytes())
    return await relayed(world, folder)


async def test_F9_what_a_recall_owes_is_as_published(world: World, tmp_path: Path) -> None:
    """Heads with their conversation, payloads and attachment."""
    owed = await recalled(world, tmp_path)
    for name, ours in (("M5.2", owed["ERM52"]), ("M7", owed["ERM7"])):
        theirs = etree.fromstring(published(RECALL, f"{name} *"))
        assert unexplained(differences(theirs, ours), ALLOWED[name]) == [], name


async def test_T4_the_published_M7_carries_the_same_M5(world: World, tmp_path: Path) -> None:
    """Octet for octet what was signed."""
    ours = (await recalled(world, tmp_path))["ERM7"]
    theirs = etree.fromstring(published(RECALL, "M7 *"))
    carried = [base64.b64decode(root.findtext(f".//{BASE64}") or "") for root in (ours, theirs)]
    signed = (SIGNED / f"ERM5-{M5}.xml").read_bytes()
    assert carried == [signed, signed]


async def test_S2_the_published_M242_answers_the_published_M241(world: World) -> None:
    """Begun in June by the patient's fastlege, and ended in July."""
    for kind in ("", " avmelding"):
        ours = await sent(world, signed_anew(world, published(SUBSCRIPTION, f"M241 Abonnementsregistrering{kind}")))
        theirs = etree.fromstring(published(SUBSCRIPTION, f"M242 Svar Abonnementsregistrering{kind}"))
        assert unexplained(differences(theirs, ours.root), ALLOWED["M242"]) == [], kind
