"""The sandbox's Legemiddelverket: answers each application to use an unlicensed drug (M14) by one rule."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from lxml import etree

from reseptformidler.client import answer
from reseptformidler.client.head import Hode
from reseptformidler.client.slv import SvarSLV, m15
from reseptformidler.sandbox.population import LEGEMIDDELVERKET, som_virksomhet
from reseptformidler.sandbox.varer import UREGISTRERT_FORHANDSGODKJENT

REFUSED = frozenset({UREGISTRERT_FORHANDSGODKJENT.varenr})
_SAKSBEHANDLER = "1SAND"


@dataclass(frozen=True, slots=True)
class Legemiddelverket:
    """Refuses applications for these goods (Varenr), grants all others."""

    refused: frozenset[str] = REFUSED

    def decide(self, m14: bytes, msg_id: UUID, now: datetime) -> bytes:
        """The M15 that answers an M14, in its conversation; the M14 carries the M1 that says what is wanted."""
        application = answer.read(m14)
        hode = Hode(msg_id, now, application.msg_id, application.conversation)
        resept_id = application.root.findtext(".//{*}SoknadSLV/{*}ReseptId") or ""
        granted = not self.refused & _goods(application)
        reason = "" if granted else "Godkjent legemiddel finnes"
        svar = SvarSLV(resept_id, granted, _SAKSBEHANDLER, reason)
        return m15(hode, som_virksomhet(LEGEMIDDELVERKET), svar)


def _goods(application: answer.Answer) -> set[str]:
    """Varenr in all that is attached."""
    attached = (etree.fromstring(octets) for octets in application.attachments())
    return {element.text or "" for root in attached for element in root.iter("{*}Varenr")}
