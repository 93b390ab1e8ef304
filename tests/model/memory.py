"""What the model remembers of one history: the states that are possible, what was sent, and how answers are explained.

Messages of one round are under way together, so any order of them may explain their answers; each prescription, card
and reference number is explained by itself.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from uuid import UUID

from reseptformidler.client.varer import Vare
from tests.model.card_laws import Card
from tests.model.laws import Outcome, RefNr, Resept, swept
from tests.model.world import DOCTORS, PEOPLE, Person, first_numbers

Key = tuple[str, Hashable]
"""("resept", ReseptId), ("kort", number of a person) or ("refnr", number); ("", …) for what no state decides."""
Law = Callable[..., tuple[Outcome, object]]


class Violation(AssertionError):
    """The service did what no order of the messages explains, or broke an invariant."""


@dataclass(frozen=True, slots=True)
class Claim:
    """That a message met an outcome at one state of something."""

    key: Key
    law: Law
    outcome: Outcome
    either: bool = False
    """Whether the outcome is the same where it changes something and where it does not."""


@dataclass(frozen=True, slots=True)
class Seen:
    """What came of a message: the answer, and what was recorded to be owed ("M6>HER"), M8 apart."""

    ok: bool
    codes: tuple[str, ...]
    octets: bytes
    owed: tuple[str, ...] = ()
    m8: tuple[str, ...] = ()

    def outcome(self, shown: Hashable = None) -> Outcome:
        """As a law speaks of it; a refusal shows nothing."""
        return Outcome(self.ok, self.codes, self.owed, shown if self.ok else None)


Explain = Callable[[Seen, "Memory"], Iterable[Claim]]


@dataclass(eq=False)
class Sent:
    """A message, and how its answer is explained."""

    kind: str
    operation: tuple[str, str]
    octets: bytes
    msg_id: UUID
    her: str
    process: int
    """Which of the two processes got it."""
    explain: Explain
    repeats: Sent | None = None
    stored: bool = True
    """False: other bytes under a known MsgId, of which nothing is kept."""
    moment: datetime | None = None
    seen: Seen | None = None

    def __str__(self) -> str:
        said = f"{'ok' if self.seen.ok else 'no'} {' '.join(self.seen.codes)}" if self.seen else "-"
        return f"{self.kind:<12} {self.msg_id} from {self.her} by process {self.process}: {said}"


@dataclass(frozen=True, eq=False)
class Known:
    """What is remembered of a prescription besides its states."""

    person: Person | None
    """None in the prescriber's own name and to the own practice."""
    number: str
    """The national number it was written under."""
    vare: Vare
    dok: bytes
    """ReseptDokLegemiddel or ReseptDokHandelsvare, as in the M1."""


@dataclass
class Memory:
    """One history."""

    rounds: int = 0
    states: dict[Key, frozenset[object]] = field(default_factory=dict)
    known: dict[str, Known] = field(default_factory=dict)
    alive: dict[str, None] = field(default_factory=dict)
    """ReseptIds of what is not deleted, oldest first."""
    octets: dict[bytes, str] = field(default_factory=dict)
    """MsgIds of all that was sent."""
    log: list[Sent] = field(default_factory=list)
    told: list[str] = field(default_factory=list)
    """The history in words, for who must find out what went wrong."""
    taken: set[str] = field(default_factory=set)
    """ReseptIds that another prescriber has tried to take: once each, or it would be a repeat."""
    moments: list[datetime] = field(default_factory=list)

    def __post_init__(self) -> None:
        for lege in DOCTORS:
            for number in first_numbers(lege):
                self.states["refnr", number] = frozenset({RefNr(lege.helsepersonell.hpr)})
        for person in PEOPLE:
            self.states["kort", person.nr] = frozenset({Card()})

    def life(self, resept_id: str) -> Resept | None:
        """A state that the prescription may have."""
        life = next(iter(self.states.get(("resept", resept_id), {None})))
        assert life is None or isinstance(life, Resept)
        return life

    def card(self, person: Person) -> Card:
        """A state that the person's card may have."""
        card = next(iter(self.states["kort", person.nr]))
        assert isinstance(card, Card)
        return card

    def numbers(self, hpr: str) -> list[tuple[str, RefNr]]:
        """The reference numbers of a prescriber."""
        found = ((name, next(iter(some))) for (kind, name), some in self.states.items() if kind == "refnr")
        return [(str(name), one) for name, one in found if isinstance(one, RefNr) and one.hpr == hpr]

    def recent(self, now: datetime) -> Sequence[Sent]:
        """Messages whose repeats are still answered."""
        return [one for one in self.log[-150:] if one.moment and now - one.moment < timedelta(days=80)]

    def explained(self, claims: Iterable[Claim]) -> set[Key]:
        """Take these answers for true; the keys they are about. Violation: no order explains them."""
        by_key: dict[Key, list[Claim]] = defaultdict(list)
        for claim in claims:
            by_key[claim.key].append(claim)
        for key, some in by_key.items():
            if not key[0]:
                _as_it_must_be(some)
                continue
            before = self.states.get(key, frozenset({None}))
            after = frozenset(explore(before, some))
            if not after:
                raise Violation(f"{key}: from {set(before)} no order explains {[c.outcome for c in some]}")
            self.states[key] = after
        return {key for key in by_key if key[0]}

    def narrowed(self, key: Key, fits: Callable[[object], bool], what: object) -> None:
        """Keep the states that agree with what the database holds."""
        left = frozenset(filter(fits, self.states.get(key, frozenset({None}))))
        if not left:
            raise Violation(f"{key}: {set(self.states.get(key, ()))} is stored as {what}")
        self.states[key] = left

    def sweep(self, day: date, now: datetime) -> None:
        """What is over is deleted (K2, K3); a reference number without a prescription is used up (L6)."""
        for resept_id in list(self.alive):
            life = self.life(resept_id)
            assert life is not None
            if swept(life, day=day, now=now):
                self.states["resept", resept_id] = frozenset({None})
                del self.alive[resept_id]
        left = {life.written.refnr for life in map(self.life, self.alive) if life is not None}
        for key, some in self.states.items():
            if key[0] == "refnr":
                numbers = (one for one in some if isinstance(one, RefNr))
                self.states[key] = frozenset(RefNr(one.hpr, one.patient, key[1] in left) for one in numbers)


def _as_it_must_be(claims: Iterable[Claim]) -> None:
    for claim in claims:
        must, _ = claim.law(None)
        if must != claim.outcome:
            raise Violation(f"{claim.key[1]}: {must} was expected, {claim.outcome} came")


def explore(states: Iterable[object], claims: Sequence[Claim]) -> Iterator[object]:
    """The states that some order of the claims leads to.

    What fits without changing anything is taken at once, since it can only get in the way later; not so what might
    change something with the same outcome (`either`).
    """
    todo = [(state, (1 << len(claims)) - 1) for state in states]
    seen = set(todo)
    while todo:
        state, left = todo.pop()
        fitting = [(n, after) for n, after in _fitting(state, claims, left)]
        still = sum(1 << n for n, after in fitting if after == state and not claims[n].either)
        if not left & ~still:
            yield state
            continue
        following = [(state, left & ~still)] if still else [(after, left & ~(1 << n)) for n, after in fitting]
        todo.extend(one for one in following if one not in seen)
        seen.update(following)


def _fitting(state: object, claims: Sequence[Claim], left: int) -> Iterator[tuple[int, object]]:
    for n, claim in enumerate(claims):
        if left >> n & 1:
            outcome, after = claim.law(state)
            if outcome == claim.outcome:
                yield n, after
