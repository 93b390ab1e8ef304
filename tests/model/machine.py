"""The state machine that hypothesis drives: each rule is a round of messages, time that passes, or the relay.

Messages of a round are drawn from one seed: hypothesis finds and shrinks the order of rounds and their sizes.
"""

from __future__ import annotations

from datetime import timedelta

from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule, run_state_machine_as_test

from tests.model.delivery import Delivery
from tests.model.table import ABOUT_CARDS
from tests.model.walk import Count, Walk
from tests.model.world import World

ROUNDS = 60
"""Rules in one history."""
HISTORIES = 25
"""That hypothesis draws from one seed; the first of them is always the simplest, the next ones are short."""
SEEDS = st.integers(0, 2**32 - 1)
PAUSES = st.sampled_from([timedelta(minutes=20), timedelta(hours=6), *map(timedelta, (1, 1, 4, 15, 35))])


class Life(RuleBasedStateMachine):
    """One history. `walk` sets what is of the class: there is one world a process."""

    world: World
    count: Count
    wanted: int
    walk: Walk
    delivery: Delivery | None

    def __init__(self) -> None:
        super().__init__()
        self.delivery = None
        if self.is_on:
            self.walk = Walk(self.world, self.count)
            self.delivery = Delivery(self.walk)

    @property
    def is_on(self) -> bool:
        """Whether more messages are wanted."""
        return self.count.steps < self.wanted

    @rule(size=st.integers(10, 60), seed=SEEDS)
    def round(self, size: int, seed: int) -> None:
        """Messages about many."""
        if self.is_on:
            self.walk.round(size, seed)

    @rule(size=st.integers(4, 30), seed=SEEDS)
    def crowd(self, size: int, seed: int) -> None:
        """Messages about a few prescriptions and one patient."""
        if self.is_on:
            self.walk.round(size, seed, narrow=True)

    @rule(size=st.integers(4, 14), seed=SEEDS)
    def card(self, size: int, seed: int) -> None:
        """Messages about one patient's card; few, since many orders of them may have to be tried."""
        if self.is_on:
            self.walk.round(size, seed, narrow=True, table=ABOUT_CARDS)

    @rule(size=st.integers(10, 60), seed=SEEDS, pause=PAUSES, sweeps=st.sampled_from([True, True, False]))
    def later(self, size: int, seed: int, pause: timedelta, *, sweeps: bool) -> None:
        """Time passes, the sweep runs or is late, and the day begins."""
        if self.is_on:
            self.walk.later(pause)
            if sweeps:
                self.walk.sweep()
            self.walk.round(size, seed)

    @rule(size=st.integers(10, 40), seed=SEEDS, fails=st.sampled_from([0, 0, 3]))
    def deliver(self, size: int, seed: int, fails: int) -> None:
        """The relay works a little; every third message may be refused."""
        if self.is_on and self.delivery is not None:
            self.walk.round(size, seed, narrow=True)
            self.delivery.some(fails)

    def teardown(self) -> None:
        """Nothing is under way any more."""
        if self.delivery is not None:
            self.delivery.end()


def walk(world: World, count: Count, steps: int, number: int, *, shrink: bool = False) -> None:
    """Histories until so many messages were answered; raises what broke, with `count.history` in words."""
    Life.world, Life.count, Life.wanted = world, count, steps
    wanted = settings(
        max_examples=HISTORIES,
        stateful_step_count=ROUNDS,
        deadline=None,
        report_multiple_bugs=False,
        database=None,
        print_blob=True,
        phases=(Phase.generate, Phase.shrink) if shrink else (Phase.generate,),
        suppress_health_check=list(HealthCheck),
    )
    while count.steps < steps:
        run_state_machine_as_test(seed(number)(Life), settings=wanted)
        number += 1
