"""How M9.4 is written (R1408 4.5): where the prescription stood when asked for, and what the patient has paid."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from decimal import Decimal

from reseptformidler.domain import koder
from reseptformidler.wire.element import kode

M94 = "http://www.kith.no/xmlstds/eresept/m94/2010-07-01"


def reseptnedlasting(status: str, soknad_slv: str, egenandel: Sequence[tuple[date, Decimal]]) -> bytes:
    """The payload of an M9.4: `status` (list 7408), `soknad_slv` (7436, or empty), `egenandel` (NOK; none or four)."""
    assert len(egenandel) in (0, 4)
    state = kode("Status", koder.STATUS_RESEPT.cs(status))
    application = kode("StatusSoknadSlv", koder.SOKNAD_SLV.cs(soknad_slv)) if soknad_slv else ""
    periods = "".join(_egenandel(start, betalt) for start, betalt in egenandel)
    return f'<ReseptNedlasting xmlns="{M94}">{state}{application}{periods}</ReseptNedlasting>'.encode()


def _egenandel(start: date, betalt: Decimal) -> str:
    return (
        f"<Egenandel><StartEgenandelsperiode>{start.isoformat()}</StartEgenandelsperiode>"
        f'<BetaltEgenandel V="{betalt:f}" U="NOK"/></Egenandel>'
    )
