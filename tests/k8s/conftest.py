from __future__ import annotations

import pytest

from tests.k8s.manifests import APPLIED, World, built
from tests.k8s.schemas import CRDS, Validator, validators


@pytest.fixture(scope="session")
def parts() -> dict[str, World]:
    """Each folder that is applied, built once."""
    return {folder: built(folder) for folder in APPLIED}


@pytest.fixture(scope="session")
def world(parts: dict[str, World]) -> World:
    """Everything that stands in the cluster. Whoever changes it changes a copy."""
    return [one for part in parts.values() for one in part]


@pytest.fixture(scope="session")
def crds() -> dict[str, Validator]:
    """CloudNativePG's own judgement, where its definitions are at hand."""
    return validators(CRDS)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Nobody shall believe that more was checked than was."""
    if not CRDS.is_dir():
        terminalreporter.write_line(f"k8s: no {CRDS.name} folder: CloudNativePG's objects were judged by no schema")
