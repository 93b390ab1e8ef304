"""The embedded PostgreSQL: it keeps what it committed, leaves no process behind, and stays in its folder."""

from __future__ import annotations

import asyncio
import os
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import asyncpg
import psutil
import pytest

from reseptformidler.embedded import EmbeddedPostgres, EmbeddedPostgresError, default_base
from tests.conftest import short_folder

OWNER = """
import sys, time
from pathlib import Path
from reseptformidler.embedded import EmbeddedPostgres
server = EmbeddedPostgres(Path(sys.argv[1])).start()
print(server.url(), flush=True)
time.sleep(60)
"""


@pytest.fixture(scope="module")
def base() -> Iterator[Path]:
    """A folder with a cluster in it; each test starts and stops its own server there and uses its own table."""
    with short_folder() as path:
        EmbeddedPostgres(path).start().stop()
        yield path


async def fetch(url: str, *statements: str) -> list[asyncpg.Record]:
    connection = await asyncpg.connect(url)
    try:
        for statement in statements[:-1]:
            await connection.execute(statement)
        return await connection.fetch(statements[-1])
    finally:
        await connection.close()


def processes(base: Path) -> list[psutil.Process]:
    return EmbeddedPostgres(base)._server_processes()


def wait_for(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.02)


async def test_it_starts_on_an_empty_folder_and_leaves_no_process(folder: Path) -> None:
    """From nothing to PostgreSQL 18 with checksums and the builtin locale; after stop nothing runs."""
    with EmbeddedPostgres(folder) as server:
        version, checksums = (await fetch(server.url(), "SELECT version(), current_setting('data_checksums')"))[0]
        locale = "SELECT datlocprovider, datlocale FROM pg_database WHERE datname = 'postgres'"
        assert tuple((await fetch(server.url(), locale))[0]) == (b"b", "C.UTF-8")
        assert len(processes(folder)) > 3
    assert version.startswith("PostgreSQL 18.")
    assert checksums == "on"
    assert processes(folder) == []


async def test_dsn_and_url_reach_the_same_database(base: Path) -> None:
    """Both forms are understood by asyncpg and name the database that was asked for."""
    with EmbeddedPostgres(base) as server:
        connection = await asyncpg.connect(**server.dsn("template1"))
        names = {await connection.fetchval("SELECT current_database()")}
        await connection.close()
        names |= {row[0] for row in await fetch(server.url("template1"), "SELECT current_database()")}
    assert names == {"template1"}


async def test_data_survive_stop_and_start(base: Path) -> None:
    """A clean stop keeps everything, and the same object may be started again."""
    server = EmbeddedPostgres(base)
    with server:
        await fetch(server.url(), "CREATE TABLE clean AS SELECT 1 AS a")
    with server:
        assert [tuple(row) for row in await fetch(server.url(), "SELECT a FROM clean")] == [(1,)]


async def test_committed_rows_survive_a_kill(base: Path) -> None:
    """SIGKILL of every process, as a power cut: the committed row is there again, the uncommitted one is not."""
    server = EmbeddedPostgres(base).start()
    await fetch(server.url(), "CREATE TABLE killed (a integer)", "INSERT INTO killed VALUES (1)")
    connection = await asyncpg.connect(server.url())
    await connection.execute("BEGIN; INSERT INTO killed VALUES (2)")
    assert len(processes(base)) > 3
    server.kill()
    connection.terminate()
    assert processes(base) == []
    with server:
        assert [row[0] for row in await fetch(server.url(), "SELECT a FROM killed")] == [1]


async def test_kill_9_of_the_owner_stops_the_server(base: Path) -> None:
    """The kernel tells PostgreSQL when its owner is gone; a new owner may start at once and finds the data."""
    with subprocess.Popen([sys.executable, "-c", OWNER, str(base)], stdout=subprocess.PIPE, text=True) as owner:
        assert owner.stdout
        url = owner.stdout.readline().strip()
        await fetch(url, "CREATE TABLE orphaned AS SELECT 1 AS a")
        assert processes(base)
        owner.send_signal(signal.SIGKILL)
        owner.wait()
    with EmbeddedPostgres(base) as server:
        assert [row[0] for row in await fetch(server.url(), "SELECT a FROM orphaned")] == [1]
    assert processes(base) == []


