"""A real PostgreSQL server that starts and stops with us: for `dev` and for the tests, never for production.

It listens on a Unix socket only, asks for a generated password, and keeps everything in one folder. If we die, even
by SIGKILL, the kernel tells it to shut down. Only one process at a time may use a folder.
"""

from __future__ import annotations

import ctypes
import fcntl
import hashlib
import os
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType, TracebackType
from typing import IO, Any, Self
from urllib.parse import quote, urlencode

import psutil

from reseptformidler.embedded.binaries import EmbeddedPostgresError, Programs, programs_for, unfinished

USER = "reseptformidler"
PORT = 5432  # only names the socket file: nothing listens on the network
LONGEST_SOCKET_PATH = 107  # bytes, without the closing zero; sockaddr_un of Linux has 108
SECONDS_TO_START = 120.0  # recovery after a crash included
SECONDS_TO_STOP = 30.0
PR_SET_PDEATHSIG = 1

SETTINGS = MappingProxyType(
    {
        "listen_addresses": "",
        "max_connections": "100",
        "shared_buffers": "128MB",
        "shared_preload_libraries": "pg_stat_statements",
        "timezone": "UTC",
        # A failing statement's detail repeats the values of the row: they are about patients.
        "log_error_verbosity": "terse",
        "log_parameter_max_length": "0",
        "log_parameter_max_length_on_error": "0",
        "log_line_prefix": "%m [%p] %d ",
    }
)
UNSAFE_AND_FAST = MappingProxyType({"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"})


def default_base() -> Path:
    """The folder of a developer's own server: below XDG_DATA_HOME, without it below /var/lib for root.

    Root's home is closed to the account that runs PostgreSQL for root.
    """
    fallback = Path("/var/lib") if os.geteuid() == 0 else Path.home() / ".local/share"
    return Path(os.environ.get("XDG_DATA_HOME") or fallback) / "reseptformidler-dev"


