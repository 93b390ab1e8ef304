"""Multidose: a doctor and a pharmacy are responsible, a list goes to and fro, another doctor takes over."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from lxml import etree

from reseptformidler.client.lib import Legemiddelliste, Oppforing, Pakkeinfo, Sporsmal, Utlevering
from reseptformidler.client.rekvirent import Resept
from reseptformidler.client.utleverer import Rapport
from reseptformidler.domain.kalender import norsk_dag
from reseptformidler.sandbox.apotek import Apotek
from reseptformidler.sandbox.epj import Epj, entry
from reseptformidler.sandbox.kjernejournal import Kjernejournal
from reseptformidler.sandbox.population import APOTEK, KJERNEJOURNAL, LEGER, PERSONER
from reseptformidler.sandbox.stage import Stage, texts
from reseptformidler.sandbox.varer import TABLETT

PERSON = PERSONER[6]
_QUESTION = "3"
"""Of list 7495: shall the prescription be renewed?"""


async def play(stage: Stage) -> None:
    """From registration to deregistration (X1 to X17): it can be played again."""
    epj, successor, apotek = Epj(stage, LEGER[6]), Epj(stage, LEGER[8]), Apotek(stage, APOTEK[6])
    await epj.multidose(PERSON)
    await apotek.multidose(PERSON)
    held = texts(await epj.medicines(PERSON), "RefMsgId")
    resept_id = await epj.prescribe(PERSON, Resept(TABLETT))
    medicine = entry(stage, resept_id, TABLETT)
    liste = await epj.list_medicines(PERSON, Legemiddelliste((medicine,)), next(iter(held), ""))
    await _asked(epj, apotek, medicine, liste)
    packed = await _packed(epj, apotek, medicine, liste)
    await Kjernejournal(stage).medicines(PERSON)

    m271 = await successor.multidose(PERSON)
    await stage.received(epj.kontor, "M28", m271)
    await epj.list_medicines(PERSON, Legemiddelliste((medicine,)), packed, expects="152")
    await successor.multidose(PERSON, registrer=False)
    await apotek.multidose(PERSON, registrer=False)


async def _asked(epj: Epj, apotek: Apotek, medicine: Oppforing, liste: str) -> None:
    """The pharmacy's question comes to the doctor."""
    question = Sporsmal(_QUESTION, apotek.stage.clock(), apotek.aktor.her, epj.kontor.her)
    m252 = await apotek.propose(PERSON, Legemiddelliste((replace(medicine, sporsmal=(question,)),)), liste)
    await epj.stage.received(epj.kontor, "M25.2", m252, "Kode")


async def _packed(epj: Epj, apotek: Apotek, medicine: Oppforing, liste: str) -> str:
    """Dispensed and packed for two weeks; doctor and Kjernejournal have the list. MsgId of the M25.3."""
    stage = epj.stage
    m94 = await apotek.fetch(PERSON, medicine.resept_id)
    m10 = await apotek.report(m94, PERSON, Rapport(medicine.resept_id, TABLETT))
    m6 = await stage.received(epj.kontor, "M6", m10)
    dispensed = etree.tostring(next(m6.root.iter("{*}Utlevering")))
    day = norsk_dag(stage.clock())
    rolls = Utlevering(day, day + timedelta(days=13), dispensed, m10)
    entries = (replace(medicine, i_multidose=True, utleveringer=(rolls,)),)
    packed = Legemiddelliste(entries, pakkeinfo=Pakkeinfo(stage.clock() + timedelta(days=10)))
    m253 = await apotek.packed(PERSON, packed, liste)
    await stage.received(epj.kontor, "M25.3", m253)
    await stage.received(KJERNEJOURNAL, "M25.4", m253)
    return m253
