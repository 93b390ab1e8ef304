"""Which messages a dispensing owes others (rules.md M1r–M9r): the report itself is made when the message is sent.

`content` of each: M10 (MsgId of the report), Annullering, and what the sender of the message must know besides the
stored documents. Values are plain JSON.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from reseptformidler.domain.decision import Owed
from reseptformidler.domain.resept import Resept, Status


@dataclass(frozen=True, slots=True)
class Rapport:
    """What a dispensing report (M10, never a cancel) says that decides who is told."""

    m10: str
    """Its MsgId."""
    samtale: str
    annullering: bool
    reservert: bool
    """ReservasjonRapportFastlege: for this dispensing only (U12)."""


def owed_reports(rapport: Rapport, resept: Resept) -> tuple[Owed, ...]:
    """M6 to the prescriber, M8 to the fastlege, M8.1 to Kjernejournal, M20 to Legemiddelverket: of an e-prescription.

    `resept` as it was before the report. Whether the prescriber is the fastlege (M3r c) shows once that one is found.
    """
    owed = [_owed("M6", rapport, resept, receiver=resept.rekvirent.her)]
    if not rapport.reservert and not resept.eget_navn and resept.pasient.ident:
        owed.append(_owed("M8", rapport, resept, RekvirentId=resept.rekvirent.hpr))
    owed.append(_owed("M8.1", rapport, resept))
    if resept.soknad_slv and resept.siste_utlevering is None and not rapport.annullering:
        owed.append(_owed("M20", rapport, resept))
    return tuple(owed)


def owed_reports_paper(rapport: Rapport) -> tuple[Owed, ...]:
    """Of a paper prescription: M8.1 always, M8 unless reserved (M8r); there is no M1 and no address for an M6."""
    kinds = ("M8.1",) if rapport.reservert else ("M8", "M8.1")
    return tuple(_owed(kind, rapport, None) for kind in kinds)


def owed_recall(before: Resept, after: Resept, now: datetime) -> tuple[Owed, ...]:
    """What a recall owes that has waited and takes effect by this step (rules.md T2, T4).

    M5.2 (list 7503: 1) to who recalled, M7 to the prescriber where that is another. Nothing if it has no effect now.
    """
    recall = after.tilbakekalt
    if recall is None or before.status is Status.TILBAKEKALT or after.status is not Status.TILBAKEKALT:
        return ()
    m5 = str(recall.msg_id)
    receipt = Owed("M5.2", recall.her, after.resept_id, m5, recall.samtale, content={"Status": "1"})
    if recall.hpr == after.rekvirent.hpr:
        return (receipt,)
    told = {"Tidspunkt": now.isoformat(), "M5": m5}
    return (receipt, Owed("M7", after.rekvirent.her, after.resept_id, m5, recall.samtale, content=told))


def _owed(kind: str, rapport: Rapport, resept: Resept | None, *, receiver: str = "", **content: Any) -> Owed:
    return Owed(
        type=kind,
        receiver=receiver,
        resept_id=resept.resept_id if resept is not None else None,
        ref_to_parent=rapport.m10,
        ref_to_conversation=rapport.samtale,
        content={"M10": rapport.m10, "Annullering": rapport.annullering, **content},
    )
