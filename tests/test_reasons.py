"""The table of reasons against the published list 7419, and against the tests that show its rules."""

from __future__ import annotations

import ast
import re
from collections import Counter
from pathlib import Path

import pytest

from reseptformidler.reasons import ALL, GENERAL, SYSTEM_7419, SYSTEM_8221, Reason, reason, table

TESTS = Path(__file__).parent
TEXTLESS = {36, 61}
WAITS_FOR = {
    "address_register", "ca_person_service", "ebxml_m21", "enhetsregister", "helseid", "hpr_register",
    "login_proof",
    "revocation", "rfadmin", "sfm", "ws_security",
}  # fmt: skip
MODULES = {
    *("wire", "trust", "sender", "m1", "m5", "m91", "m93", "m95", "m10"),
    *("m3", "m15", "mv", "store", "nettkunde", "m9na1"),
    *("m251", "m252", "m271", "m911", "m41", "m241"),
}
MESSAGES = {
    *("m1", "m5", "m91", "m93", "m95", "m97", "m10", "m3", "m15", "mv", "m9na1", "m9na3"),
    *("m251", "m252", "m253", "m271", "m911", "m921", "m41", "m241"),
}
PUBLISHED = {*range(1, 341), 343, *range(350, 393), 999}
"""The numbers of list 7419, as it stood in 2025."""


def state_faults(each: Reason) -> list[str]:
    """What a reason's state calls for and the reason lacks, or has without being called for."""
    parts = {
        "implemented": {"module", "rule", "test", "condition"},
        "planned": {"waits_for"},
        "not_applicable": {"reason"},
    }
    called_for = parts[each.state]
    texts = {name: getattr(each, name) for name in set.union(*parts.values())}
    faults = [f"{each.code}: {name}" for name, text in texts.items() if bool(text) != (name in called_for)]
    if each.state != "implemented" and (each.limits or each.requires):
        faults.append(f"{each.code}: limits or requires without a rule")
    return faults


def defined_functions(folder: Path) -> Counter[str]:
    """How often each test function is defined under a folder, from the source alone."""
    return Counter(
        node.name
        for path in folder.rglob("test_*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    )


def missing_tests(reasons: tuple[Reason, ...], defined: Counter[str]) -> list[str]:
    """The tests that the table promises and nobody wrote."""
    return sorted(each.test for each in reasons if each.test and not defined[each.test])


def test_every_published_code_once_and_by_number() -> None:
    """The table is the published list: 385 codes, none twice, in order."""
    numbers = [int(each.code) for each in ALL]
    assert len(numbers) == 385
    assert numbers == sorted(PUBLISHED)


def test_texts_and_systems() -> None:
    """Every code has its display name, but the two that were published without one, and the OID of its list."""
    assert {int(each.code) for each in ALL if not each.text} == TEXTLESS
    assert {each.system for each in ALL} == {SYSTEM_7419}
    assert {each.system for each in GENERAL.values()} == {SYSTEM_8221}
    assert all(each.text for each in GENERAL.values())


def test_every_state_says_what_it_must() -> None:
    """Implemented: module, rule, test and condition; planned: what it waits for; not applicable: why. Nothing else."""
    assert [fault for each in ALL for fault in state_faults(each)] == []


@pytest.mark.parametrize("state", ["implemented", "planned", "not_applicable"])
def test_a_state_without_its_parts_is_seen(state: str) -> None:
    """Negative control: a bare reason, and one with a part of another state, are found."""
    bare = Reason("1", SYSTEM_7419, "tekst", state)  # type: ignore[arg-type]  # the parametrized states
    assert state_faults(bare)
    mixed = Reason("1", SYSTEM_7419, "tekst", state, rule="r", waits_for="w", reason="x")  # type: ignore[arg-type]
    assert state_faults(mixed)


def test_closed_sets() -> None:
    """What is waited for, modules and message types come from closed sets, and no member of a set is left over."""
    assert {each.waits_for for each in ALL if each.waits_for} == WAITS_FOR
    assert {each.module for each in ALL if each.module} == MODULES
    limited = {message for each in ALL for limit in each.limits for message in limit.messages}
    required = {message for each in ALL for needed in each.requires for message in needed.messages}
    assert limited | required <= MESSAGES


def test_test_names_follow_code_and_rule() -> None:
    """A test's name is made of the code and the rule, and no rule serves two codes."""
    implemented = [each for each in ALL if each.state == "implemented"]
    assert all(each.test == f"test_7419_{each.code}_{each.rule}" for each in implemented)
    assert all(re.fullmatch(r"[a-z][a-z0-9_]*", each.rule) for each in implemented)
    assert len({each.rule for each in implemented}) == len(implemented)


def test_length_codes_have_limits() -> None:
    """Every code about a field's length limits at least one element, one code for each element."""
    lengths = [each for each in ALL if each.text.startswith("Feltlengde overskredet") or each.code == "17"]
    assert all(each.limits for each in lengths)
    assert {each.code for each in ALL if each.limits} == {each.code for each in lengths}
    paths = [(limit.path, message) for each in lengths for limit in each.limits for message in limit.messages]
    assert len(paths) == len(set(paths))
    assert all(limit.max > 0 for each in lengths for limit in each.limits)


def test_paths_name_what_the_schemas_declare() -> None:
    """A limit or a requirement can bite: the schemas declare every element and attribute that its path names."""
    schemas = "".join(path.read_text(encoding="utf-8") for path in (TESTS.parent / "xsd").glob("*.xsd"))
    declared = {*re.findall(r'name="(\w+)"', schemas), "*"}
    paths = [part.path for each in ALL for part in each.limits] + [part.path for each in ALL for part in each.requires]
    assert [path for path in paths if not {name.removeprefix("@") for name in path.split("/")} <= declared] == []
    assert "Fornvan" not in declared  # negative control: a misspelled name is not there


def test_lookup() -> None:
    """Both lists are found by their codes, and an unknown code is an error."""
    assert reason(115).text == "Pasientens fødselsnummer eller D-nummer mangler eller inneholder feil."
    assert reason("T01").text == "Ikke XML / ikke 'well formed' / uleselig"
    assert len(GENERAL) == 21
    assert reason("T01") is GENERAL["T01"]
    assert [row["code"] for row in table()] == [each.code for each in ALL]
    with pytest.raises(KeyError):
        reason(341)
    with pytest.raises(KeyError):
        reason("T03")


def test_every_implemented_code_has_its_test() -> None:
    """Each rule that the table calls implemented is shown by a test of the promised name."""
    assert missing_tests(ALL, defined_functions(TESTS)) == []


def test_a_missing_test_is_seen(tmp_path: Path) -> None:
    """Negative control: a test that is only mentioned, in a text or a comment, does not count."""
    promised = reason(115)
    (tmp_path / "test_x.py").write_text(f'"""{promised.test}"""\n# def {promised.test}\n', encoding="utf-8")
    assert missing_tests((promised,), defined_functions(tmp_path)) == [promised.test]
    (tmp_path / "test_y.py").write_text(f"def {promised.test}() -> None: ...\n", encoding="utf-8")
    assert missing_tests((promised,), defined_functions(tmp_path)) == []
