"""What goes into the batcher and what comes out."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from reseptformidler.domain.decision import Decision, Needs, Owed, Tilstand


@dataclass(frozen=True, slots=True)
class Item:
    """One message, after all that can be judged without the store.

    `decide` and `render` are pure as far as the store knows: both may be called several times, and only the last
    decision and its answer are kept.
    """

    sender: str
    msg_id: UUID
    sha256: bytes
    """Of `octets`: another message under a known MsgId is told apart by it."""
    type: str
    octets: bytes
    received: datetime
    """With time zone."""
    needs: Needs
    decide: Callable[[Tilstand], Decision]
    render: Callable[[Decision], bytes]
    render_owed: Callable[[Owed], tuple[UUID, bytes]]
    """An owed message: its MsgId (version 7, of `received`), and the message without its attachments."""
    only_reads: bool = False
    """It changes nothing but its own claim: a standby's state may do, if the primary confirms it at the commit."""

    def touches(self) -> frozenset[Hashable]:
        """What no other message of the same moment may touch: its claim, the prescriptions and numbers it names."""
        return frozenset({(self.sender, self.msg_id), self.msg_id, *self.needs.resepter, *self.needs.refnr})


@dataclass(frozen=True, slots=True)
class Stored:
    """A message that is committed, and its one answer."""

    answer: bytes
    accepted: bool
    reasons: tuple[str, ...]
    """Codes of the refusals, or of the notes of an accepted message."""
    repeated: bool = False
    """The message had been committed before; this is the answer it got then."""


@dataclass(frozen=True, slots=True)
class OtherBytes:
    """Not stored: the MsgId is that of another message (7419/65)."""


@dataclass(frozen=True, slots=True)
class Seen:
    """What one key of a search found on a standby; one of the three hashes is given."""

    pasient: bytes | None
    refnr: bytes | None
    nodsok: bytes | None
    alle: bool
    versjoner: str
    """ReseptId and version of each prescription, as apply.sql writes them."""
