"""Elements as markup: text made safe inside what we write ourselves. Nothing empty is ever written (7419/225)."""

from __future__ import annotations

from reseptformidler.domain.hode import Kode

_TEXT = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;", "\r": "&#13;"})
_ATTRIBUTE = str.maketrans(
    {"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "\t": "&#9;", "\n": "&#10;", "\r": "&#13;"}
)


def text(value: str) -> str:
    """Safe as the content of an element."""
    return value.translate(_TEXT)


def attribute(value: str) -> str:
    """Safe between double quotes."""
    return value.translate(_ATTRIBUTE)


def simple(name: str, value: str) -> str:
    """An element with text as markup, or nothing: white space is what XML calls so, as where 7419/225 is judged."""
    return f"<{name}>{text(value)}</{name}>" if value.strip(" \t\r\n") else ""


def pq(name: str, value: tuple[str, str] | None) -> str:
    """A measured amount, its number and unit as they stood, as markup; or nothing."""
    return f'<{name} V="{attribute(value[0])}" U="{attribute(value[1])}"/>' if value is not None else ""


def kode(name: str, value: Kode | None) -> str:
    """A CS or CV as markup, or nothing."""
    if value is None or not value.v:
        return ""
    pairs = (("V", value.v), ("S", value.s), ("DN", value.dn), ("OT", value.ot))
    attributes = "".join(f' {key}="{attribute(one)}"' for key, one in pairs if one)
    return f"<{name}{attributes}/>"
