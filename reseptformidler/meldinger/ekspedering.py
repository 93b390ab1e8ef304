"""What keeps an utleverer from a prescription, whatever it wants to do with it (M9.1, M9.3, M3, M10)."""

from __future__ import annotations

from datetime import date

from reseptformidler.domain.aktor import Facts
from reseptformidler.domain.decision import Finding
from reseptformidler.domain.resept import Resept, Status
from reseptformidler.reasons import reason


def er_bandasjist(facts: Facts) -> bool:
    """Whether the sender is a bandasjist: it sees and gets Varegruppe A alone (C4)."""
    return facts.avsender is not None and facts.avsender.bandasjist


def holdt_av_annen(resept: Resept, her: str, hvor: str) -> Finding | None:
    """69, with who holds it and since when: the user may ring and ask. `her`: the utleverer's HER-id."""
    if resept.las is None or resept.las.her == her:
        return None
    return Finding(reason(69), hvor, resept.las.beskrivelse)


def opptatt(resept: Resept, her: str, dag: date, hvor: str) -> Finding | None:
    """What nobody, or only another utleverer, may take up now: held (69), expired (41), tied by a request (70, E5).

    `dag`: today in Norway. Whoever holds it already goes on, also after it has expired.
    """
    if resept.las is not None or resept.status is not Status.EKSPEDERBAR:
        return holdt_av_annen(resept, her, hvor)
    if resept.utloper < dag:
        return Finding(reason(41), hvor)
    if resept.ekspanm is not None and resept.ekspanm.binder and resept.ekspanm.her != her:
        return Finding(reason(70), hvor)
    return None
