"""The one list of message types."""

from __future__ import annotations

from collections import Counter

import pytest

from reseptformidler import meldinger
from reseptformidler.domain import koder
from reseptformidler.meldinger.melding import Avsendertype
from reseptformidler.reasons import ALL, reason


def test_the_core_chain_is_there() -> None:
    """Every type of the core chain is found by its code and by each of its operations."""
    assert {each.token for each in meldinger.ALL} == {"m1", "m5", "m91", "m93", "m10", "mv"}
    for each in meldinger.ALL:
        assert meldinger.by_code(each.code) is each
        assert all(meldinger.by_operation(*operation) is each for operation in each.operations)


def test_what_is_not_built_is_not_found() -> None:
    """An operation of the WSDLs that no type carries, and a code nobody sends us."""
    assert meldinger.by_operation("Rekvirent", "M9_5") is None
    assert meldinger.by_operation("Utleverer", "M1") is None
    assert meldinger.by_code("ERM92") is None


def test_no_operation_serves_two_types() -> None:
    """Each operation leads to one type."""
    operations = Counter(operation for each in meldinger.ALL for operation in each.operations)
    assert max(operations.values()) == 1


@pytest.mark.parametrize("token", [each.token for each in meldinger.ALL])
def test_a_type_says_what_the_standard_says(token: str) -> None:
    """Display name of list 8279 (MV: Verify, 312), and a personal signature from prescribers alone (V1, V2)."""
    (each,) = (each for each in meldinger.ALL if each.token == token)
    assert each.dn == ("Verify" if token == "mv" else koder.MELDINGSTYPE.navn[each.code])
    assert each.signed is (each.avsender is Avsendertype.REKVIRENT)
    assert each.root
    assert each.namespaces


def test_every_reason_of_the_sender_m1_m5_and_mv_has_its_rule() -> None:
    """What the table calls implemented in these modules is a rule of some type, or a decision on the store."""
    av_lageret = {12, 13, 14, 15, 16, 51, 52, 74, 75, 281, 323}
    av_operatoren = {330, 375, 391}
    navn = {regel.name for each in meldinger.ALL for regel in each.rules}
    lovet = [each for each in ALL if each.state == "implemented" and each.module in {"sender", "m1", "m5", "mv"}]
    uten = [int(each.code) for each in lovet if each.rule not in navn]
    assert set(uten) - av_lageret - av_operatoren == set()
    assert reason(12).rule not in navn  # negative control: a decision on the store is no rule