class EmbeddedPostgres:
    """One PostgreSQL server in the folder `base`, which is its own: absent, empty, or made by an earlier run.

    `fsync=False` trades durability for speed; `settings` are added to, or replace, those of SETTINGS.
    Start it from the main thread: the kernel ties the server to the thread that started it.
    """

    def __init__(self, base: Path, *, fsync: bool = True, settings: Mapping[str, str] = MappingProxyType({})) -> None:
        self._base = base.absolute()
        self._data = self._base / "data-18"  # a major version of PostgreSQL reads only its own files
        self._password_file = self._base / "password"
        self._name = f"rf_{hashlib.sha256(bytes(self._data)).hexdigest()[:12]}"
        self._fsync = fsync
        self._settings = dict(settings)
        self._socket: Path | None = None
        self._lock: IO[str] | None = None
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> Self:
        """Start the server and return when it takes connections; EmbeddedPostgresError if it does not."""
        if threading.current_thread() is not threading.main_thread():
            raise EmbeddedPostgresError("start PostgreSQL from the main thread: it lives as long as its thread does")
        self._claim_folder()
        try:
            self._end_leftovers()
            programs = programs_for(self._base)
            if not self._data.exists():
                self._create_cluster(programs)
            self._socket = self._socket_folder(programs)
            self._process = self._launch(programs, self._socket)
            self._wait_until_ready()
        except BaseException:
            self.stop()
            raise
        return self

    def stop(self) -> None:
        """Shut the server down cleanly (by force when it does not listen) and let the folder go. Safe to repeat."""
        if self._process and self._process.poll() is None:
            self._process.send_signal(signal.SIGINT)
            try:
                self._process.wait(SECONDS_TO_STOP)
            except subprocess.TimeoutExpired:
                self.kill()
        self._let_go()

    def kill(self) -> None:
        """End every process of the server by SIGKILL and let the folder go; the kernel keeps what it was given."""
        if self._process and self._process.poll() is None:
            self._process.send_signal(signal.SIGSTOP)  # so that it starts no further child while we look
            for process in self._server_processes():
                process.kill()
            self._process.wait()
        _wait_until(lambda: not self._server_processes(), SECONDS_TO_STOP, "processes of a killed PostgreSQL remain")
        self._let_go()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def pid(self) -> int:
        """The process id of the running server."""
        return self._running().pid

    def dsn(self, database: str = "postgres") -> dict[str, Any]:
        """The keyword arguments of asyncpg.connect and create_pool for a database of this server."""
        self._running()
        return {
            "host": str(self._socket),
            "port": PORT,
            "user": USER,
            "password": self._password_file.read_text(),
            "database": database,
        }

    def url(self, database: str = "postgres") -> str:
        """The same as a postgresql:// URL, with the socket's folder in its query."""
        dsn = self.dsn(database)
        where = urlencode({"host": dsn["host"], "port": dsn["port"]})
        return f"postgresql://{quote(USER)}:{quote(dsn['password'])}@/{quote(database)}?{where}"

    def _running(self) -> subprocess.Popen[bytes]:
        if self._process is None or self._process.poll() is not None:
            raise EmbeddedPostgresError("PostgreSQL is not running")
        return self._process

    def _claim_folder(self) -> None:
        if self._lock:
            raise EmbeddedPostgresError("PostgreSQL is already started")
        mark = self._base / "embedded-postgres.lock"
        if self._base.exists() and not mark.exists() and any(self._base.iterdir()):
            raise EmbeddedPostgresError(f"{self._base} holds other files: PostgreSQL needs a folder of its own")
        self._base.mkdir(parents=True, exist_ok=True)
        self._base.chmod(0o711 if os.geteuid() == 0 else 0o700)
        lock = mark.open("w")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.close()
            raise EmbeddedPostgresError(f"another process already uses {self._base}") from None
        self._lock = lock

    def _let_go(self) -> None:
        self._process = None
        if self._socket and self._base not in self._socket.parents:
            shutil.rmtree(self._socket, ignore_errors=True)
        if self._lock:
            self._lock.close()
            self._lock = None

    def _server_processes(self) -> list[psutil.Process]:
        """Every live process of this server, found by the cluster name in its title, also when its parent is gone."""
        found = []
        for process in psutil.process_iter(["cmdline"]):
            words = process.info["cmdline"] or [""]  # a zombie has no command line
            if Path(words[0].split(":")[0]).name == "postgres" and self._name in " ".join(words):
                found.append(process)
        return found

    def _end_leftovers(self) -> None:
        """Wait for what an earlier owner of the folder left behind; a second server would spoil the data.

        Backends end by themselves when their server is gone. A server without an owner is asked to stop.
        """
        for process in self._server_processes():
            if not process.info["cmdline"][0].startswith("postgres:"):
                process.send_signal(signal.SIGINT)
        _wait_until(lambda: not self._server_processes(), SECONDS_TO_STOP, f"an earlier PostgreSQL uses {self._data}")

    def _create_cluster(self, programs: Programs) -> None:
        with os.fdopen(os.open(self._password_file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
            file.write(secrets.token_urlsafe(24))
        programs.give(self._password_file)
        with unfinished(self._data) as draft:
            programs.give(draft)
            command = [
                str(programs.folder / "initdb"),
                f"--pgdata={draft}",
                f"--username={USER}",
                "--auth=scram-sha-256",
            ]
            command += [f"--pwfile={self._password_file}", "--encoding=UTF8", "--data-checksums"]
            command += ["--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C"]
            command += [] if self._fsync else ["--no-sync"]
            done = subprocess.run(
                command, check=False, capture_output=True, text=True, env=_environment(), cwd="/", **programs.identity()
            )
            if done.returncode != 0:
                raise EmbeddedPostgresError(f"initdb failed: {done.stderr.strip()}")

    def _socket_folder(self, programs: Programs) -> Path:
        folder = self._base / "run"
        if len(os.fsencode(folder / f".s.PGSQL.{PORT}")) >= LONGEST_SOCKET_PATH:
            folder = Path(tempfile.mkdtemp(prefix="rf-pg-", dir="/tmp"))  # short, and open to its owner only
        folder.mkdir(mode=0o700, exist_ok=True)
        programs.give(folder)
        return folder

    def _launch(self, programs: Programs, socket: Path) -> subprocess.Popen[bytes]:
        settings = {**SETTINGS, "cluster_name": self._name, "unix_socket_directories": str(socket), "port": str(PORT)}
        settings |= {} if self._fsync else UNSAFE_AND_FAST
        settings |= self._settings
        command = [str(programs.folder / "postgres"), "-D", str(self._data)]
        command += [word for key, value in settings.items() for word in ("-c", f"{key}={value}")]
        with self._open_log() as log:
            return subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=_environment(),
                cwd="/",
                start_new_session=True,  # Ctrl-C is for us; we stop the server when we are done
                preexec_fn=_die_with_parent(),  # noqa: PLW1509 - one system call, nothing that could take a lock
                **programs.identity(),
            )

    def _open_log(self) -> IO[bytes]:
        """The server's log, a new file for each start; the one before is kept."""
        path = self._base / "postgres.log"
        if path.exists():
            path.replace(path.with_suffix(".log.1"))
        return path.open("wb")

    def _wait_until_ready(self) -> None:
        _wait_until(self._is_ready, SECONDS_TO_START, f"PostgreSQL is not ready; see {self._base}/postgres.log")

    def _is_ready(self) -> bool:
        process = self._process
        if process is None or process.poll() is not None:
            raise EmbeddedPostgresError(f"PostgreSQL stopped while starting; see {self._base}/postgres.log")
        try:
            lines = (self._data / "postmaster.pid").read_text().splitlines()
        except FileNotFoundError:
            return False
        return len(lines) >= 8 and lines[0] == str(process.pid) and lines[7].strip() == "ready"


def _environment() -> dict[str, str]:
    """Nothing of ours: PGDATA, PGPORT and the like would change what the server does."""
    return {"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C", "TZ": "UTC"}


def _die_with_parent() -> Callable[[], None] | None:
    """What the child does before it becomes PostgreSQL: ask the kernel for a fast shutdown when its parent ends."""
    if sys.platform != "linux":
        return None
    prctl = ctypes.CDLL(None).prctl
    parent = os.getpid()

    def in_child() -> None:
        prctl(PR_SET_PDEATHSIG, signal.SIGINT.value)
        if os.getppid() != parent:  # it ended before the kernel knew of our wish
            os._exit(1)

    return in_child


def _wait_until(condition: Callable[[], bool], seconds: float, otherwise: str) -> None:
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            raise EmbeddedPostgresError(otherwise)
        time.sleep(0.01)
