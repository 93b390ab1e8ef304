"""What Kjernejournal sends, unsigned: it is known by its certificate (V6). Its M9.11 is `melding.m911`."""

from __future__ import annotations

from reseptformidler.client.element import KITH
from reseptformidler.client.head import Hode, message
from reseptformidler.client.parter import Virksomhet
from reseptformidler.domain import koder
from reseptformidler.wire.element import simple


def m95kj(hode: Hode, kjernejournal: Virksomhet, fnr: str) -> bytes:
    """M9.5KJ: a person's prescriptions. It has no type of its own in list 8279: it is an ERM95 in another namespace."""
    payload = f'<M95KJ xmlns="{KITH}m95kj/2015-05-01">{simple("Fnr", fnr)}</M95KJ>'
    return message(hode, koder.MELDINGSTYPE.cs("ERM95"), kjernejournal, None, payload)
