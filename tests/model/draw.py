"""Chance that is told by a seed: what the makers of messages draw from."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from random import Random
from typing import Any, TypeVar
from uuid import UUID

from reseptformidler.client.head import Hode
from reseptformidler.domain.aktor import Aktor
from reseptformidler.sandbox.population import Lege
from tests.model.laws import Outcome, Resept
from tests.model.memory import Claim, Explain, Law, Memory, Sent
from tests.model.world import DISPENSERS, DOCTORS, PEOPLE, Person, World

T = TypeVar("T")


@dataclass
class Draw:
    """One message's chance. What is `hot` in a round is drawn more often, so that messages meet."""

    world: World
    memory: Memory
    rng: Random
    hot: Sequence[str]
    """ReseptIds."""
    hot_people: Sequence[Person]
    process: int

    @property
    def now(self) -> datetime:
        """The clock of the process that will get the message."""
        return self.world.clock(self.process)

    @property
    def day(self) -> date:
        """Today."""
        return self.world.day

    def maybe(self, chance: float) -> bool:
        """Yes with this chance."""
        return self.rng.random() < chance

    def pick(self, some: Sequence[T]) -> T:
        """One of them."""
        return self.rng.choice(some)

    def uuid(self) -> UUID:
        """A new one."""
        return UUID(int=self.rng.getrandbits(128), version=4)

    def hode(self, parent: str = "", conversation: str = "") -> Hode:
        """A head of now."""
        return Hode(self.uuid(), self.now, parent, conversation or parent)

    def talk(self) -> Hode:
        """A head in the conversation of a search."""
        return self.hode(str(self.uuid()))

    def doctor(self) -> Lege:
        """A doctor, who may do everything."""
        return self.pick(DOCTORS[:-1])

    def dispenser(self) -> Aktor:
        """A pharmacy, or more seldom who has consumables alone."""
        return self.pick(DISPENSERS[:-1]) if self.maybe(0.95) else DISPENSERS[-1]

    def person(self) -> Person:
        """A patient with a national number."""
        return self.pick(self.hot_people) if self.maybe(0.7) else self.pick(PEOPLE[:-1])

    def resept_id(self) -> str:
        """A prescription: one that is hot, any that is there, one that is gone or never was."""
        if self.hot and self.maybe(0.75):
            return self.pick(self.hot)
        if self.memory.alive and self.maybe(0.9):
            return self.pick(list(self.memory.alive)[-60:])
        return self.pick(list(self.memory.known)) if self.memory.known and self.maybe(0.7) else str(self.uuid())

    def resept(self, wanted: Callable[[Resept], bool] = lambda _: True) -> Resept | None:
        """A prescription that is there, preferably such a one."""
        for _ in range(6):
            life = self.memory.life(self.resept_id())
            if life is not None and wanted(life):
                return life
        return self.memory.life(self.resept_id())

    def sent(self, kind: str, operation: tuple[str, str], octets: bytes, hode: Hode, her: str, by: Explain) -> Sent:
        """The message, ready to go."""
        return Sent(kind, operation, octets, hode.msg_id, her, self.process, by)


def about(key: str, name: Hashable, law: Callable[..., tuple[Outcome, Any]], **known: Any) -> tuple[Any, Law]:
    """A law of one thing, all but its state known."""
    return (key, name), lambda state: law(state, **known)


def always(kind: str, outcome: Outcome, seen: Outcome) -> Claim:
    """What no state decides."""
    return Claim(("", kind), lambda state: (outcome, state), seen)
