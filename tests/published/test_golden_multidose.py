"""The chain `Påmelding multidose` and the doctor's M9.12, told to a running service: heads and contents as published.

Of Sjursen's registration, which M28 and the later answers follow from, nothing is published: it is made of Eidsvik's.
"""

from __future__ import annotations

from base64 import b64decode
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from lxml import etree

from reseptformidler.wire.msghead import read_head
from tests.published.chain import published, relayed, sent, signed_anew, standing_at
from tests.published.standard import SIGNED, Allowed, differences, unexplained
from tests.system.world import World

CHAIN, PRESCRIBER = "Påmelding multidose", "Rekvirent rekvirerer kun resept og leverer ikke PLL"
CETIMAX = "665e2a11-787a-4dac-aec1-16466a9838d1"
M271_LEGE, M271_APOTEK = (published(CHAIN, f"M271 Reg* {who}") for who in ("lege", "apotek"))
M912 = published(CHAIN, "M912 *")
M251 = b64decode(etree.fromstring(M912).findtext(".//{*}VarerIBrukB64") or "")
THEIRS = {
    "M272 lege": published(CHAIN, "M272 * lege"),
    "M272 apotek": published(CHAIN, "M272 * apotek"),
    "M28": published(CHAIN, "M28 *"),
    "M912": M912,
    "M252": published(CHAIN, "M252  Fra RF *"),
    "M912 rekvirent": published(PRESCRIBER, "M912 *"),
}
_EACH = (
    Allowed("MsgHead/MsgInfo/(MsgId|GenDate)", "our own"),
    Allowed("MsgHead(/Document.*)?/@schemaLocation", "a hint for editors, to files that the receiver does not have"),
)
_PERSON = ".*/Receiver/Organisation/HealthcareProfessional"
_AS_SENT = Allowed(f"{_PERSON}/(Sex|Address)(/.*)?", "of the sender's person we keep what names him or her")
_NAMES = Allowed(f"{_PERSON}/(Middle|Given)Name", "as the M27.1 divides the name, not the register")
ALLOWED = dict.fromkeys(THEIRS, _EACH) | {
    "M272 lege": (*_EACH, _AS_SENT),
    "M912 rekvirent": (*_EACH, _AS_SENT),
    "M28": (*_EACH, _NAMES),
    "M252": (*_EACH, _NAMES),
}


def registration(msg_id: str, gen_date: str, **new: str) -> bytes:
    """Eidsvik's M27.1 with another id and time, and other words for what it says."""
    octets = M271_LEGE.decode("utf-8")
    changes = {
        "ad2448a5-07a8-4fb7-9ab9-16810512eced": msg_id,
        "2019-07-17T08:05:44.4451832+02:00": gen_date,
        "2019-07-17+02:00": f"{gen_date[:10]}+02:00",
        **new,
    }
    for old, text in changes.items():
        assert old in octets
        octets = octets.replace(old, text)
    return octets.encode()


SJURSEN = registration(
    "3e1e3d86-6ed6-4983-863f-16838ad39556",
    "2019-07-18T13:50:31.882+02:00",
    **{"431002737": "431001905", "Eidsvik": "Sjursen", "Anja Fos": "Tommy Fos", "tel:22222222": "tel:33333333"},
)


@pytest.fixture
async def world(database_url: str, tmp_path: Path) -> AsyncIterator[World]:
    """A service of that June."""
    async with standing_at(datetime(2019, 6, 18, 10, tzinfo=UTC), database_url, tmp_path) as world:
        yield world


async def told(world: World, folder: Path) -> dict[str, etree._Element]:
    """From the first registration to the pharmacy's question; ours, by the names of THEIRS."""
    ours = {}
    await sent(world, (SIGNED / f"ERM1-{CETIMAX}.xml").read_bytes())
    ours["M272 lege"] = (await sent(world, signed_anew(world, M271_LEGE))).root
    await sent(world, M251)
    await sent(world, signed_anew(world, SJURSEN))
    ours["M272 apotek"] = (await sent(world, M271_APOTEK)).root
    ours["M912"] = (await sent(world, published(CHAIN, "M911 *"))).root
    await sent(world, published(CHAIN, "M252 Spørsmål *"))
    owed = await relayed(world, folder)
    return ours | {"M28": owed["ERM28"], "M252": owed["ERM252"]}


async def test_each_message_is_as_published(world: World, tmp_path: Path) -> None:
    """But for the rows of ALLOWED, each of which is needed."""
    ours = await told(world, tmp_path)
    found = {name: differences(etree.fromstring(THEIRS[name]), root) for name, root in ours.items()}
    assert [(name, path) for name, paths in found.items() for path in unexplained(paths, ALLOWED[name])] == []


async def test_what_the_doctor_is_told_is_as_published(world: World) -> None:
    """M9.12 to a prescriber: who is responsible, nothing else being known yet."""
    await sent(world, signed_anew(world, registration(CETIMAX, "2019-06-18T12:00:00+02:00")))
    ours = await sent(world, signed_anew(world, published(PRESCRIBER, "M911 *")))
    found = differences(etree.fromstring(THEIRS["M912 rekvirent"]), ours.root)
    assert unexplained(found, ALLOWED["M912 rekvirent"]) == []


async def test_X5_the_published_list_repeats_the_published_prescription(world: World) -> None:
    """They differ in white space alone; another amount in the prescription is seen."""
    m1 = (SIGNED / f"ERM1-{CETIMAX}.xml").read_bytes()
    await sent(world, signed_anew(world, m1.replace(b"<Antall>1</Antall>", b"<Antall>2</Antall>")))
    await sent(world, signed_anew(world, M271_LEGE))
    world.clock.fixed = read_head(etree.fromstring(M251)).gen_date
    answer = await world.refused(M251, "320")
    assert [text for _, _, text in answer.errors] == ["EnkeltoppforingLIB/ReseptDokLegemiddelB64"]
