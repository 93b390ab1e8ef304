"""How M4.2 is written (R1908 4.2.2): reference numbers."""

from __future__ import annotations

from collections.abc import Iterable

from reseptformidler.wire.element import simple

M42 = "http://www.kith.no/xmlstds/eresept/m42/2006-10-06"


def referansenummer(numre: Iterable[str]) -> bytes:
    """The payload of an M4.2: at least one number."""
    inner = "".join(simple("RefNr", nummer) for nummer in numre)
    return f'<M42 xmlns="{M42}">{inner}</M42>'.encode()
