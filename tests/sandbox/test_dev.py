"""`dev` as a process: the whole sandbox in one command, its relay and receivers too."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.conftest import short_folder
from tests.system.process import SECONDS


@contextmanager
def dev(folder: Path, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    """The command on a free port, with everything it keeps in that folder."""
    folder.chmod(0o755)  # started by root, PostgreSQL runs under another account
    command = [sys.executable, "-m", "reseptformidler", "dev", "--port", "0", "--data-dir", str(folder), *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


def told(process: subprocess.Popen[str], last: str) -> str:
    """What it prints until a line begins so, or it ends."""
    assert process.stdout is not None
    lines: list[str] = []
    for line in process.stdout:
        lines.append(line)
        if line.startswith(last):
            break
    return "".join(lines)


@pytest.mark.timeout(120)
def test_the_first_story_in_another_time() -> None:
    """Messages and receipts are of the sandbox's clock: the relay does not find them years too old."""
    with short_folder() as folder, dev(folder, "--now", "2019-07-16T14:25:00+02:00") as process:
        text = told(process, "Serving")
        assert "→ received M6" in text
        assert "demo passed: 16 messages" in text
        process.send_signal(signal.SIGTERM)
        assert process.wait(SECONDS) == 0


@pytest.mark.timeout(120)
def test_a_port_that_is_taken() -> None:
    """One line says which; nothing is served."""
    with short_folder() as folder, socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with dev(folder, "--receiver-port", str(port)) as process:
            text = told(process, "Serving")
            assert process.wait(SECONDS) == 1
    assert f"Cannot start: --receiver-port {port}: " in text
    assert "Traceback" not in text
