"""A prescription is renewed by another doctor than the one who wrote it."""

from __future__ import annotations

from reseptformidler.client.rekvirent import Resept
from reseptformidler.client.utleverer import Sok
from reseptformidler.sandbox.apotek import Apotek, shown
from reseptformidler.sandbox.epj import Epj
from reseptformidler.sandbox.population import APOTEK, LEGER, PERSONER
from reseptformidler.sandbox.stage import Stage
from reseptformidler.sandbox.varer import ALLERGITABLETT

PERSON = PERSONER[1]


async def play(stage: Stage) -> None:
    """The new doctor finds it, writes it anew and recalls the old one (T1), of which its writer is told (T4)."""
    former, new, apotek = Epj(stage, LEGER[1]), Epj(stage, LEGER[2]), Apotek(stage, APOTEK[1])
    old_id = await former.prescribe(PERSON, Resept(ALLERGITABLETT))
    listed = await new.prescriptions(PERSON)
    stage.check(old_id in shown(listed), "the doctor is not shown the prescription")
    new_id, m5 = await new.renew(PERSON, old_id, Resept(ALLERGITABLETT, reiterasjon=3))
    await stage.received(new.kontor, "M5.2", m5, "Status")
    await stage.received(former.kontor, "M7", m5)
    remaining = shown(await apotek.search(Sok(fnr=PERSON.ident)))
    stage.check(new_id in remaining and old_id not in remaining, "the old one is still there, or the new one is not")
