"""Sealing: compress with a versioned dictionary, then AES-256-GCM, bound to what the value is and whose it is.

Layout: format (1 byte, now 1), dictionary version (1), data key id (4, big-endian), nonce (12), ciphertext with tag.
The first six bytes are authenticated too.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import struct
import threading
from collections.abc import Iterable
from functools import cached_property

import zstandard
from cryptography.exceptions import InvalidTag

from reseptformidler.store import dictionaries
from reseptformidler.store.keys import NONCE_BYTES, Keyring

MAX_PLAIN_BYTES = 64 * 1024 * 1024
HASH_BYTES = 16
LEVEL = 3
_FORMAT = 1
_HEADER = struct.Struct(">BBI")


class Unsealable(Exception):
    """A sealed value was changed, belongs to another record, or has a format that this code does not know."""


class Sealer:
    """Seals and opens values, and makes keyed hashes. Usable from several threads."""

    def __init__(self, keys: Keyring, dictionary: int = dictionaries.CURRENT) -> None:
        self.keys = keys
        self._dictionary = dictionary
        self._zstd = _PerThread()

    def seal(self, purpose: str, record: bytes, plain: bytes) -> bytes:
        """Seal `plain`; the same purpose and record id must be given to open it. ValueError above MAX_PLAIN_BYTES."""
        if len(plain) > MAX_PLAIN_BYTES:
            raise ValueError(f"{len(plain)} bytes are too many for one value")
        header = _HEADER.pack(_FORMAT, self._dictionary, self.keys.current)
        nonce = os.urandom(NONCE_BYTES)
        packed = self._zstd.codec(self._dictionary).compressor.compress(plain)
        key = self.keys.data_key(self.keys.current)
        return header + nonce + key.encrypt(nonce, packed, _bound(header, purpose, record))

    def open(self, purpose: str, record: bytes, sealed: bytes) -> bytes:
        """The value as it was sealed. Unsealable, or KeyProblem while its data key was not fetched."""
        header, nonce = sealed[: _HEADER.size], sealed[_HEADER.size : _HEADER.size + NONCE_BYTES]
        if len(nonce) != NONCE_BYTES or header[0] != _FORMAT:
            raise Unsealable(f"a sealed {purpose} has an unknown format")
        _, dictionary, key_id = _HEADER.unpack(header)
        try:
            packed = self.keys.data_key(key_id).decrypt(
                nonce, sealed[_HEADER.size + NONCE_BYTES :], _bound(header, purpose, record)
            )
        except InvalidTag:
            raise Unsealable(f"a sealed {purpose} was changed or belongs to another record") from None
        return self._zstd.codec(dictionary).unpack(packed)

    def key_hash(self, kind: str, value: str) -> bytes:
        """The keyed hash by which a value of this kind is searched for: 16 bytes."""
        return hmac.digest(self.keys.search, f"{kind}\0{value}".encode(), hashlib.sha256)[:HASH_BYTES]


def key_ids(sealed: Iterable[bytes]) -> set[int]:
    """The ids of the data keys that are needed to open these values."""
    return {int.from_bytes(value[2 : _HEADER.size], "big") for value in sealed}


def _bound(header: bytes, purpose: str, record: bytes) -> bytes:
    return header + purpose.encode() + b"\0" + record


class _Codec:
    """zstd with one dictionary. Belongs to one thread: zstd's contexts are not safe to share."""

    def __init__(self, version: int) -> None:
        self._dictionary = dictionaries.load(version)

    @cached_property
    def compressor(self) -> zstandard.ZstdCompressor:
        if self._dictionary is None:
            return zstandard.ZstdCompressor(level=LEVEL)
        self._dictionary.precompute_compress(level=LEVEL)
        return zstandard.ZstdCompressor(dict_data=self._dictionary, write_dict_id=False)

    @cached_property
    def _decompressor(self) -> zstandard.ZstdDecompressor:
        return zstandard.ZstdDecompressor(dict_data=self._dictionary)

    def unpack(self, packed: bytes) -> bytes:
        """Decompress; the frame says how much it will be, so that is judged before it is done."""
        if not 0 <= zstandard.frame_content_size(packed) <= MAX_PLAIN_BYTES:
            raise Unsealable("a sealed value would be too large")
        return self._decompressor.decompress(packed, max_output_size=MAX_PLAIN_BYTES)


class _PerThread(threading.local):
    def __init__(self) -> None:
        self._codecs: dict[int, _Codec] = {}

    def codec(self, version: int) -> _Codec:
        if version not in self._codecs:
            self._codecs[version] = _Codec(version)
        return self._codecs[version]
