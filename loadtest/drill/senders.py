"""The senders of a drill: a process of its own, in the clients' namespace, with the receivers of what is owed.

`python -m loadtest.drill.senders`: it sends from its start until a line comes on standard input, then waits for every
answer, looks at everything once more and says so on standard output; the receivers stay until standard input ends.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path
from random import Random

from loadtest.crash.history import History
from loadtest.crash.post import Patience, Post, Unanswered, session
from loadtest.crash.senders import DOCTORS, PHARMACIES, Doctor, Pharmacy, Scene, Sender, look_at_everything
from loadtest.drill.receivers import receiving
from reseptformidler.sandbox.pki import Pki

PATIENT = Patience(for_an_answer=35.0, for_a_connection=3.0, pauses=(0.5, 1.0, 2.0, 4.0), to_give_up=240.0)
"""As real senders: one retry soon, later ones after growing pauses. A message is dated, and not sent for ever."""
MOST_ERRANDS = 2000
"""At once. Customers who find a longer queue go elsewhere."""
LOOKED = "looked"
"""What it says when every answer is there."""

_DOCTORS: tuple[tuple[float, Callable[[Doctor], Awaitable[None]]], ...] = (
    (1.0, Doctor.prescribe),
    (0.10, Doctor.recall),
    (0.06, Sender.repeat),
)
_PHARMACIES: tuple[tuple[float, Callable[[Pharmacy], Awaitable[None]]], ...] = (
    (1.65, Pharmacy.serve),
    (0.12, Pharmacy.grab),
    (0.10, Pharmacy.annul),
    (0.03, Pharmacy.report_unasked),
    (0.14, Sender.repeat),
)
"""How often each errand is, to one prescription: the mix of the load test, with what goes wrong."""
MESSAGES_A_PRESCRIPTION = 6.6
"""Of all kinds."""


class Traffic:
    """Errands at random moments, whether the ones before have ended or not."""

    def __init__(self, scene: Scene) -> None:
        self.scene = scene
        self.doctors = [Doctor(scene, lege) for lege in DOCTORS]
        self.pharmacies = [Pharmacy(scene, aktor) for aktor in PHARMACIES]
        self.random = Random(f"{scene.seed} errands")
        self._errands: set[asyncio.Task[None]] = set()

    async def flow(self, messages_a_second: float) -> None:
        """Until the scene ends, and every errand with it."""
        weights = [weight for weight, _ in (*_DOCTORS, *_PHARMACIES)]
        rate = messages_a_second / MESSAGES_A_PRESCRIPTION * sum(weights)
        async with asyncio.TaskGroup() as group:
            while not self.scene.post.stopped():
                await asyncio.sleep(self.random.expovariate(rate))
                if len(self._errands) < MOST_ERRANDS:
                    task = group.create_task(self._errand(weights))
                    self._errands.add(task)
                    task.add_done_callback(self._errands.discard)

    async def _errand(self, weights: list[float]) -> None:
        """The first ones prescribe: pharmacies have nothing to do yet."""
        [number] = self.random.choices(range(len(weights)), weights) if self.scene.hot else [0]
        try:
            if number < len(_DOCTORS):
                await _DOCTORS[number][1](self.random.choice(self.doctors))
            else:
                await _PHARMACIES[number - len(_DOCTORS)][1](self.random.choice(self.pharmacies))
        except Unanswered:
            return  # the history shows it


async def main() -> None:
    """Send, look, receive to the end."""
    given = _arguments()
    random = Random(f"{given.seed} receivers")
    stop, end = asyncio.Event(), asyncio.Event()
    watch = asyncio.create_task(_watch(stop, end))
    with History(given.history, given.begun) as history:
        async with receiving(given.host, history, random), session(PATIENT) as connections:
            post = Post(connections, given.address, history, stop.is_set, PATIENT)
            traffic = Traffic(Scene(post, Pki.open(given.pki, datetime.now(UTC)), given.seed, faint=0))
            await traffic.flow(given.rate)
            await look_at_everything(traffic.scene, [*traffic.doctors, *traffic.pharmacies])
            print(LOOKED, flush=True)
            await end.wait()
    await watch


async def _watch(stop: asyncio.Event, end: asyncio.Event) -> None:
    """A line, then the end of standard input; the end alone is both, so the senders die with who started them."""
    await asyncio.to_thread(sys.stdin.readline)
    stop.set()
    await asyncio.to_thread(sys.stdin.read)
    end.set()


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser("loadtest.drill.senders", description=__doc__)
    parser.add_argument("--address", required=True, help="of the service")
    parser.add_argument("--host", required=True, help="address on which the receivers listen")
    parser.add_argument("--pki", type=Path, required=True, help="folder of the certificate authority")
    parser.add_argument("--history", type=Path, required=True, help="file to write")
    parser.add_argument("--begun", type=float, required=True, help="when the history began (monotonic clock)")
    parser.add_argument("--seed", type=int, required=True, help="of all random choices")
    parser.add_argument("--rate", type=float, default=35.0, help="messages a second (35)")
    return parser.parse_args()


if __name__ == "__main__":
    asyncio.run(main())
