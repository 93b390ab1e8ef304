"""What Legemiddelverket sends: the answer to an application (M14) to use an unlicensed drug."""

from __future__ import annotations

from dataclasses import dataclass

from reseptformidler.client.element import KITH, ja_nei
from reseptformidler.client.head import Hode, message
from reseptformidler.client.parter import Virksomhet
from reseptformidler.domain import koder
from reseptformidler.wire.element import simple


@dataclass(frozen=True, slots=True)
class SvarSLV:
    """Granted, or refused with a reason; and by which official."""

    resept_id: str
    innvilget: bool
    saksbehandler: str
    begrunnelse: str = ""


def m15(hode: Hode, legemiddelverket: Virksomhet, svar: SvarSLV) -> bytes:
    """M15 SvarSLV. `hode.parent` is the M14 that it answers."""
    payload = (
        f'<SvarSLV xmlns="{KITH}m15/2006-10-06">{simple("ReseptId", svar.resept_id)}'
        f"{ja_nei('Innvilget', ja=svar.innvilget)}{simple('BegrunnelseAvslag', svar.begrunnelse)}"
        f"{simple('Saksbehandler', svar.saksbehandler)}</SvarSLV>"
    )
    return message(hode, koder.MELDINGSTYPE.cs("ERM15"), legemiddelverket, None, payload)
