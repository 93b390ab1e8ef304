"""Real trouble for the tests: a lock that holds others up, a network that loses an answer."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import parse_qs, urlencode, urlsplit, urlunsplit

from reseptformidler.store.pool import Pool

WAITING = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = $1"
SOCKET = ".s.PGSQL.5432"


async def until_waiting(watch: Pool, backends: int, kind: str = "Lock") -> None:
    """Return when that many backends of the test's database wait for something of that kind."""
    async with asyncio.timeout(10):
        while await watch.fetchval(WAITING, kind) < backends:
            await asyncio.sleep(0.005)


@asynccontextmanager
async def gate(pool: Pool, statement: str, *arguments: object) -> AsyncIterator[None]:
    """Hold the locks of a statement inside the block, then take back what it did: all who came meanwhile race."""
    async with pool.acquire() as connection:
        transaction = connection.transaction()
        await transaction.start()
        await connection.execute(statement, *arguments)
        try:
            yield
        finally:
            await transaction.rollback()


class LosingNetwork:
    """A Unix socket that leads to PostgreSQL. After `lose_next_answer` the next answer is lost, and the line is cut."""

    def __init__(self, url: str, folder: Path) -> None:
        self._server_socket = Path(parse_qs(urlsplit(url).query)["host"][0]) / SOCKET
        self._socket = folder / SOCKET
        self.url = urlunsplit(urlsplit(url)._replace(query=urlencode({"host": str(folder)})))
        self.lost = 0
        self._lose = False
        self._lines: set[asyncio.Task[None]] = set()

    def lose_next_answer(self) -> None:
        """Of whatever statement comes next."""
        self._lose = True

    @asynccontextmanager
    async def working(self) -> AsyncIterator[None]:
        """Carry bytes inside the block."""
        server = await asyncio.start_unix_server(self._line, self._socket)
        try:
            yield
        finally:
            server.close()
            await asyncio.gather(*self._lines, return_exceptions=True)

    async def _line(self, near: asyncio.StreamReader, near_end: asyncio.StreamWriter) -> None:
        far, far_end = await asyncio.open_unix_connection(self._server_socket)
        forth = asyncio.create_task(self._carry(near, far_end))
        back = asyncio.create_task(self._carry_back(far, near_end))
        self._lines |= {forth, back}
        await asyncio.wait({forth, back}, return_when=asyncio.FIRST_COMPLETED)
        for end in (near_end, far_end):
            end.close()

    async def _carry(self, source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
        while octets := await source.read(65536):
            target.write(octets)

    async def _carry_back(self, source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
        """ReadyForQuery is `Z`, its length and `I`, outside a transaction: then the statement is committed."""
        while octets := await source.read(65536):
            if not self._lose:
                target.write(octets)
            elif octets.endswith(b"Z\x00\x00\x00\x05I"):
                self._lose, self.lost = False, self.lost + 1
                return
