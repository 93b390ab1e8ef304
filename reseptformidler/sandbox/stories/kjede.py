"""One prescription from M1 to M10, what cannot be done with it, and another that is recalled."""

from __future__ import annotations

from uuid import uuid4

from reseptformidler.client import melding, rekvirent, utleverer
from reseptformidler.client.rekvirent import Resept
from reseptformidler.client.utleverer import Rapport, Sok
from reseptformidler.sandbox.apotek import Apotek, shown
from reseptformidler.sandbox.epj import Epj
from reseptformidler.sandbox.population import APOTEK, KJERNEJOURNAL, LEGER, PERSONER, SYSTEM, som_virksomhet
from reseptformidler.sandbox.stage import Stage
from reseptformidler.sandbox.varer import TABLETT

PERSON = PERSONER[0]
_FNR = Sok(fnr=PERSON.ident)


async def play(stage: Stage) -> None:
    """The receipts that follow are waited for only where the server delivers them: it plays against any server."""
    epj, apotek, other = Epj(stage, LEGER[0]), Apotek(stage, APOTEK[0]), Apotek(stage, APOTEK[1])
    mv = melding.mv(stage.hode(), som_virksomhet(epj.kontor), SYSTEM)
    await stage.send("an EPJ", "MV: is the connection well?", ("Rekvirent", "Verify"), mv)
    resept_id = await epj.prescribe(PERSON, Resept(TABLETT, reiterasjon=1))
    await _dispense(epj, apotek, other, resept_id)
    await _changed_on_the_way(epj)
    await _recall(epj, apotek)


async def _dispense(epj: Epj, apotek: Apotek, other: Apotek, resept_id: str) -> None:
    """Search, download, dispense; another pharmacy cannot come between, and a repeated report is one report."""
    stage = apotek.stage
    listed = await apotek.search(_FNR)
    stage.check(resept_id in shown(listed), "the prescription is not in the list")
    m94 = await apotek.download(listed, resept_id)
    await other.download(listed, resept_id, "M9.3: the same one", expects="69")
    hode = stage.hode(m94)
    m10 = utleverer.m10(hode, apotek.sender, PERSON, Rapport(resept_id, TABLETT, avsluttet=True))
    navn, call = apotek.aktor.navn, ("Utleverer", "M10")
    first = await stage.send(navn, "M10: dispensed, and finished", call, m10)
    says = "the same AppRec, byte for byte"
    again = await stage.send(navn, "the same M10 again (no answer came)", call, m10, says=says)
    stage.check(first.octets == again.octets, "a repeated message got another answer")
    if stage.mottak:
        await stage.received(epj.kontor, "M6", str(hode.msg_id))
        await stage.received(KJERNEJOURNAL, "M8.1", str(hode.msg_id))
    await other.download(listed, resept_id, "M9.3: is there more of it?", expects="96")


async def _changed_on_the_way(epj: Epj) -> None:
    """What was signed cannot be changed."""
    stage, hode = epj.stage, epj.stage.hode()
    m1 = rekvirent.m1(hode, epj.lege.rekvirent, PERSON, Resept(TABLETT, reiterasjon=1))
    signed = stage.signed(m1, epj.lege)
    changed = signed.replace(b"<Reiterasjon>1<", b"<Reiterasjon>9<").replace(
        str(hode.msg_id).encode(), str(uuid4()).encode()
    )
    what = "M1: more repetitions than signed"
    await stage.send("somebody in between", what, ("Rekvirent", "M1"), changed, expects="43")


async def _recall(epj: Epj, apotek: Apotek) -> None:
    resept_id = await epj.prescribe(PERSON, Resept(TABLETT))
    m5 = await epj.recall(PERSON, resept_id)
    if epj.stage.mottak:
        await epj.stage.received(epj.kontor, "M5.2", m5, "Status")
    everything = Sok(fnr=PERSON.ident, alle=True)
    what, says = "M9.1: all of them, also the ended?", "M9.2, the recalled one among them"
    listed = await apotek.search(everything, what, says)
    await apotek.download(listed, resept_id, "M9.3: the recalled one", expects="97")
