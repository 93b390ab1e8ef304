"""Reading what a batch asks for, without locks: the state each message is decided on."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from operator import itemgetter
from uuid import UUID

import asyncpg

from reseptformidler.domain.decision import Endret, Needs, RefNr, Tilstand
from reseptformidler.domain.resept import Resept, Status, Utlevering
from reseptformidler.store.encode import Encoder
from reseptformidler.store.item import Item, OtherBytes, Seen, Stored
from reseptformidler.store.keys import Keyring
from reseptformidler.store.queries import Connection, commit, fetch
from reseptformidler.store.refnr import draw
from reseptformidler.store.seal import key_ids


@dataclass(slots=True)
class Loaded:
    """The rows that a batch asked for, still sealed; `tilstand` opens what one message asked for."""

    encoder: Encoder
    dokumenter: Mapping[UUID, Sequence[asyncpg.Record]] = field(default_factory=dict)
    """By resept_id."""
    refnr: Mapping[bytes, asyncpg.Record] = field(default_factory=dict)
    kort: dict[bytes, asyncpg.Record] = field(default_factory=dict)
    """By the hash of the patient."""
    kort_dokumenter: Mapping[UUID, Sequence[asyncpg.Record]] = field(default_factory=dict)
    """By kort_id."""
    endret: dict[Endret, Sequence[asyncpg.Record]] = field(default_factory=dict)
    ledige: dict[Needs, tuple[str, ...]] = field(default_factory=dict)
    """Unused reference numbers, for each message that asked for some."""
    _found_by: dict[UUID | bytes, list[asyncpg.Record]] = field(default_factory=lambda: defaultdict(list))

    def add(self, rows: Iterable[asyncpg.Record]) -> None:
        """The rows of load.resepter: prescriptions, and cards, which have no status."""
        for row in rows:
            if row["status"] is None:
                self.kort[row["pasient"]] = row
                continue
            for key in (row["resept_id"], row["pasient"], row["refnr"], row["nodsok"]):
                self._found_by[key].append(row)

    def sealed(self) -> Iterator[bytes]:
        """Every value that may be opened."""
        rows = {row["resept_id"]: row for found in self._found_by.values() for row in found}
        changed = (row for some in self.endret.values() for row in some)
        yield from (row["innhold"] for row in (*rows.values(), *self.refnr.values(), *self.kort.values(), *changed))
        documents = (row for some in self.dokumenter.values() for row in some)
        for row in documents:
            yield row["dokument"]
            if row["utlevering"] is not None:
                yield row["utlevering"]
        yield from (row["dokument"] for some in self.kort_dokumenter.values() for row in some)

    def rows(self, needs: Needs) -> list[asyncpg.Record]:
        """The prescriptions that one message asked for, oldest first; those of its whole batch are here."""
        found = {row["resept_id"]: row for key in needs.resepter for row in self._found_by.get(key, ())}
        for key in set().union(*self.encoder.needed_keys(needs)):
            for row in self._found_by.get(key, ()):
                if needs.alle or row["status"] == Status.EKSPEDERBAR:
                    found[row["resept_id"]] = row
        return sorted(found.values(), key=itemgetter("mottatt", "resept_id"))

    def tilstand(self, needs: Needs) -> Tilstand:
        """What the store held of it. Unsealable if a row of it cannot be read."""
        rows = [row for row in self.rows(needs) if not needs.dokumenter or row["resept_id"] in self.dokumenter]
        documents = [d for row in rows for d in self.dokumenter.get(row["resept_id"], ())] if needs.dokumenter else []
        cards = self.cards(needs)
        return Tilstand(
            resepter=tuple(self._open_resept(row) for row in rows),
            utleveringer=tuple(self._open_utlevering(row) for row in documents if row["utlevering"] is not None),
            refnr=self._open_refnr(needs),
            dokumenter={row["msg_id"]: self._open_dokument(row) for row in documents} | self._held(needs, cards),
            kort=tuple(self.encoder.open_kort(row["pasient"], row["versjon"], row["innhold"]) for row in cards),
            ledige_refnr=self.ledige.get(needs, ()),
        )

    def cards(self, needs: Needs) -> list[asyncpg.Record]:
        """The cards that one message asked for."""
        asked = (self.kort.get(self.encoder.pasient_hash(ident)) for ident in needs.kort)
        changed = self.endret.get(needs.endret, ()) if needs.endret is not None else ()
        return [*(row for row in asked if row is not None), *changed]

    def _held(self, needs: Needs, cards: Sequence[asyncpg.Record]) -> dict[UUID, bytes]:
        if not needs.kort_dokumenter:
            return {}
        rows = [row for card in cards for row in self.kort_dokumenter.get(card["resept_id"], ())]
        return {r["msg_id"]: self.encoder.open_kort_dokument(r["resept_id"], r["msg_id"], r["dokument"]) for r in rows}

    def seen(self, needs: Needs) -> tuple[Seen, ...]:
        """What a search found, key by key, for the primary to compare."""
        pasienter, refnr, nodsok = self.encoder.needed_keys(needs)
        return (
            *(Seen(key, None, None, needs.alle, self._versions(key, needs.alle)) for key in pasienter),
            *(Seen(None, key, None, needs.alle, self._versions(key)) for key in refnr),
            *(Seen(None, None, key, needs.alle, self._versions(key)) for key in nodsok),
        )

    def _versions(self, key: bytes, alle: bool = True) -> str:  # noqa: FBT001, FBT002  # as in Needs
        rows = (row for row in self._found_by.get(key, ()) if alle or row["status"] == Status.EKSPEDERBAR)
        return ",".join(sorted(f"{row['resept_id']}:{row['versjon']}" for row in rows))

    def _open_resept(self, row: asyncpg.Record) -> Resept:
        return self.encoder.open_resept(row["resept_id"], row["versjon"], row["innhold"])

    def _open_utlevering(self, row: asyncpg.Record) -> Utlevering:
        return self.encoder.open_utlevering(row["resept_id"], row["msg_id"], row["utlevering"], row["annullert_av"])

    def _open_dokument(self, row: asyncpg.Record) -> bytes:
        return self.encoder.open_dokument(row["resept_id"], row["msg_id"], row["dokument"])

    def _open_refnr(self, needs: Needs) -> tuple[RefNr, ...]:
        rows = (self.refnr.get(self.encoder.refnr_hash(refnr)) for refnr in needs.refnr)
        return tuple(self.encoder.open_refnr(row["refnr"], row["innhold"], aktiv=row["aktiv"]) for row in rows if row)


async def load(connection: Connection, encoder: Encoder, keys: Keyring, needs: Sequence[Needs]) -> Loaded:
    """Everything these messages ask for; no statement is made for what none asks for.

    Documents are read after their prescriptions: they may be newer than them, never older, and the version guard of
    what is applied then finds that out. A prescription that has none was deleted in between: it is not there.
    """
    loaded = Loaded(encoder)
    await _load_found(connection, loaded, needs)
    await _load_documents(connection, loaded, needs)
    for endret in {need.endret for need in needs if need.endret is not None}:
        loaded.endret[endret] = await fetch(connection, "load.kort_endret", endret.her, endret.etter)
    for need in {need for need in needs if need.nye_refnr}:
        loaded.ledige[need] = await _unused_numbers(connection, encoder, need.nye_refnr)
    await keys.fetch(connection, key_ids(loaded.sealed()))
    return loaded


async def _load_found(connection: Connection, loaded: Loaded, needs: Sequence[Needs]) -> None:
    """The prescriptions, cards and reference numbers."""
    encoder = loaded.encoder
    keyed = [encoder.needed_keys(need) for need in needs]
    ids = sorted({resept_id for need in needs for resept_id in need.resepter})
    patients = _union(key[0] for key in keyed)
    patients_all = _union(key[0] for key, need in zip(keyed, needs, strict=True) if need.alle)
    refnr, nodsok = _union(key[1] for key in keyed), _union(key[2] for key in keyed)
    cards = sorted({encoder.pasient_hash(ident) for need in needs for ident in need.kort})
    if ids or patients or refnr or nodsok or cards:
        rows = await fetch(connection, "load.resepter", ids, patients, patients_all, refnr, nodsok, cards)
        loaded.add(rows)
    if refnr:
        loaded.refnr = {row["refnr"]: row for row in await fetch(connection, "load.refnr", refnr)}


async def _load_documents(connection: Connection, loaded: Loaded, needs: Sequence[Needs]) -> None:
    if documented := {row["resept_id"] for need in needs if need.dokumenter for row in loaded.rows(need)}:
        documents = await fetch(connection, "load.dokumenter", sorted(documented))
        loaded.dokumenter = {key: list(some) for key, some in groupby(documents, itemgetter("resept_id"))}
    if cards := {row["resept_id"] for need in needs if need.kort_dokumenter for row in loaded.cards(need)}:
        held = await fetch(connection, "load.kort_dokumenter", sorted(cards))
        loaded.kort |= {row["pasient"]: row for row in held}
        loaded.kort_dokumenter = {key: list(some) for key, some in groupby(held, itemgetter("resept_id"))}


async def _unused_numbers(connection: Connection, encoder: Encoder, count: int) -> tuple[str, ...]:
    """Reference numbers that nobody has. Two who draw the same at one moment: one of them fails, and draws again."""
    found: set[str] = set()
    while len(found) < count:
        drawn = {encoder.refnr_hash(number): number for number in draw(count - len(found))}
        taken = {row["refnr"] for row in await fetch(connection, "load.taken_refnr", list(drawn))}
        found |= {number for key, number in drawn.items() if key not in taken}
    return tuple(sorted(found))


async def load_repeats(
    connection: Connection, encoder: Encoder, keys: Keyring, items: Sequence[Item]
) -> dict[tuple[str, UUID], Stored | OtherBytes]:
    """The first answers of messages that were committed before, or OtherBytes, by sender and MsgId."""
    names = [item.sender for item in items], [item.msg_id for item in items]
    rows = {(row["avsender"], row["msg_id"]): row for row in await commit(connection, "load.repeats", *names)}
    await keys.fetch(connection, key_ids(row["svar"] for row in rows.values()))
    return {(item.sender, item.msg_id): _first_answer(encoder, item, rows[item.sender, item.msg_id]) for item in items}


def _first_answer(encoder: Encoder, item: Item, row: asyncpg.Record) -> Stored | OtherBytes:
    if row["sha256"] != item.sha256:
        return OtherBytes()
    answer = encoder.open_svar(item.sender, item.msg_id, row["svar"])
    return Stored(answer, accepted=row["godtatt"], reasons=tuple(row["arsaker"].split()), repeated=True)


def _union(sets: Iterable[set[bytes]]) -> list[bytes]:
    return sorted(set().union(*sets))
