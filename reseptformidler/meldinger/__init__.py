"""The message types. `ALL` is the one list of what the service understands; nothing else knows which there are."""

from __future__ import annotations

from reseptformidler.domain.hode import MsgInfo
from reseptformidler.meldinger import m1_resept, m5_tilbakekalling, mv_verify
from reseptformidler.meldinger.m3_anmodning import M3
from reseptformidler.meldinger.m9na1_reseptliste import M9NA1
from reseptformidler.meldinger.m9na3_resept import M9NA3
from reseptformidler.meldinger.m10_utleveringsrapport import M10
from reseptformidler.meldinger.m15_soknadssvar import M15
from reseptformidler.meldinger.m41_referansenummer import M41
from reseptformidler.meldinger.m91_reseptliste import M91
from reseptformidler.meldinger.m93_nedlasting import M93
from reseptformidler.meldinger.m95_reseptliste import M95
from reseptformidler.meldinger.m95kj_reseptliste import M95KJ
from reseptformidler.meldinger.m97_utleveringer import M97
from reseptformidler.meldinger.m241_samtykke import M241
from reseptformidler.meldinger.m251_legemiddelliste import M251
from reseptformidler.meldinger.m252_forslag import M252
from reseptformidler.meldinger.m253_pakking import M253
from reseptformidler.meldinger.m271_multidoseansvar import M271_APOTEK, M271_LEGE
from reseptformidler.meldinger.m911_legemidler_i_bruk import M911_KJERNEJOURNAL, M911_REKVIRENT, M911_UTLEVERER
from reseptformidler.meldinger.m921_endrede_pasienter import M921
from reseptformidler.meldinger.melding import Avsendertype, MeldingType

ALL: tuple[MeldingType, ...] = (
    m1_resept.TYPE,
    m5_tilbakekalling.TYPE,
    M91,
    M93,
    M95KJ,
    M95,
    M97,
    M3,
    M10,
    M15,
    M41,
    M241,
    M9NA1,
    M9NA3,
    M251,
    M252,
    M253,
    M271_APOTEK,
    M271_LEGE,
    M911_KJERNEJOURNAL,
    M911_UTLEVERER,
    M911_REKVIRENT,
    M921,
    mv_verify.TYPE,
)

_BY_OPERATION = {operation: each for each in ALL for operation in each.operations}


def meant(head: MsgInfo, namespace: str) -> MeldingType | None:
    """The type of a message that no operation tells: by its code, its payload's namespace and who sends it.

    None when no type has that code. A person in the head makes the sender a rekvirent.
    """
    of_code = [each for each in ALL if each.code == head.type.v]
    understood = [each for each in of_code if namespace in each.namespaces] or of_code
    sender = Avsendertype.REKVIRENT if head.professional is not None else Avsendertype.UTLEVERER
    return next((each for each in understood if each.avsender is sender), next(iter(understood), None))


def by_operation(service: str, operation: str) -> MeldingType | None:
    """The type that a SOAP operation carries, None when it is not built (7419/999)."""
    return _BY_OPERATION.get((service, operation))
