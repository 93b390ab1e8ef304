"""A few hundred messages of the mutation run, other ones each time; `python -m tests.system.mutate` is the long one."""

from __future__ import annotations

import os
import random
from datetime import UTC, datetime

import pytest
from lxml import etree

from reseptformidler import metrics
from reseptformidler.client.rekvirent import Resept
from reseptformidler.client.soap import envelope
from reseptformidler.sandbox.population import LEGER
from reseptformidler.sandbox.varer import TABLETT
from reseptformidler.wire import soap
from tests.system.mutate import PUBLISHED, Tally, bombard, damaged, judged, sources
from tests.system.world import World

COUNT = 400


async def test_damaged_messages(world: World) -> None:
    """Whatever comes, the answer is SOAP, valid, in time, and no failure of ours."""
    seed = int(os.environ.get("MUTATE_SEED", "") or random.randrange(10**6))
    print(f"MUTATE_SEED={seed}")  # noqa: T201  # shown when the test fails
    failed = metrics.messages.labels("ukjent", "failed")
    before, tally = failed._value.get(), Tally()
    work, card = sources(PUBLISHED.is_dir()), world.pki.card(LEGER[0], datetime.now(UTC))
    await bombard(world.address, work, card, count=COUNT, seed=seed, tally=tally, schemas=world.schemas)
    assert tally.wrong == []
    assert sum(tally.outcomes.values()) == COUNT
    assert len(tally.outcomes) > 10
    assert failed._value.get() == before


async def test_the_same_seed_damages_alike(world: World) -> None:
    """A failure can be repeated: all that changes between two runs is GenDate, and the signature over it."""
    work, card = sources(published=False), world.pki.card(LEGER[0], datetime.now(UTC))
    plain = [source for source in work if not source.signed]
    for number in range(50):
        first, second = (damaged(lots.choice(plain), lots, card) for lots in (random.Random(number) for _ in "ab"))
        assert first[0] == second[0]
        assert abs(len(first[1]) - len(second[1])) < 100


async def test_a_wrong_answer_is_found(world: World) -> None:
    """Negative control: a failure, a trace, no SOAP, an AppRec that is not valid."""
    right = await world.client.call("Rekvirent", "M1", world.m1(Resept(TABLETT)))
    assert judged(200, soap.response("Rekvirent", "M1", right.octets), world.schemas) == "200 AppRec 1"
    broken = soap.response("Rekvirent", "M1", right.octets.replace(b"<Status ", b"<Stat "))
    for status, body in (
        (500, soap.fault("Server", "x")),
        (400, soap.fault("Client", "Traceback (most recent call last)")),
        (404, soap.fault("Client", "x")),
        (400, soap.response("Rekvirent", "M1", right.octets)),
        (200, broken),
        (200, envelope("Rekvirent", "M1", b"<x/>")),
    ):
        with pytest.raises((AssertionError, etree.XMLSyntaxError)):
            judged(status, body, world.schemas)
