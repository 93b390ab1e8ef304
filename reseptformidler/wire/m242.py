"""How M24.2 is written (HIS 3008 6.2.1): whether a subscription was registered or ended, and why not."""

from __future__ import annotations

from reseptformidler.domain import koder
from reseptformidler.wire.element import kode

M242 = "http://www.kith.no/xmlstds/eresept/m242/2008-10-03"


def svar_samtykke(begrunnelse: str = "") -> bytes:
    """The payload of an M24.2: refused for the cause of list 7458, registered without one."""
    svar = kode("Svar", koder.SVAR_SAMTYKKE.cs("2" if begrunnelse else "1"))
    hvorfor = kode("Begrunnelse", koder.BEGRUNNELSE_SAMTYKKE.cs(begrunnelse)) if begrunnelse else ""
    return f'<SvarSamtykke xmlns="{M242}">{svar}{hvorfor}</SvarSamtykke>'.encode()
