"""Which prescriptions look like the same treatment twice."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import Any
from uuid import UUID

import pytest

from reseptformidler.domain.dobbel import mulige_doble
from reseptformidler.domain.resept import Status
from tests.meldinger.bygg import ANNET_FNR, LAS, TILBAKEKALT, resept

DAG = date(2026, 3, 2)
ONE, OTHER, THIRD = UUID(int=1), UUID(int=2), UUID(int=3)


def pair(first: dict[str, Any], second: dict[str, Any], **changes: Any) -> bool:
    """Whether two prescriptions of these items are doubles; `changes` of the second."""
    vare = replace(resept().vare, nr="", atc="")
    stored = (
        resept(resept_id=ONE, vare=replace(vare, **first)),
        resept(**{"resept_id": OTHER, "vare": replace(vare, **second), **changes}),
    )
    return mulige_doble(stored, DAG) == {ONE: (OTHER,), OTHER: (ONE,)}


@pytest.mark.parametrize(
    "first, second, expected",
    [
        ({"atc": "N02BE01"}, {"atc": "N02BE01", "nr": "1"}, True),
        ({"atc": "N02BE01"}, {"atc": "N02BE51"}, False),
        ({"atc": "N02BE"}, {"atc": "N02BE"}, False),
        ({"nr": "800123"}, {"nr": "800123"}, True),
        ({"merkevare_id": "ID_1"}, {"merkevare_id": "ID_1"}, True),
        ({"virkestoff_id": "ID_1"}, {"virkestoff_id": "ID_1"}, True),
        ({"merkevare_id": "ID_1"}, {"virkestoff_id": "ID_1"}, False),
        ({}, {}, False),
    ],
)
def test_same_substance_or_item(first: dict[str, Any], second: dict[str, Any], expected: bool) -> None:
    """A whole ATC code or one of the ids; what names only a group, or nothing, is no sameness."""
    assert pair(first, second) is expected


ATC = {"atc": "N02BE01"}


@pytest.mark.parametrize(
    "changes, expected",
    [
        ({"las": LAS}, True),
        ({"utloper": DAG}, True),
        ({"utloper": date(2026, 3, 1)}, False),
        ({"status": Status.AVSLUTTET}, False),
        ({"las": LAS, "tilbakekalt": TILBAKEKALT}, False),
        ({"pasient": replace(resept().pasient, ident=ANNET_FNR)}, False),
    ],
)
def test_both_can_be_dispensed_to_one_patient(changes: dict[str, Any], expected: bool) -> None:
    """E and U; not expired, finished or about to be recalled, and not another's."""
    assert pair(ATC, ATC, **changes) is expected


def test_who_has_no_number_is_nobodys_double() -> None:
    """Two without national number need not be one person."""
    nobody = replace(resept().pasient, ident="", ident_type="")
    stored = [resept(resept_id=one, pasient=nobody) for one in (ONE, OTHER)]
    assert mulige_doble(stored, DAG) == {}


def test_three_name_each_other() -> None:
    """In the order in which they were given."""
    assert mulige_doble([resept(resept_id=one) for one in (ONE, OTHER, THIRD)], DAG) == {
        ONE: (OTHER, THIRD),
        OTHER: (ONE, THIRD),
        THIRD: (ONE, OTHER),
    }
