"""A reader of exports that knows docs/moving.md and nothing of our code: no PostgreSQL, no reseptformidler."""

from __future__ import annotations

import base64
import hashlib
import json
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import zstandard
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

Row = tuple[bytes | None, ...]
SIGNATURE = b"PGCOPY\n\xff\r\n\0"


def opened(path: Path, transfer_key: bytes) -> tuple[dict[str, Any], bytes]:
    """The first line and the content of a file."""
    octets = path.read_bytes()
    end = octets.index(b"\n") + 1
    line, sealed = octets[:end], octets[end:]
    header = json.loads(line)
    wrapped = base64.b64decode(header["key"])
    own = AESGCM(transfer_key).decrypt(wrapped[:12], wrapped[12:], b"transfer")
    packed = AESGCM(own).decrypt(sealed[:12], sealed[12:], line)
    return header, zstandard.ZstdDecompressor().decompress(packed, 2**32)


def rows(content: bytes) -> Iterator[Row]:
    """The rows of a piece."""
    assert content.startswith(SIGNATURE)
    (extension,) = struct.unpack_from(">I", content, 15)
    at = 19 + extension
    while True:
        (fields,) = struct.unpack_from(">h", content, at)
        at += 2
        if fields == -1:
            assert at == len(content)
            return
        row: list[bytes | None] = []
        for _ in range(fields):
            (length,) = struct.unpack_from(">i", content, at)
            at += 4
            row.append(None if length == -1 else content[at : at + length])
            at += max(0, length)
        yield tuple(row)


def row_hash(row: Row, types: list[int]) -> str:
    """SHA-256 of a row as docs/moving.md defines it."""
    parts = [struct.pack(">i", len(row))]
    for value, oid in zip(row, types, strict=True):
        parts.append(struct.pack(">Ii", oid, -1 if value is None else len(value)) + (value or b""))
    return hashlib.sha256(b"".join(parts)).hexdigest()


def fingerprints(folder: Path, transfer_key: bytes) -> dict[str, tuple[int, str]]:
    """Take every pass in, in memory, and fingerprint what there is then."""
    tables: dict[str, dict[Row, Row]] = {}
    header: dict[str, Any] = {}
    for manifest in sorted(folder.glob("*.manifest")):
        header, _ = opened(manifest, transfer_key)
        listed: dict[str, set[Row]] = {name: set() for name in header["tables"]}
        for piece in header["pieces"]:
            described = header["tables"][piece["table"]]
            names = [column[0] for column in described["columns"]]
            places = [names.index(column) for column in described["key"]]
            _, content = opened(folder / piece["name"], transfer_key)
            for row in rows(content):
                if piece["kind"] == "keys":
                    listed[piece["table"]].add(row)
                else:
                    tables.setdefault(piece["table"], {})[tuple(row[place] for place in places)] = row
        if header["last"]:
            for name, known in tables.items():
                tables[name] = {key: row for key, row in known.items() if key in listed[name]}
    return {name: _fingerprint(tables.get(name, {}), table) for name, table in header["tables"].items()}


def _fingerprint(table: dict[Row, Row], described: dict[str, Any]) -> tuple[int, str]:
    types = [column[2] for column in described["columns"]]
    lines = sorted(row_hash(row, types) for row in table.values())
    return len(lines), hashlib.sha256("".join(f"{line}\n" for line in lines).encode()).hexdigest()
