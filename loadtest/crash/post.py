"""How a careful sender sends: the very same bytes until an answer comes, and everything is written down."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import chain, repeat
from random import Random

import aiohttp

from loadtest.crash.answers import Answer, NoAnswer, read
from loadtest.crash.history import Asked, History
from reseptformidler.client.soap import envelope
from reseptformidler.wire.soap import SERVICES


@dataclass(frozen=True, slots=True)
class Patience:
    """How long senders wait, and when they try again. `pauses` lie between attempts; the last one is repeated."""

    for_an_answer: float
    for_a_connection: float
    pauses: Sequence[float]
    to_give_up: float


HASTY = Patience(4.0, 1.0, (0.02, 0.05, 0.1, 0.2, 0.4), 45.0)
"""Shorter than the service may take: some messages are sent again while the first attempt is still at work."""


class Unanswered(Exception):
    """The service did not come back as long as the senders had patience."""


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
        self,
        session: aiohttp.ClientSession,
        address: str,
        history: History,
        stopped: Callable[[], bool],
        patience: Patience = HASTY,
    ) -> None:
        self._session, self._address, self._history = session, address, history
        self.stopped = stopped
        self._patience = patience

    async def send(self, letter: Letter, random: Random, *, faint: float = 0.0, hasty: float = 0.0) -> Answer | None:
        """The answer, or Unanswered. None: with probability `faint` a sender gives up after a failure and never knows.

        With probability `hasty` the letter is sent twice at once.
        """
        if random.random() < hasty:
            await asyncio.gather(self._attempt(letter), self._attempt(letter))
        try:
            async with asyncio.timeout(self._patience.to_give_up):
                return await self._until_answered(letter, random, faint)
        except TimeoutError:
            raise Unanswered(f"{letter.asked.verb} {letter.asked.msg_id}") from None

    async def _until_answered(self, letter: Letter, random: Random, faint: float) -> Answer | None:
        pauses = chain(self._patience.pauses, repeat(self._patience.pauses[-1]))
        while isinstance(found := await self._attempt(letter), float):
            if random.random() < faint:
                return None
            await asyncio.sleep(max(found, next(pauses) * random.uniform(0.5, 1.5)))
        return _read(found)

    async def _attempt(self, letter: Letter) -> bytes | float:
        """The answer's body, or how many seconds the service asks to wait: 0 if it says nothing of it."""
        no = self._history.asked(letter.asked)
        url = self._address + SERVICES[letter.service].path
        headers = {"Content-Type": "text/xml; charset=utf-8", "SOAPAction": f'"{letter.operation}"'}
        data = envelope(letter.service, letter.operation, letter.octets)
        try:
            async with self._session.post(url, data=data, headers=headers) as response:
                body = await response.read()
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            self._history.failed(no, type(error).__name__)
            return 0.0
        if response.status >= 500:
            later = response.headers.get("Retry-After", "")
            self._history.failed(no, f"HTTP {response.status}", shed=bool(later))
            return float(later) if later.isdigit() else 0.0
        self._history.answered(no, response.status, body)
        return body


def _read(body: bytes) -> Answer | None:
    """None too for what is no message: the checker will say so."""
    try:
        return read(body)
    except NoAnswer:
        return None


def session(patience: Patience = HASTY) -> aiohttp.ClientSession:
    """Connections of all senders; most are kept, so a killed server is noticed in the middle of things."""
    timeout = aiohttp.ClientTimeout(total=patience.for_an_answer, sock_connect=patience.for_a_connection)
    return aiohttp.ClientSession(timeout=timeout, connector=aiohttp.TCPConnector(limit=0))
