"""The lab's network does what it is told, on real namespaces; it needs root and /dev/net/tun."""

from __future__ import annotations

import os
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from loadtest.lab.clock import shifted
from loadtest.lab.network import BASE, Conditions, Network, address, namespace

A, B, C = PLACES = tuple(f"{letter}{os.getpid()}" for letter in "abc")
PORT = 9
SECONDS_TO_HEAR = 0.2
"""The switch looks at its conditions more often than that."""


@pytest.fixture
def network(tmp_path: Path) -> Iterator[Network]:
    """Three places and the switch between them."""
    made = Network(tmp_path, PLACES)
    try:
        made.start()
        yield made
    finally:
        made.stop()


@pytest.fixture
def wires(network: Network) -> Iterator[dict[str, socket.socket]]:
    """A socket in each place."""
    made = {place: network.call(place, _bound, address(place, PLACES)) for place in PLACES}
    yield made
    for each in made.values():
        each.close()


def _bound(host: str) -> socket.socket:
    made = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    made.bind((host, PORT))
    made.settimeout(20)
    return made


def _send(wires: dict[str, socket.socket], place: str, to: str, text: bytes) -> None:
    wires[place].sendto(text, (address(to, PLACES), PORT))


def _set(network: Network, conditions: Conditions) -> None:
    network.set(conditions)
    time.sleep(SECONDS_TO_HEAR)


def _fastest(wires: dict[str, socket.socket], times: int) -> float:
    took = []
    for _ in range(times):
        begun = time.monotonic()
        _send(wires, A, B, b"?")
        wires[B].recv(99)
        took.append(time.monotonic() - begun)
    return min(took)


def test_a_delay_is_a_delay(network: Network, wires: dict[str, socket.socket]) -> None:
    assert _fastest(wires, 20) < 0.3  # the control: nothing else takes so long
    _set(network, Conditions(delay_ms=300, jitter_ms=0))
    assert _fastest(wires, 2) >= 0.3


def test_a_cut_is_one_way_and_between_two_places(network: Network, wires: dict[str, socket.socket]) -> None:
    _set(network, Conditions(cut=frozenset({(A, B)})))
    _send(wires, A, B, b"lost")
    _send(wires, A, C, b"to another place")
    _send(wires, B, A, b"the other way")
    assert wires[C].recv(99) == b"to another place"  # sent after the lost one: the switch has that behind it
    assert wires[A].recv(99) == b"the other way"
    _set(network, BASE)
    _send(wires, A, B, b"healed")
    assert wires[B].recv(99) == b"healed"


def test_a_loss_loses_some(network: Network, wires: dict[str, socket.socket]) -> None:
    _set(network, Conditions(loss=0.5))
    for _ in range(200):
        _send(wires, A, B, b"some")
        _send(wires, A, C, b"some")
    _set(network, BASE)
    _send(wires, A, B, b"last")
    heard = 0
    while wires[B].recv(99) != b"last":
        heard += 1
    assert 0 < heard < 200


def test_nothing_is_left_behind(network: Network) -> None:
    program = network.popen(A, ["sleep", "1000"], stdin=subprocess.DEVNULL)
    assert Path("/run/netns", namespace(A)).exists()
    network.stop()
    assert program.wait() != 0
    assert not [place for place in PLACES if Path("/run/netns", namespace(place)).exists()]


def test_a_shifted_clock_follows_its_file(tmp_path: Path) -> None:
    (tmp_path / "clock").write_text("-30.5")
    assert shifted(lambda: 100.0, tmp_path / "clock")() == 69.5
