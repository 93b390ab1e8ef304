"""What must hold in the database after each round: read from the tables, not through the service."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from uuid import UUID

from lxml import etree

from reseptformidler.store.encode import Outgoing
from reseptformidler.store.seal import key_ids
from tests.model.card_laws import Card
from tests.model.laws import Resept
from tests.model.memory import Key, Memory, Seen, Sent, Violation
from tests.model.world import APART, World

_INBOX = """
SELECT i.avsender, i.msg_id, i.godtatt, i.arsaker, i.svar, k.sha256
FROM innboks i JOIN krav k ON k.msg_id = i.msg_id AND k.avsender = i.avsender
WHERE i.mottatt BETWEEN $1 AND $2 AND k.msg_id = ANY ($3)
"""
_OUTBOX = """
SELECT avsender, msg_id, lopenr, type, mottaker, innhold, melding_id FROM utboks
WHERE opprettet BETWEEN $1 AND $2 ORDER BY avsender, msg_id, lopenr
"""
_LIVES = """
SELECT r.resept_id, r.status, r.las_her, r.versjon, h.rows, h.newest
FROM resept r, LATERAL (
    SELECT count(*) AS rows, max(versjon) AS newest FROM historikk h WHERE h.resept_id = r.resept_id
) h
WHERE r.resept_id = ANY ($1)
"""
_CARDS = """
SELECT k.kort_id, k.versjon, k.parter, k.endret, h.rows, h.newest
FROM pasientkort k, LATERAL (
    SELECT count(*) AS rows, max(versjon) AS newest FROM historikk h WHERE h.resept_id = k.kort_id
) h
WHERE k.kort_id = ANY ($1)
"""

_STATUS = "string(//*[local-name() = 'KvitteringTilbakekalling']/*[local-name() = 'Status']/@V)"

Owed = Mapping[tuple[str, UUID], Sequence[str]]


async def owed(world: World) -> Owed:
    """What this round's messages owe: "M6>HER", of an M5.2 with its status. One of them is judged by the schemas."""
    rows = await world.checker.fetch(_OUTBOX, world.now, world.now + APART)
    await world.services[0].sealer.keys.fetch(world.checker, key_ids(row["innhold"] for row in rows))
    found: dict[tuple[str, UUID], list[str]] = defaultdict(list)
    for n, row in enumerate(rows):
        kind, key = row["type"], (row["avsender"], row["msg_id"])
        if row["lopenr"] != len(found[key]):
            raise Violation(f"the outbox skips or repeats a number of {key}: {row['lopenr']}")
        root = _opened(world, row) if kind == "M5.2" or n == 0 else None
        if kind == "M5.2" and root is not None:
            kind = f"M5.2:{root.xpath(_STATUS)}"
        found[key].append(f"{kind}>{row['mottaker']}")
    return found


def _opened(world: World, row: Mapping[str, object]) -> etree._Element:
    key = (row["avsender"], row["msg_id"], row["lopenr"], row["innhold"])
    outgoing = world.encoder.open_owed(*key)  # type: ignore[arg-type]  # columns of utboks
    assert isinstance(outgoing, Outgoing)
    root = etree.fromstring(outgoing.message)
    errors = world.services[0].spine.schemas.errors(root)
    if errors or root.findtext(".//{*}MsgInfo/{*}MsgId") != str(row["melding_id"]):
        raise Violation(f"{row['type']} is owed in a form that it must not have: {errors}")
    return root


async def inbox(world: World, new: Iterable[Sent]) -> None:
    """An answer left after its commit: each message that is new has one row, with exactly these bytes."""
    expected = {(one.her, one.msg_id): one for one in new}
    rows = await world.checker.fetch(_INBOX, world.now, world.now + APART, [msg_id for _, msg_id in expected])
    await world.services[0].sealer.keys.fetch(world.checker, key_ids(row["svar"] for row in rows))
    stored = {(row["avsender"], row["msg_id"]): row for row in rows}
    if stored.keys() != expected.keys() or len(rows) != len(stored):
        raise Violation(f"not stored once each: {stored.keys() ^ expected.keys()}")
    for key, row in stored.items():
        sent = expected[key]
        seen = sent.seen
        assert seen is not None
        same = world.encoder.open_svar(*key, row["svar"]) == seen.octets
        if not same or row["sha256"] != hashlib.sha256(sent.octets).digest():
            raise Violation(f"answered with other bytes than were stored: {sent}")
        if row["godtatt"] != seen.ok or tuple(sorted(row["arsaker"].split())) != seen.codes:
            raise Violation(f"answered otherwise than was stored: {sent}")


async def states(world: World, memory: Memory, keys: Iterable[Key]) -> None:
    """What is stored is a state that the model allows, and each version has one row of history."""
    touched = list(keys)
    await _lives(world, memory, [key for key in touched if key[0] == "resept"])
    await _cards(world, memory, [key for key in touched if key[0] == "kort"])


async def _lives(world: World, memory: Memory, keys: Sequence[Key]) -> None:
    rows = await world.checker.fetch(_LIVES, [UUID(str(name)) for _, name in keys])
    stored = {str(row["resept_id"]): row for row in rows}
    for key in keys:
        row = stored.get(str(key[1]))
        _one_row_a_version(key, row)
        memory.narrowed(key, lambda life, row=row: _is_life(life, row), row)  # type: ignore[misc]


def _is_life(life: object, row: Mapping[str, object] | None) -> bool:
    if not isinstance(life, Resept) or row is None:
        return life is None and row is None
    return (life.status, life.holder, life.versions) == (row["status"], row["las_her"] or "", row["versjon"])


async def _cards(world: World, memory: Memory, keys: Sequence[Key]) -> None:
    possible = {key: [one for one in memory.states[key] if isinstance(one, Card)] for key in keys}
    names = [UUID(one.kort_id) for some in possible.values() for one in some if one.kort_id]
    stored = {str(row["kort_id"]): row for row in await world.checker.fetch(_CARDS, names)}
    for key in keys:
        row = next((stored[one.kort_id] for one in possible[key] if one.kort_id in stored), None)
        _one_row_a_version(key, row)
        memory.narrowed(key, lambda card, row=row: _is_card(card, row), row)  # type: ignore[misc]


def _is_card(card: object, row: Mapping[str, object] | None) -> bool:
    assert isinstance(card, Card)
    if row is None:
        return card.versions == 0
    return (card.kort_id, card.versions, sorted(card.told)) == (str(row["kort_id"]), row["versjon"], row["parter"])


def _one_row_a_version(key: Key, row: Mapping[str, object] | None) -> None:
    if row is not None and not row["rows"] == row["newest"] == row["versjon"]:
        raise Violation(
            f"{key}: version {row['versjon']} has {row['rows']} rows of history, the newest {row['newest']}"
        )


async def survivors(world: World, memory: Memory) -> None:
    """After a sweep: what should be deleted is gone, all else is there; the end of each stands in the history."""
    there = {str(row[0]) for row in await world.checker.fetch("SELECT resept_id FROM resept")}
    if there != memory.alive.keys():
        raise Violation(f"the sweep left or took what it should not: {there ^ memory.alive.keys()}")
    ends = await world.checker.fetch("SELECT resept_id FROM historikk WHERE til = 'slettet'")
    gone = [str(row[0]) for row in ends]
    if sorted(gone) != sorted(memory.known.keys() - memory.alive.keys()):
        raise Violation("not each deletion has one row of history")


def summary(seen: Seen) -> str:
    """An outcome in a table."""
    return " ".join(("ok" if seen.ok else "no", *seen.codes))
