"""What happened, one JSON object a line: every request, every answer, every attempt without one, every kill.

It is written while it happens, and is all that the checker knows. Times are seconds since the history began, from a
clock that only goes forward.
"""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Iterator
from dataclasses import asdict, dataclass
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
    at: float = 0


@dataclass(frozen=True, slots=True)
class Killed:
    """The end of some processes by SIGKILL."""

    what: str
    at: float = 0


Entry = Asked | Answered | Failed | Killed
_KINDS: dict[str, type[Asked | Answered | Failed | Killed]] = {
    kind.__name__: kind for kind in (Asked, Answered, Failed, Killed)
}


class History:
    """Appends to a new file; may be used from several threads."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.answers = 0
        """How many answers there were so far."""
        self._file = path.open("x", buffering=1, encoding="utf-8")
        self._lock = threading.Lock()
        self._numbers = count()
        self._begun = monotonic()
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

    def failed(self, no: int, why: str) -> None:
        """Write down that an attempt got no answer."""
        self._write("Failed", {"no": no, "why": why})

    def killed(self, what: str) -> None:
        """Write down what was killed just now."""
        self._write("Killed", {"what": what})

    def _write(self, kind: str, fields: dict[str, Any]) -> None:
        with self._lock:
            at = round(monotonic() - self._begun, 6)
            self._file.write(json.dumps({"kind": kind, **fields, "at": at}) + "\n")


def read(path: Path) -> Iterator[Entry]:
    """The entries of a history, in the order in which they were written."""
    with path.open(encoding="utf-8") as file:
        for line in file:
            fields = json.loads(line)
            yield _KINDS[fields.pop("kind")](**fields)
