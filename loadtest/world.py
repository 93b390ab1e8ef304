"""What is measured: `reseptformidler serve`, with a PostgreSQL, synthetic registers and a test PKI of its own."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import MappingProxyType

import asyncpg
import psutil

from reseptformidler.embedded import EmbeddedPostgres
from reseptformidler.sandbox.pki import Pki
from reseptformidler.sandbox.population import APOTEK, LEGEKONTOR, LEGER, refnumre
from reseptformidler.store.keys import FileKek
from reseptformidler.store.migrate import migrate

SERVE = (sys.executable, "-m", "reseptformidler", "serve")
POSTGRES = MappingProxyType({"shared_buffers": "2GB", "max_wal_size": "8GB"})
"""What a server of its own would have: tables in its memory, checkpoints minutes apart."""
SECONDS_TO_START = 60.0
SECONDS_TO_STOP = 30.0
CHECKOUT = Path(__file__).resolve().parent.parent


class NotStarted(Exception):
    """A measured process did not become ready; the text names its log."""


@dataclass(frozen=True, slots=True)
class World:
    """Everything the measured processes need, in one folder."""

    folder: Path
    postgres: EmbeddedPostgres
    pki: Pki

    def settings(self, database: str) -> dict[str, str]:
        """The environment of a `serve` on that database."""
        return {
            "RF_DATABASE_URL": self.postgres.url(database),
            "RF_KEK_FILE": str(self.folder / "kek"),
            "RF_TRUST_DIR": str(self.pki.trust_dir),
            "RF_REGISTERS": str(self.folder / "registers.toml"),
        }

    async def create_database(self, name: str, *, migrated: bool = True) -> str:
        """A new database; its URL."""
        await execute(self.postgres.url(), f"CREATE DATABASE {name}")
        url = self.postgres.url(name)
        if migrated:
            connection = await asyncpg.connect(url)
            try:
                await migrate(connection, include_post=True)
            finally:
                await connection.close()
        return url


@contextmanager
def world(folder: Path) -> Iterator[World]:
    """Start PostgreSQL there, committing as in production (fsync on), and write what the service reads."""
    pki = Pki.open(folder / "pki", datetime.now(UTC))
    FileKek.create(folder / "kek")
    (folder / "registers.toml").write_text(registers_toml(), "utf-8")
    with EmbeddedPostgres(folder / "postgresql", settings=POSTGRES) as postgres:
        yield World(folder, postgres, pki)


def registers_toml() -> str:
    """The sandbox's offices, pharmacies and doctors as a register file."""
    entries = []
    for one in (*LEGEKONTOR, *APOTEK):
        lok = f'lok = "{one.lok}"\n' if one.lok else ""
        entries.append(
            f'[[aktor]]\nher = "{one.her}"\nnavn = "{one.navn}"\ntype = "{one.type.value}"\nenh = "{one.enh}"\n{lok}'
            f'ako = "{one.ako}"\n'
        )
    for lege in LEGER:
        who = lege.helsepersonell
        entries.append(
            f'[[helsepersonell]]\nhpr = "{who.hpr}"\nfnr = "{who.fnr}"\nfornavn = "{who.fornavn}"\n'
            f'etternavn = "{who.etternavn}"\nkort = ["{lege.kort}"]\n'
        )
        numbers = ", ".join(f'"{number}"' for number in refnumre(lege))
        entries.append(f'[[refnr]]\nhpr = "{who.hpr}"\nnumre = [{numbers}]\n')
    return "\n".join(entries)


@dataclass(frozen=True, slots=True)
class Server:
    """One or several measured processes behind one port."""

    name: str
    port: int
    processes: tuple[psutil.Process, ...]

    def cpu_seconds(self) -> float:
        """CPU time of all its processes so far, user and system."""
        return sum(sum(process.cpu_times()[:2]) for process in self.processes)

    def memory(self) -> int:
        """Resident octets of all its processes."""
        return sum(process.memory_info().rss for process in self.processes)


@contextmanager
def serving(
    name: str, folder: Path, settings: Mapping[str, str] = MappingProxyType({}), *, processes: int = 1
) -> Iterator[Server]:
    """The service, in one process or in several that share a port."""
    port = free_port()
    shared = {"RF_PORT": str(port), "RF_REUSE_PORT": "true" if processes > 1 else "false", "RF_METRICS_PORT": "0"}
    with started(name, SERVE, folder, {**settings, **shared}, port, processes=processes) as server:
        yield server


@contextmanager
def started(
    name: str, command: tuple[str, ...], folder: Path, environment: Mapping[str, str], port: int, *, processes: int = 1
) -> Iterator[Server]:
    """Processes that answer /livez on that port, logging to files; they are stopped at the end."""
    inherited = {key: value for key, value in os.environ.items() if not key.startswith("RF_")}
    running: list[subprocess.Popen[bytes]] = []
    try:
        for number in range(processes):
            with (folder / f"{name}-{number}.log").open("wb") as log:
                running.append(
                    subprocess.Popen(command, cwd=CHECKOUT, env={**inherited, **environment}, stdout=log, stderr=log)
                )
        for process in running:
            _wait_until_ready(process, port, folder / name)
        yield Server(name, port, tuple(psutil.Process(process.pid) for process in running))
    finally:
        for process in running:
            process.terminate()
        for process in running:
            process.wait(SECONDS_TO_STOP)


def _wait_until_ready(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    """Until this very process listens (others may share the port) and the port answers."""
    end = time.monotonic() + SECONDS_TO_START
    while not (_listens(process.pid, port) and _answers(port)):
        if process.poll() is not None or time.monotonic() > end:
            raise NotStarted(f"see {log}-*.log")
        time.sleep(0.05)


def _listens(pid: int, port: int) -> bool:
    connections = psutil.Process(pid).net_connections("tcp")
    return any(one.status == psutil.CONN_LISTEN and one.laddr.port == port for one in connections)


def _answers(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/livez", timeout=2) as answer:
            return int(answer.status) == 200
    except (urllib.error.URLError, OSError):
        return False


def free_port() -> int:
    """A port nobody listens on at the moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


async def execute(url: str, statement: str) -> None:
    """Run statements on a connection of their own."""
    connection = await asyncpg.connect(url)
    try:
        await connection.execute(statement)
    finally:
        await connection.close()
