"""A prescription is recalled while a pharmacy has it under dispensing."""

from __future__ import annotations

from reseptformidler.client.rekvirent import Resept
from reseptformidler.client.utleverer import Rapport
from reseptformidler.sandbox.apotek import Apotek
from reseptformidler.sandbox.epj import Epj
from reseptformidler.sandbox.population import APOTEK, LEGER, PERSONER
from reseptformidler.sandbox.stage import Stage
from reseptformidler.sandbox.varer import TABLETT

PERSON = PERSONER[2]


async def play(stage: Stage) -> None:
    """A colleague's recall waits for the dispensing (13); then both doctors are told (T2 to T4)."""
    writer, colleague, apotek = Epj(stage, LEGER[2]), Epj(stage, LEGER[3]), Apotek(stage, APOTEK[2])
    resept_id = await writer.prescribe(PERSON, Resept(TABLETT, reiterasjon=3))
    m94 = await apotek.fetch(PERSON, resept_id)
    m5 = await colleague.recall(PERSON, resept_id, expects="13")
    await stage.received(colleague.kontor, "M5.2", m5, "Status")
    m10 = await apotek.report(m94, PERSON, Rapport(resept_id, TABLETT), "M10: dispensed, 3 are left")
    await stage.received(writer.kontor, "M6", m10)
    await stage.received(colleague.kontor, "M5.2", m10, "Status")
    await stage.received(writer.kontor, "M7", m10)
    await apotek.download(m94, resept_id, "M9.3: the next one", expects="97")
