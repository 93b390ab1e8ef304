"""`export`: one pass over the database, in one snapshot. The first writes everything, each later one what is new since.

A pass that is broken off leaves its files behind; the next one reads again only what has changed in their pages. The
last pass, when nobody serves any more, also writes all keys, so that what was deleted is found, and the fingerprints.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import uuid4

from reseptformidler.store.keys import FileKek
from reseptformidler.store.queries import Connection
from reseptformidler.store.transfer import (
    PAGES,
    PAGES_OF_KEYS,
    CannotMove,
    Leaf,
    Source,
    Table,
    copy_keys,
    copy_rows,
    fingerprint,
    is_served,
    lock,
    read_leaves,
    read_sequences,
    read_source,
    read_tables,
)
from reseptformidler.store.transfer_keys import read_keys
from reseptformidler.transfer.folder import Folder, Manifest, Piece
from reseptformidler.transfer.progress import Progress


@dataclass(frozen=True, slots=True)
class Before:
    """What the passes before have written."""

    export: str
    number: int
    previous: Manifest | None
    pieces: tuple[Piece, ...]
    """Of passes that were broken off."""
    origins: tuple[tuple[str, str], ...]
    """Sources and schemas of all that."""
    read_at: Mapping[tuple[str, int], int]
    """By leaf and page: the horizon of the broken-off pass that read it last."""

    def since(self, leaf: str, page: int) -> int | None:
        """From which transaction on the rows of a piece are new; none: all are."""
        return self.read_at.get((leaf, page), self.previous.horizon if self.previous else None)


async def export(connection: Connection, folder: Folder, kek: FileKek, *, last: bool, now: datetime) -> Manifest:
    """Make one pass. CannotMove when it cannot follow what stands in the folder, or is the last one too early."""
    with folder.alone():
        before = _read_before(folder)
        if last and await is_served(connection):
            raise CannotMove("the service is still connected to the database: stop it before the last pass")
        async with connection.transaction(isolation="repeatable_read", readonly=True):
            await lock(connection)
            source = await read_source(connection)
            if any(origin != (source.identity, source.schema) for origin in before.origins):
                raise CannotMove("the folder holds an export of another database or schema: use an empty one")
            this = _Pass(connection, folder, before, source, last=last)
            return await this.run(kek, now)


def _read_before(folder: Folder) -> Before:
    manifests = folder.manifests()
    previous = manifests[-1] if manifests else None
    left = folder.leftovers(previous.number if previous else 0)
    for one in left:
        if one.header["kind"] == "keys":
            (folder.path / one.name).unlink()
    rows = [one for one in left if one.header["kind"] == "rows"]
    exports = {one.header["export"] for one in rows} | {one.export for one in manifests}
    if len(exports) > 1:
        raise CannotMove("the folder holds files of several exports: use an empty one")
    return Before(
        export=exports.pop() if exports else str(uuid4()),
        number=folder.next_number(),
        previous=previous,
        pieces=tuple(_piece(one.name, one.sha256, one.header) for one in rows),
        origins=tuple(
            {(one.header["source"], one.header["schema"]) for one in rows}
            | {(one.source, one.schema) for one in manifests}
        ),
        read_at={(one.header["leaf"], one.header["page"]): one.header["horizon"] for one in rows},
    )


def _piece(name: str, sha256: str, header: Mapping[str, Any]) -> Piece:
    fields = ("kind", "table", "leaf", "page", "rows", "since", "octets")
    return Piece(name, sha256, **{field: header[field] for field in fields})


@dataclass(slots=True)
class _Pass:
    connection: Connection
    folder: Folder
    before: Before
    source: Source
    last: bool = field(kw_only=True)
    pieces: list[Piece] = field(default_factory=list)
    progress: Progress = field(default_factory=lambda: Progress(0))

    async def run(self, kek: FileKek, now: datetime) -> Manifest:
        tables = await read_tables(self.connection)
        leaves = [leaf for table in tables.values() for leaf in await read_leaves(self.connection, table)]
        self.progress = Progress(sum(leaf.pages for leaf in leaves))
        for leaf in leaves:
            await self._rows(leaf)
        if self.last:
            for leaf in leaves:
                await self._keys(leaf)
        manifest = Manifest(
            export=self.before.export,
            number=self.before.number,
            previous=self.before.previous.sha256 if self.before.previous else None,
            source=self.source.identity,
            schema=self.source.schema,
            horizon=self.source.horizon,
            made=now.isoformat(),
            last=self.last,
            pieces=(*self.before.pieces, *self.pieces),
            tables={name: await self._described(table) for name, table in tables.items()},
            sequences=await read_sequences(self.connection),
            keys=tuple(await read_keys(self.connection, kek)),
        )
        self.progress.clear()
        self.folder.write_manifest(manifest)
        return manifest

    async def _rows(self, leaf: Leaf) -> None:
        for page in range(0, leaf.pages, PAGES):
            since = self.before.since(leaf.name, page)
            content, rows = await copy_rows(self.connection, leaf, page, since, self.source.horizon)
            if rows:
                columns = [column.name for column in leaf.table.columns]
                self._write("rows", leaf, page, rows, since, columns, content)
            self.progress.advance(f"pass {self.before.number}, {leaf.name}", PAGES, rows, len(content))

    async def _keys(self, leaf: Leaf) -> None:
        for page in range(0, leaf.pages, PAGES_OF_KEYS):
            content, rows = await copy_keys(self.connection, leaf, page)
            if rows:
                self._write("keys", leaf, page, rows, None, leaf.table.key, content)
            self.progress.advance(f"pass {self.before.number}, keys of {leaf.name}", 0, rows, len(content))

    def _write(
        self, kind: str, leaf: Leaf, page: int, rows: int, since: int | None, columns: Sequence[str], content: bytearray
    ) -> None:
        name = f"pass-{self.before.number:04}-{len(self.pieces) + 1:08}.{kind}"
        header = {
            "kind": kind,
            "export": self.before.export,
            "pass": self.before.number,
            "source": self.source.identity,
            "schema": self.source.schema,
            "horizon": self.source.horizon,
            "since": since,
            "table": leaf.table.name,
            "leaf": leaf.name,
            "page": page,
            "columns": columns,
            "rows": rows,
            "octets": len(content),
        }
        self.pieces.append(_piece(name, self.folder.write(name, header, content), header))

    async def _described(self, table: Table) -> Mapping[str, Any]:
        described: dict[str, Any] = {
            "columns": [[column.name, column.type, column.oid] for column in table.columns],
            "key": table.key,
        }
        if self.last:
            self.progress.say(f"fingerprint of {table.name}")
            described["rows"], described["sha256"] = await fingerprint(self.connection, table)
        return described
