"""One datacentre: its processes, its disk, its clock."""

from __future__ import annotations

import http.client
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil

from loadtest.lab import clock, leftovers, reaper
from loadtest.lab.account import Account
from loadtest.lab.leftovers import LabError, program, run
from loadtest.lab.network import Network, address, namespace
from loadtest.lab.postgresql import REST, Cluster, etcd

ENGINES = ("etcd", "patroni")
SERVICE = ("web", "relay", "sweep")
COMPONENTS = (*ENGINES, *SERVICE)
PORTS = {"web": 8080, "relay": 9091, "sweep": 9092}
"""Of each process of the service, its metrics included."""
COMMANDS = {"web": "serve", "relay": "relay", "sweep": "sweep"}
AT_ONCE = {"agents": ("patroni", "postgres")}
DISK_MEGABYTES = 768
ATTEMPTS_TO_FILL = 50
SECONDS_TO_STOP = 60
SECONDS_BETWEEN_STARTS = 2.0
"""A process that ends by itself again and again shall not take the machine from the others."""
NO_DATABASE = "Cannot start: no database"
FAKETIME = "libfaketimeMT.so.1"


@dataclass(slots=True)
class Running:
    """A process that is meant to run."""

    process: subprocess.Popen[bytes]
    code: Path
    since: float = field(default_factory=time.monotonic)


