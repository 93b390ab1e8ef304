"""What happened, one JSON object a line: every request, every answer, every attempt without one, every fault.

It is written while it happens, and is all that the checker knows. Times are seconds since the history began, from a
clock that only goes forward and is the same for every process of this machine: several histories that began together
are merged by `read`.
"""

from __future__ import annotations

import hashlib
import heapq
import json
import threading
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from itertools import count
from pathlib import Path
from time import monotonic
from types import TracebackType
from typing import Any, Self


@dataclass(frozen=True, slots=True)
class Asked:
    """One attempt to get an answer to one message."""

    who: str
    """Name of the sending organisation."""
    verb: str
    """What it asks for: see `model.answer`."""
    msg_id: str
    resept: str = ""
    """ReseptId; of `prescribe` its own MsgId, of a list empty."""
    patient: int = -1
    """Number of the patient; only `prescribe` and the lists name one."""
    annuls: str = ""
    """MsgId of the dispensing that is annulled."""
    her: str = ""
    """HER-id of the sending organisation: where it gets what it is owed."""
    right: int = 0
    """Of `prescribe`: how many dispensings it allows; 0 where the senders do not count."""
    sha256: str = ""
    """Of the message."""
    no: int = -1
    at: float = 0


@dataclass(frozen=True, slots=True)
class Answered:
    """The answer to one attempt: any HTTP status but 5xx. Bytes that came before are told by their hash alone."""

    no: int
    status: int
    sha256: str
    """Of the whole body."""
    body: str | None
    at: float = 0


@dataclass(frozen=True, slots=True)
class Failed:
    """An attempt without an answer: what it asked for may have happened or not, or may still happen."""

    no: int
    why: str
    shed: bool = False
    """It was told to come back later (Retry-After)."""
    at: float = 0


@dataclass(frozen=True, slots=True)
class Killed:
    """The end of some processes by SIGKILL."""

    what: str
    at: float = 0


@dataclass(frozen=True, slots=True)
class Injected:
    """A fault begins. It is over with the next `Healed`: everything works again."""

    what: str
    at: float = 0


@dataclass(frozen=True, slots=True)
class Healed:
    """The fault was taken away, and the whole is healthy again."""

    what: str
    where: str = ""
    alerts: tuple[str, ...] = ()
    """Those that fired meanwhile."""
    at: float = 0


@dataclass(frozen=True, slots=True)
class Listening:
    """From now on every receiver of owed messages writes down what arrives."""

    at: float = 0


@dataclass(frozen=True, slots=True)
class Arrived:
    """An owed message at its receiver: the first time, or once more."""

    type: str
    """M5.2, M6 …"""
    receiver: str
    """HER-id; empty where the type alone says who gets it."""
    cause: str
    """MsgId of the message that caused it."""
    parent: str
    """MsgId that it refers to."""
    resept: str
    content: Mapping[str, Any] = field(default_factory=dict)
    at: float = 0


Entry = Asked | Answered | Failed | Killed | Injected | Healed | Listening | Arrived
_KINDS: dict[str, type[Entry]] = {
    kind.__name__: kind for kind in (Asked, Answered, Failed, Killed, Injected, Healed, Listening, Arrived)
}


class History:
    """Appends to a new file; may be used from several threads."""

    def __init__(self, path: Path, begun: float | None = None) -> None:
        """`begun`: when another history began that this one is to be merged with, by `time.monotonic`."""
        self.path = path
        self.answers = 0
        """How many answers there were so far."""
        self.begun = monotonic() if begun is None else begun
        self._file = path.open("x", buffering=1, encoding="utf-8")
        self._lock = threading.Lock()
        self._numbers = count()
        self._bodies: set[str] = set()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._file.close()

    def asked(self, asked: Asked) -> int:
        """Write down that a message leaves now; gives the attempt's number."""
        no = next(self._numbers)
        self._write("Asked", {**asdict(asked), "no": no})
        return no

    def answered(self, no: int, status: int, body: bytes) -> None:
        """Write down an answer that has come just now."""
        sha256 = hashlib.sha256(body).hexdigest()
        text = None if sha256 in self._bodies else body.decode()
        self._bodies.add(sha256)
        self._write("Answered", {"no": no, "status": status, "sha256": sha256, "body": text})
        self.answers += 1

    def failed(self, no: int, why: str, *, shed: bool = False) -> None:
        """Write down that an attempt got no answer."""
        self._write("Failed", {"no": no, "why": why, "shed": shed})

    def killed(self, what: str) -> None:
        """Write down what was killed just now."""
        self._write("Killed", {"what": what})

    def note(self, entry: Injected | Healed | Listening | Arrived) -> None:
        """Write down what is true from now on, or has come just now; its time is set here."""
        self._write(type(entry).__name__, asdict(entry))

    def _write(self, kind: str, fields: dict[str, Any]) -> None:
        with self._lock:
            fields["at"] = round(monotonic() - self.begun, 6)
            self._file.write(json.dumps({"kind": kind, **fields}) + "\n")


def read(*paths: Path) -> Iterator[Entry]:
    """The entries of histories that began together, in the order in which they were written."""
    return heapq.merge(*map(_read, paths), key=lambda entry: entry.at)


def _read(path: Path) -> Iterator[Entry]:
    with path.open(encoding="utf-8") as file:
        for line in file:
            fields = json.loads(line)
            yield _KINDS[fields.pop("kind")](**fields)
