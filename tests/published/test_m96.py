"""The published question for a list (M9.5 of 2015) and its answer: ours says what the published one says."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from lxml import etree

from tests.published.chain import published, sent, signed_anew, standing_at
from tests.published.standard import SIGNED, Allowed, differences, unexplained
from tests.system.world import World

FOLDER = "Rekvirent rekvirerer kun resept og leverer ikke PLL"
M95, M96 = (published(FOLDER, f"{name} *") for name in ("M95", "M96"))
M1 = (SIGNED / "ERM1-665e2a11-787a-4dac-aec1-16466a9838d1.xml").read_bytes()
ALLOWED = (
    Allowed("MsgHead/MsgInfo/(MsgId|GenDate)", "our own"),
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
    """A service of that June."""
    async with standing_at(datetime(2019, 6, 18, 10, tzinfo=UTC), database_url, tmp_path) as world:
        yield world


async def test_the_published_list(world: World) -> None:
    """Head, order and codes; the M1 leaves octet for octet as it came."""
    await sent(world, M1)
    ours = await sent(world, signed_anew(world, M95))
    assert unexplained(differences(etree.fromstring(M96), ours.root), ALLOWED) == []
    assert ours.attachments() == [M1]


def test_a_planted_difference_is_found() -> None:
    """Negative control: another status in the published list."""
    root = etree.fromstring(M96)
    other = etree.fromstring(etree.tostring(root).replace(b'V="E" DN="Ekspederbar"', b'V="U" DN="Ekspederbar"'))
    assert unexplained(differences(root, other), ALLOWED[:0]) != []