class Datacentre:
    """Who kills also starts again; only `tend` starts what ended by itself."""

    def __init__(self, place: str, folder: Path, network: Network, account: Account, cluster: Cluster) -> None:
        self.place = place
        self.code = Path()
        self.environment: Mapping[str, str] = {}
        """Of the service's processes; set before the first of them starts."""
        self.unexpected_ends: list[str] = []
        self._folder = account.folder(folder)
        self._disk = folder / "disk"
        self._clock = folder / "clock"
        self._network = network
        self._account = account
        self._cluster = cluster
        self._running: dict[str, Running] = {}

    def prepare(self) -> None:
        """Disks, files, a right clock."""
        self._mount("disk", DISK_MEGABYTES)
        self._mount("etcd", 256)
        self._account.folder(self._folder / "run")
        self.jump_clock(0)
        configuration = self._cluster.patroni(self.place, self._folder, self._account.programs.folder)
        self._account.file(self._folder / "patroni.yaml", json.dumps(configuration, indent=1))  # JSON is YAML

    def start(self, component: str, code: Path | None = None) -> None:
        """Start a component that does not run. `code`: another checkout of the service."""
        if self.alive(component):
            raise LabError(f"{component} of {self.place} runs already")
        code = code or self.code
        log = (self._folder / f"{component}.log").open("ab")
        with log:
            process = self._network.popen(
                self.place,
                self._account.command("env", *self._command(component)),
                env=self._environment(component, code),
                cwd=code if component in SERVICE else "/",
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,  # Ctrl-C is for the lab
            )
        self._running[component] = Running(process, code)

    def _command(self, component: str) -> list[str]:
        if component == "etcd":
            return [program("etcd"), *etcd(self.place, self._folder / "etcd" / "data")]
        if component == "patroni":
            module = [sys.executable, clock.__file__, str(self._clock), "patroni", str(self._folder / "patroni.yaml")]
            return [sys.executable, reaper.__file__, *module]
        fake = [f"LD_PRELOAD={_faketime()}"]  # only after the change of account, which it would disturb
        return [*fake, sys.executable, "-m", "reseptformidler", COMMANDS[component]]

    def _environment(self, component: str, code: Path) -> dict[str, str]:
        environment = {name: value for name, value in os.environ.items() if not name.startswith("RF_")}
        environment |= {"HOME": str(self._folder), "PYTHONUNBUFFERED": "1", "PYTHONDONTWRITEBYTECODE": "1"}
        if component not in SERVICE:
            return environment
        environment |= {"PYTHONPATH": str(code), "FAKETIME_TIMESTAMP_FILE": str(self._clock)}
        environment |= {"FAKETIME_DONT_FAKE_MONOTONIC": "1", "FAKETIME_CACHE_DURATION": "1"}
        port = str(PORTS[component])
        return {**environment, **self.environment, "RF_PORT": port, "RF_METRICS_PORT": port}

    def kill(self, component: str) -> None:
        """SIGKILL; `postgres` is the postmaster alone, `patroni` leaves PostgreSQL running, `agents` is both."""
        for one in AT_ONCE.get(component, (component,)):
            if one == "postgres":
                self._signal_postmaster(signal.SIGKILL)
            else:
                self._end(one, signal.SIGKILL)

    def kill_all(self) -> None:
        """Every process of the datacentre at once."""
        leftovers.end_all(namespace(self.place))
        self.reap()

    def reap(self) -> None:
        """Nothing is meant to run any longer: wait for what ends."""
        for running in self._running.values():
            running.process.wait(SECONDS_TO_STOP)
        self._running.clear()

    def terminate(self, component: str) -> None:
        """SIGTERM, and wait for the end."""
        self._end(component, signal.SIGTERM)

    def _end(self, component: str, by: signal.Signals) -> None:
        if running := self._running.pop(component, None):
            running.process.send_signal(by)
            running.process.wait(SECONDS_TO_STOP)

    def _signal_postmaster(self, by: signal.Signals) -> None:
        if postmaster := self._postmaster():
            postmaster.send_signal(by)
            _, alive = psutil.wait_procs([postmaster], SECONDS_TO_STOP)
            if alive:
                raise LabError(f"PostgreSQL of {self.place} does not end")

    def _postmaster(self) -> psutil.Process | None:
        """The process that its own file names, if that is one of this datacentre."""
        data = self._disk / "data"
        try:
            process = psutil.Process(int((data / "postmaster.pid").read_text().splitlines()[0]))
            ours = str(data) in process.cmdline() or f"--data={data}" in " ".join(process.cmdline())
        except (FileNotFoundError, IndexError, ValueError, psutil.NoSuchProcess):
            return None
        return process if ours else None

    def alive(self, component: str) -> bool:
        """Does its process run?"""
        if component == "postgres":
            return self._postmaster() is not None
        running = self._running.get(component)
        return running is not None and running.process.poll() is None

    def tend(self) -> None:
        """Start again what ended by itself. To find no database is no reason to be told of; all else is."""
        for component, running in list(self._running.items()):
            if running.process.poll() is None or time.monotonic() < running.since + SECONDS_BETWEEN_STARTS:
                continue
            last = self.last_line(component)
            if not last.startswith(NO_DATABASE):
                status = running.process.returncode
                self.unexpected_ends.append(f"{component} of {self.place} ended with {status}: {last}")
            self.start(component, running.code)

    def last_line(self, component: str) -> str:
        """Of its log."""
        lines = (self._folder / f"{component}.log").read_text("utf-8", "replace").splitlines()
        return lines[-1] if lines else ""

    def jump_clock(self, seconds: float) -> None:
        """The wall clock of the service and of Patroni is wrong by so much from now on; 0: it is right."""
        self._clock.write_text(f"{seconds:+}\n")
        self._clock.chmod(0o644)

    def fill_disk(self) -> None:
        """Nothing more goes onto PostgreSQL's disk: it is made as small as what stands on it."""
        for _ in range(ATTEMPTS_TO_FILL):
            room = os.statvfs(self._disk)
            try:
                self._resize((room.f_blocks - room.f_bfree) * room.f_frsize)
            except LabError:  # PostgreSQL has taken more in the meantime
                continue
            return
        raise LabError(f"the disk of {self.place} cannot be filled")

    def free_disk(self) -> None:
        """There is room again."""
        self._resize(DISK_MEGABYTES << 20)

    def _resize(self, octets: int) -> None:
        run("mount", "-o", f"remount,size={octets}", str(self._disk))

    def patroni(self) -> dict[str, Any]:
        """What Patroni says of its PostgreSQL; empty when it says nothing."""
        said: dict[str, Any] = self.ask(REST, "/patroni")[1]
        return said

    def ask(self, port: int, path: str, body: Mapping[str, str] | None = None, seconds: float = 1.0) -> tuple[int, Any]:
        """One HTTP request from inside the datacentre: the status and the JSON of the answer. (0, {}): no answer."""
        return self._network.call(self.place, ask, address(self.place), port, path, body, seconds)

    def _mount(self, name: str, megabytes: int) -> None:
        where = self._account.folder(self._folder / name)
        options = f"size={megabytes}m"
        run("mount", "-t", "tmpfs", "-o", options, leftovers.MOUNT, str(where))
        self._account.folder(where)


def ask(host: str, port: int, path: str, body: Mapping[str, str] | None, seconds: float) -> tuple[int, Any]:
    connection = http.client.HTTPConnection(host, port, timeout=seconds)
    try:
        sent = json.dumps(body) if body else None
        connection.request("POST" if body else "GET", path, sent, {"Content-Type": "application/json"})
        response = connection.getresponse()
        octets = response.read()
    except (OSError, http.client.HTTPException):
        return 0, {}
    finally:
        connection.close()
    try:
        return response.status, json.loads(octets)
    except ValueError:
        return response.status, octets.decode("utf-8", "replace")


def _faketime() -> str:
    found = sorted(Path("/usr/lib").glob(f"*/faketime/{FAKETIME}"))
    if not found:
        raise LabError(f"{FAKETIME} is not installed; the lab needs Debian's {leftovers.PACKAGES}")
    return str(found[0])
