"""Which messages a dispensing or a recall owes others, made of what caused them (rules.md M1r–M9r, T2–T4)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date, datetime

from lxml import etree

from reseptformidler.domain.aktor import Facts, Fastlege, M8Til
from reseptformidler.domain.decision import Owed, Vedlegg
from reseptformidler.domain.hode import OID, HealthcareProfessional, Ident, Kode, MsgInfo, Organisation, Patient
from reseptformidler.domain.pasientkort import Pasientkort
from reseptformidler.domain.resept import Resept, Status, Tilbakekalt
from reseptformidler.wire import rapport as skriv


@dataclass(frozen=True, slots=True)
class Rapport:
    """A dispensing report (M10, never a cancel) and what decides who is told of it."""

    m10: str
    """Its MsgId."""
    samtale: str
    annullering: bool
    reservert: bool
    """ReservasjonRapportFastlege: for this dispensing only (U12)."""
    payload: etree._Element
    patient: Patient | None
    nummer: str
    """The patient's national number as the report gives it, empty without one."""


def owed_reports(
    rapport: Rapport, resept: Resept, kort: Pasientkort | None, facts: Facts, dag: date
) -> tuple[Owed, ...]:
    """M6 to the prescriber, M8 to the fastlege, M8.1 to Kjernejournal, M20 to Legemiddelverket: of an e-prescription.

    `resept` as it was before the report. `kort`: who subscribes to M8; `dag`: the day in Norway.
    """
    m1 = (Vedlegg(resept.resept_id, resept.resept_id),)
    owed = [_owed("M6", rapport, resept, resept.rekvirent.som_mottaker(), skriv.m6(rapport.payload, rapport.m10))]
    if not resept.eget_navn and not resept.last:
        leger = (lege for lege in _fastleger(rapport, kort, facts, dag) if _hpr(lege) != resept.rekvirent.hpr)
        owed += [_owed("M8", rapport, resept, lege, skriv.m8(rapport.payload, rapport.m10), m1) for lege in leger]
    til_kj = facts.kjernejournal.som_mottaker()
    owed.append(_owed("M8.1", rapport, resept, til_kj, skriv.m81(rapport.payload, rapport.m10, resept), m1))
    if resept.soknad_slv and resept.siste_utlevering is None and not rapport.annullering:
        til_slv = facts.legemiddelverket.som_mottaker()
        m20 = _owed("M20", rapport, resept, til_slv, skriv.m20(rapport.payload), m1)
        owed.append(replace(m20, patient=None))  # R1308 4.1.4: the head names sender and receiver alone
    return tuple(owed)


def owed_reports_paper(rapport: Rapport, kort: Pasientkort | None, facts: Facts, dag: date) -> tuple[Owed, ...]:
    """Of a paper prescription: M8.1 always, M8 unless reserved (M8r); there is no M1 and no address for an M6."""
    m8 = skriv.m8(rapport.payload, rapport.m10)
    til_kj, m81 = facts.kjernejournal.som_mottaker(), skriv.m81(rapport.payload, rapport.m10, None)
    leger = _fastleger(rapport, kort, facts, dag)
    return (*(_owed("M8", rapport, None, lege, m8) for lege in leger), _owed("M8.1", rapport, None, til_kj, m81))


def _fastleger(rapport: Rapport, kort: Pasientkort | None, facts: Facts, dag: date) -> Iterator[Organisation]:
    """Who is sent M8: nobody where the patient reserved (U12), else who subscribes (M3r) or the fastlege (M4r).

    M8 is for the patient's fastlege (R1308 4.2.8): who subscribed and is no more that, by the register, is left out.
    """
    if rapport.reservert:
        return
    person = facts.personer.get(rapport.nummer)
    fastlege = person.fastlege if person is not None else None
    if facts.m8_til is M8Til.FASTLEGE:
        if fastlege is not None:
            yield fastlege.kontor.som_mottaker(_lege(fastlege))
        return
    for abonnement in kort.abonnement if kort is not None else ():
        if abonnement.til >= dag and (fastlege is None or fastlege.hpr.zfill(9) == abonnement.hpr):
            yield abonnement.organisasjon


def _lege(fastlege: Fastlege) -> HealthcareProfessional:
    return HealthcareProfessional(
        family_name=fastlege.etternavn,
        given_name=fastlege.fornavn,
        idents=(Ident(fastlege.hpr.zfill(9), Kode("HPR", "HPR-nummer", f"{OID}8116")),),
    )


def _hpr(lege: Organisation) -> str:
    return lege.professional.ident("HPR") if lege.professional is not None else ""


def _owed(
    kind: str,
    rapport: Rapport,
    resept: Resept | None,
    to: Organisation,
    payload: bytes,
    attachments: tuple[Vedlegg, ...] = (),
) -> Owed:
    return Owed(
        type=kind,
        to=to,
        resept_id=resept.resept_id if resept is not None else None,
        ref_to_parent=rapport.m10,
        ref_to_conversation=rapport.samtale,
        payload=payload,
        patient=rapport.patient,
        attachments=attachments,
    )


def senere_mottaker(head: MsgInfo) -> Organisation:
    """The sender as the Receiver of what it is owed later, the acting person beside the department, not in it."""
    to = replace(head, sender=head.sender.as_receiver())
    part = to.sender.part
    return replace(to.sender, part=replace(part, professional=None) if part else None, professional=to.professional)


def owed_recall(before: Resept, after: Resept, now: datetime) -> tuple[Owed, ...]:
    """What a recall owes that has waited and takes effect by this step (rules.md T2, T4).

    M5.2 (list 7503: 1) to who recalled, M7 to the prescriber where that is another. Nothing if it has no effect now.
    """
    recall = after.tilbakekalt
    if recall is None or before.status is Status.TILBAKEKALT or after.status is not Status.TILBAKEKALT:
        return ()
    return tuple(owed_done_recall(recall, after, now))


def owed_done_recall(recall: Tilbakekalt, resept: Resept, now: datetime) -> Iterator[Owed]:
    """M5.2 and M7 of a recall that takes effect now."""
    yield kvittering(recall, resept, "1")
    if recall.hpr.zfill(9) != resept.rekvirent.hpr:
        m5 = str(recall.msg_id)
        attached = (Vedlegg(resept.resept_id, recall.msg_id),)
        to, payload = resept.rekvirent.som_mottaker(), skriv.m7(now)
        yield Owed("M7", to, resept.resept_id, m5, recall.samtale, payload, attachments=attached)


def kvittering(recall: Tilbakekalt, resept: Resept, status: str) -> Owed:
    """M5.2 to who recalled; `status` of list 7503."""
    payload = skriv.m52(str(resept.resept_id), status)
    return Owed("M5.2", recall.mottaker, resept.resept_id, str(recall.msg_id), recall.samtale, payload)
