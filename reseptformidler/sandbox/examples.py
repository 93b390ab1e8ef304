"""A correct message of each type, unsigned: what `sandbox example` prints."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from uuid import UUID

from reseptformidler.client import melding, rekvirent, slv, utleverer
from reseptformidler.client.head import Hode
from reseptformidler.domain.kalender import norsk_dag
from reseptformidler.sandbox.population import (
    APOTEK,
    LEGEMIDDELVERKET,
    LEGER,
    PERSONER,
    SYSTEM,
    som_utleverer,
    som_virksomhet,
)
from reseptformidler.sandbox.varer import TABLETT

_LEGE, _FASTLEGE = LEGER[0].rekvirent, LEGER[1].rekvirent
_APOTEK, _PERSON = som_utleverer(APOTEK[0]), PERSONER[0]


def examples(resept_id: str, msg_id: UUID, talk: UUID, now: datetime) -> Mapping[str, Callable[[], bytes]]:
    """By schema token, about the prescription `resept_id`; what follows another message is of conversation `talk`."""
    first, later = Hode(msg_id, now), Hode(msg_id, now, str(talk), str(talk))
    day, fnr = norsk_dag(now), _PERSON.ident
    return {
        "m1": lambda: rekvirent.m1(first, _LEGE, _PERSON, rekvirent.Resept(TABLETT)),
        "m3": lambda: utleverer.m3(later, _APOTEK, resept_id),
        "m41": lambda: rekvirent.m41(first, _LEGE, 10),
        "m5": lambda: rekvirent.m5(first, _LEGE, _PERSON, rekvirent.Tilbakekalling(resept_id)),
        "m91": lambda: utleverer.m91(first, _APOTEK, utleverer.Sok(fnr=fnr)),
        "m93": lambda: utleverer.m93(later, _APOTEK, resept_id),
        "m95": lambda: rekvirent.m95(first, _LEGE, rekvirent.Oppslag(fnr=fnr)),
        "m97": lambda: rekvirent.m97(first, _LEGE, resept_id),
        "m911": lambda: melding.m911(first, _LEGE, melding.IBruk(fnr)),
        "m921": lambda: melding.m921(first, _APOTEK, now - timedelta(days=1)),
        "m10": lambda: utleverer.m10(later, _APOTEK, _PERSON, utleverer.Rapport(resept_id, TABLETT)),
        "m15": lambda: slv.m15(
            later, som_virksomhet(LEGEMIDDELVERKET), slv.SvarSLV(resept_id, innvilget=True, saksbehandler="1")
        ),
        "m241": lambda: rekvirent.m241(first, _FASTLEGE, _PERSON, rekvirent.Abonnement(day + timedelta(days=365))),
        "m271": lambda: melding.m271(first, _LEGE, _PERSON, day),
        "mv": lambda: melding.mv(first, _APOTEK.virksomhet, SYSTEM),
    }
