"""A sandbox authority and a signed prescription."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from reseptformidler.client.head import Hode
from reseptformidler.client.rekvirent import Resept, m1
from reseptformidler.client.sign import Card
from reseptformidler.sandbox import population
from reseptformidler.sandbox.pki import Pki, Request, person_subject
from reseptformidler.sandbox.varer import TABLETT

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)
LEGE = population.LEGER[0]


@pytest.fixture
def now() -> datetime:
    """The moment of the tests."""
    return NOW


@pytest.fixture(scope="session")
def pki(tmp_path_factory: pytest.TempPathFactory) -> Pki:
    """An authority of this run."""
    return Pki.open(tmp_path_factory.mktemp("trust") / "pki", NOW)


@pytest.fixture(scope="session")
def card(pki: Pki) -> Card:
    """The card of the prescriber of `message`."""
    return pki.card(LEGE, NOW)


@pytest.fixture
def message() -> bytes:
    """An M1, unsigned."""
    hode = Hode(UUID("11111111-1111-4111-8111-111111111111"), NOW)
    return m1(hode, LEGE.rekvirent, population.PERSONER[0], Resept(TABLETT))


@pytest.fixture
def good(pki: Pki) -> Request:
    """A request for a certificate that is accepted; tests replace one part of it."""
    return Request(person_subject(LEGE.kort, LEGE.navn), NOW - timedelta(days=1), NOW + timedelta(days=1))
