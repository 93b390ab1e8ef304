"""M25.2 and M25.3: the multidose pharmacy alone sends them, and only where there is a doctor to send them on to."""

from __future__ import annotations

from dataclasses import replace

import pytest

from reseptformidler.domain.decision import Hendelse
from reseptformidler.domain.pasientkort import Libmelding
from reseptformidler.meldinger.m252_forslag import M252
from reseptformidler.meldinger.m253_pakking import M253
from reseptformidler.meldinger.melding import MeldingType
from tests.meldinger.bygg import APOTEK, MSG_ID, NOW, avslag
from tests.meldinger.lister import DAG, apotek_sender, holdt, kort, multidoseapotek, multidoselege, tilstand

begge = pytest.mark.parametrize("type_", [M252, M253], ids=["m252", "m253"])
ANNET_APOTEK = replace(APOTEK, her="8091831", navn="Apoteket Vågen")
I_MORGEN = DAG.replace(day=3)


@begge
def test_7419_153_registered_multidose_pharmacy(type_: MeldingType) -> None:
    """X9: only the pharmacy that is registered today."""
    assert apotek_sender(type_).avgjor(tilstand(kort())).accepted
    for registrert in ((), (multidoseapotek(ANNET_APOTEK),), (multidoseapotek(fra=I_MORGEN),)):
        assert avslag(apotek_sender(type_).avgjor(tilstand(kort(apotek=registrert)))) == ["153"]
    assert avslag(apotek_sender(type_).avgjor(tilstand())) == ["153", "228"]


@begge
def test_7419_228_no_multidose_doctor(type_: MeldingType) -> None:
    """Nobody is there to send it on to."""
    assert avslag(apotek_sender(type_).avgjor(tilstand(kort(leger=())))) == ["228"]
    assert avslag(apotek_sender(type_).avgjor(tilstand(kort(leger=(multidoselege(fra=I_MORGEN),))))) == ["228"]


@begge
def test_held_and_not_told(type_: MeldingType) -> None:
    """The card holds it; M9.21 tells of nothing new."""
    foer = kort(meldinger=holdt("ERM251"))
    decision = apotek_sender(type_).avgjor(tilstand(foer))
    ny = Libmelding(MSG_ID, type_.code, NOW)
    assert decision.kort == replace(foer, versjon=4, meldinger=(*foer.meldinger, ny))
    assert decision.hendelser == (Hendelse(foer.kort_id, 4, "lib_mottatt", "", type_.code),)
    assert not type_.signed
