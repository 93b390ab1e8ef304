"""The code lists: what they hold and how a code is made of them."""

from __future__ import annotations

import pytest

from reseptformidler.domain import koder
from reseptformidler.domain.hode import Kode
from reseptformidler.domain.koder import Kodeliste
from reseptformidler.domain.resept import Status

SIZES = {
    "1101": 2, "3101": 4, "3401": 9, "7402": 2, "7403": 22, "7404": 4, "7406": 4, "7407": 4, "7408": 9, "7411": 15,
    "7412": 28, "7413": 4, "7421": 6, "7427": 33, "7436": 5, "7452": 35, "7455": 1, "7456": 9, "7457": 2, "7458": 3,
    "7484": 53, "7491": 3, "7496": 2, "7500": 5, "7503": 2, "8116": 14,
    "8258": 3, "8279": 42, "9051": 11, "9060": 32, "9101": 5,
}  # fmt: skip
"""How many codes each published list has (7403 without article groups, 8279 what the service reads or writes)."""


def test_every_list_has_the_published_number_of_codes() -> None:
    """None missing, none twice."""
    assert {liste.nummer: len(liste.navn) for liste in koder.ALLE} == SIZES


@pytest.mark.parametrize("liste", koder.ALLE, ids=lambda liste: liste.nummer)
def test_a_code_is_whole(liste: Kodeliste) -> None:
    """Every value and display name holds something, and a CV names its list."""
    for verdi, navn in liste.navn.items():
        assert verdi.strip() == verdi != ""
        assert navn.strip() == navn != ""
        assert liste.cs(verdi) == Kode(verdi, navn)
        assert liste.cv(verdi) == Kode(verdi, navn, f"2.16.578.1.12.4.1.1.{liste.nummer}")


def test_what_a_list_does_not_have() -> None:
    """An unknown value is not in the list and makes no code."""
    assert "L" in koder.VAREGRUPPE
    assert "l" not in koder.VAREGRUPPE
    assert koder.VAREGRUPPE.lacks(Kode("l"))
    assert not koder.VAREGRUPPE.lacks(Kode("L"))
    assert not koder.VAREGRUPPE.lacks(None)
    with pytest.raises(KeyError):
        koder.VAREGRUPPE.cs("l")


def test_every_status_we_hold_is_in_list_7408() -> None:
    """The states of a prescription are codes of the standard."""
    assert {status.value for status in Status} <= set(koder.STATUS_RESEPT.navn)


def test_the_lists_of_refund_codes() -> None:
    """R0908 4.2.4 names four."""
    assert {oid.rpartition(".")[2] for oid in koder.REFUSJONSKODELISTER} == {"7110", "7170", "7434", "7435"}
