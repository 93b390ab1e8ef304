"""A parent logs in at a net pharmacy and sees what a child has; the order is dispensed at a pharmacy."""

from __future__ import annotations

from reseptformidler.client.rekvirent import Resept
from reseptformidler.client.utleverer import Rapport
from reseptformidler.sandbox.apotek import Apotek, shown
from reseptformidler.sandbox.epj import Epj
from reseptformidler.sandbox.nettapotek import Nettapotek
from reseptformidler.sandbox.population import APOTEK, LEGER, PERSONER, SAERLIGE_PERSONER
from reseptformidler.sandbox.stage import Stage
from reseptformidler.sandbox.varer import ALLERGITABLETT

PARENT, STRANGER = PERSONER[4], PERSONER[9]
CHILD, _ = SAERLIGE_PERSONER["barn"]


async def play(stage: Stage) -> None:
    """N7, N8, N11: a stranger is refused (289); of what is ordered the rest is the ordinary M9.1 to M10."""
    epj, apotek = Epj(stage, LEGER[5]), Apotek(stage, APOTEK[4])
    resept_id = await epj.prescribe(CHILD, Resept(ALLERGITABLETT))
    await Nettapotek(stage, STRANGER).prescriptions(CHILD, expects="289")
    parent = Nettapotek(stage, PARENT)
    listed = await parent.prescriptions(CHILD)
    stage.check(resept_id in shown(listed), "the parent is not shown the child's prescription")
    await parent.prescription(listed, CHILD, resept_id)
    m94 = await apotek.fetch(CHILD, resept_id)
    m10 = await apotek.report(m94, CHILD, Rapport(resept_id, ALLERGITABLETT, avsluttet=True), "M10: sent by post")
    await stage.received(epj.kontor, "M6", m10)
