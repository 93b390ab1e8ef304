"""The service as it runs in production, on one machine: a PostgreSQL, and `serve` processes that share a port."""

from __future__ import annotations

import asyncio
import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterable, Mapping
from contextlib import ExitStack
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from types import TracebackType
from typing import Any, Self

import asyncpg
import psutil

from reseptformidler.domain.aktor import Aktor
from reseptformidler.embedded import EmbeddedPostgres
from reseptformidler.sandbox.pki import Pki
from reseptformidler.sandbox.population import Lege
from reseptformidler.store.keys import FileKek
from reseptformidler.store.migrate import migrate

KINDS = ("one server", "all servers", "PostgreSQL", "one backend of PostgreSQL", "PostgreSQL and all servers")
"""What can be killed."""
SERVERS = 2


class UnexpectedEnd(Exception):
    """A process of the service ended by itself."""


class Rig:
    """Everything in one folder. Use it as a context manager, in the main thread."""

    def __init__(self, folder: Path, parties: tuple[Iterable[Lege], Iterable[Aktor]]) -> None:
        """`parties`: who stands in the registers."""
        self.folder = folder
        folder.chmod(0o711)  # PostgreSQL runs under an account of its own when we are root
        self.postgres = EmbeddedPostgres(folder / "postgresql")
        self.pki = Pki.open(folder / "pki", datetime.now(UTC))
        self._parties = parties
        self._servers: list[subprocess.Popen[bytes] | None] = [None] * SERVERS
        self._postgres_runs = False
        self._open = ExitStack()

    def __enter__(self) -> Self:
        self._open.callback(self._stop)
        try:
            self.postgres.start()
            self._postgres_runs = True
            asyncio.run(_migrate(self.postgres.url()))
            self._environment = self._prepare()
            self.revive()
        except BaseException:
            self._open.close()
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._open.close()

    @property
    def address(self) -> str:
        """Where the servers listen."""
        return f"http://127.0.0.1:{self._environment['RF_PORT']}"

    def kill(self, kind: str, random: Random) -> None:
        """Kill -9 one of KINDS."""
        if kind == "one server":
            self._kill_servers([random.randrange(len(self._servers))])
        elif kind == "one backend of PostgreSQL":
            _kill_one(psutil.Process(self.postgres.pid), random)
        elif kind in KINDS:
            if "PostgreSQL" in kind:
                self.postgres.kill()
                self._postgres_runs = False
            if "all servers" in kind:
                self._kill_servers(range(len(self._servers)))
        else:
            raise ValueError(kind)

    def revive(self) -> None:
        """Start again what is down, as a supervisor would. UnexpectedEnd when something ended that nobody killed.

        A server that finds no database when it starts says so and ends: that is as it should be.
        """
        if not self._postgres_runs:
            self.postgres.start()
            self._postgres_runs = True
        assert self.postgres.pid
        for n, server in enumerate(self._servers):
            if server is None or self._ended(n, server):
                self._servers[n] = self._launch(n)

    def _ended(self, n: int, server: subprocess.Popen[bytes]) -> bool:
        if server.poll() is None:
            return False
        if not _last_line(self._log(n)).startswith("Cannot start: no database"):
            raise UnexpectedEnd(f"server {n} ended with {server.returncode}; see {self._log(n)}")
        return True

    def _log(self, n: int) -> Path:
        return self.folder / f"serve-{n}.log"

    def _kill_servers(self, numbers: Iterable[int]) -> None:
        for n in numbers:
            if server := self._servers[n]:
                server.kill()
                server.wait()
            self._servers[n] = None

    def _launch(self, n: int) -> subprocess.Popen[bytes]:
        with self._log(n).open("ab") as log:
            command = [sys.executable, "-m", "reseptformidler", "serve"]
            return subprocess.Popen(command, env=self._environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log)

    def _stop(self) -> None:
        self._kill_servers(range(len(self._servers)))
        self.postgres.stop()

    def _prepare(self) -> dict[str, str]:
        """Keys, registers and a port that stays ours; the environment of a server that uses them."""
        registers = self.folder / "registers.toml"
        registers.write_text(registers_toml(*self._parties), "utf-8")
        kek = self.folder / "kek"
        FileKek.create(kek)
        others = {name: value for name, value in os.environ.items() if not name.startswith("RF_")}
        return others | {
            "RF_DATABASE_URL": self.postgres.url(),
            "RF_KEK_FILE": str(kek),
            "RF_TRUST_DIR": str(self.pki.trust_dir),
            "RF_REGISTERS": str(registers),
            "RF_PORT": str(self._reserved_port()),
            "RF_REUSE_PORT": "true",
            "RF_METRICS_PORT": "0",
            "RF_ANSWER_SECONDS": "10",
        }

    def _reserved_port(self) -> int:
        """A port that nobody else gets while we live: it is bound, but does not listen, so no connection comes here."""
        holder = self._open.enter_context(socket.socket())
        holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        holder.bind(("127.0.0.1", 0))
        return int(holder.getsockname()[1])


def _last_line(path: Path) -> str:
    return (path.read_text("utf-8").splitlines() or [""])[-1]


def _kill_one(postgres: psutil.Process, random: Random) -> None:
    """Any child of the server: PostgreSQL then throws out everybody and recovers by itself."""
    while True:
        try:
            random.choice(postgres.children()).kill()
        except psutil.NoSuchProcess:
            continue
        return


async def _migrate(url: str) -> None:
    connection = await asyncpg.connect(url)
    try:
        await migrate(connection, include_post=True)
    finally:
        await connection.close()


def registers_toml(prescribers: Iterable[Lege], organisations: Iterable[Aktor]) -> str:
    """A register file (docs/registers.md) with these prescribers, their offices and these organisations."""
    prescribers = list(prescribers)
    offices = {lege.kontor.her: lege.kontor for lege in prescribers}
    tables = [_table("aktor", asdict(one)) for one in (*offices.values(), *organisations)]
    tables += [_table("helsepersonell", asdict(one.helsepersonell) | {"kort": [one.kort]}) for one in prescribers]
    return "\n".join(tables)


def _table(name: str, fields: Mapping[str, Any]) -> str:
    """TOML writes such values as JSON does; what is empty is left out."""
    lines = (f"{key} = {json.dumps(value)}" for key, value in fields.items() if value not in ("", None))
    return "\n".join((f"[[{name}]]", *lines, ""))
