"""M3, a pharmacy asks that the authority be applied to for an exemption, and the M14 that does so (R1108 4.2, 4.3).

It follows the M9.4 (rules.md F10). The pharmacy may keep the prescription while the authority decides: lock and
application are apart (G3).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from lxml import etree

from reseptformidler.domain import koder
from reseptformidler.domain.aktor import Facts
from reseptformidler.domain.decision import Decision, Finding, Hendelse, Needs, Owed, Tilstand, Vedlegg, refused
from reseptformidler.domain.kalender import norsk_dag
from reseptformidler.domain.livslop import Steg, fase, step
from reseptformidler.domain.resept import INNVILGET, UNDER_BEHANDLING, Resept
from reseptformidler.meldinger.avsender import UTLEVERER
from reseptformidler.meldinger.ekspedering import er_bandasjist, opptatt
from reseptformidler.meldinger.krav import krav
from reseptformidler.meldinger.melding import Avsendertype, MeldingType, Mottatt
from reseptformidler.reasons import reason
from reseptformidler.wire import innhold
from reseptformidler.wire import rapport as skriv
from reseptformidler.wire.msghead import read_uuid

_RESEPT_ID = "AnmodningSLV/ReseptId"


@dataclass(frozen=True, slots=True)
class Anmodning:
    """What an M3 says to the service: Kommentar is for the authority, who gets the message itself."""

    resept_id: UUID | None
    """None where the text is no UUID."""


def parse(payload: etree._Element) -> Anmodning:
    """Read AnmodningSLV."""
    return Anmodning(read_uuid(innhold.text(payload, "ReseptId")))


RULES = (krav(272, _RESEPT_ID, lambda m, _: m.content.resept_id is None),)


def needs(m: Mottatt, _facts: Facts) -> Needs:
    """The prescription in whatever state it is."""
    assert m.content.resept_id is not None
    return Needs(resepter=(m.content.resept_id,), alle=True)


def decide(m: Mottatt, tilstand: Tilstand, facts: Facts, now: datetime) -> Decision:
    """The application goes to the authority, or why not."""
    resept = tilstand.resept(m.content.resept_id)
    if resept is None:
        return refused(Finding(reason(1), _RESEPT_ID))
    if er_bandasjist(facts):
        return refused(Finding(reason(387), _RESEPT_ID))
    taken = opptatt(resept, m.head.sender.ident("HER"), norsk_dag(now), _RESEPT_ID)
    if taken is not None:
        return refused(taken)
    applied = _applied(resept, now)
    if isinstance(applied, int):
        return refused(Finding(reason(applied), _RESEPT_ID))
    return Decision(
        changed=(applied,),
        kept_with=resept.resept_id,
        hendelser=(Hendelse(resept.resept_id, applied.versjon, Steg.SOKNAD_SENDT, fase(resept), fase(applied)),),
        owed=(_m14(m, resept, facts),),
    )


def _applied(resept: Resept, now: datetime) -> Resept | int:
    """The next version, or the 7419 code: an exemption that was granted stays (98); not every drug needs one (41)."""
    changed = step(resept, Steg.SOKNAD_SENDT, now)
    if isinstance(changed, int):
        return changed
    if resept.soknad_slv == INNVILGET:
        return 98
    if not resept.soknad_slv:
        return 41
    return replace(changed, soknad_slv=UNDER_BEHANDLING, soknad_sendt=norsk_dag(now))


def _m14(m: Mottatt, resept: Resept, facts: Facts) -> Owed:
    """With the M1 and the M3, in the conversation of the M3 (F8, F10)."""
    resept_id = resept.resept_id
    attached = Vedlegg(resept_id, resept_id), Vedlegg(resept_id, m.msg_id)
    to, payload = facts.legemiddelverket.som_mottaker(), skriv.m14(resept_id, m.msg_id)
    of = resept.rekvirent.som_mottaker()
    return Owed("M14", to, resept_id, m.head.msg_id_text, m.samtale, payload, attachments=attached, sender=of)


M3 = MeldingType(
    token="m3",  # noqa: S106  # the schema's token, no secret
    code="ERM3",
    dn=koder.MELDINGSTYPE.navn["ERM3"],
    namespaces=("http://www.kith.no/xmlstds/eresept/m3/2010-05-01",),
    root="AnmodningSLV",
    operations=(("Utleverer", "M3"),),
    avsender=Avsendertype.UTLEVERER,
    signed=False,
    reply="APPREC",
    parse=parse,
    rules=(*UTLEVERER, *RULES),
    needs=needs,
    decide=decide,
)
