"""The rules of format as a stricter schema, made in memory from ours: a right message passes it in one scan in C.

What it accepts breaks no rule of `format`, `lengths` or `required`, but for empty compound elements:
those it cannot see. What it refuses may still be right: then the rules themselves look, slower and with names.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache

from lxml import etree

from reseptformidler import reasons
from reseptformidler.wire.schema import XSD, compiled, folder, read_files

_X = f"{{{XSD}}}"
_UNTOUCHED = frozenset({"xmldsig.xsd", "base64container.xsd"})
_CODED: Mapping[str, tuple[tuple[str, bool], ...]] = {
    "CS": (("V", True), ("DN", True)),
    "CV": (("V", True), ("S", True), ("DN", True), ("OT", False)),
    "PQ": (("V", True), ("U", True)),
    "MO": (("V", True), ("U", False)),
    "TS": (("V", True),),
    "URL": (("V", True),),
}
"""The attributes of each data type (HIS 80117), and whether it says nothing, or breaks a rule, without them."""
_LIMIT_TEXT, _LIMIT_ATTRIBUTE = 4000, 2000
"""The general limits, 7419/351 and 7419/17."""


@cache
def strict_schema() -> etree.XMLSchema:
    """The stricter schema of all packaged namespaces."""
    limits = _limits()
    return compiled({name: _stricter(name, octets, limits) for name, octets in read_files(folder()).items()})


@cache
def emptiable() -> tuple[str, ...]:
    """Tags of the compound elements that the schemas allow to have no children at all, which 7419/225 does not."""
    roots = [etree.fromstring(octets) for name, octets in read_files(folder()).items() if name not in _UNTOUCHED]
    types = {one.get("name", ""): one for root in roots for one in root.iter(_X + "complexType") if one.get("name")}
    return tuple(sorted({tag for root in roots for tag in _emptiable(root, types)}))


def _emptiable(root: etree._Element, types: Mapping[str, etree._Element]) -> Iterator[str]:
    for element in root.iter(_X + "element"):
        kind = element.get("type", "").rpartition(":")[2]
        compound = element.find(_X + "complexType")
        if compound is None and kind not in _CODED:
            compound = types.get(kind)
        if compound is not None and not _has_mandatory_child(compound):
            yield f"{{{root.get('targetNamespace')}}}{element.get('name')}"


def _has_mandatory_child(compound: etree._Element) -> bool:
    """Whether some child must be there, as far as its own sequence tells: a doubtful type is called emptiable."""
    paths = ("sequence", "complexContent/extension/sequence")
    sequences = (compound.find("/".join(_X + step for step in path.split("/"))) for path in paths)
    return any(
        child.get("minOccurs") != "0"
        for sequence in sequences
        if sequence is not None and sequence.get("minOccurs") != "0"
        for child in sequence.iterfind(_X + "element")
    )


def _limits() -> dict[str, int]:
    """The lowest limit of any message type, by element (`Antall`) or by element and attribute (`RefHjemmel/@V`)."""
    found: dict[str, int] = {}
    for limit in (limit for each in reasons.ALL for limit in each.limits):
        steps = limit.path.split("/")
        key = "/".join(steps[-2:]) if steps[-1].startswith("@") else steps[-1]
        found[key] = min(limit.max, found.get(key, limit.max))
    return found


def _stricter(name: str, octets: bytes, limits: Mapping[str, int]) -> bytes:
    root = etree.fromstring(octets)
    if name not in _UNTOUCHED:
        for element in list(root.iter(_X + "element")):
            _tighten(element, limits)
        for attribute in list(root.iter(_X + "attribute")):
            if attribute.get("type"):
                _replace_type(attribute, _text(_LIMIT_ATTRIBUTE))
    return etree.tostring(root)


def _tighten(element: etree._Element, limits: Mapping[str, int]) -> None:
    prefix, _, kind = element.get("type", "").rpartition(":")
    name = element.get("name", "")
    if kind in _CODED:
        compound = etree.Element(_X + "complexType")
        for attribute, wanted in _CODED[kind]:
            one = etree.SubElement(compound, _X + "attribute", name=attribute, use="required" if wanted else "optional")
            one.append(_text(limits.get(f"{name}/@{attribute}", _LIMIT_ATTRIBUTE)))
        _replace_type(element, compound)
    elif kind == "base64Binary":
        _replace_type(element, _bytes())
    elif element.nsmap.get(prefix or None) == XSD or kind == "oid":
        _replace_type(element, _text(limits.get(name, _LIMIT_TEXT)))


def _replace_type(declaration: etree._Element, anonymous: etree._Element) -> None:
    del declaration.attrib["type"]
    # An empty element counts as one with its default or fixed value, and would pass.
    for given in ("default", "fixed"):
        declaration.attrib.pop(given, None)
    annotation = declaration.find(_X + "annotation")
    declaration.insert(0 if annotation is None else 1, anonymous)


def _bytes() -> etree._Element:
    """Base64 with something in it. The general limit is for text, 7419/351."""
    simple = etree.Element(_X + "simpleType")
    restriction = etree.SubElement(simple, _X + "restriction", base="xs:base64Binary")
    etree.SubElement(restriction, _X + "minLength", value="1")
    return simple


def _text(limit: int) -> etree._Element:
    """Text with something in it, at most so many characters as they stand."""
    simple = etree.Element(_X + "simpleType")
    restriction = etree.SubElement(simple, _X + "restriction", base="xs:string")
    etree.SubElement(restriction, _X + "maxLength", value=str(limit))
    etree.SubElement(restriction, _X + "pattern", value=r"\s*\S[\s\S]*")
    return simple
