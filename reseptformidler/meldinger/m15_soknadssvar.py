"""M15, the authority's answer to an application for an exemption (R1108 4.4): it comes in, and is passed on.

It updates the prescription and goes to the prescriber, and to the pharmacy that holds the prescription (rules.md G4).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from lxml import etree

from reseptformidler.domain import koder
from reseptformidler.domain.aktor import Aktortype, Facts
from reseptformidler.domain.decision import Decision, Finding, Hendelse, Needs, Owed, Tilstand, refused
from reseptformidler.domain.kalender import norsk_dag
from reseptformidler.domain.livslop import Steg, fase, step
from reseptformidler.domain.resept import AVSLATT, INNVILGET, Resept
from reseptformidler.meldinger.avsender import ALLE
from reseptformidler.meldinger.krav import krav
from reseptformidler.meldinger.melding import Avsendertype, MeldingType, Mottatt
from reseptformidler.meldinger.rapportering import owed_recall
from reseptformidler.reasons import reason
from reseptformidler.wire import innhold
from reseptformidler.wire import rapport as skriv
from reseptformidler.wire.msghead import read_uuid

_RESEPT_ID = "SvarSLV/ReseptId"


@dataclass(frozen=True, slots=True)
class Soknadssvar:
    """What an M15 says. Who handled it and why it was refused concerns those who are sent the message."""

    resept_id: UUID | None
    """None where the text is no UUID."""
    innvilget: str
    """List 1101."""


def parse(payload: etree._Element) -> Soknadssvar:
    """Read SvarSLV."""
    innvilget = innhold.kode(payload, "Innvilget")
    return Soknadssvar(
        resept_id=read_uuid(innhold.text(payload, "ReseptId")), innvilget=innvilget.v if innvilget is not None else ""
    )


def _other_sender(_: Mottatt, facts: Facts) -> bool:
    return facts.avsender is not None and facts.avsender.type is not Aktortype.LEGEMIDDELVERKET


RULES = (
    krav(379, "Sender/Organisation", _other_sender, kilde="G4", needs_facts=True),
    krav(272, _RESEPT_ID, lambda m, _: m.content.resept_id is None),
    krav(99, "SvarSLV/Innvilget", lambda m, _: m.content.innvilget not in koder.JA_NEI),
)


def needs(m: Mottatt, _facts: Facts) -> Needs:
    """The prescription in whatever state it is."""
    assert m.content.resept_id is not None
    return Needs(resepter=(m.content.resept_id,), alle=True)


def decide(m: Mottatt, tilstand: Tilstand, _facts: Facts, now: datetime) -> Decision:
    """What the answer does to the prescription, and who is told; a second answer is refused by the state."""
    resept = tilstand.resept(m.content.resept_id)
    if resept is None:
        return refused(Finding(reason(1), _RESEPT_ID))
    granted = m.content.innvilget == "1"
    steg = Steg.SOKNAD_INNVILGET if granted else Steg.SOKNAD_AVSLATT
    changed = step(resept, steg, now)
    if isinstance(changed, int):
        return refused(Finding(reason(changed), _RESEPT_ID))
    changed = replace(changed, soknad_slv=INNVILGET if granted else AVSLATT, svar_slv=norsk_dag(now))
    return Decision(
        changed=(changed,),
        kept_with=resept.resept_id,
        hendelser=(Hendelse(resept.resept_id, changed.versjon, steg, fase(resept), fase(changed)),),
        owed=(*_passed_on(m, resept), *owed_recall(resept, changed, now)),
    )


def _passed_on(m: Mottatt, resept: Resept) -> Iterator[Owed]:
    """M15 to the prescriber, and to who holds the prescription now, in the conversation of the application (F8)."""
    to = [resept.rekvirent.som_mottaker()]
    if resept.las is not None:
        to.append(resept.las.som_mottaker())
    payload = skriv.m15(m.payload)
    for one in to:
        yield Owed("M15", one, resept.resept_id, m.head.msg_id_text, m.samtale, payload, m.head.patient)


M15 = MeldingType(
    token="m15",  # noqa: S106  # the schema's token, no secret
    code="ERM15",
    dn=koder.MELDINGSTYPE.navn["ERM15"],
    namespaces=("http://www.kith.no/xmlstds/eresept/m15/2006-10-06",),
    root="SvarSLV",
    operations=(("Asynkron", "M15"),),
    avsender=Avsendertype.LEGEMIDDELVERKET,
    signed=False,
    reply="APPREC",
    parse=parse,
    rules=(*ALLE, *RULES),
    needs=needs,
    decide=decide,
)
