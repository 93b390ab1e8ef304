"""The client: it must neither mix up answers nor hide that one is missing."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import pytest

from loadtest.client import Client, Reply, request


@asynccontextmanager
async def answering(*pieces: Sequence[bytes]) -> AsyncIterator[Client]:
    """A client with one connection to a server that answers the n-th request with these pieces, and then hangs up."""
    serving: set[asyncio.Task[None] | None] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        serving.add(asyncio.current_task())
        for answer in pieces:
            await reader.readuntil(b"\r\n\r\n")
            for piece in answer:
                writer.write(piece)
                await writer.drain()
                await asyncio.sleep(0)
        writer.close()
        await writer.wait_closed()

    listening = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        async with Client(listening.sockets[0].getsockname()[1], 1) as client:
            await client.connect()
            yield client
        await asyncio.gather(*filter(None, serving))
    finally:
        listening.close()


def reply(status: int, body: bytes) -> bytes:
    return b"HTTP/1.1 %d X\r\nContent-Type: text/xml\r\ncontent-length: %d\r\n\r\n%s" % (status, len(body), body)


ASK = request("/path", {"SOAPAction": '"M1"'}, b"")


async def test_replies_come_whole_however_they_are_cut() -> None:
    """A reply in one piece, and one in single octets."""
    one, two = reply(200, b"<a>first</a>"), reply(503, b"\r\n\r\nsecond")
    async with answering([one], [two[n : n + 1] for n in range(len(two))]) as client:
        assert await client.send(ASK) == Reply(200, b"<a>first</a>")
        assert await client.send(ASK) == Reply(503, b"\r\n\r\nsecond")


async def test_a_lost_connection_is_no_reply() -> None:
    """Half an answer has status 0; the next request on that connection fails loudly."""
    async with answering([reply(200, b"<a>first</a>")[:-3]]) as client:
        assert (await client.send(ASK)).status == 0
        with pytest.raises(ConnectionError):
            await client.send(ASK)


def test_a_request_says_how_long_it_is() -> None:
    """As HTTP wants it, with the body as it was given."""
    head, body = request("/path", {"SOAPAction": '"M1"'}, b"\r\n\r\nb").split(b"\r\n\r\n", 1)
    assert head.splitlines() == [
        b"POST /path HTTP/1.1",
        b"Host: 127.0.0.1",
        b'SOAPAction: "M1"',
        b"Content-Length: 5",
    ]
    assert body == b"\r\n\r\nb"
