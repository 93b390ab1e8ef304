"""A history in memory: its messages with their attempts and answers read, its faults, its arrivals."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Self

from loadtest.crash import answers
from loadtest.crash.answers import Answer
from loadtest.crash.history import Answered, Arrived, Asked, Entry, Failed, Healed, Injected, Killed, Listening


@dataclass(slots=True)
class Message:
    """All attempts of one message."""

    attempts: list[Asked] = field(default_factory=list)
    ends: list[Answered] = field(default_factory=list)
    failures: list[tuple[Asked, Failed]] = field(default_factory=list)
    answer: Answer | None = None
    """The first one."""


@dataclass(frozen=True, slots=True)
class Spell:
    """A fault from its beginning until all was healthy again."""

    what: str
    begun: float
    ended: float = float("inf")
    where: str = ""
    alerts: tuple[str, ...] = ()
    """Those that fired meanwhile."""


@dataclass(slots=True)
class Record:
    """Everything that a history tells."""

    messages: dict[tuple[str, str], Message] = field(default_factory=dict)
    """By sender and MsgId."""
    faults: list[Killed | Injected | Healed] = field(default_factory=list)
    spells: list[Spell] = field(default_factory=list)
    arrived: list[Arrived] = field(default_factory=list)
    listening: bool = False
    """Whether receivers wrote down what arrived."""
    ended: float = 0.0
    _by_number: dict[int, Message] = field(default_factory=dict)

    @classmethod
    def of(cls, entries: Iterable[Entry]) -> Self:
        """The record of these entries."""
        record = cls()
        for entry in entries:
            record.ended = entry.at
            record._take(entry)
        return record

    def _take(self, entry: Entry) -> None:
        match entry:
            case Asked():
                message = self.messages.setdefault((entry.who, entry.msg_id), Message())
                message.attempts.append(entry)
                self._by_number[entry.no] = message
            case Answered():
                self._answered(self._by_number[entry.no], entry)
            case Failed():
                message = self._by_number[entry.no]
                attempt = next(one for one in reversed(message.attempts) if one.no == entry.no)
                message.failures.append((attempt, entry))
            case Arrived():
                self.arrived.append(entry)
            case Listening():
                self.listening = True
            case _:
                self._fault(entry)

    def _answered(self, message: Message, entry: Answered) -> None:
        """The bodies are read and forgotten: a long history would not fit into memory."""
        if message.answer is None and entry.status == 200 and entry.body is not None:
            message.answer = _read(entry.body)
        message.ends.append(replace(entry, body=None))

    def _fault(self, entry: Killed | Injected | Healed) -> None:
        self.faults.append(entry)
        if isinstance(entry, Injected):
            self.spells.append(Spell(entry.what, entry.at))
        elif isinstance(entry, Healed):
            self.spells[-1] = replace(self.spells[-1], ended=entry.at, where=entry.where, alerts=tuple(entry.alerts))


def _read(body: str) -> Answer | None:
    try:
        return answers.read(body)
    except answers.NoAnswer:
        return None
