"""Where stories are played: the service, the cards, the receivers, and who is told what happens."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from time import perf_counter
from uuid import uuid4

import aiohttp

from reseptformidler.client.answer import Answer, read
from reseptformidler.client.head import Hode
from reseptformidler.client.sign import sign
from reseptformidler.client.soap import Client
from reseptformidler.domain import koder
from reseptformidler.domain.aktor import Aktor
from reseptformidler.sandbox.mottak import code
from reseptformidler.sandbox.pki import Pki
from reseptformidler.sandbox.population import Lege

Tell = Callable[[str], None]


class DemoFailed(Exception):
    """The service did something else than the standard promises; the text says where."""


@dataclass(slots=True)
class Stage:
    """One performance."""

    client: Client
    pki: Pki
    clock: Callable[[], datetime]
    tell: Tell
    mottak: str = ""
    """Address of the sandbox's receivers (`mottak.Mottak`); empty where the server delivers to none."""
    steps: int = 0

    def hode(self, after: Answer | None = None) -> Hode:
        """A head for a message of now: the first of a conversation, or one that follows an answer."""
        parent, conversation = (after.msg_id, after.conversation) if after is not None else ("", "")
        return Hode(uuid4(), self.clock(), parent, conversation)

    def signed(self, octets: bytes, lege: Lege) -> bytes:
        """With the signature of a prescriber."""
        return sign(octets, self.pki.card(lege, self.clock()))

    async def send(
        self, who: str, what: str, call: tuple[str, str], octets: bytes, *, expects: str = "", says: str = ""
    ) -> Answer:
        """Send one message, tell what was answered. `expects`: the code of list 7419 that the answer must have, if any.

        DemoFailed: another answer. NoAnswer: none.
        """
        answer = await self.client.call(*call, octets)
        found, name, _ = answer.errors[0] if answer.errors else ("", "", "")
        self._line(who, what, _told(answer, found, name, says), answer.seconds)
        if found != expects:
            raise DemoFailed(f"step {self.steps}: expected {expects or 'acceptance'}, got {found or 'acceptance'}")
        return answer

    async def received(self, who: Aktor, kind: str, cause: str, about: str = "") -> Answer:
        """Wait for a message that the service owes `who`, and tell it; `about`: the element that says the most.

        `cause`: MsgId of what caused it, or of what began its conversation. DemoFailed: it did not come.
        """
        begun = perf_counter()
        octets = await self._fetched(f"{who.her}/{kind}/{cause}")
        if octets is None:
            raise DemoFailed(f"after step {self.steps}: {kind} has not come to {who.navn}")
        answer = read(octets, perf_counter() - begun)
        element = answer.root.find(f".//{{*}}{about}") if about else None
        said = "" if element is None else f"{about}: {element.get('DN') or element.text}"
        self._line(who.navn, f"→ received {kind}", said or koder.MELDINGSTYPE.navn[code(kind)], answer.seconds)
        return answer

    def check(self, right: bool, otherwise: str) -> None:  # noqa: FBT001  # what is checked, not a switch
        """DemoFailed with that text unless it is right."""
        if not right:
            raise DemoFailed(f"step {self.steps}: {otherwise}")

    def heading(self) -> None:
        """What the columns are."""
        self.tell(_columns("", "who", "sends", "is answered", "took"))

    async def _fetched(self, path: str) -> bytes | None:
        timeout = aiohttp.ClientTimeout(total=60)
        async with (
            aiohttp.ClientSession(timeout=timeout) as session,
            session.get(f"{self.mottak}/{path}") as response,
        ):
            return await response.read() if response.status == 200 else None

    def _line(self, who: str, what: str, told: str, seconds: float) -> None:
        self.steps += 1
        self.tell(_columns(str(self.steps), who, what, told, f"{seconds * 1000:.1f} ms"))


def texts(answer: Answer, name: str) -> list[str]:
    """The texts of all elements of that name in an answer."""
    return [element.text or "" for element in answer.root.iter(f"{{*}}{name}")]


def _told(answer: Answer, found: str, name: str, says: str) -> str:
    if answer.status == "2":
        return f"avvist {found}: {name}"
    return f"AppRec OK, {found}: {name}" if found else says or "AppRec OK"


def _columns(step: str, who: str, what: str, told: str, took: str) -> str:
    return f"{step:>3} {who:<31} {what:<38} {took:>9}  {told}"
