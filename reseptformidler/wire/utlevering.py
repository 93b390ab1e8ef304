"""How one item that was dispensed is written, alike in M9.6 and M9NA4 (HIS 3004, HIS 3019)."""

from __future__ import annotations

from datetime import datetime, time

from reseptformidler.domain.kalender import NORGE
from reseptformidler.domain.resept import Resept
from reseptformidler.domain.utlevert import Utlevert
from reseptformidler.wire.element import pq, simple
from reseptformidler.wire.msghead import written_time


def utlevering(item: Utlevert, resept: Resept, *, nr: str) -> str:
    """An Utlevering; `nr` is what the element of its number is called.

    What an older release stored has no name of what was dispensed: then that of what was prescribed. An M10 tells the
    day alone: its first moment in Norway stands for it.
    """
    prescribed = resept.vare.navn_form_styrke or resept.vare.legemiddelblanding
    begin = datetime.combine(item.dato, time(), NORGE)
    return (
        f"<Utlevering>{simple(nr, item.varenr)}{simple('NavnFormStyrke', item.navn or prescribed)}"
        f"{pq('Pakningsstr', item.pakningsstr)}"
        f"<AntallPakningerUtlevertTotalt>{item.totalt:f}</AntallPakningerUtlevertTotalt>"
        f"<AntallPakningerUtlevertSiste>{item.siste:f}</AntallPakningerUtlevertSiste>"
        f"<TidspunktSisteUtlevering>{written_time(begin)}</TidspunktSisteUtlevering></Utlevering>"
    )
