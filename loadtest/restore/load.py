"""The senders of the crash test, at work in a thread of their own until they are cut off.

What they wait for then will not come, so nobody waits with them.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from loadtest.crash.history import History
from loadtest.crash.post import Letter, Post, session
from loadtest.crash.senders import DOCTORS, PHARMACIES, Doctor, Pharmacy, Scene, Sender
from reseptformidler.sandbox.pki import Pki

ANSWERS_AT_LEAST = 50
"""In each part of the drill: the load is a load."""


def cast(scene: Scene) -> list[Sender]:
    """All senders of a scene."""
    return [*(Doctor(scene, lege) for lege in DOCTORS), *(Pharmacy(scene, aktor) for aktor in PHARMACIES)]


@dataclass(slots=True)
class Load:
    """Senders at work. What they remember is theirs until they are cut off."""

    history: History
    senders: list[Sender] = field(default_factory=list)
    _playing: Future[None] = field(default_factory=Future)

    def go_on(self, seconds: float) -> None:
        """Let them work for some time, and until ANSWERS_AT_LEAST have come; what ended them is raised."""
        end, wanted = time.monotonic() + seconds, self.history.answers + ANSWERS_AT_LEAST
        while time.monotonic() < end or self.history.answers < wanted:
            if self._playing.done():
                self._playing.result()
            time.sleep(0.02)

    def kept(self) -> dict[str, list[Letter]]:
        """The letters that each sender remembers, by its name: all were answered."""
        return {one.name: list(one.kept) for one in self.senders}


@contextmanager
def load(address: str, pki: Pki, history: History, seed: int) -> Iterator[Load]:
    """Senders at work for as long as the block lasts; then they are cut off, whatever they wait for."""
    loop = asyncio.new_event_loop()
    working = Load(history)
    task = loop.create_task(_play(working, address, pki, seed))
    with ThreadPoolExecutor(1) as threads:
        working._playing = threads.submit(_until_cut, loop, task)  # noqa: SLF001  # it is ours to set
        try:
            yield working
        finally:
            loop.call_soon_threadsafe(task.cancel)
    working._playing.result()  # noqa: SLF001


def _until_cut(loop: asyncio.AbstractEventLoop, task: asyncio.Task[None]) -> None:
    try:
        loop.run_until_complete(task)
    except asyncio.CancelledError:
        return
    finally:
        loop.close()


async def _play(working: Load, address: str, pki: Pki, seed: int) -> None:
    async with session() as connections, asyncio.TaskGroup() as group:
        scene = Scene(Post(connections, address, working.history, lambda: False), pki, seed)
        working.senders = cast(scene)
        for sender in working.senders:
            group.create_task(sender.work())


@dataclass(frozen=True, slots=True)
class Past:
    """What had happened at some moment: its history, the prescriptions asked for, the letters answered."""

    path: Path
    prescribed: dict[str, int]
    kept: dict[str, Sequence[Letter]]
    answered: dict[str, str]
    """By MsgId: the SHA-256 of the first answer that was a message."""
    seconds: dict[str, float]
    """By MsgId: when that answer came."""

    def lost(self, before: Past) -> list[Letter]:
        """The prescriptions that were acknowledged later than `before`, of those that are remembered."""
        letters = (one for kept in self.kept.values() for one in kept)
        return [one for one in letters if one.asked.verb == "prescribe" and one.asked.msg_id not in before.answered]


def past(history: Path, kept: Mapping[str, Sequence[Letter]], seconds: float, path: Path) -> Past:
    """The first `seconds` of a history, written to `path`. What is unanswered then is of unknown outcome."""
    asked: dict[int, str] = {}
    found = Past(path, {}, {}, {}, {})
    with history.open(encoding="utf-8") as lines, path.open("w", encoding="utf-8") as file:
        for line in lines:
            entry = json.loads(line)
            if entry["at"] > seconds:
                continue
            file.write(line)
            if entry["kind"] == "Asked":
                asked[entry["no"]] = entry["msg_id"]
                if entry["verb"] == "prescribe":
                    found.prescribed[entry["resept"]] = entry["patient"]
            elif entry["kind"] == "Answered" and entry["status"] == 200:
                msg_id = asked[entry["no"]]
                found.answered.setdefault(msg_id, entry["sha256"])
                found.seconds.setdefault(msg_id, entry["at"])
    for name, letters in kept.items():
        found.kept[name] = [one for one in letters if one.asked.msg_id in found.answered]
    return found
