"""What was dispensed, summed item by item (rules.md Q13)."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from decimal import Decimal
from uuid import UUID

from reseptformidler.domain.resept import Utlevering
from reseptformidler.domain.utlevert import Utlevert, utlevert

ONE = Utlevering(
    UUID(int=1), UUID(int=9), "1", date(2026, 3, 1), Decimal(2), avsluttet=False, varenr="429076", navn="Cosylan"
)
LATER = replace(ONE, msg_id=UUID(int=2), dato=date(2026, 3, 5), antall=Decimal(1), pakningsstr=("300", "ml"))


def test_by_varenr() -> None:
    """Summed over all dispensings; the last one tells the rest, whichever came in first."""
    expected = (Utlevert("429076", "Cosylan", ("300", "ml"), Decimal(3), Decimal(1), date(2026, 3, 5)),)
    assert utlevert((ONE, LATER)) == expected
    assert utlevert((LATER, ONE)) == expected


def test_two_reports_of_one_day_are_one_dispensing() -> None:
    """Several periods of egenandel need several M10s (U2)."""
    assert utlevert((LATER, replace(LATER, msg_id=UUID(int=3))))[0].siste == 2


def test_Q13_annulled_does_not_count() -> None:
    """Neither in the sum nor as the last one; an item of which all was annulled is not there."""
    annulled = replace(LATER, annullert_av=UUID(int=8))
    assert [(u.totalt, u.siste, u.dato) for u in utlevert((ONE, annulled))] == [
        (Decimal(2), Decimal(2), date(2026, 3, 1))
    ]
    assert utlevert((annulled,)) == ()


def test_without_varenr_each_by_itself() -> None:
    """A mixture: one item for each dispensing (HIS 3004); measured by amount alone it is one package."""
    mixture = replace(ONE, varenr="", navn="Salve", antall=Decimal(0))
    found = utlevert((mixture, replace(mixture, msg_id=UUID(int=2), antall=Decimal(2))))
    assert [(u.navn, u.totalt) for u in found] == [("Salve", Decimal(1)), ("Salve", Decimal(2))]
