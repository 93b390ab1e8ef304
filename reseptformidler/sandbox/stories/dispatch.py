"""A doctor asks a pharmacy to dispense: the request comes to it, and nobody else gets the prescription."""

from __future__ import annotations

from reseptformidler.client.rekvirent import EkspAnm, Resept
from reseptformidler.client.utleverer import Rapport, Sok
from reseptformidler.sandbox.apotek import Apotek
from reseptformidler.sandbox.epj import Epj
from reseptformidler.sandbox.population import APOTEK, LEGER, PERSONER, som_virksomhet
from reseptformidler.sandbox.stage import Stage
from reseptformidler.sandbox.varer import ANTIBIOTIKUM

PERSON = PERSONER[9]
_HOME = "F"
"""Of list 7404: sent to the patient."""


async def play(stage: Stage) -> None:
    """The M21 begins the pharmacy's conversation (F7); another one is refused meanwhile (E5, 70)."""
    epj, apotek, other = Epj(stage, LEGER[9]), Apotek(stage, APOTEK[10]), Apotek(stage, APOTEK[11])
    request = EkspAnm(som_virksomhet(apotek.aktor), _HOME, epj.lege.navn)
    resept_id = await epj.prescribe(PERSON, Resept(ANTIBIOTIKUM, ekspanm=request), "M1: with a request to dispense")
    m21 = await stage.received(apotek.aktor, "M21", resept_id)
    listed = await other.search(Sok(fnr=PERSON.ident))
    await other.download(listed, resept_id, expects="70")
    m94 = await apotek.download(m21, resept_id, "M9.3: what was asked of us")
    m10 = await apotek.report(m94, PERSON, Rapport(resept_id, ANTIBIOTIKUM, avsluttet=True), "M10: sent")
    await stage.received(epj.kontor, "M6", m10)
