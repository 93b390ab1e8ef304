"""Rounds of faults while senders send: each fault is made, held, taken away, and all must be healthy again."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from random import Random

from loadtest.crash.history import Healed, History, Injected
from loadtest.drill.alerts import fired
from loadtest.drill.database import owed
from loadtest.drill.faults import FAULTS, Fault
from loadtest.drill.senders import LOOKED
from loadtest.lab.lab import CHECKOUT, Lab
from loadtest.lab.network import CLIENTS, address

SECONDS_TO_HEAL = 120.0
SECONDS_TO_ANSWER = 60.0
SECONDS_TO_QUIET = 30.0
SECONDS_TO_DELIVER = 180.0
ANSWERS_BETWEEN_FAULTS = 40
"""At least: each fault meets a service that works."""
LONGEST_PAUSE = 1.5


class Stuck(Exception):
    """The drill cannot go on: the lab does not heal, or the senders have ended."""


@dataclass(frozen=True, slots=True)
class Scene:
    """Who takes part."""

    lab: Lab
    senders: Senders
    history: History
    """Of the faults; the senders write their own."""
    random: Random
    tell: Callable[[str], None]


class Senders:
    """The process of the senders, and how many answers it has got so far."""

    def __init__(self, process: subprocess.Popen[str], history: Path) -> None:
        self._process = process
        self._history = history
        self._read = 0
        self.answers = 0

    def wait_for_answers(self, more: int = ANSWERS_BETWEEN_FAULTS) -> None:
        """Until that many more have come."""
        self._look()
        wanted, until = self.answers + more, time.monotonic() + SECONDS_TO_ANSWER
        while self.answers < wanted:
            if self._process.poll() is not None:
                raise Stuck(f"the senders have ended with {self._process.returncode}")
            if time.monotonic() > until:
                raise Stuck(f"the senders get no answers though all is healthy; see {self._history}")
            time.sleep(0.1)
            self._look()

    def _look(self) -> None:
        if not self._history.exists():
            return
        with self._history.open("rb") as file:
            file.seek(self._read)
            new = file.read()
        self._read += len(new)
        self.answers += new.count(b'{"kind": "Answered"')

    def finish(self) -> None:
        """No new errands; then everything is looked at once more."""
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write("stop\n")
        self._process.stdin.flush()
        if self._process.stdout.readline().strip() != LOOKED:
            raise Stuck(f"the senders have ended with {self._process.wait()}")


@contextmanager
def sending(lab: Lab, history: Path, begun: float, seed: int, rate: float) -> Iterator[Senders]:
    """Senders and receivers, in a process where the clients are."""
    given = {
        "address": lab.address,
        "host": address(CLIENTS),
        "pki": lab.folder / "pki",
        "history": history,
        "begun": begun,
        "seed": seed,
        "rate": rate,
    }
    argv = [sys.executable, "-m", "loadtest.drill.senders", *(f"--{name}={value}" for name, value in given.items())]
    process = lab.in_clients(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=CHECKOUT)
    try:
        yield Senders(process, history)
        process.stdin.close()
        process.wait(SECONDS_TO_ANSWER)
    finally:
        process.kill()
        process.wait()


def order(kinds: Sequence[str], rounds: int, random: Random) -> list[str]:
    """Random, but every kind comes before any comes again."""
    found: list[str] = []
    while len(found) < rounds:
        found += random.sample(kinds, len(kinds))
    return found[:rounds]


def drill(scene: Scene, kinds: Sequence[str]) -> None:
    """A round for each of these kinds, then time for everything that is owed."""
    for number, kind in enumerate(kinds, 1):
        scene.lab.wait_healthy(SECONDS_TO_HEAL)
        scene.senders.wait_for_answers()
        time.sleep(scene.random.uniform(0, LONGEST_PAUSE))
        _round(scene, kind, f"{number:>3}/{len(kinds)}")
    scene.senders.finish()
    _deliver(scene)


def _round(scene: Scene, kind: str, name: str) -> None:
    fault = FAULTS[kind]
    _wait_for_quiet(scene.lab, fault)
    begun = time.monotonic()
    scene.history.note(Injected(kind))
    with fault.inject(scene.lab, scene.random) as where:
        _hold(scene.lab, fault)
        held = time.monotonic() - begun
    scene.lab.wait_healthy(SECONDS_TO_HEAL)
    scene.senders.wait_for_answers(1)
    alerts = fired(scene.lab, time.monotonic() - begun)
    scene.history.note(Healed(kind, where, alerts))
    told = " ".join(name.removeprefix("Reseptformidler") for name in alerts) or "no alert"
    healthy = time.monotonic() - begun
    scene.tell(f"{name}  {kind:<40} {where:<18} {held:5.1f} s, healthy after {healthy:5.1f} s  {told}")


def _wait_for_quiet(lab: Lab, fault: Fault) -> None:
    """Until the alerts that must tell of this fault no longer tell of another one."""
    until = time.monotonic() + SECONDS_TO_QUIET
    while fault.alerts and fired(lab, 1, fault.alerts) and time.monotonic() < until:
        time.sleep(0.5)


def _hold(lab: Lab, fault: Fault) -> None:
    """As long as it must last, and until an alert tells of it or it has lasted long enough."""
    least, most = fault.seconds
    begun = time.monotonic()
    time.sleep(least)
    while fault.alerts and time.monotonic() - begun < most and not fired(lab, time.monotonic() - begun, fault.alerts):
        lab.tend()
        time.sleep(0.5)


def _deliver(scene: Scene) -> None:
    """Until the relay has nothing left, or has had enough time: then the checker will say what is missing."""
    until = time.monotonic() + SECONDS_TO_DELIVER
    while (waiting := owed(scene.lab)) and time.monotonic() < until:
        scene.lab.tend()
        time.sleep(0.5)
    scene.tell(f"{waiting} owed messages are left")
