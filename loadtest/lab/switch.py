"""An Ethernet switch in user space: for each pair of ports a delay, a jitter and a loss, in one direction.

It stands in for the kernel's netem, which many machines lack. Port number n belongs to address 02:00:00:00:00:0n. The
conditions stand in a JSON file, `{"from": {"to": [delay, jitter, loss]}}` in seconds and probability; loss 1 is a cut.
The file is read again when it has changed. The switch ends when its standard input does: it dies with its parent.
"""

from __future__ import annotations

import fcntl
import heapq
import json
import os
import random
import select
import struct
import sys
import time
from pathlib import Path

TUNSETIFF = 0x400454CA
IFF_TAP = 0x0002
IFF_NO_PI = 0x1000
LONGEST_FRAME = 9216
FRAMES_AT_ONCE = 64
SECONDS_BETWEEN_LOOKS = 0.05
"""How often the file of conditions is looked at."""
READY = "ready"


def tap(name: str) -> int:
    """A new network device; frames that the kernel sends through it are read here."""
    port = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
    fcntl.ioctl(port, TUNSETIFF, struct.pack("16sH22x", name.encode(), IFF_TAP | IFF_NO_PI))
    return port


def address(number: int) -> str:
    """The Ethernet address of port `number`, which begins with 1."""
    return f"02:00:00:00:00:{number:02x}"


class Conditions:
    """The file of conditions, as it was when it was last looked at."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._changed = 0
        self._looked = 0.0
        self.between: dict[str, dict[str, list[float]]] = {}

    def look(self, now: float) -> None:
        """Read the file if it has changed; at most every SECONDS_BETWEEN_LOOKS."""
        if now - self._looked < SECONDS_BETWEEN_LOOKS:
            return
        self._looked = now
        changed = self._path.stat().st_mtime_ns
        if changed != self._changed:
            self._changed = changed
            self.between = json.loads(self._path.read_text())


class Switch:
    """Frames in, frames out a moment later."""

    def __init__(self, names: list[str], conditions: Conditions) -> None:
        self._names = {tap(name): name for name in names}
        self._ports = {bytes.fromhex(address(n).replace(":", "")): port for n, port in enumerate(self._names, 1)}
        self._conditions = conditions
        self._waiting: list[tuple[float, int, int, bytes]] = []
        self._number = 0
        self._last: dict[tuple[int, int], float] = {}

    def run(self) -> None:
        """Until standard input ends."""
        readable = [*self._names, sys.stdin.fileno()]
        while True:
            ready, _, _ = select.select(readable, [], [], self._pause())
            now = time.monotonic()
            self._conditions.look(now)
            for port in ready:
                if port not in self._names:
                    return
                self._take(port, now)
            self._deliver()

    def _pause(self) -> float:
        """Until the next frame is due, or the file is to be looked at."""
        if not self._waiting:
            return SECONDS_BETWEEN_LOOKS
        return min(max(self._waiting[0][0] - time.monotonic(), 0), SECONDS_BETWEEN_LOOKS)

    def _take(self, port: int, now: float) -> None:
        leaving = self._conditions.between[self._names[port]]
        for _ in range(FRAMES_AT_ONCE):
            try:
                frame = os.read(port, LONGEST_FRAME)
            except BlockingIOError:
                return
            out = self._ports.get(frame[:6])  # nobody here needs a broadcast: all neighbours are known from the start
            if out is None or out == port:
                continue
            delay, jitter, loss = leaving[self._names[out]]
            if loss and random.random() < loss:
                continue
            # A route keeps its order: a frame never overtakes the one before it.
            due = max(now + delay + random.uniform(-jitter, jitter), self._last.get((port, out), 0))
            self._last[port, out] = due
            self._number += 1
            heapq.heappush(self._waiting, (due, self._number, out, frame))

    def _deliver(self) -> None:
        now = time.monotonic()
        while self._waiting and self._waiting[0][0] <= now:
            _, _, port, frame = heapq.heappop(self._waiting)
            try:
                os.write(port, frame)
            except OSError:  # the receiver's queue is full, or its device is down: the frame is lost, as on a wire
                continue


def main() -> None:
    """`switch.py CONDITIONS NAME…`: one device for each name."""
    path, *names = sys.argv[1:]
    conditions = Conditions(Path(path))
    conditions.look(time.monotonic())
    switch = Switch(names, conditions)
    print(READY, flush=True)
    switch.run()


if __name__ == "__main__":
    main()
