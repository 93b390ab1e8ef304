"""The generated documents are what the code says."""

from __future__ import annotations

import runpy
from pathlib import Path
from typing import Any

import pytest

from reseptformidler.domain.livslop import REFUSALS, TRANSITIONS, Fase


@pytest.fixture(scope="module")
def generate() -> dict[str, Any]:
    """The script's names; it is no module of a package."""
    return runpy.run_path(str(Path(__file__).parents[1] / "docs" / "generate.py"))


def test_documents_are_not_stale(generate: dict[str, Any]) -> None:
    """What is in the repository is what the script would write now."""
    assert generate["stale"]() == []
    assert generate["main"](["--check"]) == 0


def test_a_stale_document_is_seen(generate: dict[str, Any], tmp_path: Path) -> None:
    """Negative control: a document that is missing, or was edited, is named; writing it again heals it."""
    names = list(generate["DOCUMENTS"])
    assert generate["stale"](tmp_path) == names
    generate["write"](tmp_path)
    assert generate["stale"](tmp_path) == []
    (tmp_path / names[0]).write_text("edited", encoding="utf-8")
    assert generate["stale"](tmp_path) == names[:1]


def test_livslop_shows_everything(generate: dict[str, Any]) -> None:
    """Each phase has a meaning, each step a line in diagram and table, each refusal a row."""
    text = generate["livslop"]()
    assert set(generate["PHASES"]) == set(Fase)
    assert all(f"| {o.fra} | {o.steg} | {o.til} | {o.kilde} |" in text for o in TRANSITIONS)
    assert text.count(" --> ") == len(TRANSITIONS)
    assert all(f"| {fase} | {steg} | {code} |" in text for (fase, steg), code in REFUSALS.items())


def test_arguments(generate: dict[str, Any]) -> None:
    """An unknown argument writes nothing and is an error."""
    assert generate["main"](["--chekc"]) == 2
