"""Reading a payload that the schema has accepted: texts, codes, dates, numbers and truths of one element.

The schema has judged the types; what no Python type can hold (a date before our era) is read as absent.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from decimal import Decimal, InvalidOperation
from functools import lru_cache

from lxml import etree

from reseptformidler.domain.hode import Kode


def local(element: etree._Element) -> str:
    """The element's name without its namespace."""
    return str(element.tag).rpartition("}")[2]


def children(element: etree._Element | None) -> Iterator[etree._Element]:
    """The child elements; none of an absent element."""
    return iter(()) if element is None else element.iterchildren("*")


def child(element: etree._Element | None, name: str) -> etree._Element | None:
    """The first child of that local name, whichever namespace it is in."""
    return next((found for found in children(element) if local(found) == name), None)


def text(element: etree._Element | None, name: str) -> str:
    """The text of the child of that name without white space around it, empty when there is none."""
    found = child(element, name)
    return (found.text or "").strip() if found is not None else ""


def texts(element: etree._Element, name: str) -> tuple[str, ...]:
    """The texts of all children of that name."""
    return tuple((found.text or "").strip() for found in children(element) if local(found) == name)


def kode(element: etree._Element | None, name: str) -> Kode | None:
    """The child of that name as a CS or CV, None when there is none."""
    found = child(element, name)
    if found is None:
        return None
    get = found.get
    return _shared(get("V", ""), get("DN", ""), get("S", ""), get("OT", ""))


def dato(element: etree._Element | None, name: str) -> date | None:
    """The civil day of an xs:date; its zone, where it has one, only says whose day it is."""
    try:
        return date.fromisoformat(text(element, name)[:10])
    except ValueError:
        return None


def sann(element: etree._Element | None, name: str) -> bool | None:
    """An xs:boolean, None when there is none."""
    found = text(element, name)
    return found in ("true", "1") if found else None


def desimal(element: etree._Element | None, name: str) -> Decimal | None:
    """An xs:decimal, None when there is none."""
    return _tall(text(element, name))


def attributt(element: etree._Element | None, name: str, attribute: str) -> Decimal | None:
    """The number in an attribute of the child of that name (V of a PQ or MO), None when there is none."""
    found = child(element, name)
    return _tall(found.get(attribute, "")) if found is not None else None


def _tall(value: str) -> Decimal | None:
    try:
        found = Decimal(value.strip())
    except InvalidOperation:
        return None
    return found if found.is_finite() else None


@lru_cache(maxsize=4096)
def _shared(v: str, dn: str, s: str, ot: str) -> Kode:
    return Kode(v, dn, s, ot)
