"""The service on a restored cluster, with the copy of the key file: does it start, does it remember, does it answer?"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from loadtest.crash.history import History
from loadtest.crash.post import Letter, Post, session
from loadtest.crash.senders import Scene, look_at_everything
from loadtest.restore.load import Past, cast
from loadtest.restore.wait import until
from reseptformidler.sandbox.pki import Pki

SECONDS_TO_START = 60.0
SECONDS_TO_STOP = 30.0
OLD_MESSAGES_SECONDS = 86_400
"""What the runbook says: what is lost is sent again with its old GenDate, and 313 would become its answer for ever."""
SEED = 7_000_000
"""Far from the drill's own seeds: no MsgId is drawn twice."""


@dataclass(frozen=True, slots=True)
class Office:
    """What a service needs beside its database: its keys, its registers, its trust."""

    kek: Path
    registers: Path
    pki: Pki

    def environment(self, url: str, port: int) -> dict[str, str]:
        """The settings of a service on that database."""
        others = {name: value for name, value in os.environ.items() if not name.startswith("RF_")}
        return others | {
            "RF_DATABASE_URL": url,
            "RF_KEK_FILE": str(self.kek),
            "RF_TRUST_DIR": str(self.pki.trust_dir),
            "RF_REGISTERS": str(self.registers),
            "RF_PORT": str(port),
            "RF_LEAVE_SECONDS": "0",
            "RF_CLOCK_SKEW_SECONDS": str(OLD_MESSAGES_SECONDS),
        }


def check(environment: dict[str, str]) -> str:
    """What `reseptformidler check` finds wrong; empty when all is well."""
    command = [sys.executable, "-m", "reseptformidler", "check"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    failed = [line for line in done.stdout.splitlines() if line.startswith("FAILED")]
    return "; ".join(failed) or (f"exit status {done.returncode}" if done.returncode else "")


@contextmanager
def serving(environment: dict[str, str], log: Path) -> Iterator[str]:
    """The address of a `serve` process that lives as long as the block."""
    command = [sys.executable, "-m", "reseptformidler", "serve"]
    with log.open("ab") as file:
        process = subprocess.Popen(command, env=environment, stdin=subprocess.DEVNULL, stdout=file, stderr=file)
    port = int(environment["RF_PORT"])
    try:
        until(lambda: _listens(port, process), SECONDS_TO_START, f"serve does not listen; see {log}")
        yield f"http://127.0.0.1:{port}"
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(SECONDS_TO_STOP)


def _listens(port: int, process: subprocess.Popen[bytes]) -> bool:
    if process.poll() is not None:
        raise RuntimeError(f"serve ended with {process.returncode}")
    with socket.socket() as one:
        return one.connect_ex(("127.0.0.1", port)) == 0


def free_port() -> int:
    """A port that nobody uses now."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


async def look(address: str, pki: Pki, before: Past, history: History, number: int) -> None:
    """List every patient, download every prescription, repeat every kept message: all that was asked before."""
    async with session() as connections:
        post = Post(connections, address, history, lambda: True)
        scene = Scene(post, pki, SEED + number, prescribed=dict(before.prescribed))
        senders = cast(scene)
        for sender in senders:
            sender.kept = list(before.kept[sender.name])
        await look_at_everything(scene, senders)


async def repeat(address: str, before: Past, history: History, pki: Pki) -> None:
    """Repeat every kept message."""
    async with session() as connections:
        post = Post(connections, address, history, lambda: True)
        for sender in cast(Scene(post, pki, SEED)):
            for letter in before.kept[sender.name]:
                await post.send(letter, sender.random)


async def send_lost(address: str, lost: Sequence[Letter], history: History, pki: Pki) -> int:
    """Send again what was acknowledged after the moment that was restored; gives how many are accepted anew."""
    async with session() as connections:
        post = Post(connections, address, history, lambda: True)
        sender = cast(Scene(post, pki, SEED))[0]
        answers = [await post.send(letter, sender.random) for letter in lost]
    return sum(1 for one in answers if one is not None and one.kind == "accepted")
