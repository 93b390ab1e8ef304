"""The line on a terminal."""

from __future__ import annotations

import io

from reseptformidler.transfer.progress import Progress


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_the_line_says_how_far_it_is() -> None:
    """Part, rows, size, rate and what is left."""
    progress = Progress(400)
    assert progress.line("resept", 0.0).endswith("just begun")
    progress.advance("resept", 100, 1234, 50_000_000)
    assert progress.line("resept", 10.0) == "resept: 25%, 1,234 rows, 50 MB, 5 MB/s, 30 s left"


def test_only_a_terminal_sees_it() -> None:
    """A log file is not filled with lines."""
    for stream, expected in ((Terminal(), "\r\x1b[Kcomparing\r\x1b[K"), (io.StringIO(), "")):
        progress = Progress(1, stream)
        progress.say("comparing")
        progress.clear()
        assert stream.getvalue() == expected
