"""The published question for a list (M9.5 of 2015) and its answer: ours says what the published one says.

The published M9.5 was reformatted, so its signature no longer holds: the sandbox's card of that doctor signs it anew.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from lxml import etree

from reseptformidler.sandbox.pki import Pki
from reseptformidler.sandbox.population import PUBLISERTE_LEGER
from reseptformidler.trust.chain import load_authorities
from reseptformidler.wire.msghead import read_head
from tests.published.standard import EXAMPLES, SIGNED, Allowed, differences, unexplained, valid_as_published
from tests.system.world import Clock, World, running

FOLDER = EXAMPLES / "Rekvirent rekvirerer kun resept og leverer ikke PLL"
M95 = FOLDER / "M95 Forespørsel om resepter på pasient.xml"
M96 = FOLDER / "M96 Reseptliste rekvirent.xml"
M1 = SIGNED / "ERM1-665e2a11-787a-4dac-aec1-16466a9838d1.xml"
ALLOWED = (
    Allowed("MsgHead/MsgInfo/MsgId", "an id of our own"),
    Allowed("MsgHead(/Document.*)?/@schemaLocation", "a hint for editors, to files that the receiver does not have"),
    Allowed(
        ".*/Receiver/Organisation/HealthcareProfessional/(Sex|Address)(/.*)?", "is not read of a sender's professional"
    ),
    Allowed(
        r".*/Document\[2\]/RefDoc(/Compression/.*|/Compression|/Content/Base64Container)",
        "the question says Komprimering 1, and ours is compressed (Q14); the M1 is compared below",
    ),
)


@pytest.fixture
async def world(database_url: str, tmp_path: Path) -> AsyncIterator[World]:
    """A service that believes the published authorities and a sandbox's of that time."""
    pki = Pki.open(tmp_path / "pki", read_head(etree.parse(M96).getroot()).gen_date)
    both = tmp_path / "trust"
    both.mkdir()
    for number, file in enumerate([*SIGNED.glob("*.pem"), *pki.trust_dir.glob("*.pem")]):
        (both / f"{number}.pem").write_bytes(file.read_bytes())
    async with running(database_url, tmp_path, pki, clock=Clock(), authorities=load_authorities(both)) as world:
        world.extra_checks.append(valid_as_published)
        yield world


async def test_the_published_list(world: World) -> None:
    """Head, order and codes; the M1 leaves octet for octet as it came."""
    m1, question, published = M1.read_bytes(), M95.read_bytes(), etree.parse(M96).getroot()
    world.clock.fixed = read_head(etree.fromstring(m1)).gen_date
    await world.accepted(m1)
    world.clock.fixed = read_head(published).gen_date
    unsigned = re.sub(rb"<Signature .*</Signature>", b"", question, flags=re.DOTALL)
    ours = await world.accepted(world.signed(unsigned, PUBLISERTE_LEGER[0]))
    found = differences(published, ours.root)
    assert unexplained(found, ALLOWED) == []
    assert ours.attachments() == [m1]


async def test_a_planted_difference_is_found(world: World) -> None:
    """Negative control: another status in the published list."""
    root = etree.parse(M96).getroot()
    other = etree.fromstring(etree.tostring(root).replace(b'V="E" DN="Ekspederbar"', b'V="U" DN="Ekspederbar"'))
    assert unexplained(differences(root, other), ALLOWED[:0]) != []
