"""The life of a prescription: every pair of phase and step is allowed, refused with a code, or cannot come about."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from itertools import product

import pytest

from reseptformidler.domain import livslop
from reseptformidler.domain.livslop import NEXT, REFUSALS, TRANSITIONS, Fase, Steg, fase, step
from reseptformidler.domain.resept import Status
from reseptformidler.reasons import reason
from tests.meldinger.bygg import LAS, NOW, TILBAKEKALT
from tests.meldinger.faser import I_HVER_FASE as I_FASE

FODSLER = {Steg.REKVIRERT, Steg.REKVIRERT_SOKNAD}
SLETTINGER = {Steg.UTLOPT, Steg.LAGRINGSTID_UTE}
MED_LAS = {Fase.U, Fase.U_T, Fase.B_U, Fase.B_U_T}
STEG = [steg for steg in Steg if steg not in FODSLER | SLETTINGER]
PAR = list(product(I_FASE, STEG))
UMULIGE = {(i_fase, Steg.ANNULLERT_AVSLUTNING) for i_fase in I_FASE if i_fase not in (Fase.R, Fase.R_T)}
"""That the annulled dispensing closed the prescription is known only of one that is closed."""


def forsok(i_fase: Fase, steg: Steg) -> object:
    """What `step` answers in a phase, with what the step brings."""
    resept = I_FASE[i_fase]()
    if steg is Steg.NEDLASTET:
        return step(resept, steg, NOW, las=LAS)
    return step(resept, steg, NOW, tilbakekalt=TILBAKEKALT if steg is Steg.TILBAKEKALT else None)


@pytest.mark.parametrize("i_fase", I_FASE)
def test_a_phase_is_read_from_the_prescription(i_fase: Fase) -> None:
    """Status, lock and waiting recall together are the phase."""
    assert fase(I_FASE[i_fase]()) is i_fase


@pytest.mark.parametrize("i_fase, steg", PAR)
def test_every_pair_is_allowed_refused_or_impossible(i_fase: Fase, steg: Steg) -> None:
    """Exactly one of the three, and no fourth."""
    assert [(i_fase, steg) in mengde for mengde in (NEXT, REFUSALS, UMULIGE)].count(True) == 1


@pytest.mark.parametrize("i_fase, steg", sorted(set(PAR) & set(NEXT)))
def test_an_allowed_step_leads_where_the_table_says(i_fase: Fase, steg: Steg) -> None:
    """The next version, in the phase of the table; deletion counts from closing."""
    if steg is Steg.TILBAKEKALT:
        assert I_FASE[i_fase]().tilbakekalt is None
    neste = forsok(i_fase, steg)
    assert not isinstance(neste, int)
    assert isinstance(neste, type(I_FASE[i_fase]()))
    assert neste.versjon == 2
    assert fase(neste) is NEXT[i_fase, steg]
    assert (neste.lukket is not None) == (fase(neste) in (Fase.R, Fase.R_T, Fase.T))
    assert (neste.las is not None) == (fase(neste) in MED_LAS)


@pytest.mark.parametrize("i_fase, steg", sorted(set(PAR) & set(REFUSALS)))
def test_a_refused_step_says_its_code(i_fase: Fase, steg: Steg) -> None:
    """The 7419 code of the table, and one that the service says it gives."""
    kode = forsok(i_fase, steg)
    assert kode == REFUSALS[i_fase, steg]
    assert isinstance(kode, int)
    assert reason(kode).state == "implemented"


@pytest.mark.parametrize("i_fase, steg", sorted(UMULIGE))
def test_an_impossible_step_is_an_error_of_ours(i_fase: Fase, steg: Steg) -> None:
    """Nothing is invented for what no message can bring about."""
    with pytest.raises(KeyError):
        forsok(i_fase, steg)


def test_births_and_deletions_have_their_own_rows() -> None:
    """A birth comes from nothing, a deletion leads to nothing, and nothing else does."""
    for overgang in TRANSITIONS:
        assert (overgang.fra is Fase.INGEN) == (overgang.steg in FODSLER)
        assert (overgang.til is Fase.SLETTET) == (overgang.steg in SLETTINGER)
        assert overgang.kilde


def test_no_step_stands_twice() -> None:
    """The machine is deterministic, and nothing is both allowed and refused."""
    assert len(NEXT) == len(TRANSITIONS)
    assert not set(NEXT) & set(REFUSALS)


def test_what_is_held_or_waits_is_never_deleted() -> None:
    """Locked or at the authority, a prescription stays, for as long as it takes (K3, U14, domain.md b.2 #17)."""
    slettes = {overgang.fra for overgang in TRANSITIONS if overgang.steg in SLETTINGER}
    assert slettes.isdisjoint({*MED_LAS, Fase.B, Fase.B_T})
    assert slettes == {Fase.E, Fase.A, Fase.X, Fase.R, Fase.R_T, Fase.T}


def test_a_waiting_recall_takes_effect_when_the_dispensing_ends() -> None:
    """T2: dispensed or cancelled, U with a recall becomes T; closed by the M10 it stays R with its recall."""
    for steg, til in ((Steg.UTLEVERT, Fase.T), (Steg.KANSELLERT, Fase.T), (Steg.UTLEVERT_AVSLUTTET, Fase.R_T)):
        neste = step(I_FASE[Fase.U_T](), steg, NOW)
        assert not isinstance(neste, int)
        assert fase(neste) is til
        assert neste.tilbakekalt == TILBAKEKALT


def test_annulling_the_closing_dispensing_brings_a_recall_back() -> None:
    """R that had been recalled becomes T, not dispensable again."""
    neste = step(I_FASE[Fase.R_T](), Steg.ANNULLERT_AVSLUTNING, NOW)
    assert not isinstance(neste, int)
    assert fase(neste) is Fase.T


def test_a_lock_is_given_and_kept() -> None:
    """NEDLASTET sets the lock it is handed; without one the holder's stays."""
    ny = replace(LAS, her="8094998", siden=NOW + timedelta(minutes=1))
    neste = step(I_FASE[Fase.E](), Steg.NEDLASTET, NOW, las=ny)
    assert not isinstance(neste, int)
    assert neste.las == ny
    assert neste.vist_status is Status.UNDER_EKSPEDERING
    igjen = step(I_FASE[Fase.U](), Steg.ANNULLERT, NOW)
    assert not isinstance(igjen, int)
    assert igjen.las == LAS


def test_every_phase_can_be_reached() -> None:
    """Each phase is born, led to, or (X) set by an operator; each that is not deleted leads on."""
    til = {overgang.til for overgang in livslop.TRANSITIONS}
    assert set(Fase) - til == {Fase.INGEN, Fase.X}


def test_G3_lock_and_application_are_apart() -> None:
    """The holder keeps it while the authority decides, may let it go, and goes on when the answer is yes."""
    sendt = step(I_FASE[Fase.U](), Steg.SOKNAD_SENDT, NOW)
    assert not isinstance(sendt, int)
    assert (sendt.las, sendt.vist_status) == (LAS, Status.UNDER_BEHANDLING_SLV)
    sluppet = step(sendt, Steg.KANSELLERT, NOW)
    assert not isinstance(sluppet, int)
    assert (fase(sluppet), sluppet.las) == (Fase.B, None)
    innvilget = step(sendt, Steg.SOKNAD_INNVILGET, NOW)
    assert not isinstance(innvilget, int)
    assert (fase(innvilget), innvilget.las) == (Fase.U, LAS)


def test_T7_a_recall_waits_for_the_authority_and_then_for_the_dispensing() -> None:
    """B with a recall becomes T by either answer; where somebody holds it, a yes leaves it to the dispensing's end."""
    for i_fase, steg, til in (
        (Fase.B_T, Steg.SOKNAD_INNVILGET, Fase.T),
        (Fase.B_T, Steg.SOKNAD_AVSLATT, Fase.T),
        (Fase.B_U_T, Steg.SOKNAD_INNVILGET, Fase.U_T),
        (Fase.B_U_T, Steg.SOKNAD_AVSLATT, Fase.T),
    ):
        neste = step(I_FASE[i_fase](), steg, NOW)
        assert not isinstance(neste, int)
        assert (fase(neste), neste.tilbakekalt) == (til, TILBAKEKALT)
