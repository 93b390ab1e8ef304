"""What an M10 tells of the item that was dispensed, kept for the lists of prescribers (HIS 3004 6.2.3)."""

from __future__ import annotations

from dataclasses import replace
from uuid import UUID

import pytest

from reseptformidler.client import utleverer
from reseptformidler.client.head import Hode
from reseptformidler.client.utleverer import Rapport
from reseptformidler.client.varer import Vare
from reseptformidler.domain.aktor import Facts
from reseptformidler.domain.decision import Tilstand
from reseptformidler.domain.resept import Las, Utlevering
from reseptformidler.meldinger.m10_utleveringsrapport import M10
from reseptformidler.meldinger.melding import Mottatt
from reseptformidler.sandbox.population import APOTEK, PERSONER, som_utleverer
from reseptformidler.sandbox.varer import NARINGSDRIKK, SALVE, TABLETT, TESTSTRIMLER
from reseptformidler.wire.msghead import payload, read_head
from reseptformidler.wire.parse import parse
from tests.meldinger.bygg import NOW, RESEPT_ID, resept


def kept(vare: Vare, old: bytes = b"", new: bytes = b"") -> Utlevering:
    """What is kept of a dispensing of this item; `new` stands for `old` in the message."""
    head = Hode(UUID(int=7), NOW, "p", "c")
    octets = utleverer.m10(head, som_utleverer(APOTEK[0]), PERSONER[0], Rapport(str(RESEPT_ID), vare))
    assert old in octets
    root = parse(octets.replace(old, new) if old else octets)
    report = payload(root)
    assert report is not None
    stored = resept(
        las=Las(APOTEK[0].her, APOTEK[0].navn, NOW, "c"), pasient=replace(resept().pasient, ident=PERSONER[0].ident)
    )
    mottatt = Mottatt(octets, read_head(root), report, M10.parse(report), NOW)
    decision = M10.decide(mottatt, Tilstand((stored,)), Facts(avsender=APOTEK[0]), NOW)
    assert decision.utlevering is not None
    return decision.utlevering


@pytest.mark.parametrize(
    "vare, expected",
    [
        (TABLETT, ("990001", "Prøvadol Tab 500 mg", ("100", "stk"))),
        (TESTSTRIMLER, ("990101", "Prøve teststrimler", None)),
        (NARINGSDRIKK, ("990201", "Prøve næringsdrikk", None)),
        (SALVE, ("", "Prøvesalve 5 %", ("100", "g"))),
    ],
)
def test_number_name_and_size(vare: Vare, expected: tuple[str, str, tuple[str, str] | None]) -> None:
    """Varenr and NavnFormStyrke of a package, Nr and Navn of other goods, Navn and Mengde of a mixture."""
    found = kept(vare)
    assert (found.varenr, found.navn, found.pakningsstr) == expected


def test_size_of_one_package_in_numbers() -> None:
    """A PQ holds a number: what is none is left out, and so are several packages in one."""
    for no_number in (b"10 x 10", b"1_000", b"1e9", b"0,5"):
        assert kept(TABLETT, b"<Pakningsstr>100<", b"<Pakningsstr>" + no_number + b"<").pakningsstr is None
    assert kept(TABLETT, b"<Pakningsstr>100<", b"<Pakningsstr>0.5<").pakningsstr == ("0.5", "stk")
    second = b"</PakningsinfoResept><PakningsinfoResept><Pakningsstr>20</Pakningsstr></PakningsinfoResept>"
    assert kept(TABLETT, b"</PakningsinfoResept>", second).pakningsstr is None
