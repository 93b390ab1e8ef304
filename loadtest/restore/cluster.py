"""A cluster that Barman restores into an empty folder, and what PostgreSQL's own programs say of it."""

from __future__ import annotations

import asyncio
import os
import shutil
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import asyncpg

from loadtest.restore.barman import SERVER, Barman, run
from loadtest.restore.wait import until
from reseptformidler.embedded import EmbeddedPostgres, EmbeddedPostgresError
from reseptformidler.embedded.binaries import Programs, programs_for

SECONDS_TO_REPLAY = 1800.0


class NotRecovered(Exception):
    """PostgreSQL ended before the target was reached."""


@dataclass(slots=True)
class Cluster:
    """One restored cluster. `seconds` says what took how long."""

    server: EmbeddedPostgres
    programs: Programs
    data: Path
    password: Path
    seconds: dict[str, float] = field(default_factory=dict)

    @classmethod
    def restored(cls, barman: Barman, password: Path, base: Path, target: Sequence[str]) -> Cluster:
        """The files of a backup and the WAL up to a target, in a folder where nothing was. It is not started."""
        base.mkdir(mode=0o711)
        (base / "embedded-postgres.lock").touch()  # the mark by which EmbeddedPostgres knows a folder of its own
        programs = programs_for(base)
        shutil.copy(password, base / "password")
        programs.give(base / "password")
        data = base / "data-18"
        begun = time.monotonic()
        barman.run("restore", "--partial-wal", *target, SERVER, "latest", str(data))
        seconds = {"restore": time.monotonic() - begun}
        for path in (data, *data.rglob("*")):
            programs.give(path)
        # The copy must not wait for the standby of the original: Barman's stream is not connected to it.
        server = EmbeddedPostgres(base, settings={"synchronous_standby_names": ""})
        return cls(server, programs, data, base / "password", seconds)

    def start(self) -> None:
        """Replay the WAL and return when the cluster can be written to. NotRecovered when it ends instead."""
        begun = time.monotonic()
        try:
            self.server.start()
            until(self._is_promoted, SECONDS_TO_REPLAY, "the replay takes too long")
        except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, EmbeddedPostgresError):
            self.server.stop()
            raise NotRecovered(f"see {self.data.parent}/postgres.log") from None
        self.seconds["replay"] = time.monotonic() - begun

    @contextmanager
    def running(self) -> Iterator[None]:
        """Started, and stopped cleanly after the block."""
        self.start()
        try:
            yield
        finally:
            self.server.stop()

    def _is_promoted(self) -> bool:
        return not asyncio.run(self._in_recovery())

    async def _in_recovery(self) -> bool:
        connection = await asyncpg.connect(**self.server.dsn())
        try:
            return bool(await connection.fetchval("SELECT pg_is_in_recovery()"))
        finally:
            await connection.close()

    def check_indexes(self) -> None:
        """pg_amcheck: every table's pages, every index against its table. ToolFailed when something is wrong."""
        dsn = self.server.dsn()
        begun = time.monotonic()
        command = [str(self.programs.folder / "pg_amcheck"), "--install-missing", "--heapallindexed", "--parent-check"]
        where = [f"--host={dsn['host']}", f"--port={dsn['port']}", f"--username={dsn['user']}", "--no-password"]
        run([*command, *where, dsn["database"]], {**os.environ, "PGPASSWORD": dsn["password"]})
        self.seconds["amcheck"] = time.monotonic() - begun

    def check_pages(self) -> None:
        """pg_checksums, of the stopped cluster: every page's checksum. ToolFailed when one is wrong."""
        begun = time.monotonic()
        command = [str(self.programs.folder / "pg_checksums"), "--check", "-D", str(self.data)]
        run(command, {"LC_ALL": "C"}, self.programs.identity())
        self.seconds["checksums"] = time.monotonic() - begun
