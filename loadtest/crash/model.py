"""One prescription, one request after the other: what the published rules make of it.

Written anew from the rules, not from the service's state machine, and deterministic: in each state there is one right
result for each request. `linear` asks whether some order of a real, concurrent history gives the results that came.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from loadtest.crash.answers import Answer, Listed
from loadtest.crash.history import Asked

Result = tuple[object, ...]
OK: Result = ("accepted",)
ABSENT: Result = ("list", None)


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
    m1: str = ""
    """SHA-256."""
    dispensed: frozenset[Dispensing] = frozenset()

    @property
    def shown(self) -> str:
        """The status as the service shows it."""
        return "U" if self.holder else self.status


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


def _prescribe(state: State, asked: Asked) -> Step:
    assert not state.status, "a prescription has one M1"
    return OK, State("E", m1=asked.sha256)


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

    357 speaks of dispensings only; a cancel of nothing is refused with 41.
    """
    if not state.status:
        return refused(1), state
    if state.holder != asked.who:
        return refused(69 if state.holder else 41 if closes is None else 357), state
    status = "R" if closes else "T" if state.recalled else "E"
    dispensed = state.dispensed
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


def _recall(state: State, _: Asked) -> Step:
    """T2: a recall waits for the holder, once."""
    if state.status != "E" or state.recalled:
        return refused(12 if not state.status else 15 if state.status == "R" else 16), state
    if state.holder:
        return ("accepted", "13"), replace(state, recalled=True)
    return OK, replace(state, status="T", recalled=True)


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