def test_kill_9_of_the_owner_leaves_no_process(base: Path) -> None:
    """Also when nobody comes after it."""
    with subprocess.Popen([sys.executable, "-c", OWNER, str(base)], stdout=subprocess.PIPE, text=True) as owner:
        assert owner.stdout
        assert owner.stdout.readline()
        assert processes(base)
        owner.kill()
    wait_for(lambda: not processes(base))
    assert "database system is shut down" in (base / "postgres.log").read_text()


async def test_start_waits_for_backends_that_outlive_their_server(base: Path) -> None:
    """A busy backend does not notice that its server was killed; a second server beside it would spoil the data."""
    server = EmbeddedPostgres(base).start()
    connection = await asyncpg.connect(server.url())
    busy = asyncio.create_task(connection.execute("SELECT count(*) FROM generate_series(1, 20000000)"))
    backend = connection.get_server_pid()
    await asyncio.sleep(0.2)
    os.kill(server.pid, signal.SIGKILL)
    wait_for(lambda: server._process is not None and server._process.poll() is not None)
    assert backend in [process.pid for process in processes(base)]
    server.stop()
    with server:
        assert backend not in [process.pid for process in processes(base)]
        assert await fetch(server.url(), "SELECT 1")
    await asyncio.gather(busy, return_exceptions=True)
    connection.terminate()


def test_a_second_owner_is_refused(base: Path) -> None:
    """One process at a time; when it is done the next may come."""
    with EmbeddedPostgres(base), pytest.raises(EmbeddedPostgresError, match="another process already uses"):
        EmbeddedPostgres(base).start()
    EmbeddedPostgres(base).start().stop()


def test_a_server_starts_once(base: Path) -> None:
    """A second start of a running server is refused and does not disturb it."""
    with EmbeddedPostgres(base) as server:
        with pytest.raises(EmbeddedPostgresError, match="already started"):
            server.start()
        assert psutil.pid_exists(server.pid)
    with pytest.raises(EmbeddedPostgresError, match="not running"):
        server.url()


def test_a_folder_of_others_is_left_alone(folder: Path) -> None:
    """A folder that holds other files keeps its mode and its content."""
    folder.chmod(0o755)
    (folder / "thesis.txt").write_text("years of work")
    with pytest.raises(EmbeddedPostgresError, match="folder of its own"):
        EmbeddedPostgres(folder).start()
    assert stat.S_IMODE(folder.stat().st_mode) == 0o755
    assert [path.name for path in folder.iterdir()] == ["thesis.txt"]


async def test_an_interrupted_first_start_is_repeated(folder: Path) -> None:
    """What initdb left half done is thrown away."""
    (folder / "embedded-postgres.lock").touch()
    (folder / "password").write_text("of the interrupted start")
    (folder / "data-18.unfinished").mkdir()
    (folder / "data-18.unfinished" / "PG_VERSION").write_text("18")
    with EmbeddedPostgres(folder) as server:
        assert await fetch(server.url(), "SELECT 1")
    assert not (folder / "data-18.unfinished").exists()


async def test_the_password_is_asked_for_and_is_ours_alone(base: Path) -> None:
    """The right password enters (see above), a wrong one does not; nobody else may read the file."""
    with EmbeddedPostgres(base) as server, pytest.raises(asyncpg.InvalidPasswordError):
        await asyncpg.connect(**server.dsn() | {"password": "guessed"})
    assert stat.S_IMODE((base / "password").stat().st_mode) == 0o600
    assert stat.S_IMODE((base / "data-18").stat().st_mode) == 0o700


