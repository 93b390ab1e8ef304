"""The release before this one, exported once, and what its processes need."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from reseptformidler.sandbox.pki import Pki
from tests.conftest import created_database, with_database
from tests.system.process import command
from tests.upgrade.release import PREVIOUS, Both, export


@pytest.fixture(scope="session")
def pki(tmp_path_factory: pytest.TempPathFactory) -> Pki:
    """The sandbox's certificate authority."""
    return Pki.open(tmp_path_factory.mktemp("pki") / "pki", datetime.now(UTC))


@pytest.fixture(scope="session")
def old_code(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The variables under which Python runs the release before this one."""
    return export(PREVIOUS, tmp_path_factory.mktemp("previous-release"))


@pytest.fixture(scope="session")
def old_then_new(
    server_url: str, tmp_path_factory: pytest.TempPathFactory, pki: Pki, old_code: dict[str, str]
) -> Iterator[str]:
    """The name of a database that the old release made, and that the new one has prepared for itself (`pre` only)."""
    with created_database(server_url) as name:
        both = Both(with_database(server_url, name), tmp_path_factory.mktemp("migrate"), pki, old_code)
        for release in (both.old, both.new):
            done = command(["migrate"], env=release)
            assert done.returncode == 0, done.stderr
        yield name


@pytest.fixture
def both(server_url: str, old_then_new: str, tmp_path: Path, pki: Pki, old_code: dict[str, str]) -> Iterator[Both]:
    """The two releases, with such a database of this test alone."""
    with created_database(server_url, template=old_then_new) as name:
        yield Both(with_database(server_url, name), tmp_path, pki, old_code)
