"""A prescription on paper is dispensed, and the patient's doctor, who subscribes, is told."""

from __future__ import annotations

from uuid import uuid4

from reseptformidler.client.utleverer import Rapport
from reseptformidler.sandbox.apotek import Apotek
from reseptformidler.sandbox.epj import Epj
from reseptformidler.sandbox.population import APOTEK, KJERNEJOURNAL, LEGER, PERSONER
from reseptformidler.sandbox.stage import Stage
from reseptformidler.sandbox.varer import HOSTESAFT

PERSON, FASTLEGE = PERSONER[7], LEGER[8]


async def play(stage: Stage) -> None:
    """There is no M1 and no M6, but M8 and M8.1 (U7, M8r); what the patient reserves goes to no doctor (U12)."""
    fastlege, writer, apotek = Epj(stage, FASTLEGE), LEGER[0], Apotek(stage, APOTEK[7])
    await fastlege.subscribe(PERSON)
    m10 = await apotek.report_paper(PERSON, Rapport(str(uuid4()), HOSTESAFT, papir=writer.rekvirent))
    await stage.received(fastlege.kontor, "M8", m10)
    await stage.received(KJERNEJOURNAL, "M8.1", m10)
