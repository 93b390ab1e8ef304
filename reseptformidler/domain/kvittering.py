"""What a receiver says of a message that the service sent it: the application receipt (AppRec, HIS 80415)."""

from __future__ import annotations

from dataclasses import dataclass

REFUSED = "2"
"""Avvist, in list 8258. 1 is OK, 3 is OK but for a part."""


@dataclass(frozen=True, slots=True)
class Kvittering:
    """One receipt, as far as the service asks what became of its message."""

    original: str
    """MsgId of the message."""
    status: str
    """Of list 8258."""
    koder: tuple[str, ...]
    """V of each Error."""
    avsender: frozenset[str]
    """HER-ids of who gives it: the institution's and those of its departments, since any of them was written to."""

    @property
    def arsak(self) -> str | None:
        """For an operator: refused, and the codes; None where it was not refused."""
        return " ".join(("refused", *self.koder)) if self.status == REFUSED else None
