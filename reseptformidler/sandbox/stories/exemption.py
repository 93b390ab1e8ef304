"""Unlicensed drugs: applied for with the prescription, and by the pharmacy; Legemiddelverket grants or refuses."""

from __future__ import annotations

from reseptformidler.client.rekvirent import Resept
from reseptformidler.client.utleverer import Rapport, Sok
from reseptformidler.client.varer import Legemiddel
from reseptformidler.sandbox.apotek import Apotek
from reseptformidler.sandbox.epj import Epj
from reseptformidler.sandbox.population import APOTEK, LEGEMIDDELVERKET, LEGER, PERSONER
from reseptformidler.sandbox.stage import Stage
from reseptformidler.sandbox.varer import UREGISTRERT, UREGISTRERT_FORHANDSGODKJENT

PERSON = PERSONER[5]


async def play(stage: Stage) -> None:
    """Both ways (G1, G2). What is decided is told as it comes: the player may have set another rule."""
    epj, apotek = Epj(stage, LEGER[6]), Apotek(stage, APOTEK[5])
    resept_id = await epj.prescribe(PERSON, Resept(UREGISTRERT), "M1: an unlicensed drug, applied for")
    await stage.received(LEGEMIDDELVERKET, "M14", resept_id)
    await _decided(epj, apotek, resept_id, resept_id, UREGISTRERT)

    resept_id = await epj.prescribe(PERSON, Resept(UREGISTRERT_FORHANDSGODKJENT), "M1: another, not applied for")
    m94 = await apotek.fetch(PERSON, resept_id)
    m3 = await apotek.apply(m94, resept_id)
    await apotek.report(m94, PERSON, Rapport(resept_id, kansellering="6"), "M10: let go until it is decided")
    await stage.received(LEGEMIDDELVERKET, "M14", m3)
    await _decided(epj, apotek, resept_id, m94.conversation, UREGISTRERT_FORHANDSGODKJENT)


async def _decided(epj: Epj, apotek: Apotek, resept_id: str, conversation: str, vare: Legemiddel) -> None:
    """Granted, it is dispensed and Legemiddelverket is told (M20); refused, nobody gets it (63)."""
    stage = epj.stage
    m15 = await stage.received(epj.kontor, "M15", conversation, "Innvilget")
    innvilget = m15.root.find(".//{*}Innvilget")
    if innvilget is None or innvilget.get("V") != "1":
        listed = await apotek.search(Sok(fnr=PERSON.ident))
        await apotek.download(listed, resept_id, "M9.3: what was refused", expects="63")
        return
    m94 = await apotek.fetch(PERSON, resept_id)
    m10 = await apotek.report(m94, PERSON, Rapport(resept_id, vare, avsluttet=True))
    await stage.received(LEGEMIDDELVERKET, "M20", m10)
