"""The house rules that a machine can hold. Each check is shown to see the fault that it looks for."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from lxml import etree

from reseptformidler import meldinger
from reseptformidler.meldinger.melding import MeldingType

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "reseptformidler"
MODULES = sorted([*PACKAGE.rglob("*.py"), *(ROOT / "loadtest").rglob("*.py")])
PURE = [path for part in ("domain", "meldinger", "wire") for path in sorted((PACKAGE / part).glob("*.py"))]
DOCUMENTS = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "k8s").rglob("*.md")])
LONGEST_FUNCTION = 60
LONGEST_MODULE = 300
VAGUE_MODULES = {"utils", "util", "helpers", "helper", "common", "misc"}
VAGUE_CLASSES = ("Manager", "Handler", "Helper", "Util")
LATER = re.compile(r"\b(TODO|FIXME|HACK|NotImplementedError)\b")


def long_functions(source: str) -> list[str]:
    """Functions of more than 60 lines."""
    nodes = ast.walk(ast.parse(source))
    functions = (node for node in nodes if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))
    return [one.name for one in functions if (one.end_lineno or 0) - one.lineno + 1 > LONGEST_FUNCTION]


def code_lines(source: str) -> int:
    """Lines that are neither empty nor a comment."""
    return sum(1 for line in source.splitlines() if line.strip() and not line.lstrip().startswith("#"))


def awaits(source: str) -> list[int]:
    """Lines on which something waits."""
    kinds = (ast.Await, ast.AsyncFunctionDef, ast.AsyncWith, ast.AsyncFor)
    return [node.lineno for node in ast.walk(ast.parse(source)) if isinstance(node, kinds)]


def broken_links(path: Path, text: str) -> list[str]:
    """Relative links that lead nowhere."""
    targets = re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", text)
    return [target for target in targets if "://" not in target and not (path.parent / target).exists()]


def missing_parts(each: MeldingType, schemas: set[str]) -> Iterator[str]:
    """What a message type still lacks."""
    module = each.decide.__module__.rsplit(".", 1)[1]
    yield from (f"schema of {namespace}" for namespace in each.namespaces if namespace not in schemas)
    if not module.startswith(f"{each.token}_"):
        yield f"module named {each.token}_…"
    if not (ROOT / f"tests/meldinger/test_{module}.py").is_file():
        yield f"tests/meldinger/test_{module}.py"
    if each.code not in (ROOT / "docs/messages.md").read_text("utf-8"):
        yield "row in docs/messages.md"


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_module_fits_in_the_head(path: Path) -> None:
    """Short functions, short modules, names that say something, nothing left for later."""
    source = path.read_text("utf-8")
    assert long_functions(source) == []
    assert code_lines(source) <= LONGEST_MODULE
    assert path.stem not in VAGUE_MODULES
    assert [name for name in re.findall(r"^class (\w+)", source, re.MULTILINE) if name.endswith(VAGUE_CLASSES)] == []
    assert LATER.findall(source) == []


@pytest.mark.parametrize("path", PURE, ids=lambda path: str(path.relative_to(ROOT)))
def test_the_pure_parts_wait_for_nothing(path: Path) -> None:
    """No await in domain, meldinger and wire."""
    assert awaits(path.read_text("utf-8")) == []


@pytest.mark.parametrize("each", meldinger.ALL, ids=lambda each: each.token)
def test_a_message_type_is_whole(each: MeldingType) -> None:
    """A schema for each namespace, a module and tests of its name, a row in the documents."""
    schemas = {str(etree.parse(path).getroot().get("targetNamespace")) for path in (ROOT / "xsd").glob("*.xsd")}
    assert list(missing_parts(each, schemas)) == []
    assert list(missing_parts(each, set())) != [], "negative control"


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_lead_somewhere(path: Path) -> None:
    """Every relative link of the documents."""
    assert broken_links(path, path.read_text("utf-8")) == []


def test_the_checks_see_their_faults() -> None:
    """Negative controls of what is checked above."""
    assert long_functions("def f():\n" + "    x = 1\n" * LONGEST_FUNCTION) == ["f"]
    assert code_lines("x = 1\n# no\n\n" * 2) == 2
    assert awaits("async def f():\n    await g()") == [1, 2]
    assert LATER.findall("x = 1  # " + "TO" + "DO") != []
    assert broken_links(ROOT / "README.md", "[a](nowhere.md) [b](README.md) [c](https://example.com)") == ["nowhere.md"]
