"""Judges a history: is everything acknowledged still there, was nothing dispensed twice, has each message one answer,
did everybody get what was owed?

It knows the history, a model of one prescription (`model`) and its own reading of the answers (`answers`): nothing of
the service.
"""

from __future__ import annotations

import operator
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from loadtest.crash.arrivals import Arrivals
from loadtest.crash.figures import Figures, count
from loadtest.crash.history import Killed, read
from loadtest.crash.linear import Operation, linearizable
from loadtest.crash.model import LISTS, result
from loadtest.crash.record import Message, Record

LOST = "lost"
"""What was acknowledged is not there: nothing that was seen later can follow from it."""
CLASH = "clash"
"""Acknowledged changes exclude each other: a prescription had two holders, or was dispensed twice."""
BEYOND = "beyond"
"""More was dispensed than the prescription allows, by pharmacies that count what they are told."""
CHANGED = "changed"
"""A message got two answers, or another message's."""
UNREAD = "unread"
"""A message that is in order was not answered with a message."""
UNDELIVERED = "undelivered"
"""What was owed to somebody has not arrived."""
UNOWED = "unowed"
"""Something arrived that nobody owed."""
DISORDER = "disorder"
"""What is owed of one prescription reached a receiver in another order than that of the changes."""

WRONG_CLOCK = "clock"
"""How the faults begin in which a message may be refused for its date (7419/313)."""


@dataclass(frozen=True, slots=True)
class Violation:
    """One broken promise: its kind, and what shows it. No identity number stands in it."""

    kind: str
    text: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the checker found, and how much it looked at."""

    violations: tuple[Violation, ...]
    figures: Figures
    kills: Mapping[str, int]
    verbs: Mapping[str, int]
    """How many messages had this verb and result."""
    record: Record


def check(*paths: Path) -> Verdict:
    """The verdict on the history in these files, which began together."""
    record = Record.of(read(*paths))
    messages = record.messages.values()
    violations = list(_one_answer_each(messages))
    dated = [one for one in messages if not _refused_for_a_wrong_clock(one, record)]
    lives = _lives(dated)
    arrivals = Arrivals(record.arrived)
    for resept, operations in lives.items():
        seen = arrivals.compared(resept, operations) if record.listening else operations
        violations.extend(_judge_life(resept, seen))
    asked = [one.attempts[0] for one in messages]
    violations.extend(Violation(UNOWED, text) for text in arrivals.astray(asked))
    figures = count(record) | {
        "prescriptions": len(lives),
        "operations on prescriptions": sum(map(len, lives.values())),
        "refused for a wrong clock": len(messages) - len(dated),
        "owed messages that arrived": len(arrivals.distinct),
        "  of them again": arrivals.number - len(arrivals.distinct),
    }
    kills = Counter(one.what for one in record.faults if isinstance(one, Killed))
    return Verdict(tuple(violations), figures, kills, Counter(_verbs(messages)), record)


def _one_answer_each(messages: Iterable[Message]) -> Iterator[Violation]:
    for message in messages:
        first = message.attempts[0]
        name = f"{first.verb} {first.msg_id} by {first.who}"
        assert len({one.sha256 for one in message.attempts}) == 1, "a MsgId stands for one message in a history"
        if different := {one.sha256 for one in message.ends[1:]} - {message.ends[0].sha256 if message.ends else ""}:
            yield Violation(CHANGED, f"{name}: {1 + len(different)} different answers in {len(message.ends)}")
        if message.ends and message.answer is None:
            yield Violation(UNREAD, f"{name}: HTTP {message.ends[0].status}, not a message we know")
        if message.answer is not None and message.answer.msg_id != first.msg_id:
            yield Violation(CHANGED, f"{name}: got the answer to {message.answer.msg_id}")


def _refused_for_a_wrong_clock(message: Message, record: Record) -> bool:
    """A server whose clock is wrong holds the message's for wrong: that is no promise broken, and changes nothing."""
    if message.answer is None or message.answer.codes != ("313",):
        return False
    begun, ended = message.attempts[0].at, message.ends[0].at
    return any(one.what.startswith(WRONG_CLOCK) and one.begun <= ended and begun <= one.ended for one in record.spells)


def _lives(messages: Collection[Message]) -> dict[str, list[Operation]]:
    """The operations on each prescription that somebody asked to be made. A list is one on each of its patient's."""
    lives: dict[str, list[Operation]] = {}
    by_patient: dict[int, list[str]] = defaultdict(list)
    for message in messages:
        first = message.attempts[0]
        if first.verb == "prescribe":
            lives[first.resept] = []
            by_patient[first.patient].append(first.resept)
    for message in messages:
        first = message.attempts[0]
        for resept in by_patient[first.patient] if first.verb in LISTS else [first.resept]:
            lives.setdefault(resept, []).append(_operation(message, resept))
    return lives


def _operation(message: Message, resept: str) -> Operation:
    first = message.attempts[0]
    asked = replace(first, resept=resept)
    if message.answer is None:
        return Operation(asked, float("inf"), None)
    return Operation(asked, message.ends[0].at, result(asked, message.answer))


def _judge_life(resept: str, operations: list[Operation]) -> Iterator[Violation]:
    if not linearizable(operations):
        yield Violation(_kind(operations), f"prescription {resept}\n" + "\n".join(_told(operations)))


def _kind(operations: list[Operation]) -> str:
    """What has to be left out of account before everything fits."""
    any_order = [replace(one, follows=frozenset()) for one in operations]
    alone = [replace(one, arrived=None) for one in any_order]
    uncounted = [replace(one, asked=replace(one.asked, right=0)) for one in alone]
    if linearizable(any_order):
        return DISORDER
    if linearizable(any_order, operator.le):
        return UNDELIVERED
    if linearizable(alone):
        return UNOWED
    return BEYOND if linearizable(uncounted) else _of_answers(uncounted)


def _of_answers(operations: list[Operation]) -> str:
    changes = [one for one in operations if one.asked.verb not in LISTS and one.result and one.result[0] != "refused"]
    unknown = [one for one in operations if one.result is None]
    return LOST if linearizable([*changes, *unknown]) else CLASH


def _told(operations: Iterable[Operation]) -> Iterator[str]:
    for one in sorted(operations, key=lambda one: one.ended):
        given = "no answer" if one.result is None else " ".join(map(_short, one.result))
        came = "".join(f" → {owed.type} {owed.told}".rstrip() for owed in sorted(one.arrived or (), key=str))
        yield f"    {one.asked.at:10.4f} to {one.ended:10.4f}  {one.asked.who:<32} {one.asked.verb:<10} {given}{came}"


def _short(part: object) -> str:
    return f"{len(part)} documents" if isinstance(part, frozenset) else str(part)


def _verbs(messages: Iterable[Message]) -> Iterator[str]:
    for message in messages:
        told = " ".join((message.answer.kind, *message.answer.codes)) if message.answer else "no answer"
        yield f"{message.attempts[0].verb}: {told}"
