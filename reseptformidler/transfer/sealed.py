"""A file of an export: one line of JSON that says what it is, then its content, compressed and sealed.

Each file has a key of its own, wrapped by the transfer key in the line. The line is authenticated with the content, so
a changed file is refused whole. A file appears under its name when it is complete and on the disk, never before.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import zstandard
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from reseptformidler.store.keys import KEY_BYTES, NONCE_BYTES, FileKek
from reseptformidler.store.transfer import CannotMove

FORMAT = "reseptformidler-transfer/1"
PURPOSE = "transfer"
UNFINISHED = ".part"
LEVEL = 1
MAX_BYTES = 2**32


@dataclass(frozen=True, slots=True)
class Sealed:
    """A file as it was read."""

    name: str
    header: Mapping[str, Any]
    content: bytes
    sha256: str


def write(path: Path, key: FileKek, header: Mapping[str, Any], content: bytes | bytearray) -> str:
    """Write a file; the SHA-256 of what stands on the disk then."""
    own = secrets.token_bytes(KEY_BYTES)
    wrapped = base64.b64encode(key.wrap(own, PURPOSE)).decode()
    line = json.dumps({"format": FORMAT, **header, "kek": key.newest, "key": wrapped}).encode() + b"\n"
    nonce = secrets.token_bytes(NONCE_BYTES)
    packed = zstandard.ZstdCompressor(level=LEVEL).compress(content)
    return _write_whole(path, (line, nonce, AESGCM(own).encrypt(nonce, packed, line)))


def read(path: Path, key: FileKek, sha256: str | None = None) -> Sealed:
    """Read a file back. CannotMove when it is not there, not ours or changed; KeyProblem when it is another key's."""
    try:
        octets = path.read_bytes()
    except FileNotFoundError:
        raise CannotMove(f"{path.name} is missing") from None
    found = hashlib.sha256(octets).hexdigest()
    if sha256 not in (None, found):
        raise CannotMove(f"{path.name} is damaged: its SHA-256 is not the one that the manifest says")
    line, header, wrapped = _header(path.name, octets)
    own = AESGCM(key.unwrap(header["kek"], wrapped, PURPOSE))
    nonce, packed = octets[len(line) : len(line) + NONCE_BYTES], memoryview(octets)[len(line) + NONCE_BYTES :]
    try:
        content = own.decrypt(nonce, packed, line)
    except InvalidTag:
        raise CannotMove(f"{path.name} was changed: its content does not fit its first line") from None
    return Sealed(path.name, header, zstandard.ZstdDecompressor().decompress(content, MAX_BYTES), found)


def _header(name: str, octets: bytes) -> tuple[bytes, Mapping[str, Any], bytes]:
    line = octets[: octets.find(b"\n") + 1]
    try:
        header = json.loads(line)
        if header["format"] != FORMAT:
            raise CannotMove(f"{name} has a format that this version does not know")
        return line, header, base64.b64decode(header["key"])
    except (ValueError, KeyError, TypeError):
        raise CannotMove(f"{name} is no file of an export, or damaged") from None


def _write_whole(path: Path, parts: Iterable[bytes]) -> str:
    digest = hashlib.sha256()
    draft = path.with_name(path.name + UNFINISHED)
    try:
        with draft.open("wb") as file:
            for part in parts:
                file.write(part)
                digest.update(part)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
    except BaseException:
        draft.unlink(missing_ok=True)
        raise
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
    return digest.hexdigest()
