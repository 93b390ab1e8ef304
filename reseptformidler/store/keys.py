"""Keys: the key-encryption keys (KEK) in a file, and the keys they wrap, in the table `nokkel`.

A data key seals what one process stores in one day: far fewer values than the 2**32 that random nonces allow. The
search key makes the keyed hashes and lives as long as the database. A KEK wraps both, and is exchanged by wrapping
anew (`rotate_kek`): no sealed value is touched.

To exchange it without a gap: put the new line first in the file and restart every process (now all can unwrap with
it), move it last and restart again (now all wrap with it), rotate, take the old line away.
"""

from __future__ import annotations

import base64
import binascii
import os
import secrets
from collections.abc import Iterable
from datetime import date, datetime
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from reseptformidler.store.queries import Connection, commit, fetch

KEY_BYTES = 32
NONCE_BYTES = 12
REWRAP_ROWS = 500


class KeyProblem(Exception):
    """A key is missing or does not fit; the text names its id, never the key."""


class FileKek:
    """Key-encryption keys from a file: one `<id> <32 bytes in base64>` a line; the last one wraps, all unwrap."""

    def __init__(self, path: Path) -> None:
        self._keys = dict(_read_line(line, path) for line in path.read_text("ascii").splitlines() if line.strip())
        if not self._keys:
            raise KeyProblem(f"{path} holds no key")
        self.newest = next(reversed(self._keys))

    @classmethod
    def create(cls, path: Path) -> FileKek:
        """Make a file with one new key, readable for its owner only; FileExistsError if there is one."""
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(new_kek_line())
        return cls(path)

    def wrap(self, key: bytes, purpose: str) -> bytes:
        """Seal a key with the newest KEK; `purpose` must be given again to unwrap."""
        nonce = secrets.token_bytes(NONCE_BYTES)
        return nonce + self._keys[self.newest].encrypt(nonce, key, purpose.encode())

    def unwrap(self, kek: str, wrapped: bytes, purpose: str) -> bytes:
        """The key that the KEK of that id wrapped. KeyProblem if the file lacks it, or it is another key."""
        if kek not in self._keys:
            raise KeyProblem(f"the key-encryption key {kek} is not in the file")
        try:
            return self._keys[kek].decrypt(wrapped[:NONCE_BYTES], wrapped[NONCE_BYTES:], purpose.encode())
        except InvalidTag:
            raise KeyProblem(f"the key-encryption key {kek} is not the one that wrapped this key") from None


def new_kek_line() -> str:
    """A line with a new key-encryption key, to be appended to the file."""
    return f"kek-{secrets.token_hex(4)} {base64.b64encode(secrets.token_bytes(KEY_BYTES)).decode()}\n"


def _read_line(line: str, path: Path) -> tuple[str, AESGCM]:
    try:
        name, text = line.split()
        key = base64.b64decode(text, validate=True)
    except (ValueError, binascii.Error):
        raise KeyProblem(f"{path}: a line must be an id, a space and base64") from None
    if len(key) != KEY_BYTES:
        raise KeyProblem(f"{path}: {name} must have {KEY_BYTES} bytes")
    return name, AESGCM(key)


class Keyring:
    """The keys a process works with. Made by `open_keyring`."""

    def __init__(self, kek: FileKek, search: bytes) -> None:
        self._kek = kek
        self._data: dict[int, AESGCM] = {}
        self._made: date | None = None
        self.search = search
        self.current = 0
        """Id of the data key that seals."""

    def data_key(self, key_id: int) -> AESGCM:
        """The data key of that id; KeyProblem until it was fetched."""
        try:
            return self._data[key_id]
        except KeyError:
            raise KeyProblem(f"data key {key_id} is not known") from None

    async def renew(self, connection: Connection, now: datetime) -> None:
        """Make a new data key when the day (UTC) is another than the current one's."""
        if self._made == now.date():
            return
        key = secrets.token_bytes(KEY_BYTES)
        wrapped = self._kek.wrap(key, "data")
        (row,) = await commit(connection, "keys.add_data", self._kek.newest, wrapped, now)
        self._data[row["nokkel_id"]] = AESGCM(key)
        self.current, self._made = row["nokkel_id"], now.date()

    async def fetch(self, connection: Connection, key_ids: Iterable[int]) -> None:
        """Get the data keys among these that are not known yet; KeyProblem if the database lacks one."""
        unknown = set(key_ids) - self._data.keys()
        if not unknown:
            return
        for row in await fetch(connection, "keys.fetch", sorted(unknown)):
            self._data[row["nokkel_id"]] = AESGCM(self._kek.unwrap(row["kek"], row["innpakket"], "data"))
        if missing := unknown - self._data.keys():
            raise KeyProblem(f"the database lacks data keys {sorted(missing)}")


async def open_keyring(connection: Connection, kek: FileKek, now: datetime) -> Keyring:
    """The keys of this process: the search key of the database, made if there is none, and a new data key."""
    rows = await fetch(connection, "keys.search")
    if not rows:
        await commit(connection, "keys.add_search", kek.newest, kek.wrap(secrets.token_bytes(KEY_BYTES), "sok"), now)
        rows = await fetch(connection, "keys.search")
    (row,) = rows
    keys = Keyring(kek, kek.unwrap(row["kek"], row["innpakket"], "sok"))
    await keys.renew(connection, now)
    return keys


async def rotate_kek(connection: Connection, kek: FileKek) -> int:
    """Wrap with the newest KEK what an older one wraps; the number of keys. Every process must have it."""
    count = 0
    while rewrapped := await _rewrap_some(connection, kek):
        count += rewrapped
    return count


async def _rewrap_some(connection: Connection, kek: FileKek) -> int:
    async with connection.transaction():
        rows = await fetch(connection, "keys.to_rewrap", kek.newest, REWRAP_ROWS)
        wrapped = [kek.wrap(kek.unwrap(row["kek"], row["innpakket"], row["formal"]), row["formal"]) for row in rows]
        await fetch(connection, "keys.rewrap", kek.newest, [row["nokkel_id"] for row in rows], wrapped)
    return len(rows)
