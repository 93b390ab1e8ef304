"""Where the published material lies, how its schemas are compiled, and how two messages are compared."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from copy import deepcopy
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from lxml import etree

STANDARD = Path(__file__).resolve().parents[3] / "shared" / "standard"
EXAMPLES = STANDARD / "examples"
CHAIN = EXAMPLES / "Ekspedering og utlevering"
SIGNED = EXAMPLES / "signed"

_ADDED = re.compile(rb'<Object Id="AddedByReseptformidleren-.*</Object>(?=</Signature>)', re.DOTALL)


@cache
def published_schemas() -> etree.XMLSchema:
    """All published schemas, as one."""
    files = {file.as_uri(): etree.parse(file).getroot() for file in sorted((STANDARD / "schemas").glob("*.xsd"))}
    imports = "".join(
        f'<xs:import namespace="{root.get("targetNamespace")}" schemaLocation="{uri}"/>' for uri, root in files.items()
    )
    schema = f'<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema">{imports}</xs:schema>'
    return etree.XMLSchema(etree.fromstring(schema))


def valid_as_published(root: etree._Element) -> None:
    """AssertionError unless the published schemas accept it."""
    schema = published_schemas()
    assert schema.validate(root), list(schema.error_log)


def without_added(octets: bytes) -> bytes:
    """A signed M1 as its sender wrote it, but for Id attributes: less the Object added by the service (c.4)."""
    return _ADDED.sub(b"", octets)


@dataclass(frozen=True, slots=True)
class Place:
    """One thing that a message says: an element's text or an attribute."""

    path: str
    """Local names from the root; [n] for the n-th sibling of a name, where there are more."""
    namespace: str
    value: str


def places(root: etree._Element) -> list[Place]:
    """All that a message says, in its order; white space between elements, prefixes and order of attributes are not."""
    return list(_places(root, etree.QName(root).localname))


def _places(element: etree._Element, path: str) -> Iterator[Place]:
    namespace = etree.QName(element).namespace or ""
    yield Place(path, namespace, " ".join((element.text or "").split()))
    for name, value in sorted(element.items()):
        yield Place(
            f"{path}/@{etree.QName(name).localname}", etree.QName(name).namespace or "", " ".join(value.split())
        )
    names = Counter(str(child.tag) for child in element)
    seen: Counter[str] = Counter()
    for child in element:
        seen[str(child.tag)] += 1
        index = f"[{seen[str(child.tag)]}]" if names[str(child.tag)] > 1 else ""
        yield from _places(child, f"{path}/{etree.QName(child).localname}{index}")


@dataclass(frozen=True, slots=True)
class Allowed:
    """A difference that must be there, and why."""

    path: str
    """A regular expression for the whole path."""
    reason: str


def differences(published: etree._Element, ours: etree._Element) -> list[str]:
    """Paths that only one of them has, or where they say different things; `(order)` when all is the same but that."""
    theirs, mine = places(published), places(ours)
    by_path = [{place.path: place for place in some} for some in (theirs, mine)]
    paths = list(dict.fromkeys(place.path for place in (*theirs, *mine)))
    found = [path for path in paths if by_path[0].get(path) != by_path[1].get(path)]
    order = [[place.path for place in some if place.path in by_path[1 - n]] for n, some in enumerate((theirs, mine))]
    return found if order[0] == order[1] else [*found, "(order)"]


def unexplained(found: Sequence[str], allowed: Sequence[Allowed]) -> list[str]:
    """Differences that no row allows, and rows that allow nothing that is there."""
    patterns = [re.compile(row.path) for row in allowed]
    unlisted = [path for path in found if not any(pattern.fullmatch(path) for pattern in patterns)]
    unused = [f"unused: {p.pattern}" for p in patterns if not any(p.fullmatch(path) for path in found)]
    return unlisted + unused


def shape(root: etree._Element) -> etree._Element:
    """A copy that says which elements and attributes there are, and all codes, but no other value."""
    copy = deepcopy(root)
    for element in copy.iter(etree.Element):
        element.text = "…" if (element.text or "").strip() else None
    return copy
