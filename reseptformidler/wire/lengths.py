"""Field lengths (7419/17, 164–198, 201, 211, 231, 240, 241, 254–256, 273, 278–280, 351).

The limits stand in the table of reasons. The published table of lengths could not be had, so the numbers are ours; the
codes and what they name are the national service's.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from functools import cache

from lxml import etree

from reseptformidler import reasons
from reseptformidler.domain.decision import Finding
from reseptformidler.reasons import Limit, Reason
from reseptformidler.wire.datatypes import Datatypes
from reseptformidler.wire.msghead import NAMESPACE
from reseptformidler.wire.schema import name_path

_LONG = 50
"""What is longer than this is looked at wherever it stands; elements with shorter limits are looked up by name."""
_LONG_TEXTS = etree.XPath(f"//*[not(*)][string-length() > {_LONG}]")
_LONG_ATTRIBUTES = etree.XPath(f"//*[@*[string-length() > {_LONG}]]")
_TYPE = etree.XPath("string(/h:MsgHead/h:MsgInfo/h:Type/@V)", namespaces={"h": NAMESPACE})
_NOT_TEXT = frozenset({"http://www.w3.org/2000/09/xmldsig#", "http://www.kith.no/xmlstds/base64container"})

_Row = tuple[tuple[str, ...], int, Reason]


def message_token(root: etree._Element) -> str:
    """The schema token of the message by its type: m1 for ERM1, mv for ERMV; empty when it is none of ours."""
    type_ = _TYPE(root)
    return type_[2:].lower() if isinstance(type_, str) and type_.startswith("ERM") else ""


def too_long(root: etree._Element, types: Datatypes) -> Iterator[Finding]:
    """What is longer than its limit, in characters. The closest limit counts: a path's own before the general ones."""
    rows = _rows(message_token(root))
    short = _short_names(message_token(root))
    suspects = {*_LONG_TEXTS(root), *_LONG_ATTRIBUTES(root), *(root.iter(*short) if short else ())}
    for element in suspects:
        namespace = etree.QName(element).namespace
        if namespace in types.namespaces and namespace not in _NOT_TEXT and element.tag not in types.base64:
            yield from _judge(element, rows)


def _judge(element: etree._Element, rows: dict[str, Sequence[_Row]]) -> Iterator[Finding]:
    path = tuple(name_path(element).split("/"))
    attributes = ((f"@{name}", str(value)) for name, value in element.items() if not str(name).startswith("{"))
    for steps, value in ((path, element.text or ""), *(((*path, name), value) for name, value in attributes)):
        general = "@*" if steps[-1].startswith("@") else "*"
        candidates = (*rows.get(steps[-1], ()), *rows.get(general, ()))
        limit = next((row for row in candidates if _ends(steps, row[0])), None)
        if limit is not None and len(value) > limit[1]:
            yield Finding(limit[2], f"{'/'.join(steps)}: over {limit[1]} tegn")


def _ends(steps: tuple[str, ...], suffix: tuple[str, ...]) -> bool:
    """Whether a path ends so; `*` stands for any element, `@*` for any attribute."""
    tail = steps[-len(suffix) :]
    return len(tail) == len(suffix) and all(want in (step, "*", "@*") for want, step in zip(suffix, tail, strict=True))


def _limits(token: str) -> Iterator[tuple[Limit, Reason]]:
    return ((limit, each) for each in reasons.ALL for limit in each.limits if token in limit.messages)


@cache
def _rows(token: str) -> dict[str, Sequence[_Row]]:
    """The limits of one message type by their last step, longest path first."""
    rows: dict[str, list[_Row]] = defaultdict(list)
    for limit, each in _limits(token):
        steps = tuple(limit.path.split("/"))
        rows[steps[-1]].append((steps, limit.max, each))
    return {name: sorted(found, key=lambda row: -len(row[0])) for name, found in rows.items()}


@cache
def _short_names(token: str) -> tuple[str, ...]:
    """Elements, in any namespace, with a limit too low for the general look."""
    paths = [limit.path.split("/") for limit, _ in _limits(token) if limit.max < _LONG]
    return tuple(sorted({"{*}" + (steps[-2] if steps[-1].startswith("@") else steps[-1]) for steps in paths}))
