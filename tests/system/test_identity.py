"""One MsgId, one message, one answer: what happens to repeats, to other bytes, and to what has no usable name."""

from __future__ import annotations

from uuid import UUID

from reseptformidler.client import rekvirent
from reseptformidler.client.rekvirent import Resept
from reseptformidler.client.utleverer import Sok
from reseptformidler.sandbox.population import LEGER, PERSONER
from reseptformidler.sandbox.varer import TABLETT
from tests.system.world import World, msg_id_of


async def _messages_kept(world: World) -> int:
    async with world.service.pool.acquire() as connection:
        return int(await connection.fetchval("SELECT count(*) FROM innboks"))


async def test_7419_65_message_repeated(world: World) -> None:
    """The same bytes get the same answer; other bytes under that MsgId are refused, and the first stays what it was."""
    m1 = world.m1()
    first = await world.accepted(m1)
    again = await world.accepted(m1)
    assert again.octets == first.octets
    resigned = world.signed(m1[: m1.index(b"<Signature")] + b"</MsgHead>")
    assert resigned == m1  # RSA signatures repeat, so the same content is the same bytes
    other = world.signed(m1[: m1.index(b"<Signature")].replace(b"<Antall>1<", b"<Antall>2<") + b"</MsgHead>")
    answer = await world.send(other)
    assert [error[0] for error in answer.errors] == ["65", "361"]
    assert (await world.accepted(m1)).octets == first.octets
    assert await _messages_kept(world) == 1


async def test_7419_361_message_not_kept(world: World) -> None:
    """Without a usable MsgId nothing can be kept, and the answer says so; with one, a refusal is kept."""
    m1 = world.m1()
    nameless = m1.replace(msg_id_of(m1).encode(), b"no UUID")
    answer = await world.send(nameless)
    assert [error[0] for error in answer.errors] == ["314", "361"]
    assert await _messages_kept(world) == 0
    await world.refused(m1.replace(b"<Antall>1<", b"<Antall>2<"), "43")
    assert await _messages_kept(world) == 1


async def test_a_resept_id_belongs_to_the_first_sender(world: World) -> None:
    """Another organisation's M1 under a known ReseptId is refused (7419/10), and stays refused."""
    m1 = world.m1()
    await world.accepted(m1)
    hode = world.hode(msg_id=UUID(msg_id_of(m1)))
    theirs = world.signed(rekvirent.m1(hode, LEGER[1].rekvirent, PERSONER[1], Resept(TABLETT)), LEGER[1])
    first = await world.refused(theirs, "10")
    assert (await world.refused(theirs, "10")).octets == first.octets
    listed = await world.listed(Sok(fnr=PERSONER[1].ident))
    assert msg_id_of(m1) not in {one.text for one in listed.root.iter("{*}ReseptId")}
