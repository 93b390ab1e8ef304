"""The table of messages that are walked: each with how often it is sent."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

from tests.model import asking, care, life
from tests.model.draw import Draw, always
from tests.model.laws import Outcome, no
from tests.model.memory import Claim, Memory, Seen, Sent

Maker = Callable[[Draw], Sent | None]


def repeat(d: Draw) -> Sent | None:
    """An old message byte for byte, through either process: it gets its first answer."""
    recent = d.memory.recent(d.now)
    if not recent:
        return None
    first = d.pick(recent)

    def explain(seen: Seen, _: Memory) -> Iterator[Claim]:
        assert first.seen is not None
        same = seen.octets == first.seen.octets
        expected = Outcome(first.seen.ok, first.seen.codes, shown=True)
        yield always("repeat", expected, Outcome(seen.ok, seen.codes, shown=same))

    return Sent(
        f"again {first.kind}", first.operation, first.octets, first.msg_id, first.her, d.process, explain, first
    )


def other_bytes(d: Draw) -> Sent | None:
    """Something else under a known MsgId: refused (65), and nothing is kept of it (361)."""
    recent = d.memory.recent(d.now)
    if not recent:
        return None
    first = d.pick(recent)

    def explain(seen: Seen, _: Memory) -> Iterator[Claim]:
        yield always("other bytes", no("361", "65"), seen.outcome())

    octets = first.octets + b"\n"
    return Sent(
        "other bytes", first.operation, octets, first.msg_id, first.her, d.process, explain, repeats=first, stored=False
    )


TABLE: dict[Maker, int] = {
    life.m1: 150,
    life.taken: 4,
    life.m93: 170,
    life.stopped: 6,
    **{partial(life.m10, what=what): often for what, often in (("dispense", 90), ("close", 25), ("cancel", 45))},
    partial(life.m10, what="annul"): 45,
    life.paper: 15,
    life.m5: 38,
    life.m3: 22,
    life.m15: 32,
    life.m41: 6,
    asking.m91: 45,
    asking.m95: 25,
    asking.m95kj: 12,
    asking.m9na1: 18,
    asking.m9na3: 15,
    asking.m97: 15,
    asking.mv: 6,
    care.m271: 35,
    care.m241: 20,
    care.m251: 25,
    care.m252: 15,
    care.m253: 15,
    care.m911: 20,
    care.m921: 12,
    repeat: 40,
    other_bytes: 8,
}
ABOUT_CARDS: dict[Maker, int] = {
    care.m271: 4,
    care.m241: 2,
    care.m251: 5,
    care.m252: 3,
    care.m253: 3,
    care.m911: 2,
    care.m921: 1,
    life.m1: 1,
    life.paper: 1,
    repeat: 1,
}
"""Of a round about one patient's card."""
