"""Following the primary among several servers: real ports, real PostgreSQL behind them, real silence."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import asyncpg
import pytest

from reseptformidler.store.pool import open_pool
from reseptformidler.store.servers import NoPrimary, Servers, connected, watching

SOCKET = ".s.PGSQL.5432"


class Port:
    """A TCP port of this machine that leads to PostgreSQL, or leads nowhere and says nothing."""

    def __init__(self, url: str) -> None:
        self._socket = Path(parse_qs(urlsplit(url).query)["host"][0]) / SOCKET
        self._leads = asyncio.Event()
        self._lines: set[asyncio.Task[None]] = set()
        self.name = ""

    @asynccontextmanager
    async def open(self, *, silent: bool = False) -> AsyncIterator[Port]:
        """Listen inside the block."""
        if not silent:
            self._leads.set()
        server = await asyncio.start_server(self._line, "127.0.0.1")
        self.name = f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
        try:
            yield self
        finally:
            server.close()
            for line in self._lines:
                line.cancel()
            await asyncio.gather(*self._lines, return_exceptions=True)

    def fall_silent(self) -> None:
        """Bytes are taken and lead nowhere: as behind a cut, no line is closed."""
        self._leads.clear()

    def speak(self) -> None:
        """What was held back goes on."""
        self._leads.set()

    async def _line(self, near: asyncio.StreamReader, near_end: asyncio.StreamWriter) -> None:
        far, far_end = await asyncio.open_unix_connection(self._socket)
        ways = {asyncio.create_task(self._carry(near, far_end)), asyncio.create_task(self._carry(far, near_end))}
        self._lines |= ways
        await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        for end in (near_end, far_end):
            end.close()

    async def _carry(self, source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
        while octets := await source.read(65536):
            await self._leads.wait()
            target.write(octets)


def url_of(database_url: str, *ports: Port) -> str:
    """The database behind these ports, as RF_DATABASE_URL names several servers."""
    parts = urlsplit(database_url)
    account = parts.netloc.rpartition("@")[0]
    return f"postgresql://{account}@{','.join(port.name for port in ports)}{parts.path}"


async def until(condition: Callable[[], bool]) -> None:
    """Return when it holds."""
    async with asyncio.timeout(20):
        while not condition():
            await asyncio.sleep(0.02)


def works(servers: Servers) -> bool:
    """Whether a primary is known and nothing speaks against traffic."""
    return servers.primary is not None and servers.problem() == ""


async def test_a_silent_server_keeps_nobody_from_the_others(database_url: str) -> None:
    """The first of two says nothing at all: the other one is found and served by."""
    async with Port(database_url).open(silent=True) as silent, Port(database_url).open() as good:
        url = url_of(database_url, silent, good)
        async with watching(url, seconds=0.5, patience=20) as servers:
            assert await servers.found() == ""
            assert servers.primary == good.name
            async with await open_pool(url, size=2, connect=servers.connect, ready=0) as pool:
                assert await pool.fetchval("SELECT 1") == 1


async def test_waits_for_the_primary_and_goes_on(database_url: str) -> None:
    """While it is silent a new connection waits; open ones are left alone, for it may only be slow."""
    async with Port(database_url).open() as port:
        url = url_of(database_url, port)
        async with (
            watching(url, seconds=0.5, patience=60) as servers,
            await open_pool(url, size=2, connect=servers.connect, ready=0) as pool,
        ):
            assert await servers.found() == ""
            async with pool.acquire() as first:
                port.fall_silent()
                await until(lambda: servers.primary is None)
                assert servers.problem() == ""
                waiting = asyncio.create_task(pool.fetchval("SELECT 2"))
                await asyncio.sleep(0.3)
                assert not waiting.done()
                port.speak()
                assert await waiting == 2
                assert await first.fetchval("SELECT 1") == 1
            await until(lambda: works(servers))


async def test_a_primary_that_stays_away_is_a_problem(database_url: str) -> None:
    """Once it is away for longer than anybody waits, this process says that it should get no traffic."""
    async with (
        Port(database_url).open() as port,
        watching(url_of(database_url, port), seconds=0.3, patience=0.5) as servers,
    ):
        await until(lambda: works(servers))
        port.fall_silent()
        await until(lambda: "no primary among the database servers" in servers.problem())
        port.speak()
        await until(lambda: works(servers))


async def test_cut_off_from_most_servers(database_url: str) -> None:
    """Two of three fall silent, the primary with them: the process says that it is the one that is cut off."""
    async with (
        Port(database_url).open() as one,
        Port(database_url).open(silent=True) as two,
        Port(database_url).open(silent=True) as three,
        watching(url_of(database_url, one, two, three), seconds=0.3, patience=60) as servers,
    ):
        await until(lambda: works(servers))
        one.fall_silent()
        await until(lambda: "cut off" in servers.problem())


async def test_who_refuses_us_is_not_waited_for(database_url: str) -> None:
    """A wrong database or password is told at once, by name, and the password is not in it."""
    wrong = database_url.replace(urlsplit(database_url).path, "/no_such_database")
    async with watching(wrong, seconds=1, patience=60) as servers:
        assert "no_such_database" in await servers.found()
    parts = urlsplit(database_url)
    wrong = database_url.replace(str(parts.password), "hemmelig")
    async with watching(wrong, seconds=1, patience=60) as servers:
        problem = await servers.found()
        assert "password authentication failed" in problem
        assert "hemmelig" not in problem


async def test_a_command_finds_the_primary_too(database_url: str) -> None:
    """One connection past a silent server; NoPrimary where there is none."""
    async with Port(database_url).open(silent=True) as silent:
        async with Port(database_url).open() as good:
            url = url_of(database_url, silent, good)
            async with connected(url, seconds=0.5, patience=20) as connection:
                assert await connection.fetchval("SELECT 1") == 1
        with pytest.raises(NoPrimary, match=silent.name):
            async with connected(url_of(database_url, silent), seconds=0.2, patience=0.4):
                pass


async def test_an_unfinished_import_is_served_by_nobody(database_url: str) -> None:
    """The schema that `import` works in marks it."""
    connection = await asyncpg.connect(database_url)
    try:
        async with watching(database_url, seconds=1, patience=20) as servers:
            await until(lambda: works(servers))
            await connection.execute("CREATE SCHEMA overforing")
            await until(lambda: "an import into this database is not finished" in servers.problem())
            await connection.execute("DROP SCHEMA overforing")
            await until(lambda: works(servers))
    finally:
        await connection.close()
