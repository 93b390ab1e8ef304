"""Clear away what a lab made: processes, mounts and namespaces, also when the lab itself was killed.

`python -m loadtest.lab.leftovers` is started beside each lab. It waits until its standard input ends, which happens
when the lab ends in whatever way, and then clears away what is still there.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

PREFIX = "rf-"
"""Of the names of our network namespaces."""
MOUNT = "rf-lab"
"""What our mounts are called in the kernel's list."""
PACKAGES = "etcd-server, faketime, haproxy, iproute2, prometheus and util-linux"
SECONDS_TO_GO = 2.0
SECONDS_TO_END = 10.0


class LabError(Exception):
    """The lab cannot run; the text says why."""


def clear(places: Iterable[str]) -> None:
    """End every process in the namespaces of these places, then remove the namespaces."""
    there = [f"{PREFIX}{place}" for place in places if Path(f"/run/netns/{PREFIX}{place}").exists()]
    for name in there:
        _end_politely(name)
    for name in there:
        end_all(name)
        run("ip", "netns", "delete", name)
    _forget_clocks()


def _end_politely(name: str) -> None:
    """PostgreSQL is asked to go at once: killed for good it would leave shared memory behind."""
    for pid in _processes(name):
        _signal(pid, signal.SIGQUIT if _is_postgres(pid) else signal.SIGKILL)
    until = time.monotonic() + SECONDS_TO_GO
    while time.monotonic() < until and list(_processes(name)):
        time.sleep(0.02)


def end_all(name: str) -> None:
    """SIGKILL for every process in a namespace, until there is none."""
    until = time.monotonic() + SECONDS_TO_END
    while pids := list(_processes(name)):
        for pid in pids:
            _signal(pid, signal.SIGKILL)
        if time.monotonic() > until:
            raise TimeoutError(f"processes remain in {name}: {pids}")
        time.sleep(0.02)


def _processes(name: str) -> Iterator[int]:
    for word in run("ip", "netns", "pids", name).split():
        if int(word) != os.getpid():
            yield int(word)


def _is_postgres(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/comm").read_text().strip() == "postgres"
    except (FileNotFoundError, ProcessLookupError):
        return False


def _signal(pid: int, what: signal.Signals) -> None:
    try:
        os.kill(pid, what)
    except ProcessLookupError:
        return  # it was faster


def _forget_clocks() -> None:
    """What libfaketime leaves behind when its process is killed: its names end with the number of the process."""
    for path in Path("/dev/shm").glob("*faketime_*"):  # noqa: S108 - where the C library keeps shared memory
        if not Path("/proc", path.name.rpartition("_")[2], "exe").exists():  # a process that only waits has none
            path.unlink(missing_ok=True)


def run(*argv: str, given: str = "") -> str:
    """The output of a program of the system. LabError when it fails."""
    done = subprocess.run(argv, check=False, input=given, capture_output=True, text=True)
    if done.returncode != 0:
        raise LabError(f"{' '.join(argv)}: {done.stderr.strip()}")
    return done.stdout


def program(name: str) -> str:
    """Where an installed program stands."""
    found = shutil.which(name, path=f"{os.environ.get('PATH', os.defpath)}:/usr/sbin:/sbin")
    if found is None:
        raise LabError(f"{name} is not installed; the lab needs Debian's {PACKAGES}")
    return found


def unmount_all() -> None:
    """Every mount that a lab made."""
    lines = Path("/proc/self/mounts").read_text().splitlines()
    for device, where, *_ in (line.split() for line in lines):
        if device == MOUNT:
            run("umount", where)


def main() -> None:
    """Wait for the end of the lab, then clear away."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    sys.stdin.read()
    clear(sys.argv[1:])
    unmount_all()


if __name__ == "__main__":
    main()
