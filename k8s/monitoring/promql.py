"""The metrics and labels that a query of PromQL names: enough of the language for our own rules and panels."""

from __future__ import annotations

import re
from dataclasses import dataclass

WORDS = {"and", "or", "unless", "bool", "offset", "inf", "nan"}
_GROUPING = re.compile(r"\b(?:by|without|on|ignoring|group_left|group_right)\s*\(([^)]*)\)")
_MATCHERS = re.compile(r"\{([^}]*)\}")
_MATCHER = re.compile(r'([a-zA-Z_]\w*)\s*(=~|!~|!=|=)\s*"([^"]*)"')
_RANGE = re.compile(r"\[[^\]]*\]")
_NAMED = re.compile(r"(?<![\w:$.])([a-zA-Z_:][\w:]*)\s*(\{[^}]*\}|\()?")


@dataclass(frozen=True, slots=True)
class Selector:
    """One metric as a query asks for it."""

    metric: str
    matchers: tuple[tuple[str, str, str], ...]
    """Label, operator, value."""

    def text(self) -> str:
        """As PromQL."""
        return self.metric + "{" + ",".join(f'{label}{how}"{value}"' for label, how, value in self.matchers) + "}"


def selectors(query: str) -> list[Selector]:
    """Every metric that the query names, with its matchers."""
    bare = _RANGE.sub("", _GROUPING.sub("", query))
    found = (match for match in _NAMED.finditer(_strings_hidden(bare)))
    named = ((match[1], bare[slice(*match.span(2))] if match[2] else "") for match in found)
    return [Selector(name, tuple(_MATCHER.findall(rest))) for name, rest in named if rest != "(" and name not in WORDS]


def grouping_labels(query: str) -> set[str]:
    """The labels of by, without, on and ignoring."""
    return {label.strip() for labels in _GROUPING.findall(query) for label in labels.split(",") if label.strip()}


def _strings_hidden(query: str) -> str:
    """What stands in braces is no metric's name; lengths stay."""
    return _MATCHERS.sub(lambda match: "{" + " " * len(match[1]) + "}", query)
