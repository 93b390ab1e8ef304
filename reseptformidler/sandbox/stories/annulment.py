"""A dispensing report is wrong: it is annulled, and the prescription dispensed once more."""

from __future__ import annotations

from reseptformidler.client.rekvirent import Resept
from reseptformidler.client.utleverer import Rapport
from reseptformidler.sandbox.apotek import Apotek
from reseptformidler.sandbox.epj import Epj
from reseptformidler.sandbox.population import APOTEK, LEGER, PERSONER
from reseptformidler.sandbox.stage import Stage
from reseptformidler.sandbox.varer import TABLETT

PERSON = PERSONER[8]


async def play(stage: Stage) -> None:
    """Only who reported may annul (U5); what was closed is open again, and the doctor is told of each step."""
    epj, apotek, other = Epj(stage, LEGER[8]), Apotek(stage, APOTEK[8]), Apotek(stage, APOTEK[9])
    resept_id = await epj.prescribe(PERSON, Resept(TABLETT))
    m94 = await apotek.fetch(PERSON, resept_id)
    wrong = Rapport(resept_id, TABLETT, antall="3", avsluttet=True)
    m10 = await apotek.report(m94, PERSON, wrong, "M10: dispensed 3, and finished")
    await stage.received(epj.kontor, "M6", m10)
    await apotek.download(m94, resept_id, "M9.3: once more?", expects="96")
    annulled = Rapport(resept_id, TABLETT, antall="3", annullerer=m10)
    annulment = await apotek.report(m94, PERSON, annulled, "M10: the report was wrong")
    await stage.received(epj.kontor, "M6", annulment)
    m94 = await other.fetch(PERSON, resept_id)
    m10 = await other.report(m94, PERSON, Rapport(resept_id, TABLETT, avsluttet=True))
    await stage.received(epj.kontor, "M6", m10)
    m98 = await epj.dispensings(resept_id)
    stage.check(len(m98.attachments()) == 3, "the doctor is not shown all three reports")
