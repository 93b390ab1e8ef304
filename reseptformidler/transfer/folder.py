"""The folder of an export: its passes, each with files of rows and, once it is whole, a manifest that names them."""

from __future__ import annotations

import fcntl
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

from pydantic_core import from_json, to_json

from reseptformidler.store.keys import FileKek
from reseptformidler.store.transfer import CannotMove
from reseptformidler.store.transfer_keys import Key, unwrapped, wrapped
from reseptformidler.transfer import sealed

_NAME = re.compile(r"pass-(?P<number>\d{4})(-\d{8}\.(rows|keys)|\.manifest)")


@dataclass(frozen=True, slots=True)
class Piece:
    """One file of rows, or of the keys of rows."""

    name: str
    sha256: str
    kind: str
    table: str
    leaf: str
    page: int
    rows: int
    since: int | None
    """The transaction number from which on rows were taken; none: all rows of these pages."""
    octets: int


@dataclass(frozen=True, slots=True)
class Manifest:
    """One finished pass: what was read when and from where, and all that must be added to the pass before."""

    export: str
    number: int
    previous: str | None
    """SHA-256 of the manifest before."""
    source: str
    schema: str
    horizon: int
    made: str
    last: bool
    pieces: tuple[Piece, ...]
    tables: Mapping[str, Mapping[str, Any]]
    """Columns, key and, in the last pass, rows and fingerprint of each table."""
    sequences: Mapping[str, int]
    keys: tuple[Key, ...] = field(repr=False)
    sha256: str = ""

    @property
    def name(self) -> str:
        """Its file."""
        return f"pass-{self.number:04}.manifest"


@dataclass(frozen=True, slots=True)
class Folder:
    """A folder, and the transfer key that opens what is in it."""

    path: Path
    key: FileKek

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Make the folder if need be, and keep other exports out of it."""
        self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
        with (self.path / "lock").open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise CannotMove(f"another export is at work in {self.path}") from None
            for unfinished in self.path.glob(f"*{sealed.UNFINISHED}"):
                unfinished.unlink()
            yield

    def manifests(self) -> list[Manifest]:
        """The finished passes in their order. CannotMove when one is missing or does not follow the one before."""
        paths = sorted(self.path.glob("*.manifest"))
        manifests = [self._manifest(path) for path in paths]
        for before, after in pairwise([None, *manifests]):
            assert after is not None
            if after.previous != (before and before.sha256):
                raise CannotMove(f"{after.name} does not follow the one before it: a manifest is missing or another's")
        return manifests

    def leftovers(self, after: int) -> list[sealed.Sealed]:
        """What broken-off passes left behind after the finished pass of that number; each file is whole."""
        names = sorted(name for name, number in self._numbered() if number > after)
        return [self._without_content(name) for name in names]

    def next_number(self) -> int:
        """Of the next pass."""
        return max((number for _, number in self._numbered()), default=0) + 1

    def write(self, name: str, header: Mapping[str, Any], content: bytes | bytearray) -> str:
        """Write a file; its SHA-256."""
        return sealed.write(self.path / name, self.key, header, content)

    def content(self, piece: Piece) -> bytes:
        """Of a file that a manifest names."""
        return sealed.read(self.path / piece.name, self.key, piece.sha256).content

    def write_manifest(self, manifest: Manifest) -> None:
        """Close a pass."""
        header = asdict(manifest)
        del header["keys"], header["sha256"]
        content = to_json(wrapped(manifest.keys, self.key))
        self.write(manifest.name, {"kind": "manifest", **header}, content)

    def _manifest(self, path: Path) -> Manifest:
        found = sealed.read(path, self.key)
        fields = {name: found.header[name] for name in Manifest.__slots__ if name in found.header}
        fields["pieces"] = tuple(Piece(**piece) for piece in fields["pieces"])
        keys = unwrapped(from_json(found.content), self.key)
        manifest = Manifest(**fields, keys=tuple(keys), sha256=found.sha256)
        if manifest.name != path.name:
            raise CannotMove(f"{path.name} is the manifest of another pass")
        return manifest

    def _without_content(self, name: str) -> sealed.Sealed:
        found = sealed.read(self.path / name, self.key)
        return sealed.Sealed(name, found.header, b"", found.sha256)

    def _numbered(self) -> list[tuple[str, int]]:
        found = (_NAME.fullmatch(path.name) for path in self.path.iterdir())
        return [(match[0], int(match["number"])) for match in found if match]
