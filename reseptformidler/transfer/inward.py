"""`import`: takes the passes of an export in, in their order, and proves at the end that both databases are the same.

Every file is one transaction that also remembers it, so a broken-off import goes on after the last whole file.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from reseptformidler.store import intake
from reseptformidler.store.keys import FileKek
from reseptformidler.store.queries import Connection
from reseptformidler.store.retention import TABLES, make_partitions
from reseptformidler.store.transfer import (
    MOVED,
    CannotMove,
    Table,
    fingerprint,
    prune,
    read_schema,
    read_sequences,
    read_tables,
    set_sequences,
)
from reseptformidler.store.transfer_keys import add_keys, read_keys
from reseptformidler.transfer.folder import Folder, Manifest, Piece
from reseptformidler.transfer.progress import Progress

_PARTITION = re.compile(r"(?P<table>[a-z]+)_(?P<start>\d{8})")


@dataclass(frozen=True, slots=True)
class Taken:
    """What one import did."""

    files: int
    rows: int
    deleted: int
    proved: bool
    """Whether this was all, and the same as in the source."""


async def take_in(connection: Connection, folder: Folder, kek: FileKek) -> Taken:
    """Take in what is in the folder and not in the database. CannotMove when it does not fit, or is not the same."""
    manifests = await _fitting(connection, folder)
    known = await intake.begin(connection, manifests[0].export)
    missing = [manifest for manifest in manifests if manifest.name not in known]
    todo = [piece for manifest in missing for piece in manifest.pieces if piece.name not in known]
    work = _Intake(connection, folder, await read_tables(connection), Progress(sum(one.octets for one in todo)))
    for manifest in missing:
        await work.take(manifest, known, kek)
    if manifests[-1].last:
        await prove(connection, manifests[-1], kek, work.progress)
        await intake.end(connection)
    work.progress.clear()
    return Taken(work.files, work.rows, work.deleted, proved=manifests[-1].last)


async def verify(connection: Connection, folder: Folder, kek: FileKek) -> Manifest:
    """Compare a database with the last pass of an export; CannotMove says where they differ."""
    manifest = (await _fitting(connection, folder))[-1]
    if not manifest.last:
        raise CannotMove(f"{manifest.name} is not the last pass: only that one has fingerprints")
    progress = Progress(0)
    await prove(connection, manifest, kek, progress)
    progress.clear()
    return manifest


async def prove(connection: Connection, manifest: Manifest, kek: FileKek, progress: Progress) -> None:
    """CannotMove names every table that is not the same as in the source."""
    different = []
    for name, table in (await read_tables(connection)).items():
        progress.say(f"fingerprint of {name}")
        if await fingerprint(connection, table) != (manifest.tables[name]["rows"], manifest.tables[name]["sha256"]):
            different.append(name)
    if tuple(await read_keys(connection, kek)) != manifest.keys:
        different.append("nokkel")
    if await read_sequences(connection) != manifest.sequences:
        different.append("sequences")
    if different:
        raise CannotMove(f"the database is not what {manifest.name} says: {', '.join(different)}")


async def _fitting(connection: Connection, folder: Folder) -> list[Manifest]:
    manifests = folder.manifests()
    if not manifests:
        raise CannotMove(f"{folder.path} holds no finished pass of an export")
    ours, theirs = await read_schema(connection), manifests[-1].schema
    if ours != theirs:
        raise CannotMove(
            f"the database has schema {ours.split()[0]}, the export {theirs.split()[0]}, or other migrations made them:"
            " run migrate with the release that the source runs"
        )
    return manifests


@dataclass(slots=True)
class _Intake:
    connection: Connection
    folder: Folder
    tables: Mapping[str, Table]
    progress: Progress
    files: int = 0
    rows: int = 0
    deleted: int = 0

    async def take(self, manifest: Manifest, known: set[str], kek: FileKek) -> None:
        """Rows, then deletions, then what goes with them."""
        await self._make_partitions(manifest)
        for piece in manifest.pieces:
            if piece.kind == "rows" and piece.name not in known:
                await self._take_rows(piece)
        if manifest.last:
            for name in reversed(MOVED):
                await self._keep_only(manifest, name)
        async with self.connection.transaction():
            await add_keys(self.connection, manifest.keys, kek)
            await set_sequences(self.connection, manifest.sequences)
            await intake.remember(self.connection, manifest.name)

    async def _take_rows(self, piece: Piece) -> None:
        content, new = self.folder.content(piece), piece.since is None
        await intake.take_rows(self.connection, self.tables[piece.table], piece.name, content, new=new)
        self.files += 1
        self.rows += piece.rows
        self.progress.advance(piece.name, piece.octets, piece.rows, piece.octets)

    async def _keep_only(self, manifest: Manifest, name: str) -> None:
        """Whatever is not in the list; the whole list is read again when this is broken off."""
        self.progress.say(f"deletions in {name}")
        pieces = [piece for piece in manifest.pieces if piece.kind == "keys" and piece.table == name]
        contents = (self.folder.content(piece) for piece in pieces)
        self.deleted += await prune(self.connection, self.tables[name], contents)

    async def _make_partitions(self, manifest: Manifest) -> None:
        """Those of the source: without them all would stand in the default ones, and go only together."""
        by_name = {table.name: table for table in TABLES}
        for leaf in sorted({piece.leaf for piece in manifest.pieces}):
            match = _PARTITION.fullmatch(leaf)
            if match and match["table"] in by_name:
                start = datetime.strptime(match["start"], "%Y%m%d").replace(tzinfo=UTC)
                await make_partitions(self.connection, by_name[match["table"]], start, start)
