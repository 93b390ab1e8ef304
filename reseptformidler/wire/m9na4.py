"""How M9NA4 is written (HIS 3019): what the M1 says beyond the list, what was paid and what was dispensed."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from reseptformidler.domain import koder
from reseptformidler.domain.hode import Kode
from reseptformidler.domain.resept import Resept
from reseptformidler.domain.utlevert import Utlevert
from reseptformidler.wire.element import kode, simple
from reseptformidler.wire.m94 import egenandelsperiode
from reseptformidler.wire.utlevering import utlevering

M9NA4 = "http://www.kith.no/xmlstds/eresept/m9na4/2016-06-06"
_FK1 = "http://www.kith.no/xmlstds/felleskomponent1"


@dataclass(frozen=True, slots=True)
class Rekvirert:
    """What the M1 says and M9NA2 does not."""

    ref_kode: Kode | None
    resh: str
    """RESH id of the institution that began the treatment, empty where none did."""
    bytteres: Kode | None
    kortdose: Kode | None


def utvidet(
    resept: Resept,
    rekvirert: Rekvirert,
    perioder: Sequence[tuple[date, Decimal]],
    utlevert: Iterable[Utlevert],
) -> bytes:
    """The payload of an M9NA4, what was given last first; `perioder`: start and amount paid (NOK), none or four."""
    assert len(perioder) in (0, 4)
    by_day = sorted(utlevert, key=lambda item: item.dato, reverse=True)
    inner = "".join(
        (
            f"<ReseptId>{resept.resept_id}</ReseptId>",
            kode("Status", koder.STATUS_RESEPT.cs(resept.vist_status)),
            kode("RefKode", rekvirert.ref_kode),
            _institusjon(rekvirert.resh),
            kode("BytteresRekvirent", rekvirert.bytteres),
            kode("Kortdose", rekvirert.kortdose),
            "".join(egenandelsperiode(start, betalt) for start, betalt in perioder),
            "".join(utlevering(item, resept, nr="Nr") for item in by_day),
        )
    )
    return f'<M9NA4 xmlns="{M9NA4}" xmlns:fk1="{_FK1}">{inner}</M9NA4>'.encode()


def _institusjon(resh: str) -> str:
    number = simple("fk1:Id", resh)
    kind = kode("fk1:TypeId", koder.ORGANISASJON_ID.cv("RSH"))
    return f"<InstitusjonsID>{number}{kind}</InstitusjonsID>" if number else ""
