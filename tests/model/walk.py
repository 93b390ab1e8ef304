"""The walk: rounds of messages that are under way together, time that passes, the sweep, the relay."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from itertools import chain
from random import Random

from reseptformidler.receive import Answer
from reseptformidler.sweep import Periods, sweep
from tests.model import checks
from tests.model.draw import Draw
from tests.model.memory import Claim, Memory, Seen, Sent, Violation
from tests.model.table import TABLE, Maker
from tests.model.world import PEOPLE, World

OPENS, CLOSES = 9, 20
"""Hours (UTC) between which the clock stands: away from midnight, in Norway too."""


@dataclass
class Count:
    """How far all walks together have come."""

    steps: int = 0
    outcomes: Counter[tuple[str, str]] = field(default_factory=Counter)
    broken: int | None = None
    """Steps before the round that first went wrong."""
    history: list[str] = field(default_factory=list)
    """What led to that, in words."""
    why: str = ""

    def add(self, steps: int) -> None:
        """So many more messages were answered."""
        self.steps += steps


@dataclass
class Walk:
    """One history in a world that is made anew."""

    world: World
    count: Count
    memory: Memory = field(default_factory=Memory)

    def __post_init__(self) -> None:
        self.world.run(self.world.begin_anew())
        self.memory.moments.append(self.world.now)

    def round(self, size: int, seed: int, *, narrow: bool = False, table: Mapping[Maker, int] = TABLE) -> None:
        """So many messages at once; `narrow`: about very few prescriptions and one patient. Violation says what."""
        self.later(timedelta(seconds=1))
        sent = self._drawn(size, seed, table, narrow=narrow)
        with self.watched(sent):
            self.world.run(self._answered(sent))
        self.memory.rounds += 1
        self.memory.moments.append(self.world.now)
        self.count.add(len(sent))
        self._tell(sent)

    def _tell(self, sent: Sequence[Sent]) -> None:
        self.memory.told += [f"round {self.memory.rounds}, {self.world.now:%Y-%m-%d %H:%M:%S}", *map(str, sent)]

    @contextmanager
    def watched(self, sent: Sequence[Sent] = ()) -> Iterator[None]:
        """Note what goes wrong, the first time: hypothesis tries it again."""
        try:
            yield
        except Exception as error:
            if self.count.broken is None:
                self._tell(sent)
                self.count.broken, self.count.history = self.count.steps, self.memory.told
                self.count.why = str(error) or type(error).__name__
            raise

    def later(self, time: timedelta) -> None:
        """The clock moves on; days that end do so at an hour when it may stand."""
        now = self.world.now + time
        if now.hour >= CLOSES or now.hour < OPENS:
            now = now.replace(hour=OPENS, minute=0) + timedelta(days=now.hour >= CLOSES)
        self.world.now = now

    def sweep(self) -> None:
        """The sweep, by this world's clock."""
        self.memory.told.append(f"sweep, {self.world.now:%Y-%m-%d}")
        self.memory.sweep(self.world.day, self.world.now)
        with self.watched():
            self.world.run(self._swept())

    async def _swept(self) -> None:
        await sweep(self.world.services[0].pool, self.world.now, Periods())
        await checks.survivors(self.world, self.memory)

    def _drawn(self, size: int, seed: int, table: Mapping[Maker, int], *, narrow: bool) -> list[Sent]:
        rng = Random(f"{seed} {self.memory.rounds}")
        recent = list(self.memory.alive)[-30:]
        hot = rng.sample(recent, min(len(recent), 2 if narrow else 12))
        people = rng.sample(PEOPLE[:-1], 1 if narrow else 3)
        sent: list[Sent] = []
        while len(sent) < size:
            d = Draw(self.world, self.memory, rng, hot, people, rng.randrange(2))
            made = rng.choices(list(table), list(table.values()))[0](d)
            if made is not None:
                sent.append(made)
                if made.repeats is None and d.maybe(0.04):
                    sent.append(_twin(made))
        return sent

    async def _answered(self, sent: Sequence[Sent]) -> None:
        for one in sent:
            self.memory.octets.setdefault(one.octets, str(one.msg_id))
        spines = [service.spine for service in self.world.services]
        answers = await asyncio.gather(
            *(spines[one.process].receive(one.operation, one.octets) for one in sent), return_exceptions=True
        )
        owed = await checks.owed(self.world)
        for one, answer in zip(sent, answers, strict=True):
            if not isinstance(answer, Answer):
                raise Violation(f"{one}: {answer!r}") from answer
            said = owed.get((one.her, one.msg_id), ()) if one.repeats is None else ()
            one.seen, one.moment = _seen(answer, said), self.world.now
            kind = "again" if one.repeats is not None and one.stored else one.kind
            self.count.outcomes[kind, checks.summary(one.seen)] += 1
        new = [one for one in sent if one.repeats is None]
        if stray := owed.keys() - {(one.her, one.msg_id) for one in new}:
            raise Violation(f"owed by nobody: {stray}")
        await checks.inbox(self.world, new)
        # M1s first: what a list shows is judged when it is known what was prescribed in this round.
        in_order = sorted(sent, key=lambda one: not one.kind.startswith("M1 "))
        claims = chain.from_iterable(one.explain(one.seen, self.memory) for one in in_order if one.seen)
        await checks.states(self.world, self.memory, self.memory.explained(claims))
        self.memory.log += new


def _twin(sent: Sent) -> Sent:
    """The same message a second time in the same round, through the other process."""

    def explain(seen: Seen, _: Memory) -> Iterable[Claim]:
        if sent.seen is None or seen.octets != sent.seen.octets:
            raise Violation(f"two answers to one message: {sent}")
        return ()

    return replace(sent, kind=f"again {sent.kind}", process=1 - sent.process, explain=explain, repeats=sent)


def _seen(answer: Answer, owed: Sequence[str]) -> Seen:
    m8 = tuple(sorted(one.removeprefix("M8>") for one in owed if one.startswith("M8>")))
    others = tuple(sorted(one for one in owed if not one.startswith("M8>")))
    return Seen(answer.accepted, tuple(sorted(answer.reasons)), answer.octets, others, m8)
