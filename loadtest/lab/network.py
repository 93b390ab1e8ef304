"""The network between the datacentres: one namespace for each, with nothing but the switch between them."""

from __future__ import annotations

import ctypes
import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from loadtest.lab import leftovers, switch
from loadtest.lab.leftovers import LabError, program, run

T = TypeVar("T")

CENTRES = ("oslo", "trondheim", "tromso")
CLIENTS = "klienter"
PLACES = (*CENTRES, CLIENTS)
CLONE_NEWNET = 0x40000000
LARGEST_PACKET = 9000
"""More than a wide area network carries: fewer frames to copy, so that the machine has time for the service."""
THREADS = 4
"""So many calls at once can be made from one place."""


@dataclass(frozen=True, slots=True)
class Conditions:
    """How it is between all places. `cut`: (from, to), one way."""

    delay_ms: float = 1.0
    jitter_ms: float = 0.2
    loss: float = 0.0
    cut: frozenset[tuple[str, str]] = frozenset()

    def between(self, places: Iterable[str]) -> dict[str, dict[str, list[float]]]:
        """As the switch wants them."""
        places = tuple(places)
        near = [self.delay_ms / 1000, self.jitter_ms / 1000]
        return {
            one: {other: [*near, 1.0 if (one, other) in self.cut else self.loss] for other in places if other != one}
            for one in places
        }


BASE = Conditions()


def namespace(place: str) -> str:
    """The name of the network namespace."""
    return f"{leftovers.PREFIX}{place}"


def address(place: str, places: Iterable[str] = PLACES) -> str:
    """An address for documentation (RFC 5737): it exists in the namespaces only."""
    return f"192.0.2.{tuple(places).index(place) + 1}"


class Network:
    """Made by `start`, gone after `stop`. A crash's leftovers are cleared away by `leftovers`."""

    def __init__(self, folder: Path, places: Iterable[str] = PLACES) -> None:
        self.places = tuple(places)
        self._file = folder / "network.json"
        self._switch: subprocess.Popen[str] | None = None
        self._inside: dict[str, ThreadPoolExecutor] = {}

    def start(self) -> None:
        """Namespaces, the switch, and a wire between each two."""
        if os.geteuid() != 0 or not Path("/dev/net/tun").exists():
            raise LabError("the lab makes network namespaces and TAP devices: it needs root and /dev/net/tun")
        for place in self.places:
            run("ip", "netns", "add", namespace(place))
        self.set(BASE)
        command = [sys.executable, switch.__file__, str(self._file), *map(namespace, self.places)]
        self._switch = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, start_new_session=True
        )
        assert self._switch.stdout
        if self._switch.stdout.readline().strip() != switch.READY:
            raise LabError("the switch does not start")
        for number, place in enumerate(self.places, 1):
            self._connect(number, place)
            threads = ThreadPoolExecutor(THREADS, f"in {place}", initializer=_enter, initargs=(place,))
            self._inside[place] = threads

    def _connect(self, number: int, place: str) -> None:
        """Neighbours are known for good: a cut is then silence, as behind routers, and no `host unreachable`."""
        device = namespace(place)
        run("ip", "link", "set", device, "netns", namespace(place))
        others = [(n, other) for n, other in enumerate(self.places, 1) if other != place]
        lines = [
            f"link set dev {device} address {switch.address(number)} mtu {LARGEST_PACKET} txqueuelen 2000",
            f"address add {address(place, self.places)}/24 dev {device}",
            "link set dev lo up",
            f"link set dev {device} arp off up",
            *(
                f"neighbour add {address(other, self.places)} lladdr {switch.address(n)} nud permanent dev {device}"
                for n, other in others
            ),
        ]
        run("ip", "-n", namespace(place), "-batch", "-", given="\n".join(lines))

    def set(self, conditions: Conditions) -> None:
        """In force within a tenth of a second."""
        draft = self._file.with_suffix(".draft")
        between = conditions.between(self.places)
        ports = {namespace(one): {namespace(other): at for other, at in to.items()} for one, to in between.items()}
        draft.write_text(json.dumps(ports))
        draft.rename(self._file)

    def popen(self, place: str, argv: Iterable[str], **more: Any) -> subprocess.Popen[Any]:
        """Start a program there; `more` is for subprocess.Popen."""
        return subprocess.Popen([program("nsenter"), f"--net=/run/netns/{namespace(place)}", *argv], **more)

    def call(self, place: str, function: Callable[..., T], *given: Any) -> T:
        """Call a function whose sockets are made there."""
        return self._inside[place].submit(function, *given).result()

    def stop(self) -> None:
        """Everything that runs in the namespaces ends."""
        for threads in self._inside.values():
            threads.shutdown()
        self._inside.clear()
        if self._switch:
            assert self._switch.stdin
            assert self._switch.stdout
            self._switch.stdin.close()
            self._switch.wait()
            self._switch.stdout.close()
            self._switch = None
        leftovers.clear(self.places)


def _enter(place: str) -> None:
    """This thread, and no other, is in the namespace from now on."""
    assert threading.current_thread() is not threading.main_thread()
    with Path(f"/run/netns/{namespace(place)}").open() as there:
        libc = ctypes.CDLL(None, use_errno=True)
        if libc.setns(there.fileno(), CLONE_NEWNET) != 0:
            raise LabError(f"cannot enter {namespace(place)}: {os.strerror(ctypes.get_errno())}")
