"""One line on a terminal that shows how far it is; nothing anywhere else."""

from __future__ import annotations

import sys
import time
from typing import TextIO

SECONDS_BETWEEN_LINES = 0.25
_CLEAR = "\r\x1b[K"


class Progress:
    """Counts what is done of a known amount of work."""

    def __init__(self, total: int, stream: TextIO = sys.stderr) -> None:
        self._total, self._done = max(1, total), 0
        self._rows = self._octets = 0
        self._begun = self._shown = time.monotonic()
        self._stream = stream

    def advance(self, what: str, work: int, rows: int, octets: int) -> None:
        """So much more is done."""
        self._done += work
        self._rows += rows
        self._octets += octets
        now = time.monotonic()
        if now - self._shown >= SECONDS_BETWEEN_LINES:
            self._shown = now
            self.say(self.line(what, now - self._begun))

    def line(self, what: str, seconds: float) -> str:
        """What is shown after so many seconds."""
        part = min(1.0, self._done / self._total)
        left = f"{seconds / part - seconds:.0f} s left" if part else "just begun"
        rate = self._octets / 1e6 / max(seconds, 1e-3)
        return f"{what}: {part:.0%}, {self._rows:,} rows, {self._octets / 1e6:,.0f} MB, {rate:,.0f} MB/s, {left}"

    def say(self, text: str) -> None:
        """In place of what was shown before."""
        if self._stream.isatty():
            self._stream.write(_CLEAR + text)
            self._stream.flush()

    def clear(self) -> None:
        """Leave an empty line."""
        self.say("")
