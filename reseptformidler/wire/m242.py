"""How M24.2 is written (HIS 3008 6.2.1): whether a subscription was registered or ended, and why not."""

from __future__ import annotations

from types import MappingProxyType

from reseptformidler.domain.koder import Kodeliste
from reseptformidler.wire.element import kode

M242 = "http://www.kith.no/xmlstds/eresept/m242/2008-10-03"

SVAR = Kodeliste("7457", MappingProxyType({"1": "Registrert", "2": "Avvist"}))
BEGRUNNELSE = Kodeliste(
    "7458",
    MappingProxyType(
        {
            "1": "Rekvirent finnes ikke i fastlegeregisteret",
            "2": "Rekvirent er ikke pasientens fastlege",
            "3": "Annen begrunnelse",
        }
    ),
)


def svar_samtykke(begrunnelse: str = "") -> bytes:
    """The payload of an M24.2: refused for the cause of list 7458, registered without one."""
    svar = kode("Svar", SVAR.cs("2" if begrunnelse else "1"))
    hvorfor = kode("Begrunnelse", BEGRUNNELSE.cs(begrunnelse)) if begrunnelse else ""
    return f'<SvarSamtykke xmlns="{M242}">{svar}{hvorfor}</SvarSamtykke>'.encode()
