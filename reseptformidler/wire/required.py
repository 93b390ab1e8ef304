"""What must be there and has a code of its own (7419/3, 4, 7, 8, 9, 24, 28, 29, 45, 199, 218).

The table of reasons lists it. The schema refuses most of it too; these codes tell in the code list's words what lacks.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache

from lxml import etree

from reseptformidler import reasons
from reseptformidler.domain.decision import Finding
from reseptformidler.reasons import Reason, reason
from reseptformidler.wire.lengths import message_token
from reseptformidler.wire.schema import name_path

_Wanted = dict[str, list[tuple[tuple[str, ...], str, Reason]]]


def missing(root: etree._Element) -> Iterator[Finding]:
    """What a message lacks by the table. All of it is mandatory in the schema too."""
    wanted = _wanted(message_token(root))
    for parent in root.iter(*("{*}" + name for name in wanted)) if wanted else ():
        children = {etree.QName(child).localname for child in parent}
        for path, child, why in wanted[etree.QName(parent).localname]:
            if child not in children and _stands_in(parent, path):
                yield Finding(why, f"{name_path(parent)}/{child}")


def incomplete(root: etree._Element) -> Iterator[Finding]:
    """What the schema allows and the code list does not."""
    special = {"m1": _incomplete_resept, "m93": _incomplete_m93}.get(message_token(root))
    return special(root) if special is not None else iter(())


def _incomplete_resept(root: etree._Element) -> Iterator[Finding]:
    """7419/7: no Resept, or one of nothing; 7419/24: a Varegruppekode outside list 7402."""
    resepter = list(root.iter("{*}Resept"))
    if not resepter or all(resept.find(name) is None for resept in resepter for name in _ITEMS):
        yield Finding(reason(7), "Resept")
    for code in root.iter("{*}Varegruppekode"):
        if code.get("V") not in ("L", "A"):
            yield Finding(reason(24), f"{name_path(code)}/@V")


_ITEMS = ("{*}ReseptDokLegemiddel", "{*}ReseptDokHandelsvare")


def _incomplete_m93(root: etree._Element) -> Iterator[Finding]:
    """7419/3: neither a prescription to download nor a cause to cancel for."""
    for request in root.iter("{*}M93"):
        if request.find("{*}ReseptId") is None and request.find("{*}Kansellering") is None:
            yield Finding(reason(3), f"{name_path(request)}/ReseptId")


def _stands_in(parent: etree._Element, path: tuple[str, ...]) -> bool:
    """Whether the parent's own ancestors are these, nearest last."""
    return tuple(name_path(parent).split("/")[-len(path) :]) == path


@cache
def _wanted(token: str) -> _Wanted:
    """By the parent's local name: its path, the child that must be in it, and the reason if it is not."""
    found: _Wanted = {}
    for each in reasons.ALL:
        for required in each.requires:
            *path, child = required.path.split("/")
            if token in required.messages and each.module == "wire":
                found.setdefault(path[-1], []).append((tuple(path), child, each))
    return found
