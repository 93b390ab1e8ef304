"""Tests against the published material of the standard, which is no part of the project: `../shared/standard`.

They are collected only where that folder lies beside the checkout.
"""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from reseptformidler.sandbox.pki import Pki
from tests.published.standard import STANDARD

if not STANDARD.is_dir():
    collect_ignore_glob = ["test_*.py"]

    def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
        """One line, so that nobody believes they ran."""
        terminalreporter.write_line("tests/published: nothing to test with, ../shared/standard is not there")


@pytest.fixture(scope="session")
def pki(tmp_path_factory: pytest.TempPathFactory) -> Pki:
    """The sandbox's own authority."""
    return Pki.open(tmp_path_factory.mktemp("pki") / "pki", datetime.now(UTC))
