"""A stored prescription in each phase: those of `bygg`, and those under an application that somebody holds (G3)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

from reseptformidler.domain.livslop import Fase
from reseptformidler.domain.resept import Resept
from tests.meldinger.bygg import I_FASE, LAS

I_HVER_FASE: Mapping[Fase, Callable[[], Resept]] = {
    **I_FASE,
    Fase.B_U: lambda: replace(I_FASE[Fase.B](), las=LAS),
    Fase.B_U_T: lambda: replace(I_FASE[Fase.B_T](), las=LAS),
}
