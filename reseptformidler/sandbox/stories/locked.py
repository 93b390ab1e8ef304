"""A locked prescription: only who names the reference number gets it."""

from __future__ import annotations

from reseptformidler.client.rekvirent import Resept
from reseptformidler.client.utleverer import Rapport, Sok
from reseptformidler.sandbox.apotek import Apotek, shown
from reseptformidler.sandbox.epj import Epj
from reseptformidler.sandbox.population import APOTEK, LEGER, PERSONER
from reseptformidler.sandbox.stage import Stage, texts
from reseptformidler.sandbox.varer import ANTIBIOTIKUM

PERSON = PERSONER[3]


async def play(stage: Stage) -> None:
    """The doctor asks for numbers (L3) and locks with one; the pharmacy finds it by the number alone (L7)."""
    epj, apotek = Epj(stage, LEGER[4]), Apotek(stage, APOTEK[3])
    refnr = texts(await epj.reference_numbers(2), "RefNr")[0]
    resept_id = await epj.prescribe(PERSON, Resept(ANTIBIOTIKUM, refnr=refnr, last=True), "M1: a locked prescription")
    listed = await apotek.search(Sok(fnr=PERSON.ident))
    stage.check(resept_id not in shown(listed), "a locked prescription is shown without its number")
    await apotek.download(listed, resept_id, "M9.3: without the number", expects="258")
    listed = await apotek.search(Sok(refnr=(refnr,)), "M9.1: what does this number open?")
    stage.check(resept_id in shown(listed), "the number does not open the prescription")
    m94 = await apotek.download(listed, resept_id, refnr=refnr)
    m10 = await apotek.report(m94, PERSON, Rapport(resept_id, ANTIBIOTIKUM, avsluttet=True))
    await stage.received(epj.kontor, "M6", m10)
