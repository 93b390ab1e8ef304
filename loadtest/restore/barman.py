"""Barman, run as the program that it is: base backups over the replication protocol, and a stream of the WAL.

Its configuration, catalogue and log stand in one folder. The password stands in a file that only the owner reads.
"""

from __future__ import annotations

import getpass
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

from loadtest.restore.wait import until

SERVER = "original"
STREAM = "barman_receive_wal"
"""How the stream of the WAL calls itself: PostgreSQL can be told to wait for it."""
SECONDS_TO_STREAM = 30.0
SECONDS_TO_END = 30.0
SECONDS_FOR_A_COMMAND = 1800.0

_CONFIGURATION = """\
[barman]
barman_user = {user}
barman_home = {home}
barman_lock_directory = {home}
log_file = {folder}/barman.log
configuration_files_directory = {folder}/barman.d
path_prefix = {programs}

[{server}]
description = the cluster of the drill
conninfo = {conninfo}
streaming_conninfo = {conninfo}
backup_method = postgres
immediate_checkpoint = true
streaming_archiver = on
archiver = off
slot_name = barman
create_slot = auto
"""


class ToolFailed(Exception):
    """Barman, or a program of PostgreSQL, said no. The text holds what it said."""


def find_barman() -> Path:
    """The program: beside our own virtual environment's Python, or in the search path. ToolFailed if nowhere."""
    beside = Path(sys.prefix) / "barman" / "bin" / "barman"
    found = beside if beside.exists() else shutil.which("barman")
    if not found:
        raise ToolFailed(f"barman is neither {beside} nor in the search path: see docs/runbook/restore.md")
    if not shutil.which("rsync"):
        raise ToolFailed("barman restores with rsync, which is not installed")
    return Path(found)


@dataclass(frozen=True, slots=True)
class Barman:
    """Barman with the catalogue of one server."""

    program: Path
    folder: Path

    @classmethod
    def configured(cls, program: Path, folder: Path, programs: Path, dsn: Mapping[str, Any]) -> Barman:
        """A new catalogue in `folder` for the server at `dsn`; `programs` is where pg_basebackup is."""
        (folder / "barman.d").mkdir(parents=True)
        (folder / "home").mkdir()
        password = folder / "pgpass"
        password.touch(0o600)
        password.write_text(f"*:*:*:*:{dsn['password']}\n")
        conninfo = f"host={dsn['host']} port={dsn['port']} user={dsn['user']} dbname={dsn['database']}"
        (folder / "barman.conf").write_text(
            _CONFIGURATION.format(
                user=getpass.getuser(), home=folder / "home", folder=folder, programs=programs,
                server=SERVER, conninfo=conninfo,
            )
        )  # fmt: skip
        return cls(program, folder)

    @property
    def base(self) -> Path:
        """Where the base backups are."""
        return self.folder / "home" / SERVER / "base"

    @property
    def archive(self) -> Sequence[Path]:
        """The folders of the WAL: whole segments, and what streams in."""
        return (self.folder / "home" / SERVER / "wals", self.folder / "home" / SERVER / "streaming")

    def run(self, command: str, *arguments: str) -> str:
        """What a command of Barman prints. ToolFailed when it fails."""
        return run([*self._command(command), *arguments], self._environment())

    @contextmanager
    def streaming(self) -> Iterator[subprocess.Popen[bytes]]:
        """The WAL streams in while the block lasts, or until the server is gone."""
        self.run("receive-wal", "--create-slot", SERVER)
        with (self.folder / "receive-wal.log").open("ab") as log:
            command = [*self._command("receive-wal"), SERVER]
            process = subprocess.Popen(
                command, env=self._environment(), stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                start_new_session=True,
            )  # fmt: skip
        try:
            yield process
        finally:
            process.terminate()
            process.wait(SECONDS_TO_END)

    def until_streaming(self, process: subprocess.Popen[bytes]) -> None:
        """Return when the first segment has been closed and has come in."""
        assert process.poll() is None, "the stream ended"
        partial = self.archive[1]
        until(lambda: any(partial.glob("*")), SECONDS_TO_STREAM, "no WAL streams in")
        self.run("switch-wal", "--force", "--archive", SERVER)

    def _command(self, name: str) -> list[str]:
        return [str(self.program), "-c", str(self.folder / "barman.conf"), name]

    def _environment(self) -> dict[str, str]:
        others = {name: value for name, value in os.environ.items() if not name.startswith("PG")}
        return others | {"PGPASSFILE": str(self.folder / "pgpass"), "LC_ALL": "C.UTF-8"}


def run(
    command: Sequence[str], environment: Mapping[str, str], identity: Mapping[str, Any] = MappingProxyType({})
) -> str:
    """What a program prints. ToolFailed when its exit status is not 0."""
    done: subprocess.CompletedProcess[str] = subprocess.run(
        command, env=dict(environment), capture_output=True, text=True, check=False, cwd="/",
        timeout=SECONDS_FOR_A_COMMAND, **identity,
    )  # fmt: skip
    if done.returncode != 0:
        raise ToolFailed(f"{Path(command[0]).name} {command[-1]}: {(done.stderr or done.stdout).strip()}")
    return done.stdout
