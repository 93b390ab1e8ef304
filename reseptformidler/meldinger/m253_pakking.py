"""M25.3, what the multidose pharmacy packed for a period (HIS 3014 1.1.1, 6.2.1; rules.md X9, X16)."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from reseptformidler.domain.aktor import Facts
from reseptformidler.domain.decision import Decision, Tilstand
from reseptformidler.meldinger.lib_apotek import meldingtype, til_lege, videre
from reseptformidler.meldinger.melding import Mottatt
from reseptformidler.wire.m254 import m254


def decide(m: Mottatt, tilstand: Tilstand, facts: Facts, now: datetime) -> Decision:
    """On to the multidose doctor, and as M25.4 to Kjernejournal; or why not."""
    decision = til_lege("M25.3", m, tilstand, facts, now)
    if not decision.accepted:
        return decision
    til_kj = videre("M25.4", m, facts.kjernejournal.som_mottaker(), m254(m.payload))
    return replace(decision, owed=(*decision.owed, til_kj))


M253 = meldingtype("m253", "M25_3", decide)
