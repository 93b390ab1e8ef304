"""How M9.4 is written (R1408 4.5): where the prescription stood when asked for, and what the patient has paid."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from decimal import Decimal

from reseptformidler.domain import koder
from reseptformidler.domain.resept import INNVILGET, Resept
from reseptformidler.wire.element import kode, simple

M94 = "http://www.kith.no/xmlstds/eresept/m94/2010-07-01"


def reseptnedlasting(resept: Resept, egenandel: Sequence[tuple[date, Decimal]]) -> bytes:
    """The payload of an M9.4: `resept` as it was before the download; `egenandel` in NOK, none or four."""
    assert len(egenandel) in (0, 4)
    slv = resept.soknad_slv
    sent, answered = (day.isoformat() if day is not None else "" for day in (resept.soknad_sendt, resept.svar_slv))
    inner = "".join(
        (
            simple("DatoSoknadSendtSLV", sent),
            simple("SvarSLVDato", answered),
            simple("InnvligetGodkjFritak", "true" if slv == INNVILGET else ""),
            kode("Status", koder.STATUS_RESEPT.cs(resept.vist_status)),
            kode("StatusSoknadSlv", koder.SOKNAD_SLV.cs(slv) if slv else None),
            *(egenandelsperiode(start, betalt) for start, betalt in egenandel),
        )
    )
    return f'<ReseptNedlasting xmlns="{M94}">{inner}</ReseptNedlasting>'.encode()


def egenandelsperiode(start: date, betalt: Decimal) -> str:
    """One period: its start, and what the patient has paid in it (NOK)."""
    return (
        f"<Egenandel><StartEgenandelsperiode>{start.isoformat()}</StartEgenandelsperiode>"
        f'<BetaltEgenandel V="{betalt:f}" U="NOK"/></Egenandel>'
    )
