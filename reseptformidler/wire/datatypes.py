"""Which elements hold a coded value or a measured amount: read once from our schemas, by namespace and name."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

from lxml import etree

from reseptformidler.wire.schema import XSD, folder, read_files

KINDS = frozenset({"CS", "CV", "PQ"})
"""Data types of HIS 80117 whose attributes belong together; kith, msghead and apprec define them each."""


@dataclass(frozen=True, slots=True)
class Datatypes:
    """`kinds`: the kind by element tag (`{namespace}name`). `namespaces`: all that our schemas define.

    `base64`: tags of the elements that hold base64, which is no text.
    """

    kinds: Mapping[str, str]
    namespaces: frozenset[str]
    base64: frozenset[str]


@cache
def datatypes() -> Datatypes:
    """The table for the packaged schemas.

    One name may have a coded type in one place and text in another (`Mengde`): only elements with attributes are looked
    up, and a name with two different kinds is an error of the schemas.
    """
    kinds: dict[str, set[str]] = defaultdict(set)
    namespaces, base64 = set(), set()
    for octets in read_files(folder()).values():
        schema = etree.fromstring(octets)
        namespaces.add(schema.get("targetNamespace", ""))
        for element in schema.iter(f"{{{XSD}}}element"):
            kind = element.get("type", "").rpartition(":")[2]
            if kind in KINDS:
                kinds[_tag(schema, element)].add(kind)
            elif kind == "base64Binary":
                base64.add(_tag(schema, element))
    ambiguous = [tag for tag, found in kinds.items() if len(found) > 1]
    assert not ambiguous, ambiguous
    return Datatypes({tag: found.pop() for tag, found in kinds.items()}, frozenset(namespaces), frozenset(base64))


def _tag(schema: etree._Element, element: etree._Element) -> str:
    qualified = schema.get("elementFormDefault") == "qualified" or element.getparent() is schema
    return f"{{{schema.get('targetNamespace')}}}{element.get('name')}" if qualified else element.get("name", "")
