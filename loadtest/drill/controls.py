"""Faults planted in the service itself: a drill with one of them must find violations, or it could not find any."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from loadtest.crash.checker import CHANGED, CLASH, LOST, UNDELIVERED

PARTS = ("reseptformidler", "xsd")
"""Of a checkout, what runs."""
_APPLY = "        outcomes = await apply(connection, [rows for _, _, rows in decided])\n"
_ANSWER_FIRST = """\
        for waiting, one, _ in decided:
            waiting.settle(Stored(one.answer, accepted=one.decision.accepted, reasons=one.reasons))
"""
_OWED = "    FROM owed WHERE nr = ANY (ARRAY (SELECT nr FROM done))\n"


@dataclass(frozen=True, slots=True)
class Patch:
    """One text of one file, replaced."""

    path: str
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class Control:
    """What is wrong, which faults bring it to light, and as what it is found."""

    faults: list[str]
    finds: frozenset[str]
    patch: Patch | None = None
    synchronous: bool = True

    def patched(self, checkout: Path, folder: Path) -> Path:
        """The code to run: a copy of the checkout in a new folder, changed; or the checkout."""
        if self.patch is None:
            return checkout
        for part in PARTS:
            shutil.copytree(checkout / part, folder / part, ignore=shutil.ignore_patterns("__pycache__"))
        path = folder / self.patch.path
        text = path.read_text("utf-8")
        assert text.count(self.patch.before) == 1, f"{self.patch.path} no longer holds what the control replaces"
        path.write_text(text.replace(self.patch.before, self.patch.after), "utf-8")
        return folder


CONTROLS: Mapping[str, Control] = {
    "asynchronous": Control(
        ["primary cut off but not from clients"] * 2, frozenset({LOST, CLASH, CHANGED}), synchronous=False
    ),
    "before-commit": Control(
        ["postgres of the primary killed"] * 2,
        frozenset({LOST, CLASH, CHANGED}),
        Patch("reseptformidler/store/batch.py", _APPLY, _ANSWER_FIRST + _APPLY),
    ),
    "no-lock": Control(
        ["slow and lossy network"] * 3,
        frozenset({LOST, CLASH}),
        Patch("reseptformidler/store/apply.sql", " AND r.versjon = c.versjon - 1", ""),
    ),
    "dropped-outbox": Control(
        ["web killed"],
        frozenset({UNDELIVERED}),
        Patch("reseptformidler/store/apply.sql", _OWED, _OWED.rstrip("\n") + " AND random() > 0.01\n"),
    ),
}
