"""M9.7, a prescriber asks what was dispensed on a prescription, and M9.8 with the M6s attached (HIS 3005, 3006).

The M6s are made again of the M10s that are kept with the prescription; annulments are reports too. The block is the
patient's, so the head must name the patient of another's prescription: who leaves it out would pass the block.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from lxml import etree

from reseptformidler.domain import koder
from reseptformidler.domain.aktor import Facts
from reseptformidler.domain.decision import Decision, Finding, Needs, Owed, Remade, Reply, Tilstand, refused
from reseptformidler.domain.hode import Kode
from reseptformidler.domain.kalender import norsk_dag
from reseptformidler.domain.resept import Resept
from reseptformidler.meldinger.avsender import FORESPORRENDE
from reseptformidler.meldinger.innsyn import er_egen, er_sperret, finnes
from reseptformidler.meldinger.krav import krav
from reseptformidler.meldinger.melding import Avsendertype, MeldingType, Mottatt, pasientens_nummer
from reseptformidler.reasons import reason
from reseptformidler.wire import innhold, m98, rapport
from reseptformidler.wire.msghead import payload, read_head, read_uuid
from reseptformidler.wire.parse import parse as parse_document

NAMESPACES = {
    "http://www.ehelse.no/xmlstds/eresept/m97/2018-07-01": m98.M98_2018,
    "http://www.kith.no/xmlstds/eresept/m97/2015-05-01": m98.M98_2015,
}
"""The namespace of a question and that of its answer."""


@dataclass(frozen=True, slots=True)
class Sok:
    """What an M9.7 asks for."""

    svar_i: str
    """Namespace of the M9.8 that answers."""
    resept_id: UUID | None
    """None where it is no UUID."""
    komprimering: int
    """From how many M6s on they are compressed; 0 for never (Q14)."""
    samtykke: Kode | None
    """Of 2015; not heeded since the patient may block (B1)."""


def parse(payload: etree._Element) -> Sok:
    """Read M97 of either version."""
    return Sok(
        svar_i=NAMESPACES[etree.QName(payload).namespace or ""],
        resept_id=read_uuid(innhold.text(payload, "ReseptId")),
        komprimering=int(innhold.text(payload, "Komprimering") or 0),
        samtykke=innhold.kode(payload, "Samtykke"),
    )


RULES = (
    krav(272, "M97/ReseptId", lambda m, _: m.content.resept_id is None),
    krav(230, "M97/Samtykke", lambda m, _: koder.JA_NEI.lacks(m.content.samtykke)),
    krav(267, "M97/Komprimering", lambda m, _: m.content.komprimering < 0, kilde="Q14"),
)


def needs(m: Mottatt, _facts: Facts) -> Needs:
    """The prescription in any state, with the M10s."""
    return Needs(resepter=(m.content.resept_id,), alle=True, dokumenter=True)


def decide(m: Mottatt, tilstand: Tilstand, facts: Facts, now: datetime) -> Decision:
    """The reports; that there is no such prescription; or that the patient has blocked the asker."""
    sok: Sok = m.content
    resept = tilstand.resept(sok.resept_id) if sok.resept_id is not None else None
    if resept is None or not finnes(resept, norsk_dag(now), alle=True):
        return Decision(reply=_reply(m, m98.ingen_resept(sok.svar_i)))
    if er_sperret(resept, facts):
        if sok.svar_i == m98.M98_2015:
            return refused(Finding(reason(358), "M97/ReseptId"))
        return Decision(reply=_reply(m, m98.pasientreservasjon()))
    if _unnamed_patient(m, resept, facts):
        return refused(Finding(reason(115), "Patient/Ident"))
    reports = tuple(_reports(resept, tilstand))
    return Decision(reply=_reply(m, m98.antall_utleveringer(sok.svar_i, len(reports)), reports))


def _unnamed_patient(m: Mottatt, resept: Resept, facts: Facts) -> bool:
    """Whether it is another's prescription and the head does not name its patient: whose block was then not asked."""
    if er_egen(resept, facts) or not resept.pasient.ident:
        return False
    return not any(resept.pasient.ident in facts.numre(number) for number in pasientens_nummer(m))


def _reports(resept: Resept, tilstand: Tilstand) -> Iterator[Remade]:
    """The M6 of each M10, dispensings and their annulments, oldest first: that is the order of the documents."""
    of_it = [u for u in tilstand.utleveringer if u.resept_id == resept.resept_id]
    m10s = {u.msg_id for u in of_it} | {u.annullert_av for u in of_it}
    return (_m6(octets, resept) for msg_id, octets in tilstand.dokumenter.items() if msg_id in m10s)


def _m6(m10: bytes, resept: Resept) -> Remade:
    """As it went to the prescriber, but for its MsgId; its GenDate is that of the M10 that it was made of."""
    root = parse_document(m10)
    head, report = read_head(root), payload(root)
    assert report is not None
    m10_id = str(head.msg_id)
    return Remade(
        Owed(
            type="M6",
            to=resept.rekvirent.som_mottaker(),
            resept_id=resept.resept_id,
            ref_to_parent=m10_id,
            ref_to_conversation=head.ref_to_conversation or m10_id,
            payload=rapport.m6(report, m10_id),
            patient=head.patient,
        ),
        made=head.gen_date,
    )


def _reply(m: Mottatt, answer: bytes, reports: tuple[Remade, ...] = ()) -> Reply:
    sok: Sok = m.content
    return Reply(
        type="ERM98",
        payload=answer,
        compressed=0 < sok.komprimering <= len(reports),
        patient=m.head.patient,
        remade=reports,
    )


M97 = MeldingType(
    token="m97",  # noqa: S106  # the schema's token, no secret
    code="ERM97",
    dn=koder.MELDINGSTYPE.navn["ERM97"],
    namespaces=tuple(NAMESPACES),
    root="M97",
    operations=(("Rekvirent", "M9_7"),),
    avsender=Avsendertype.REKVIRENT,
    signed=True,
    reply="ERM98",
    parse=parse,
    rules=(*FORESPORRENDE, *RULES),
    needs=needs,
    decide=decide,
)
"""It only reads, but from the primary: what a standby has is confirmed by the keys of a search, not by a ReseptId."""
