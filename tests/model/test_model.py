"""The model walks a little, sees planted faults, and can tell what no order explains. The long walk: docs/model.md."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

import pytest

from tests.conftest import created_database, short_folder, with_database
from tests.model import card_laws, laws
from tests.model.card_laws import Card
from tests.model.draw import about
from tests.model.faults import FAULTS, Fault, found, planted
from tests.model.laws import Outcome, Resept, Written, no
from tests.model.machine import walk
from tests.model.memory import Claim, explore
from tests.model.walk import Count
from tests.model.world import BEGIN, World
from tests.model.world import world as made_world

STEPS = 1_000
SEEN_AT_ONCE = ("two processes write on one version", "70: a dispatch request binds nobody")
ONE = Resept(Written("", (), "1", "2", b"", date(2027, 1, 1), BEGIN), "E", "")


@pytest.fixture(scope="module")
def world(server_url: str, migrated_template: str) -> Iterator[World]:
    """Both processes on a database of this module."""
    with (
        created_database(server_url, migrated_template) as name,
        short_folder() as folder,
        made_world(with_database(server_url, name), folder) as made,
    ):
        yield made


def test_a_short_walk(world: World) -> None:
    """Every answer is explained, every invariant holds; all that is walked is met."""
    count = Count()
    walk(world, count, STEPS, 20_261_128)
    assert count.steps >= STEPS
    assert len({kind.split()[0] for kind, _ in count.outcomes}) > 20


@pytest.mark.parametrize("fault", [one for one in FAULTS if one.what in SEEN_AT_ONCE], ids=lambda fault: fault.what)
def test_a_planted_fault_is_found(world: World, fault: Fault) -> None:
    """`python -m tests.model --faults` plants all of them."""
    assert found(world, fault, 1_500, 1).broken is not None


def test_each_fault_can_be_planted() -> None:
    """The texts that they change are there, once each."""
    for fault in FAULTS:
        with planted(fault):
            pass


def _downloaded(her: str, outcome: Outcome) -> Claim:
    law = about("resept", "", laws.download, her=her, goods_only=False, refnr="", day=BEGIN.date(), now=BEGIN)
    return Claim(*law, outcome)


def test_what_no_order_explains() -> None:
    """One of two pharmacies gets it, the other is told so; both cannot, nor can none."""
    got = Outcome(ok=True, shown=("",))
    assert {life.holder for life in explore([ONE], [_downloaded("3", got), _downloaded("4", no("69"))])} == {"3"}  # type: ignore[attr-defined]
    assert list(explore([ONE], [_downloaded("3", got), _downloaded("4", got)])) == []
    assert list(explore([ONE], [_downloaded("3", no("69")), _downloaded("4", no("69"))])) == []


def test_all_orders_of_what_may_change_nothing() -> None:
    """A subscription that ends before it begins stays; one that ends after it began is gone: both are possible."""
    known = {"hpr": "1", "her": "2", "til": date(2027, 1, 1), "refused": False}
    claims = [
        Claim(
            *about("kort", 0, card_laws.subscribe, msg_id=str(on), on=on, **known),
            Outcome(True, shown="1"),
            either=True,
        )
        for on in (True, False)
    ]
    assert {len(card.subscribers) for card in explore([Card()], claims)} == {0, 1}  # type: ignore[attr-defined]
