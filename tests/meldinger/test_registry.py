"""The one list of message types."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest

from reseptformidler import meldinger
from reseptformidler.domain import koder
from reseptformidler.domain.hode import Kode
from reseptformidler.meldinger.melding import Avsendertype, MeldingType
from reseptformidler.reasons import ALL, reason
from reseptformidler.wire.msghead import read_head
from reseptformidler.wire.parse import parse
from reseptformidler.wire.soap import SERVICES
from tests.wire.eksempler import m1, m93


def test_every_operation_of_the_contracts_has_its_type() -> None:
    """The 26 of the WSDLs, and the one that comes in asynchronously (M15); nothing else."""
    contracts = {(name, operation) for name, service in SERVICES.items() for operation in service.operations}
    assert len(contracts) == 26
    built = {operation for each in meldinger.ALL for operation in each.operations}
    assert built == contracts | {("Asynkron", "M15")}
    for each in meldinger.ALL:
        assert all(meldinger.by_operation(*operation) is each for operation in each.operations)


def test_what_is_not_built_is_not_found() -> None:
    """An operation that the contracts do not have, and a code nobody sends us."""
    assert meldinger.by_operation("Utleverer", "M1") is None
    assert meldinger.meant(read_head(parse(m93().replace(b"ERM93", b"ERM94"))), "") is None


@pytest.mark.parametrize("each", meldinger.ALL, ids=lambda each: f"{each.token}-{each.avsender}")
def test_a_type_is_meant_by_its_code_namespace_and_sender(each: MeldingType) -> None:
    """Several types share a code: by namespace (M9.5KJ) or by who sends (M9.11, M27.1)."""
    sender = m1() if each.avsender is Avsendertype.REKVIRENT else m93()
    head = replace(read_head(parse(sender)), type=Kode(each.code))
    found = [meldinger.meant(head, namespace) for namespace in each.namespaces]
    assert {one.code for one in found if one is not None} == {each.code}
    shared = {one.avsender for one in meldinger.ALL if one.code == each.code and one.namespaces == each.namespaces}
    if each.avsender in (Avsendertype.REKVIRENT, Avsendertype.UTLEVERER) or len(shared) == 1:
        assert all(one is each for one in found)


def test_no_operation_serves_two_types() -> None:
    """Each operation leads to one type."""
    operations = Counter(operation for each in meldinger.ALL for operation in each.operations)
    assert max(operations.values()) == 1


@pytest.mark.parametrize("token", [each.token for each in meldinger.ALL])
def test_a_type_says_what_the_standard_says(token: str) -> None:
    """Display name of list 8279 (MV: Verify, 312), and a personal signature from prescribers, but for M4.1 (V1, V2)."""
    each = next(each for each in meldinger.ALL if each.token == token)
    assert each.dn == ("Verify" if token == "mv" else koder.MELDINGSTYPE.navn[each.code])
    assert each.signed is (each.avsender is Avsendertype.REKVIRENT and token != "m41")
    assert each.root
    assert each.namespaces


def test_every_reason_of_the_sender_m1_m5_and_mv_has_its_rule() -> None:
    """What the table calls implemented in these modules is a rule of some type, or a decision on the store."""
    av_lageret = {12, 13, 14, 15, 16, 51, 52, 74, 75, 281, 323, 363}
    av_operatoren = {330, 375, 391}
    navn = {regel.name for each in meldinger.ALL for regel in each.rules}
    lovet = [each for each in ALL if each.state == "implemented" and each.module in {"sender", "m1", "m5", "mv"}]
    uten = [int(each.code) for each in lovet if each.rule not in navn]
    assert set(uten) - av_lageret - av_operatoren == set()
    assert reason(12).rule not in navn  # negative control: a decision on the store is no rule
