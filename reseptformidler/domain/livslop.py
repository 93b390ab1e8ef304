"""The life of a prescription: one explicit state machine (domain.md b, rules.md section 2).

A phase is a status of list 7408, told apart by the lock (U, `_U`) and by a recall that waits, or had waited, for
something (`_T`). What is not in `TRANSITIONS` is not allowed; `REFUSALS` says with which code it is refused.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from reseptformidler.domain.resept import Las, Resept, Status, Tilbakekalt


class Fase(StrEnum):
    """Where a prescription stands: its status, whether it is locked, whether a recall waits."""

    INGEN = "ingen"
    E = "E"
    U = "U"
    U_T = "U_T"
    B = "B"
    B_T = "B_T"
    B_U = "B_U"
    B_U_T = "B_U_T"
    A = "A"
    R = "R"
    R_T = "R_T"
    T = "T"
    X = "X"
    SLETTET = "slettet"


class Steg(StrEnum):
    """What can happen to a prescription; also the name of the event in the history."""

    REKVIRERT = "rekvirert"
    REKVIRERT_SOKNAD = "rekvirert_soknad"
    NEDLASTET = "nedlastet"
    UTLEVERT = "utlevert"
    UTLEVERT_AVSLUTTET = "utlevert_avsluttet"
    KANSELLERT = "kansellert"
    ANNULLERT = "annullert"
    ANNULLERT_AVSLUTNING = "annullert_avslutning"
    TILBAKEKALT = "tilbakekalt"
    SOKNAD_SENDT = "soknad_sendt"
    SOKNAD_INNVILGET = "soknad_innvilget"
    SOKNAD_AVSLATT = "soknad_avslatt"
    UTLOPT = "utlopt"
    LAGRINGSTID_UTE = "lagringstid_ute"


@dataclass(frozen=True, slots=True)
class Overgang:
    """One allowed step, with the published rule or the choice behind it."""

    fra: Fase
    steg: Steg
    til: Fase
    kilde: str


TRANSITIONS: tuple[Overgang, ...] = (
    Overgang(Fase.INGEN, Steg.REKVIRERT, Fase.E, "REFARK, STAT"),
    Overgang(Fase.INGEN, Steg.REKVIRERT_SOKNAD, Fase.B, "G2"),
    Overgang(Fase.E, Steg.NEDLASTET, Fase.U, "Q8"),
    Overgang(Fase.U, Steg.NEDLASTET, Fase.U, "domain b.2 #4: the holder may download again"),
    Overgang(Fase.U_T, Steg.NEDLASTET, Fase.U_T, "domain b.2 #4: the holder may download again"),
    Overgang(Fase.B_U, Steg.NEDLASTET, Fase.B_U, "G3: the holder may download again"),
    Overgang(Fase.B_U_T, Steg.NEDLASTET, Fase.B_U_T, "G3: the holder may download again"),
    Overgang(Fase.U, Steg.UTLEVERT, Fase.E, "STAT"),
    Overgang(Fase.U, Steg.UTLEVERT_AVSLUTTET, Fase.R, "U6"),
    Overgang(Fase.U, Steg.KANSELLERT, Fase.E, "U4"),
    Overgang(Fase.U_T, Steg.UTLEVERT, Fase.T, "T2"),
    Overgang(Fase.U_T, Steg.UTLEVERT_AVSLUTTET, Fase.R_T, "domain b.2 #6: the cause of the recall stays visible"),
    Overgang(Fase.U_T, Steg.KANSELLERT, Fase.T, "T2"),
    Overgang(Fase.B_U, Steg.KANSELLERT, Fase.B, "G3, U4: the pharmacy does not keep it meanwhile"),
    Overgang(Fase.B_U_T, Steg.KANSELLERT, Fase.B_T, "G3, U4: the pharmacy does not keep it meanwhile"),
    Overgang(Fase.E, Steg.ANNULLERT, Fase.E, "U5"),
    Overgang(Fase.U, Steg.ANNULLERT, Fase.U, "U5"),
    Overgang(Fase.U_T, Steg.ANNULLERT, Fase.U_T, "U5"),
    Overgang(Fase.T, Steg.ANNULLERT, Fase.T, "U5"),
    Overgang(Fase.B, Steg.ANNULLERT, Fase.B, "U5: of a dispensing before the application"),
    Overgang(Fase.B_T, Steg.ANNULLERT, Fase.B_T, "U5: of a dispensing before the application"),
    Overgang(Fase.B_U, Steg.ANNULLERT, Fase.B_U, "U5: of a dispensing before the application"),
    Overgang(Fase.B_U_T, Steg.ANNULLERT, Fase.B_U_T, "U5: of a dispensing before the application"),
    Overgang(Fase.A, Steg.ANNULLERT, Fase.A, "U5: of a dispensing before the application"),
    Overgang(Fase.R, Steg.ANNULLERT, Fase.R, "U5: another dispensing closed it"),
    Overgang(Fase.R_T, Steg.ANNULLERT, Fase.R_T, "U5: another dispensing closed it"),
    Overgang(Fase.R, Steg.ANNULLERT_AVSLUTNING, Fase.E, "domain b.2 #8"),
    Overgang(Fase.R_T, Steg.ANNULLERT_AVSLUTNING, Fase.T, "domain b.2 #8, and the recall that had waited"),
    Overgang(Fase.E, Steg.TILBAKEKALT, Fase.T, "STAT"),
    Overgang(Fase.U, Steg.TILBAKEKALT, Fase.U_T, "T2"),
    Overgang(Fase.B, Steg.TILBAKEKALT, Fase.B_T, "T7"),
    Overgang(Fase.B_U, Steg.TILBAKEKALT, Fase.B_U_T, "T7"),
    Overgang(Fase.E, Steg.SOKNAD_SENDT, Fase.B, "domain b.2 #13"),
    Overgang(Fase.U, Steg.SOKNAD_SENDT, Fase.B_U, "G3: the pharmacy keeps it until it sends an M10"),
    Overgang(Fase.B, Steg.SOKNAD_INNVILGET, Fase.E, "domain b.2 #14"),
    Overgang(Fase.B_U, Steg.SOKNAD_INNVILGET, Fase.U, "G3, G4: who holds it goes on"),
    Overgang(Fase.B_T, Steg.SOKNAD_INNVILGET, Fase.T, "T7"),
    Overgang(Fase.B_U_T, Steg.SOKNAD_INNVILGET, Fase.U_T, "T7, then T2: the recall waits for the dispensing too"),
    Overgang(Fase.B, Steg.SOKNAD_AVSLATT, Fase.A, "domain b.2 #15"),
    Overgang(Fase.B_U, Steg.SOKNAD_AVSLATT, Fase.A, "R1108 3.1: a refusal ends the errand, and so the lock"),
    Overgang(Fase.B_T, Steg.SOKNAD_AVSLATT, Fase.T, "T7"),
    Overgang(Fase.B_U_T, Steg.SOKNAD_AVSLATT, Fase.T, "T7; R1108 3.1: a refusal ends the lock"),
    Overgang(Fase.E, Steg.UTLOPT, Fase.SLETTET, "K3"),
    Overgang(Fase.A, Steg.UTLOPT, Fase.SLETTET, "K3, our reading for A"),
    Overgang(Fase.X, Steg.UTLOPT, Fase.SLETTET, "K3, our reading for X"),
    Overgang(Fase.R, Steg.LAGRINGSTID_UTE, Fase.SLETTET, "K2"),
    Overgang(Fase.R_T, Steg.LAGRINGSTID_UTE, Fase.SLETTET, "K2"),
    Overgang(Fase.T, Steg.LAGRINGSTID_UTE, Fase.SLETTET, "K2, our reading for T"),
)

NEXT: dict[tuple[Fase, Steg], Fase] = {(o.fra, o.steg): o.til for o in TRANSITIONS}

_UTILGJENGELIG = {Fase.B: 64, Fase.B_T: 64, Fase.A: 63, Fase.X: 62, Fase.R: 96, Fase.R_T: 96, Fase.T: 97}
_IKKE_NEDLASTET = (Fase.E, *_UTILGJENGELIG)
_HOS_SLV = (Fase.B, Fase.B_T, Fase.B_U, Fase.B_U_T)
_UTENFOR = {fase: kode for fase, kode in _UTILGJENGELIG.items() if fase not in _HOS_SLV}
_UTLEVERING = (Steg.UTLEVERT, Steg.UTLEVERT_AVSLUTTET)
_SVAR = (Steg.SOKNAD_INNVILGET, Steg.SOKNAD_AVSLATT)

REFUSALS: dict[tuple[Fase, Steg], int] = {
    **{(fase, Steg.NEDLASTET): kode for fase, kode in _UTILGJENGELIG.items()},
    **{(fase, steg): 357 for fase in _IKKE_NEDLASTET for steg in _UTLEVERING},
    **{(fase, steg): 64 for fase in (Fase.B_U, Fase.B_U_T) for steg in _UTLEVERING},
    **{(fase, Steg.KANSELLERT): 41 for fase in _IKKE_NEDLASTET},
    **{(fase, Steg.TILBAKEKALT): 15 for fase in (Fase.A, Fase.R, Fase.R_T, Fase.X)},
    **{(fase, Steg.TILBAKEKALT): 16 for fase in (Fase.T, Fase.U_T, Fase.B_T, Fase.B_U_T)},
    (Fase.X, Steg.ANNULLERT): 41,
    **{(fase, Steg.SOKNAD_SENDT): 98 for fase in _HOS_SLV},
    **{(fase, Steg.SOKNAD_SENDT): kode for fase, kode in {**_UTENFOR, Fase.U_T: 97}.items()},
    **{(fase, steg): 41 for fase in (Fase.E, Fase.U, Fase.U_T) for steg in _SVAR},
    **{(fase, steg): kode for fase, kode in _UTENFOR.items() for steg in _SVAR},
}
"""7419 code with which a step is refused in a phase. The text of 357 leaves out cancels, so 41 refuses those."""


def fase(resept: Resept) -> Fase:
    """The phase a prescription stands in."""
    venter = resept.tilbakekalt is not None
    if resept.status is Status.EKSPEDERBAR:
        if resept.las is None:
            return Fase.E
        return Fase.U_T if venter else Fase.U
    if resept.status is Status.UNDER_BEHANDLING_SLV:
        if resept.las is None:
            return Fase.B_T if venter else Fase.B
        return Fase.B_U_T if venter else Fase.B_U
    if resept.status is Status.AVSLUTTET:
        return Fase.R_T if venter else Fase.R
    return Fase(resept.status.value)


def step(
    resept: Resept, steg: Steg, now: datetime, *, las: Las | None = None, tilbakekalt: Tilbakekalt | None = None
) -> Resept | int:
    """The next version after a step, or the 7419 code that refuses it.

    `las` is the lock that NEDLASTET sets, `tilbakekalt` the recall that TILBAKEKALT brings.
    """
    til = NEXT.get((fase(resept), steg))
    if til is None:
        return REFUSALS[fase(resept), steg]
    changed = replace(
        resept,
        versjon=resept.versjon + 1,
        status=_STATUS[til],
        las=(las or resept.las) if til in _LAST else None,
        tilbakekalt=tilbakekalt or resept.tilbakekalt,
        lukket=(resept.lukket or now) if til in _LUKKET else None,
    )
    assert fase(changed) is til, (fase(changed), til)
    return changed


_LAST = (Fase.U, Fase.U_T, Fase.B_U, Fase.B_U_T)
_LUKKET = (Fase.R, Fase.R_T, Fase.T)
_STATUS = {
    Fase.E: Status.EKSPEDERBAR,
    Fase.U: Status.EKSPEDERBAR,
    Fase.U_T: Status.EKSPEDERBAR,
    Fase.B: Status.UNDER_BEHANDLING_SLV,
    Fase.B_T: Status.UNDER_BEHANDLING_SLV,
    Fase.B_U: Status.UNDER_BEHANDLING_SLV,
    Fase.B_U_T: Status.UNDER_BEHANDLING_SLV,
    Fase.A: Status.AVSLATT_SLV,
    Fase.R: Status.AVSLUTTET,
    Fase.R_T: Status.AVSLUTTET,
    Fase.T: Status.TILBAKEKALT,
    Fase.X: Status.UGYLDIG,
}
