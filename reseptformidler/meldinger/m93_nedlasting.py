"""M9.3, a utleverer downloads a prescription and so takes it under dispensing, and M9.4, the answer (R1408 4.4, 4.5).

With a Kansellering instead, the utleverer ends its errand after an M9.2: nothing was locked, nothing changes, and the
message that is kept is the record of the cause (rules.md Q9, Q10). An AppRec answers it: there is nothing to send.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from uuid import UUID

from lxml import etree

from reseptformidler.domain import koder
from reseptformidler.domain.aktor import Facts
from reseptformidler.domain.decision import Decision, Finding, Hendelse, Needs, Reply, Tilstand, refused
from reseptformidler.domain.hode import Kode
from reseptformidler.domain.ident import is_refnr
from reseptformidler.domain.kalender import norsk_dag
from reseptformidler.domain.livslop import Steg, fase, step
from reseptformidler.domain.resept import Las, Resept, Utlevering
from reseptformidler.meldinger.avsender import UTLEVERER
from reseptformidler.meldinger.ekspedering import er_bandasjist, opptatt
from reseptformidler.meldinger.krav import krav
from reseptformidler.meldinger.melding import Avsendertype, MeldingType, Mottatt
from reseptformidler.reasons import reason
from reseptformidler.wire import innhold
from reseptformidler.wire.m94 import reseptnedlasting
from reseptformidler.wire.msghead import read_uuid


@dataclass(frozen=True, slots=True)
class Foresporsel:
    """What an M9.3 asks for."""

    resept_id_tekst: str
    resept_id: UUID | None
    """None where the text is missing or no UUID."""
    kansellering: Kode | None
    refnr: str


def parse(payload: etree._Element) -> Foresporsel:
    """Read M93."""
    resept_id = innhold.text(payload, "ReseptId")
    return Foresporsel(
        resept_id_tekst=resept_id,
        resept_id=read_uuid(resept_id),
        kansellering=innhold.kode(payload, "Kansellering"),
        refnr=innhold.text(payload, "RefNr"),
    )


def _no_uuid(m: Mottatt, _: Facts) -> bool:
    return bool(m.content.resept_id_tekst) and m.content.resept_id is None


def _refnr(m: Mottatt, _: Facts) -> bool:
    return bool(m.content.refnr) and not is_refnr(m.content.refnr)


RULES = (
    krav(272, "M93/ReseptId", _no_uuid),
    krav(161, "M93/RefNr", _refnr, kilde="L2"),
    krav(320, "M93/Kansellering", lambda m, _: koder.KANSELLERING.lacks(m.content.kansellering), kilde="Q10"),
)


def needs(m: Mottatt, _facts: Facts) -> Needs:
    """The prescription in any state, with its M1 and what was dispensed on it; nothing for a Kansellering."""
    content: Foresporsel = m.content
    if content.kansellering is not None or content.resept_id is None:
        return Needs()
    return Needs(resepter=(content.resept_id,), alle=True, dokumenter=True)


def decide(m: Mottatt, tilstand: Tilstand, facts: Facts, now: datetime) -> Decision:
    """Lock and hand over, or say why not."""
    content: Foresporsel = m.content
    if content.kansellering is not None:
        return Decision()
    resept = tilstand.resept(content.resept_id) if content.resept_id is not None else None
    if resept is None:
        return refused(Finding(reason(1), "M93/ReseptId"))
    denied = _denied(resept, content, facts)
    if denied:
        return refused(Finding(reason(denied), "M93"))
    her = m.head.sender.ident("HER")
    taken = opptatt(resept, her, norsk_dag(now), "M93/ReseptId")
    if taken is not None:
        return refused(taken)
    las = Las(her, m.head.sender.name, now, m.samtale)
    changed = step(resept, Steg.NEDLASTET, now, las=resept.las or las)
    if isinstance(changed, int):
        return refused(Finding(reason(changed), "M93/ReseptId"))
    return Decision(reply=_answer(resept, tilstand), changed=(changed,), hendelser=(_hendelse(resept, changed),))


def _denied(resept: Resept, content: Foresporsel, facts: Facts) -> int:
    """What this utleverer may not have at all, whatever state it is in: the 7419 code, 0 for nothing."""
    if er_bandasjist(facts) and resept.vare.varegruppe != "A":
        return 387
    if resept.last and not content.refnr:
        return 258
    if resept.last and content.refnr != resept.refnr:
        return 161
    return 0


def _answer(resept: Resept, tilstand: Tilstand) -> Reply:
    """The state before this download, as the published answers have it; the M1 and what was dispensed, as they came."""
    utlevert = [u for u in tilstand.utleveringer if u.resept_id == resept.resept_id and u.annullert_av is None]
    return Reply(
        type="ERM94",
        payload=reseptnedlasting(resept, _egenandel(utlevert)),
        attachments=(tilstand.dokumenter[resept.resept_id], *(tilstand.dokumenter[u.msg_id] for u in utlevert)),
    )


def _egenandel(utlevert: list[Utlevering]) -> tuple[tuple[date, Decimal], ...]:
    """The four periods as last reported (rules.md Q17): none when no report had any."""
    return next((u.egenandel for u in reversed(utlevert) if u.egenandel), ())


def _hendelse(resept: Resept, changed: Resept) -> Hendelse:
    return Hendelse(resept.resept_id, changed.versjon, Steg.NEDLASTET, fase(resept), fase(changed))


M93 = MeldingType(
    token="m93",  # noqa: S106  # the schema's token, no secret
    code="ERM93",
    dn=koder.MELDINGSTYPE.navn["ERM93"],
    namespaces=("http://www.kith.no/xmlstds/eresept/m93/2010-06-04",),
    root="M93",
    operations=(("Utleverer", "M9_3"),),
    avsender=Avsendertype.UTLEVERER,
    signed=False,
    reply="ERM94",
    parse=parse,
    rules=(*UTLEVERER, *RULES),
    needs=needs,
    decide=decide,
)
