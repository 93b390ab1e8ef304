"""An authority of the sandbox, whose people send the messages."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from reseptformidler.sandbox.pki import Pki

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)


@pytest.fixture
def now() -> datetime:
    """The moment of the tests."""
    return NOW


@pytest.fixture(scope="session")
def pki(tmp_path_factory: pytest.TempPathFactory) -> Pki:
    """An authority of this run."""
    return Pki.open(tmp_path_factory.mktemp("sandbox") / "pki", NOW)
