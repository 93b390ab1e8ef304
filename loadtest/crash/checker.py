"""Judges a history: is everything acknowledged still there, was nothing dispensed twice, has each message one answer?

It knows the history, a model of one prescription (`model`) and its own reading of the answers (`answers`): nothing of
the service.
"""

from __future__ import annotations

from bisect import bisect
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from pathlib import Path

from loadtest.crash import answers, history
from loadtest.crash.answers import Answer
from loadtest.crash.history import Answered, Asked, Failed, Killed
from loadtest.crash.linear import Operation, linearizable
from loadtest.crash.model import LISTS, result

LOST = "lost"
"""What was acknowledged is not there: nothing that was seen later can follow from it."""
CLASH = "clash"
"""Acknowledged changes exclude each other: a prescription had two holders, or was dispensed twice."""
CHANGED = "changed"
"""A message got two answers, or another message's."""
UNREAD = "unread"
"""A message that is in order was not answered with a message."""


@dataclass(frozen=True, slots=True)
class Violation:
    """One broken promise: its kind, and what shows it. No identity number stands in it."""

    kind: str
    text: str


@dataclass(slots=True)
class Message:
    """All attempts of one message."""

    attempts: list[Asked] = field(default_factory=list)
    ends: list[Answered] = field(default_factory=list)
    answer: Answer | None = None
    """The first one."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the checker found, and how much it looked at."""

    violations: tuple[Violation, ...]
    figures: Mapping[str, float]
    kills: Mapping[str, int]
    verbs: Mapping[str, int]
    """How many messages had this verb and result."""


def check(path: Path) -> Verdict:
    """The verdict on the history in this file."""
    entries = list(history.read(path))
    messages = _messages(entries)
    violations = list(_one_answer_each(messages.values()))
    lives = _lives(messages.values())
    for resept, operations in lives.items():
        violations.extend(_judge_life(resept, operations))
    figures = _figures(entries, messages.values())
    figures["prescriptions"] = len(lives)
    figures["operations on prescriptions"] = sum(map(len, lives.values()))
    kills = Counter(one.what for one in entries if isinstance(one, Killed))
    return Verdict(tuple(violations), figures, kills, Counter(_verbs(messages.values())))


def _messages(entries: Iterable[history.Entry]) -> dict[tuple[str, str], Message]:
    """Every message, by sender and MsgId."""
    messages: dict[tuple[str, str], Message] = defaultdict(Message)
    attempts: dict[int, Message] = {}
    for entry in entries:
        if isinstance(entry, Asked):
            message = attempts[entry.no] = messages[entry.who, entry.msg_id]
            message.attempts.append(entry)
        elif isinstance(entry, Answered):
            message = attempts[entry.no]
            message.ends.append(entry)
            if message.answer is None and entry.status == 200 and entry.body is not None:
                message.answer = _read(entry.body)
    return messages


def _read(body: str) -> Answer | None:
    try:
        return answers.read(body)
    except answers.NoAnswer:
        return None


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


def _lives(messages: Iterable[Message]) -> dict[str, list[Operation]]:
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
            lives[resept].append(_operation(message, resept))
    return lives


def _operation(message: Message, resept: str) -> Operation:
    first = message.attempts[0]
    asked = replace(first, resept=resept)
    if message.answer is None:
        return Operation(asked, float("inf"), None)
    return Operation(asked, message.ends[0].at, result(asked, message.answer))


def _judge_life(resept: str, operations: list[Operation]) -> Iterator[Violation]:
    if linearizable(operations):
        return
    changes = [one for one in operations if one.asked.verb not in LISTS and one.result and one.result[0] != "refused"]
    unknown = [one for one in operations if one.result is None]
    kind = LOST if linearizable([*changes, *unknown]) else CLASH
    yield Violation(kind, f"prescription {resept}\n" + "\n".join(_told(operations)))


def _told(operations: Iterable[Operation]) -> Iterator[str]:
    for one in sorted(operations, key=lambda one: one.ended):
        given = "no answer" if one.result is None else " ".join(map(_short, one.result))
        yield f"    {one.asked.at:10.4f} to {one.ended:10.4f}  {one.asked.who:<32} {one.asked.verb:<10} {given}"


def _short(part: object) -> str:
    return f"{len(part)} documents" if isinstance(part, frozenset) else str(part)


def _verbs(messages: Iterable[Message]) -> Iterator[str]:
    for message in messages:
        told = " ".join((message.answer.kind, *message.answer.codes)) if message.answer else "no answer"
        yield f"{message.attempts[0].verb}: {told}"


def _figures(entries: list[history.Entry], messages: Collection[Message]) -> dict[str, float]:
    ends = sorted(one.at for one in entries if isinstance(one, Answered))
    kills = [one.at for one in entries if isinstance(one, Killed)]
    return {
        "messages": len(messages),
        "messages without an answer": sum(1 for one in messages if not one.ends),
        "attempts": sum(1 for one in entries if isinstance(one, Asked)),
        "attempts that failed": sum(1 for one in entries if isinstance(one, Failed)),
        "answers": len(ends),
        "answers compared with the first one": sum(max(0, len(one.ends) - 1) for one in messages),
        "  of them after a kill": sum(_answered_after_a_kill(one, kills) for one in messages),
        "kills": len(kills),
        "longest time without any answer (s)": max((b - a for a, b in pairwise(ends)), default=0.0),
        "seconds": round(max((one.at for one in entries), default=0.0), 1),
    }


def _answered_after_a_kill(message: Message, kills: Sequence[float]) -> int:
    """How many of its later answers have a kill between the first one and them."""
    first = message.ends[0].at if message.ends else 0.0
    return sum(bisect(kills, first) < bisect(kills, one.at) for one in message.ends)
