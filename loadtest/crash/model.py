"""One prescription, one request after the other: what the published rules make of it.

Written anew from the rules, not from the service's state machine, and deterministic: in each state there is one right
result for each request. `linear` asks whether some order of a real, concurrent history gives the results that came.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from loadtest.crash.answers import Answer, Listed
from loadtest.crash.history import Asked

Result = tuple[object, ...]
OK: Result = ("accepted",)
ABSENT: Result = ("list", None)
BEYOND: Result = ("beyond its right",)
"""No answer is like it: nobody may have reported such a dispensing."""


@dataclass(frozen=True, slots=True)
class Dispensing:
    """An M10 that was accepted and not annulled."""

    msg_id: str
    who: str
    sha256: str
    closes: bool


@dataclass(frozen=True, slots=True)
class State:
    """A prescription: `status` is empty before its M1, then E, R or T; an E that is held is shown as U."""

    status: str = ""
    holder: str = ""
    recalled: bool = False
    """Recalled, or to be recalled when the holder lets go."""
    recaller: tuple[str, str] = ("", "")
    """Who recalled (HER-id), and with which message."""
    prescriber: str = ""
    """HER-id."""
    right: int = 0
    """How many dispensings it allows; 0: nobody counts."""
    m1: str = ""
    """SHA-256."""
    dispensed: frozenset[Dispensing] = frozenset()

    @property
    def shown(self) -> str:
        """The status as the service shows it."""
        return "U" if self.holder else self.status


@dataclass(frozen=True, slots=True)
class Owed:
    """A message that a change owes somebody."""

    type: str
    receiver: str
    """HER-id; empty where the type alone says who gets it."""
    parent: str
    """MsgId that it refers to."""
    told: str = ""
    """Of an M5.2 its Status (1 recalled, 2 waits); of a report, that it annuls."""


Step = tuple[Result, State]


def refused(code: int) -> Result:
    """The result of a refusal with one code of list 7419."""
    return ("refused", str(code))


def answer(state: State, asked: Asked) -> Step:
    """The one right result of a request in a state, and the state after it."""
    return _VERBS[asked.verb](state, asked)


def result(asked: Asked, answer: Answer) -> Result:
    """The result that was really given, as far as it concerns the prescription `asked.resept`."""
    if answer.kind == "list":
        return ("list", dict(answer.listed).get(asked.resept))
    if answer.kind == "given":
        return ("given", answer.status, answer.documents)
    return (answer.kind, *answer.codes)


def owed(before: State, asked: Asked, after: State) -> frozenset[Owed]:
    """What a request that took a prescription from one state to another owes others (rules M1r to M8r, T2 to T4).

    A dispensing and its annulment: M6 to the prescriber, and M8.1. A recall: M5.2 at once, and another one when one
    that has waited takes effect; M7 to another prescriber when it does. Nobody in these histories subscribes to M8.
    """
    if before == after:
        return frozenset()
    return frozenset((*_reports(asked, after), *_recalls(before, asked, after)))


def _reports(asked: Asked, after: State) -> Iterator[Owed]:
    if asked.verb in ("dispense", "finish", "annul"):
        told = "annuls" if asked.verb == "annul" else ""
        for type_, receiver in (("M6", after.prescriber), ("M8.1", "")):
            yield Owed(type_, receiver, asked.msg_id, told)


def _recalls(before: State, asked: Asked, after: State) -> Iterator[Owed]:
    her, msg_id = after.recaller
    effective = after.status == "T" != before.status
    if effective or asked.verb == "recall":
        yield Owed("M5.2", her, msg_id, "1" if effective else "2")
    if effective and her != after.prescriber:
        yield Owed("M7", after.prescriber, msg_id)


def _prescribe(state: State, asked: Asked) -> Step:
    assert not state.status, "a prescription has one M1"
    return OK, State("E", m1=asked.sha256, prescriber=asked.her, right=asked.right)


def _list(state: State, _: Asked) -> Step:
    return (ABSENT if state.status != "E" else _seen(state)), state


def _list_all(state: State, _: Asked) -> Step:
    return (ABSENT if not state.status else _seen(state)), state


def _seen(state: State) -> Result:
    return ("list", Listed(state.shown, state.holder, state.recalled))


def _download(state: State, asked: Asked) -> Step:
    """Q8: from now on it is this utleverer's; who holds it may download again."""
    if state.status != "E":
        return refused({"": 1, "R": 96, "T": 97}[state.status]), state
    if state.holder not in ("", asked.who):
        return refused(69), state
    documents = frozenset({state.m1, *(one.sha256 for one in state.dispensed)})
    return ("given", state.shown, documents), replace(state, holder=asked.who)


def _reported(state: State, asked: Asked, *, closes: bool | None) -> Step:
    """An M10: dispensed, finished (`closes`) or cancelled (None). Only the holder may, and lets go with it.

    357 speaks of dispensings only; a cancel of nothing is refused with 41. The rules leave it to the pharmacies to
    count the dispensings (D6, U6): where all senders do, none goes beyond what the prescription allows.
    """
    if not state.status:
        return refused(1), state
    if state.holder != asked.who:
        return refused(69 if state.holder else 41 if closes is None else 357), state
    status = "R" if closes else "T" if state.recalled else "E"
    dispensed = state.dispensed
    if closes is not None and len(dispensed) == state.right > 0:
        return BEYOND, state
    if closes is not None:
        dispensed |= {Dispensing(asked.msg_id, asked.who, asked.sha256, closes)}
    return OK, replace(state, status=status, holder="", dispensed=dispensed)


def _dispense(state: State, asked: Asked) -> Step:
    return _reported(state, asked, closes=False)


def _finish(state: State, asked: Asked) -> Step:
    return _reported(state, asked, closes=True)


def _cancel(state: State, asked: Asked) -> Step:
    return _reported(state, asked, closes=None)


def _annul(state: State, asked: Asked) -> Step:
    """U5: its own dispensing, once; what that had closed is open again, or recalled."""
    if not state.status:
        return refused(1), state
    own = [one for one in state.dispensed if (one.msg_id, one.who) == (asked.annuls, asked.who)]
    if not own:
        return refused(41), state
    reopened = "T" if state.recalled else "E"
    status = reopened if own[0].closes else state.status
    return OK, replace(state, status=status, dispensed=state.dispensed - {own[0]})


def _recall(state: State, asked: Asked) -> Step:
    """T2: a recall waits for the holder, once."""
    if state.status != "E" or state.recalled:
        return refused(12 if not state.status else 15 if state.status == "R" else 16), state
    recalled = replace(state, recalled=True, recaller=(asked.her, asked.msg_id))
    if state.holder:
        return ("accepted", "13"), recalled
    return OK, replace(recalled, status="T")


_VERBS: dict[str, Callable[[State, Asked], Step]] = {
    "prescribe": _prescribe,
    "list": _list,
    "list_all": _list_all,
    "download": _download,
    "dispense": _dispense,
    "finish": _finish,
    "cancel": _cancel,
    "annul": _annul,
    "recall": _recall,
}
LISTS = ("list", "list_all")
