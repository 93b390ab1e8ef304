"""The message types. `ALL` is the one list of what the service understands; nothing else knows which there are."""

from __future__ import annotations

from reseptformidler.meldinger import m1_resept, m5_tilbakekalling, mv_verify
from reseptformidler.meldinger.m10_utleveringsrapport import M10
from reseptformidler.meldinger.m91_reseptliste import M91
from reseptformidler.meldinger.m93_nedlasting import M93
from reseptformidler.meldinger.melding import MeldingType

ALL: tuple[MeldingType, ...] = (m1_resept.TYPE, m5_tilbakekalling.TYPE, M91, M93, M10, mv_verify.TYPE)

_BY_CODE = {each.code: each for each in ALL}
_BY_OPERATION = {operation: each for each in ALL for operation in each.operations}


def by_code(code: str) -> MeldingType | None:
    """The type of MsgInfo/Type/@V (list 8279), None when it is not built."""
    return _BY_CODE.get(code)


def by_operation(service: str, operation: str) -> MeldingType | None:
    """The type that a SOAP operation carries, None when it is not built (7419/999)."""
    return _BY_OPERATION.get((service, operation))
