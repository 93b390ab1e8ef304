"""Rules of format beyond the schema, for a whole message (EO278; rules.md F2, F3; 7419).

A right message is recognised by `strict` in one scan. Of others libxml2 picks the elements that may be wrong, and
Python judges those. Left out are the Signature, and what stands in namespaces we do not know: extensions are kept as
they are.
"""

from __future__ import annotations

from collections.abc import Iterator

from lxml import etree

from reseptformidler.domain.decision import Finding
from reseptformidler.reasons import reason
from reseptformidler.wire.datatypes import Datatypes, datatypes
from reseptformidler.wire.lengths import too_long
from reseptformidler.wire.msghead import NAMESPACE
from reseptformidler.wire.required import incomplete, missing
from reseptformidler.wire.schema import MAX_ERRORS, name_path
from reseptformidler.wire.strict import emptiable, strict_schema

SIGNATURE = "http://www.w3.org/2000/09/xmldsig#"
BASE64 = "http://www.kith.no/xmlstds/base64container"

_PREFIXES = {"h": NAMESPACE, "b": BASE64}
_MESSAGES = etree.XPath(
    "/h:MsgHead/h:Document/h:RefDoc[not(h:MsgType/@V = 'A')]/h:Content/*[not(self::b:*)] | /h:MsgHead/h:PatientReport",
    namespaces=_PREFIXES,
)
_EMPTY = etree.XPath("//*[not(@*)][not(*)][not(normalize-space())]")
_EMPTY_ATTRIBUTES = etree.XPath("//@*[not(normalize-space())]/..")
_CODED = etree.XPath("//*[@*][not(*)][not(@V and @DN and @S)]")

_NEEDS = {"CS": ("V", "DN"), "CV": ("V", "S", "DN"), "PQ": ("V", "U")}
_REASONS = {"CS": 220, "CV": 238, "PQ": 320}
_JUDGED_ELSEWHERE = frozenset({"TypeId", "RefKode"})
"""CV elements with codes of their own: 216 (the head's rules) and 310 (M1)."""


def prepare() -> None:
    """Compile what the first message would otherwise wait for: some tenths of a second."""
    strict_schema()
    emptiable()
    datatypes()


def findings(root: etree._Element) -> tuple[Finding, ...]:
    """All breaches of format in a message, at most 20.

    7419/26, 225, 220, 238, 320 (PQ); the lengths; what is missing and has a code of its own.
    """
    found = [*_several(root), *incomplete(root)]
    if not _surely_right(root):
        types = datatypes()
        found += [*_empty(root, types), *_uncoded(root, types), *too_long(root, types), *missing(root)]
    return tuple(found[:MAX_ERRORS])


def _surely_right(root: etree._Element) -> bool:
    return strict_schema().validate(root) and all(len(compound) for compound in root.iter(*emptiable()))


def _several(root: etree._Element) -> Iterator[Finding]:
    """7419/26: a second document that is neither base64 nor an attachment, or a case report of several documents."""
    messages = _elements(_MESSAGES(root))
    if len(messages) > 1:
        yield Finding(reason(26), name_path(messages[1]))


def _empty(root: etree._Element, types: Datatypes) -> Iterator[Finding]:
    """7419/225: no content and no attribute, or an attribute without content where no code names the type."""
    for element in _elements(_EMPTY(root)):
        if _judged(element, types):
            yield Finding(reason(225), name_path(element))
    for element in _elements(_EMPTY_ATTRIBUTES(root)):
        named = _NEEDS.get(types.kinds.get(str(element.tag), ""), ())
        for name, value in element.items():
            ours = name not in named and not str(name).startswith("{")
            if ours and not value.strip() and _judged(element, types):
                yield Finding(reason(225), f"{name_path(element)}/@{name}")


def _uncoded(root: etree._Element, types: Datatypes) -> Iterator[Finding]:
    """7419/220, 238, 320: a CS, CV or PQ without one of its attributes, or with an empty one."""
    candidates = {*_elements(_CODED(root)), *_elements(_EMPTY_ATTRIBUTES(root))}
    for element in sorted(candidates, key=lambda one: one.sourceline or 0):
        kind = types.kinds.get(str(element.tag))
        if kind is None:
            continue
        lacking = [name for name in _NEEDS[kind] if not (element.get(name) or "").strip()]
        if lacking and etree.QName(element).localname not in _JUDGED_ELSEWHERE:
            yield Finding(reason(_REASONS[kind]), f"{name_path(element)}: mangler {', '.join(lacking)}")


def _judged(element: etree._Element, types: Datatypes) -> bool:
    namespace = etree.QName(element).namespace or ""
    return namespace in types.namespaces and namespace != SIGNATURE


def _elements(found: object) -> list[etree._Element]:
    assert isinstance(found, list)
    return found
