"""M25.2, the multidose pharmacy's questions and proposals (HIS 3014 1.1.1, 6.2.1; rules.md X9)."""

from __future__ import annotations

from datetime import datetime

from reseptformidler.domain.aktor import Facts
from reseptformidler.domain.decision import Decision, Tilstand
from reseptformidler.meldinger.lib_apotek import meldingtype, til_lege
from reseptformidler.meldinger.melding import Mottatt


def decide(m: Mottatt, tilstand: Tilstand, facts: Facts, now: datetime) -> Decision:
    """On to the multidose doctor, or why not."""
    return til_lege("M25.2", m, tilstand, facts, now)


M252 = meldingtype("m252", "M25_2", decide)
