"""The long walk: `python -m tests.model --steps 1000000 --seed 1`; with `--faults`, which planted faults it finds."""

from __future__ import annotations

import argparse
import sys
import time

from reseptformidler import log
from reseptformidler.embedded import EmbeddedPostgres
from tests.conftest import short_folder
from tests.model.faults import FAULTS, found
from tests.model.machine import walk
from tests.model.walk import Count
from tests.model.world import World, world

TELL_SECONDS = 30.0
TOLD = 80
"""Lines of a history that went wrong."""
APART = 1_000_000
"""Between the first histories of two seeds."""


def main() -> int:
    """0: nothing was found; with `--faults`, everything was."""
    parser = argparse.ArgumentParser(prog="python -m tests.model", description=__doc__)
    parser.add_argument("--steps", type=int, default=10_000, help="messages that are answered")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--shrink", action="store_true", help="look for the shortest history that goes wrong")
    parser.add_argument("--faults", action="store_true", help="plant each fault in turn; --steps is for each of them")
    asked = parser.parse_args()
    log.configure("error")
    with (
        short_folder() as base,
        short_folder() as folder,
        EmbeddedPostgres(base, fsync=False) as server,
        world(server.url(), folder) as made,
    ):
        return _find_all(made, asked) if asked.faults else _walk(made, asked)


def _walk(world: World, asked: argparse.Namespace) -> int:
    count, begun = Telling(asked.steps), time.monotonic()
    try:
        walk(world, count, asked.steps, asked.seed * APART, shrink=asked.shrink)
    except Exception as error:  # noqa: BLE001  # whatever it is, the history belongs to it
        tell("\n".join(count.history[-TOLD:]))
        tell(f"\nafter {count.broken} messages: {count.why or repr(error)}")
        return 1
    finally:
        seconds = time.monotonic() - begun
        tell(table(count))
        tell(f"{count.steps} messages in {seconds:.0f} s, {count.steps / seconds:.0f}/s; seed {asked.seed}")
    return 0


def _find_all(world: World, asked: argparse.Namespace) -> int:
    missed = 0
    for fault in FAULTS:
        count = found(world, fault, asked.steps, asked.seed * APART)
        missed += count.broken is None
        after = "not found" if count.broken is None else f"{count.broken:>9}"
        tell(f"{fault.what:<46} {after}  {count.why[:120]}")
    return missed


class Telling(Count):
    """Tells now and then how far it has come."""

    def __init__(self, wanted: int) -> None:
        super().__init__()
        self._wanted = wanted
        self._told = time.monotonic()

    def add(self, steps: int) -> None:
        """So many more."""
        super().add(steps)
        now = time.monotonic()
        if now - self._told > TELL_SECONDS:
            self._told = now
            tell(f"{self.steps} of {self._wanted}")


def tell(text: str) -> None:
    """To who waits, at once."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def table(count: Count) -> str:
    """How often each sort of message met each outcome."""
    rows = sorted(count.outcomes.items())
    return "\n".join(f"{kind:<20} {outcome:<20} {number:>9}" for (kind, outcome), number in rows)


if __name__ == "__main__":
    sys.exit(main())