def test_nothing_listens_on_the_network(base: Path) -> None:
    """Only the Unix socket takes connections."""
    with EmbeddedPostgres(base) as server:
        postgres = psutil.Process(server.pid)
        assert postgres.net_connections("inet") == []
        assert str(base / "run/.s.PGSQL.5432") in {str(opened.laddr) for opened in postgres.net_connections("unix")}


def test_it_never_runs_as_root(base: Path) -> None:
    """PostgreSQL refuses root; started by root it runs as another account, else as the user who started it."""
    with EmbeddedPostgres(base) as server:
        user = psutil.Process(server.pid).uids().real
    assert user == os.geteuid() or os.geteuid() == 0
    assert user != 0


async def test_fsync_is_on_unless_given_up(base: Path) -> None:
    """A server is durable by default; tests may choose speed; other settings pass through."""
    shown = "SELECT current_setting('fsync'), current_setting('max_connections')"
    with EmbeddedPostgres(base, settings={"max_connections": "17"}) as server:
        assert tuple((await fetch(server.url(), shown))[0]) == ("on", "17")
    with EmbeddedPostgres(base, fsync=False) as server:
        assert tuple((await fetch(server.url(), shown))[0]) == ("off", "100")


async def test_a_long_path_gets_a_socket_elsewhere(folder: Path) -> None:
    """Linux allows 107 bytes for a socket's path; the folder may be deeper than that."""
    deep = folder / ("d" * 60) / ("e" * 60)
    folder.chmod(0o711)
    with EmbeddedPostgres(deep, fsync=False) as server:
        socket = Path(server.dsn()["host"])
        assert socket.stat().st_mode & 0o077 == 0
        assert await fetch(server.url(), "SELECT 1")
    assert not socket.exists()


def test_a_setting_that_postgres_refuses_is_reported(base: Path) -> None:
    """A server that cannot start says where to look, and the folder is free again."""
    with pytest.raises(EmbeddedPostgresError, match=r"stopped while starting; see .*postgres\.log"):
        EmbeddedPostgres(base, settings={"max_connections": "none"}).start()
    EmbeddedPostgres(base).start().stop()


def test_a_worker_thread_may_not_start_it(base: Path) -> None:
    """The kernel ties the server to the thread, which would end long before the process."""
    with ThreadPoolExecutor(1) as pool, pytest.raises(EmbeddedPostgresError, match="main thread"):
        pool.submit(EmbeddedPostgres(base).start).result()


def test_no_row_values_reach_the_log(base: Path) -> None:
    """PostgreSQL's own detail of a duplicate key repeats the row: the log keeps the message without it."""

    async def collide(url: str) -> None:
        with pytest.raises(asyncpg.UniqueViolationError):
            await fetch(
                url,
                "CREATE TABLE secret (fnr text PRIMARY KEY); INSERT INTO secret VALUES (md5('x'))",
                "INSERT INTO secret VALUES (md5('x'))",
            )

    with EmbeddedPostgres(base) as server:
        asyncio.run(collide(server.url()))
    log = (base / "postgres.log").read_text()
    assert "duplicate key value" in log
    assert "9dd4e461268c8034f5c8564e155c67a6" not in log


def test_the_default_folder_belongs_to_whoever_runs(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """XDG_DATA_HOME decides; without it root's server lives below /var/lib, a user's below their home."""
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    assert default_base() == tmp_path / "reseptformidler-dev"
    monkeypatch.delenv("XDG_DATA_HOME")
    parent = Path("/var/lib") if os.geteuid() == 0 else Path.home() / ".local/share"
    assert default_base() == parent / "reseptformidler-dev"


def test_root_is_told_about_a_folder_that_its_account_cannot_reach(tmp_path: Path) -> None:
    """Nothing outside the folder is opened up: root gets a clear error, a user simply starts."""
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    server = EmbeddedPostgres(closed / "base", fsync=False)
    if os.geteuid() == 0:
        with pytest.raises(EmbeddedPostgresError, match="whose parents are open"):
            server.start()
    else:
        server.start().stop()
    assert stat.S_IMODE(closed.stat().st_mode) == 0o700
