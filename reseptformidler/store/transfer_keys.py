"""The keys of a database on their way to another one: unwrapped in memory only, wrapped again at once."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from reseptformidler.store.keys import FileKek
from reseptformidler.store.queries import Connection, fetch


@dataclass(frozen=True, slots=True)
class Key:
    """A row of `nokkel`, whoever wraps it."""

    nokkel_id: int
    formal: str
    opprettet: datetime
    key: bytes = field(repr=False)


async def read_keys(connection: Connection, kek: FileKek) -> list[Key]:
    """Every key of a database; KeyProblem when one does not open."""
    return [
        Key(row["nokkel_id"], row["formal"], row["opprettet"], kek.unwrap(row["kek"], row["innpakket"], row["formal"]))
        for row in await fetch(connection, "transfer.keys")
    ]


async def add_keys(connection: Connection, keys: Sequence[Key], kek: FileKek) -> None:
    """Store those that are not there yet, wrapped by the newest key-encryption key."""
    rows = [(key.nokkel_id, key.formal, kek.newest, kek.wrap(key.key, key.formal), key.opprettet) for key in keys]
    await fetch(connection, "transfer.add_keys", *(zip(*rows, strict=True) if rows else [()] * 5))


def wrapped(keys: Iterable[Key], kek: FileKek) -> list[dict[str, Any]]:
    """For a file, as values of JSON."""
    return [
        {
            "nokkel_id": key.nokkel_id,
            "formal": key.formal,
            "opprettet": key.opprettet.isoformat(),
            "kek": kek.newest,
            "innpakket": base64.b64encode(kek.wrap(key.key, key.formal)).decode(),
        }
        for key in keys
    ]


def unwrapped(values: Iterable[Mapping[str, Any]], kek: FileKek) -> list[Key]:
    """The keys of a file; KeyProblem when one does not open."""
    return [
        Key(
            one["nokkel_id"],
            one["formal"],
            datetime.fromisoformat(one["opprettet"]),
            kek.unwrap(one["kek"], base64.b64decode(one["innpakket"]), one["formal"]),
        )
        for one in values
    ]
