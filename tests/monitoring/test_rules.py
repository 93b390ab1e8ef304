"""The alert rules: accepted by Prometheus' own tool, each shown to fire and to keep still, each with its runbook."""

from __future__ import annotations

import copy
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from k8s.monitoring import rules
from tests.monitoring.declared import problems

ROOT = Path(__file__).parents[2]
GROUPS = rules.groups()
TESTS: dict[str, Any] = yaml.safe_load((rules.FOLDER / "rules.test.yaml").read_text("utf-8"))
ALERTS = rules.alerts(GROUPS)
NAMES = sorted({alert["alert"] for alert in ALERTS})
NUMBER = re.compile(r"([<>=]=?\s*)(-?\d[\d.]*)(?![\w.])")
RUNBOOK_PARTS = ("**Means**", "**Users feel**", "**Look at**", "**Do**")


def promtool(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """Run Prometheus' own checker; it comes with Debian's package `prometheus`."""
    program = shutil.which("promtool")
    assert program, "promtool is missing: apt-get install prometheus"
    return subprocess.run([program, *map(str, arguments)], capture_output=True, text=True, check=False, timeout=60)


def passed(folder: Path, tests: dict[str, Any], *variants: dict[str, Any]) -> list[bool]:
    """Whether the tests pass on each variant of the rules; one run, for promtool is slow to start."""
    files = [folder / f"tests-{number}.yaml" for number in range(len(variants))]
    for number, (file, groups) in enumerate(zip(files, variants, strict=True)):
        (folder / f"groups-{number}.yaml").write_text(rules.text(groups), "utf-8")
        file.write_text(rules.text({**tests, "rule_files": [f"groups-{number}.yaml"]}), "utf-8")
    told = promtool("test", "rules", *files).stdout.split("Unit Testing:")[1:]
    assert len(told) == len(variants), told
    return ["SUCCESS" in one for one in told]


def only(name: str, groups: dict[str, Any]) -> dict[str, Any]:
    """The rules without the other alerts."""
    kept = ({**g, "rules": [r for r in g["rules"] if r.get("alert", name) == name]} for g in groups["groups"])
    return {"groups": [group for group in kept if group["rules"]]}


def untested(names: list[str], tests: dict[str, Any]) -> list[str]:
    """Alerts without a test in which they fire and one in which they keep still."""
    cases = [(test["name"], case) for test in tests["tests"] for case in test["promql_expr_test"]]
    about = {(name, bool(case["exp_samples"])) for name, case in cases if f'"{name}"' in case["expr"]}
    return [name for name in names if not {(name, True), (name, False)} <= about]


def changed(name: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """The rules of one alert, each time with one limit or one `for` changed, and what was changed."""
    alone = only(name, GROUPS)
    for alert in rules.alerts(alone):
        for field, value in _other_fields(alert):
            original, alert[field] = alert.get(field), value
            yield f"{alert['labels']['severity']} {field}: {value}", copy.deepcopy(alone)
            alert[field] = original


def _other_fields(alert: dict[str, Any]) -> Iterator[tuple[str, str]]:
    for match in NUMBER.finditer(alert["expr"]):
        limit = float(match[2])
        for other in (limit - 1, limit + 1) if limit in (0, 1) else (limit * 0.5, limit * 1.5):
            yield "expr", f"{alert['expr'][: match.start(2)]}{other}{alert['expr'][match.end(2) :]}"
    if "for" in alert:
        yield from (("for", "0s"), ("for", "2h"))


def test_the_rules_are_accepted(tmp_path: Path) -> None:
    """By the checker of Prometheus; one that is no PromQL is not."""
    for groups, status in ((GROUPS, 0), ({"groups": [{"name": "x", "rules": [{"record": "y", "expr": "1 +"}]}]}, 1)):
        (tmp_path / "groups.yaml").write_text(rules.text(groups), "utf-8")
        done = promtool("check", "rules", tmp_path / "groups.yaml")
        assert done.returncode == status, done.stdout + done.stderr


def test_the_alerts_do_what_their_tests_say(tmp_path: Path) -> None:
    """All tests on all rules: an alert may not fire in the test of another one's silence."""
    (tmp_path / "groups.yaml").write_text(rules.text(GROUPS), "utf-8")
    done = promtool("test", "rules", shutil.copy(rules.FOLDER / "rules.test.yaml", tmp_path))
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("name", NAMES)
def test_a_changed_limit_is_noticed(name: str, tmp_path: Path) -> None:
    """Negative control: whichever number or `for` of a rule is changed, its tests fail."""
    own = {**TESTS, "tests": [test for test in TESTS["tests"] if test["name"] == name]}
    wrong = dict(changed(name))
    as_it_is, *others = passed(tmp_path, own, only(name, GROUPS), *wrong.values())
    assert as_it_is
    assert [what for what, unnoticed in zip(wrong, others, strict=True) if unnoticed] == []


def test_every_alert_is_tested() -> None:
    """To fire and not to; negative control: one that is not is found."""
    assert untested(NAMES, TESTS) == []
    assert untested([*NAMES, "ReseptformidlerNew"], TESTS) == ["ReseptformidlerNew"]


@pytest.mark.parametrize("alert", ALERTS, ids=lambda alert: str(alert["alert"]))
def test_an_alert_says_what_to_do(alert: dict[str, Any]) -> None:
    """A severity, a page within a minute, texts whose labels it has, and a section of the runbook."""
    assert alert["labels"]["severity"] in ("page", "ticket")
    if alert["labels"]["severity"] == "page":
        assert alert["for"] in ("15s", "20s", "30s", "1m")
    texts = alert["annotations"]
    assert set(texts) == {"summary", "description", "runbook"}
    assert set(re.findall(r"\$labels\.(\w+)", texts["summary"] + texts["description"])) <= _labels_when_firing(alert)
    path, _, anchor = texts["runbook"].partition("#")
    assert _section((ROOT / path).read_text("utf-8"), anchor) == list(RUNBOOK_PARTS)


def _labels_when_firing(alert: dict[str, Any]) -> set[str]:
    """As the tests expect them."""
    expected = [
        sample["labels"] for test in TESTS["tests"] for c in test["promql_expr_test"] for sample in c["exp_samples"]
    ]
    own = [one for one in expected if f'"{alert["alert"]}"' in one and f'"{alert["labels"]["severity"]}"' in one]
    return set.intersection(*(set(re.findall(r"(\w+)=", one)) for one in own))


def _section(text: str, anchor: str) -> list[str]:
    """The parts of the section with that anchor."""
    for section in text.split("\n## ")[1:]:
        title, _, body = section.partition("\n")
        if title.strip().lower() == anchor:
            return [part for part in RUNBOOK_PARTS if part in body]
    return []


@pytest.mark.parametrize(
    "rule", [rule for group in GROUPS["groups"] for rule in group["rules"]], ids=lambda r: r["expr"]
)
def test_a_rule_names_what_exists(rule: dict[str, Any]) -> None:
    """Metrics, labels and values are those of metrics.py."""
    assert problems(rule["expr"]) == []


def test_a_name_that_does_not_exist_is_found() -> None:
    """Negative controls of the check of names."""
    assert problems("rate(reseptformidler_message_total[1m])") == ["no metric reseptformidler_message_total"]
    assert problems('reseptformidler_ready{server="x"}') == ["reseptformidler_ready has no label server"]
    assert problems("sum by (queue) (reseptformidler_ready)") == ["no label queue"]
    assert problems('up{job="wbe"}') == ["job is never wbe"]
    assert problems('reseptformidler_messages_total{outcome=~"shed|lost"}') == ["outcome is never lost"]
