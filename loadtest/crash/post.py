"""How a careful sender sends: the very same bytes until an answer comes, and everything is written down."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import chain, repeat
from random import Random

import aiohttp

from loadtest.crash.answers import Answer, NoAnswer, read
from loadtest.crash.history import Asked, History
from reseptformidler.sandbox.client import envelope
from reseptformidler.wire.soap import SERVICES

SECONDS_FOR_AN_ANSWER = 4.0
"""Shorter than the service may take: some messages are sent again while the first attempt is still at work."""
SECONDS_BETWEEN_ATTEMPTS = (0.02, 0.05, 0.1, 0.2, 0.4)
SECONDS_TO_GIVE_UP = 45.0


class Unanswered(Exception):
    """The service did not come back in SECONDS_TO_GIVE_UP."""


@dataclass(frozen=True, slots=True)
class Letter:
    """A message, and what the history says of it."""

    asked: Asked
    service: str
    operation: str
    octets: bytes


def letter(asked: Asked, call: tuple[str, str], octets: bytes) -> Letter:
    """A message that will be sent by a call (service, operation)."""
    return Letter(replace(asked, sha256=hashlib.sha256(octets).hexdigest()), *call, octets)


class Post:
    """Sends letters to one address. `stopped` tells when no new errand should begin."""

    def __init__(
        self, session: aiohttp.ClientSession, address: str, history: History, stopped: Callable[[], bool]
    ) -> None:
        self._session, self._address, self._history = session, address, history
        self.stopped = stopped

    async def send(self, letter: Letter, random: Random, *, faint: float = 0.0, hasty: float = 0.0) -> Answer | None:
        """The answer, or Unanswered. None: with probability `faint` a sender gives up after a failure and never knows.

        With probability `hasty` the letter is sent twice at once.
        """
        if random.random() < hasty:
            await asyncio.gather(self._attempt(letter), self._attempt(letter))
        try:
            async with asyncio.timeout(SECONDS_TO_GIVE_UP):
                return await self._until_answered(letter, random, faint)
        except TimeoutError:
            raise Unanswered(f"{letter.asked.verb} {letter.asked.msg_id}") from None

    async def _until_answered(self, letter: Letter, random: Random, faint: float) -> Answer | None:
        pauses = chain(SECONDS_BETWEEN_ATTEMPTS, repeat(SECONDS_BETWEEN_ATTEMPTS[-1]))
        while (body := await self._attempt(letter)) is None:
            if random.random() < faint:
                return None
            await asyncio.sleep(next(pauses) * random.uniform(0.5, 1.5))
        return _read(body)

    async def _attempt(self, letter: Letter) -> bytes | None:
        no = self._history.asked(letter.asked)
        url = self._address + SERVICES[letter.service].path
        headers = {"Content-Type": "text/xml; charset=utf-8", "SOAPAction": f'"{letter.operation}"'}
        data = envelope(letter.service, letter.operation, letter.octets)
        try:
            async with self._session.post(url, data=data, headers=headers) as response:
                body = await response.read()
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            self._history.failed(no, type(error).__name__)
            return None
        if response.status >= 500:
            self._history.failed(no, f"HTTP {response.status}")
            return None
        self._history.answered(no, response.status, body)
        return body


def _read(body: bytes) -> Answer | None:
    """None too for what is no message: the checker will say so."""
    try:
        return read(body)
    except NoAnswer:
        return None


def session() -> aiohttp.ClientSession:
    """Connections of all senders; most are kept, so a killed server is noticed in the middle of things."""
    timeout = aiohttp.ClientTimeout(total=SECONDS_FOR_AN_ANSWER, sock_connect=1.0)
    return aiohttp.ClientSession(timeout=timeout, connector=aiohttp.TCPConnector(limit=0))
