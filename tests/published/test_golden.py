"""The published chain `Ekspedering og utlevering`: what was signed is accepted, the answers are the published ones.

The clock stands at each message's own time, and the published test authorities are believed.
"""

from __future__ import annotations

import base64
import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from lxml import etree

from reseptformidler.client.answer import Answer, NoAnswer
from reseptformidler.sandbox.pki import Pki
from reseptformidler.trust.chain import load_authorities
from reseptformidler.wire.msghead import read_head
from tests.published.standard import (
    CHAIN,
    SIGNED,
    Allowed,
    differences,
    unexplained,
    valid_as_published,
    without_added,
)
from tests.system.world import Clock, World, attachments, running

COSYLAN = "c2883dc2-8eef-4b8e-a80f-167f858425f7"
CETIMAX = "665e2a11-787a-4dac-aec1-16466a9838d1"
M5 = "097d012e-39a8-470d-836b-1680fc8e9ab6"


@pytest.fixture
async def world(database_url: str, tmp_path: Path, pki: Pki) -> AsyncIterator[World]:
    """A service that believes the published authorities; every answer must be valid by the published schemas too."""
    async with running(database_url, tmp_path, pki, clock=Clock(), authorities=load_authorities(SIGNED)) as world:
        world.extra_checks.append(valid_as_published)
        yield world


def signed(kind: str, msg_id: str) -> bytes:
    """A signed message, byte for byte."""
    return (SIGNED / f"{kind}-{msg_id}.xml").read_bytes()


def published(name: str) -> bytes:
    """A message of the chain: M91, M92 …"""
    (path,) = CHAIN.glob(f"{name} *.xml")
    return path.read_bytes()


async def sent(world: World, octets: bytes, answered: str = "") -> Answer:
    """Sent at the time that it bears, or at that of the published answer; it must be accepted."""
    world.clock.fixed = read_head(etree.fromstring(published(answered) if answered else octets)).gen_date
    return await world.accepted(octets)


def renamed(octets: bytes, answer: str, ours: Answer) -> bytes:
    """A published message that follows our answer instead of the published one."""
    return octets.replace(read_head(etree.fromstring(published(answer))).msg_id_text.encode(), ours.msg_id.encode())


async def tell(world: World) -> dict[str, Answer]:
    """The chain as it was published; only what names an answer's MsgId is changed to ours."""
    await sent(world, signed("ERM1", CETIMAX))
    await sent(world, without_added(signed("ERM1", COSYLAN)))
    m92 = await sent(world, published("M91"), "M92")
    m94 = await sent(world, renamed(published("M93"), "M92", m92), "M94")
    m10 = await sent(world, renamed(published("M10"), "M94", m94))
    return {"M92": m92, "M94": m94, "M10": m10}


_EACH = (
    Allowed("MsgHead/MsgInfo/MsgId", "an id of our own"),
    Allowed("MsgHead(/Document.*)?/@schemaLocation", "a hint for editors, to files that the receiver does not have"),
)
ALLOWED = {
    "M92": (
        *_EACH,
        Allowed(
            ".*/Reseptliste/Multidosebruker(/.*)?", "needs an earlier M27.1: multidose is no part of the core chain"
        ),
    ),
    "M94": (
        *_EACH,
        Allowed(
            r".*/Document\[2\]/RefDoc/Content/Base64Container",
            "the Object that the national service adds to the signature (domain.md c.4) is not made; "
            "all other octets are compared below",
        ),
    ),
}


@pytest.mark.parametrize("name", ALLOWED)
async def test_answers_are_the_published_ones(world: World, name: str) -> None:
    """M9.2 and M9.4 say what the published ones say, but for the rows of ALLOWED; each row is needed."""
    ours = (await tell(world))[name]
    found = differences(etree.fromstring(published(name)), ours.root)
    assert unexplained(found, ALLOWED[name]) == []


async def test_what_was_signed_leaves_as_it_came(world: World) -> None:
    """The M1 in our M9.4 is octet for octet what was sent, and the published M9.4's less the added Object."""
    answers = await tell(world)
    (ours,) = attachments(answers["M94"])
    theirs = base64.b64decode(etree.fromstring(published("M94")).findtext(".//{*}Base64Container") or "")
    assert ours == without_added(signed("ERM1", COSYLAN))
    assert ours == without_added(theirs) != theirs
    assert answers["M10"].status == "1"


async def test_the_signed_M5_is_accepted(world: World) -> None:
    """Another doctor recalls the prescription the day after; it is then no more in the list, but on demand."""
    await tell(world)
    await sent(world, signed("ERM5", M5))
    async with world.service.pool.acquire() as connection:
        status = await connection.fetchval("SELECT status FROM resept WHERE resept_id = $1", COSYLAN)
        owed = await connection.fetch("SELECT type FROM utboks WHERE msg_id = $1 ORDER BY type", M5)
    assert status == "T"
    assert [row["type"] for row in owed] == ["M5.2", "M7"]


async def test_the_signature_is_what_was_verified(world: World) -> None:
    """Negative control: with the added Object it is outside our profile (138); with another dose, forged (43)."""
    octets = signed("ERM1", COSYLAN)
    world.clock.fixed = read_head(etree.fromstring(octets)).gen_date
    await world.refused(octets, "138")
    forged = without_added(octets).replace(b"10 ml 3 ganger", b"90 ml 3 ganger")
    await world.refused(forged.replace(COSYLAN.encode(), M5.encode()), "43")


async def test_the_first_namespace_of_all(world: World) -> None:
    """The signed M1 of 2009 holds a comment, which we refuse; without it, its namespace is no more understood (39)."""
    octets = signed("ERM1", "3070690d-d14c-41fa-a77c-0cda9d8fec29")
    world.clock.fixed = read_head(etree.fromstring(octets)).gen_date
    with pytest.raises(NoAnswer, match="HTTP 400: Dokumentet har en kommentar"):
        await world.send(octets)
    answer = await world.send(re.sub(rb"<!--.*?-->", b"", octets))
    assert "39" in [code for code, _, _ in answer.errors]


def test_a_planted_difference_is_found() -> None:
    """Negative control: an attribute, a text, an element less, an order, a namespace; a row without use."""
    root = etree.fromstring(published("M92"))
    assert differences(root, etree.fromstring(etree.tostring(root, method="c14n"))) == []
    for old, new in (
        (b'V="0625"', b'V="0626"'),
        (b">MJ\xc3\x98NDALEN<", b">MJONDALEN<"),
        (b"<Antall>1</Antall>", b""),
        (b"<Fornavn>OTTAR</Fornavn>", b""),
        (b'fel="http://www.kith.no/xmlstds/felleskomponent1"', b'fel="urn:other"'),
        (
            b"<RekvirentId>431002737</RekvirentId>\n            <NavnRekvirent>Anja Fos Eidsvik</NavnRekvirent>",
            b"<NavnRekvirent>Anja Fos Eidsvik</NavnRekvirent><RekvirentId>431002737</RekvirentId>",
        ),
    ):
        changed = etree.tostring(root, encoding="utf-8").replace(old, new, 1)
        found = differences(root, etree.fromstring(changed))
        assert found, old
        assert unexplained(found, ()) == found
    assert unexplained([], ALLOWED["M92"])[0].startswith("unused: ")
