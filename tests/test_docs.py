"""The generated documents are what the code says."""

from __future__ import annotations

import runpy
from pathlib import Path
from typing import Any

import pytest

from reseptformidler import meldinger
from reseptformidler.domain.koder import MELDINGSTYPE
from reseptformidler.domain.livslop import REFUSALS, TRANSITIONS, Fase
from reseptformidler.reasons import reason

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def generate() -> dict[str, Any]:
    """The script's names; it is no module of a package."""
    return runpy.run_path(str(ROOT / "docs" / "generate.py"))


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


def rule_faults(row: dict[str, Any], tests: dict[str, list[str]], shown: list[str]) -> list[str]:
    """What a row of rules.jsonl says wrongly. `tests`: of all rules, by number; `shown`: of this one, by codes too."""
    kept = row["state"] == "implemented"
    faults = {
        "implemented, and no test shows it": kept and not shown,
        "implemented, and no module keeps it": kept and not row.get("modules"),
        "not implemented, and a test shows it": not kept and row["rule"] in tests,
        "not implemented, and no reason": not kept and not row.get("note"),
        "a module that is not there": any(
            not (ROOT / f"reseptformidler/{name}.py").is_file() for name in row.get("modules", ())
        ),
        "a code that is not implemented": any(reason(code).state != "implemented" for code in row.get("codes", ())),
    }
    return [f"{row['rule']}: {fault}" for fault, found in faults.items() if found]


def test_what_is_said_of_the_rules_is_so(generate: dict[str, Any]) -> None:
    """190 rules, each once, in a group; what is implemented has modules and tests, what is not has a reason."""
    rows, tests = generate["rule_table"](), generate["rules_of_tests"]()
    numbers = [row["rule"] for row in rows]
    assert len(numbers) == len(set(numbers)) == 190
    assert {number[0] for number in numbers} == set(generate["GROUPS"])
    assert {row["state"] for row in rows} == set(generate["RULE_STATES"])
    assert [fault for row in rows for fault in rule_faults(row, tests, generate["shown_by"](row))] == []


@pytest.mark.parametrize(
    "row, tests, faults",
    [
        ({"state": "implemented", "modules": ["wire/head"]}, {}, 1),
        ({"state": "implemented"}, {"F1": ["test_F1_x"]}, 1),
        ({"state": "implemented", "modules": ["wire/haed"], "codes": ["42"]}, {"F1": ["test_F1_x"]}, 2),
        ({"state": "others"}, {}, 1),
        ({"state": "not_checked", "note": "Because."}, {"F1": ["test_F1_x"]}, 1),
    ],
)
def test_a_row_that_is_wrong_is_seen(row: dict[str, Any], tests: dict[str, list[str]], faults: int) -> None:
    """Negative control."""
    assert len(rule_faults({"rule": "F1", **row}, tests, tests.get("F1", []))) == faults


def test_every_message_has_its_row(generate: dict[str, Any]) -> None:
    """All that is taken or sent is in the table with its schema, its module and its tests; nothing is planned."""
    rows = [line.split(" | ") for line in generate["messages"]().splitlines() if line.startswith(("| ERM", "| APPREC"))]
    assert {row[0].removeprefix("| ").split(" ")[0] for row in rows} == set(MELDINGSTYPE.navn)
    assert [row[0] for row in rows if "" in (cell.strip(" |") for cell in row)] == []
    assert len(rows) == len(meldinger.ALL) + len(generate["replies"]()) + len(generate["SENT"])


def test_arguments(generate: dict[str, Any]) -> None:
    """An unknown argument writes nothing and is an error."""
    assert generate["main"](["--chekc"]) == 2
