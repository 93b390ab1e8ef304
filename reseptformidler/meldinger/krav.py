"""A requirement as data: one 7419 code, where in the message it stands, and when it is broken."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from reseptformidler.domain.aktor import Facts
from reseptformidler.domain.decision import Finding
from reseptformidler.meldinger.melding import Mottatt, Rule
from reseptformidler.reasons import reason


def krav(
    kode: int, detalj: str, brutt: Callable[[Mottatt, Facts], bool], *, kilde: str = "", needs_facts: bool = False
) -> Rule:
    """A rule that finds `kode` at `detalj` (element names) when `brutt` says so; its name is the reason's own.

    `kilde`: the number in rules.md, where one says more than the code's text.
    """
    grunn = reason(kode)
    funn = (Finding(grunn, detalj),)

    def findings(m: Mottatt, facts: Facts) -> Iterator[Finding]:
        return iter(funn if brutt(m, facts) else ())

    return Rule(name=grunn.rule, source=kilde or f"7419/{kode}", findings=findings, needs_facts=needs_facts)
