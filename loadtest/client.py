"""An HTTP/1.1 client that costs little: the load test shares the machine with what it measures.

It sends requests that were written beforehand and hands back the raw body; it understands no more of HTTP than the
service uses: keep-alive and Content-Length.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Final, Self, cast

_END_OF_HEAD: Final = b"\r\n\r\n"
_LENGTH: Final = b"content-length:"


@dataclass(frozen=True, slots=True)
class Reply:
    """What came back. `status` 0: the connection ended instead, and `body` says how."""

    status: int
    body: bytes


def request(path: str, headers: dict[str, str], body: bytes) -> bytes:
    """A POST as it goes over the wire."""
    head = {"Host": "127.0.0.1", **headers, "Content-Length": str(len(body))}
    lines = "".join(f"{name}: {value}\r\n" for name, value in head.items())
    return f"POST {path} HTTP/1.1\r\n{lines}\r\n".encode() + body


class Connection(asyncio.Protocol):
    """One connection; one request at a time."""

    def __init__(self) -> None:
        self._transport: asyncio.Transport | None = None
        self._answer: asyncio.Future[Reply] | None = None
        self._received = b""
        self._wanted = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's own is none of its subclasses

    def send(self, octets: bytes) -> asyncio.Future[Reply]:
        """Send a request; the future gives its reply. ConnectionError: the connection has ended before."""
        assert self._answer is None, "one request at a time"
        if self._transport is None:
            raise ConnectionError("the server has closed the connection")
        self._answer = asyncio.get_running_loop().create_future()
        self._transport.write(octets)
        return self._answer

    def data_received(self, data: bytes) -> None:
        self._received = self._received + data if self._received else data
        if not self._wanted:
            self._wanted = _length(self._received)
        if self._wanted and len(self._received) >= self._wanted:
            received, self._received, self._wanted = self._received, b"", 0
            self._settle(Reply(int(received[9:12]), received[received.index(_END_OF_HEAD) + 4 :]))

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        self._settle(Reply(0, f"connection lost: {exc!r}".encode()))

    def close(self) -> None:
        """End the connection."""
        if self._transport is not None:
            self._transport.close()

    def _settle(self, reply: Reply) -> None:
        answer, self._answer = self._answer, None
        if answer is not None and not answer.done():
            answer.set_result(reply)


def _length(received: bytes) -> int:
    """Octets of a whole response, 0 while its head is not complete. ValueError: one without Content-Length."""
    end = received.find(_END_OF_HEAD)
    if end < 0:
        return 0
    head = received[:end].lower()
    start = head.index(_LENGTH) + len(_LENGTH)
    return end + 4 + int(head[start:].split(b"\r\n", 1)[0])


class Client:
    """A fixed number of connections to one port of this machine, used in turn. Use it as a context manager."""

    def __init__(self, port: int, connections: int) -> None:
        self._port = port
        self._number = connections
        self._all: list[Connection] = []
        self._free: asyncio.Queue[Connection] = asyncio.Queue()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        self._close()

    async def connect(self) -> None:
        """Open all connections, anew if need be: servers close those that were idle for long."""
        self._close()
        loop = asyncio.get_running_loop()
        for _ in range(self._number):
            _, connection = await loop.create_connection(Connection, "127.0.0.1", self._port)
            self._all.append(connection)
            self._free.put_nowait(connection)

    def _close(self) -> None:
        for connection in self._all:
            connection.close()
        self._all, self._free = [], asyncio.Queue()

    async def send(self, octets: bytes) -> Reply:
        """Send a request when a connection is free, and wait for the reply."""
        connection = await self._free.get()
        try:
            return await connection.send(octets)
        finally:
            self._free.put_nowait(connection)
