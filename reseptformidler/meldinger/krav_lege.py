"""What only a doctor may do: M25.1 and, for a prescriber, M27.1 (rules.md R4)."""

from __future__ import annotations

from reseptformidler.meldinger.avsender import rekvirent
from reseptformidler.meldinger.krav import krav
from reseptformidler.meldinger.melding import Mottatt, Rule

_LEGE = "LE"
"""List 9060."""


def _sier_annet(m: Mottatt) -> bool:
    kind = rekvirent(m.head).type
    return kind is not None and kind.v != _LEGE


BARE_LEGE: tuple[Rule, ...] = (
    krav(
        207,
        "HealthcareProfessional",
        lambda _, facts: facts.helsepersonell is not None and _LEGE not in facts.helsepersonell.kategorier,
        kilde="R4",
        needs_facts=True,
    ),
    krav(209, "HealthcareProfessional/TypeHealthcareProfessional", lambda m, _: _sier_annet(m), kilde="R4"),
)
"""By what HPR says (207), and by what the head says (209)."""
