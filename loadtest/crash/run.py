"""Rounds of load and kill -9, then a look at everything."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from random import Random

from loadtest.crash.history import History
from loadtest.crash.post import Post, session
from loadtest.crash.rig import Rig
from loadtest.crash.senders import Scene, Sender, look_at_everything, play
from reseptformidler.sandbox.pki import Pki

ANSWERS_BETWEEN_KILLS = 25
"""At least: each kill meets a service that works."""


@dataclass(frozen=True, slots=True)
class Played:
    """A scene that has ended."""

    scene: Scene
    senders: Sequence[Sender]


@dataclass(frozen=True, slots=True)
class Where:
    """Whom the senders send to, and what they do there."""

    address: str
    pki: Pki
    history: History
    seed: int


@contextmanager
def load(where: Where) -> Iterator[Future[Played]]:
    """Senders at work in a thread of their own for as long as the block lasts; the result is there after it."""
    stopped = threading.Event()
    with ThreadPoolExecutor(1) as threads:
        played = threads.submit(lambda: asyncio.run(_play(where, stopped.is_set)))
        try:
            yield played
        finally:
            stopped.set()


async def _play(where: Where, stopped: Callable[[], bool]) -> Played:
    async with session() as connections:
        post = Post(connections, where.address, where.history, stopped)
        scene = Scene(post, where.pki, where.seed)
        return Played(scene, await play(scene))


async def look(where: Where, played: Played) -> None:
    """Ask for everything once more, when nobody is killed any longer."""
    async with session() as connections:
        played.scene.post = Post(connections, where.address, where.history, lambda: True)
        await look_at_everything(played.scene, played.senders)


def crash(rig: Rig, where: Where, rounds: int, kinds: Sequence[str], tell: Callable[[str], None]) -> Played:
    """Kill and revive under load, `rounds` times, at random moments."""
    random = Random(where.seed)
    with load(where) as playing:
        for number in range(1, rounds + 1):
            until_answers(where.history, playing, rig)
            time.sleep(random.uniform(0, 1.5))
            kind = kinds[(number - 1) % len(kinds)] if number <= len(kinds) else random.choice(kinds)
            rig.kill(kind, random)
            where.history.killed(kind)
            tell(f"{number:>3}  killed {kind:<28} after {where.history.answers} answers")
            time.sleep(random.uniform(0, 0.5))
            rig.revive()
        until_answers(where.history, playing, rig)
    return playing.result()


def until_answers(history: History, playing: Future[Played], rig: Rig, number: int = ANSWERS_BETWEEN_KILLS) -> None:
    """Return when that many more answers have come; Unanswered (in a group) when a sender has given up."""
    wanted = history.answers + number
    while history.answers < wanted:
        rig.revive()
        if playing.done():
            playing.result()
        time.sleep(0.02)
