"""M10, a utleverer reports what became of one item: dispensed, cancelled, or an earlier dispensing annulled (R1308).

It ends the dispensing: the prescription is free again, finished, or recalled where a recall has waited for this (T2).
Paper prescriptions are reported too; the service holds nothing of them and only passes the report on (U7).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from decimal import Decimal

from reseptformidler.domain import koder
from reseptformidler.domain.aktor import Facts, M8Til
from reseptformidler.domain.decision import Decision, Finding, Hendelse, Needs, Owed, Tilstand, refused
from reseptformidler.domain.ident import is_person_number
from reseptformidler.domain.kalender import norsk_dag
from reseptformidler.domain.livslop import Fase, Steg, fase, step
from reseptformidler.domain.pasientkort import Pasientkort
from reseptformidler.domain.resept import Ekspederingsanmodning, Resept, Utlevering
from reseptformidler.meldinger.avsender import RAPPORTERENDE_UTLEVERER
from reseptformidler.meldinger.ekspedering import holdt_av_annen
from reseptformidler.meldinger.krav import krav
from reseptformidler.meldinger.m10_innhold import UTLEVERES, Utleveringsrapport, parse
from reseptformidler.meldinger.melding import Avsendertype, MeldingType, Mottatt, Rule, pasientens_nummer
from reseptformidler.meldinger.rapportering import Rapport, owed_recall, owed_reports, owed_reports_paper
from reseptformidler.reasons import reason
from reseptformidler.wire.msghead import read_uuid

_UL = "Utleveringsrapport/Utlevering"


# ---------------------------------------------------------------------------------------------------------------- rules


def _krav(kode: int, detalj: str, brutt: Callable[[Utleveringsrapport], bool], kilde: str = "") -> Rule:
    return krav(kode, detalj, lambda m, _: brutt(m.content), kilde=kilde)


def _bad_quantity(r: Utleveringsrapport) -> bool:
    if not r.utlevert or r.annullering or r.vare is None:
        return False
    by_amount = r.vare.form == "Legemiddelblanding" and r.vare.antall is None
    quantity = r.vare.mengde if by_amount else r.vare.antall
    return quantity is None or quantity <= 0


def _negative_annulment(r: Utleveringsrapport) -> bool:
    return r.utlevert and r.annullering and r.vare is not None and (r.vare.antall or Decimal(0)) < 0


def _unknown_unit(r: Utleveringsrapport) -> bool:
    known = (koder.ENHET_PAKNING_APOTEK, koder.ENHET_PAKNING)
    return r.vare is not None and any(not any(enhet.v in liste for liste in known) for enhet in r.vare.enheter)


def _wrong_numbers(m: Mottatt, _: Facts) -> bool:
    return not all(map(is_person_number, pasientens_nummer(m)))


def _two_numbers(m: Mottatt, _: Facts) -> bool:
    return len(pasientens_nummer(m)) > 1


def _paper_without_number(m: Mottatt, _: Facts) -> bool:
    return m.content.papirresept is True and not pasientens_nummer(m)


def _other_utleverer(m: Mottatt, _: Facts) -> bool:
    content: Utleveringsrapport = m.content
    return content.utleverer_her != m.head.sender.ident("HER")


RULES = (
    _krav(272, f"{_UL}/ReseptId", lambda r: r.resept_id is None and not r.papirresept, "U8"),
    _krav(66, f"{_UL}/Avsluttet", lambda r: not r.utlevert and r.avsluttet is not None and r.avsluttet.v == "1", "U4"),
    _krav(67, f"{_UL}/Intervensjon", lambda r: not r.utlevert and r.intervensjon, "U4"),
    _krav(124, "Utleveringsrapport/Kanselleringskode", lambda r: not r.utlevert and r.annullering, "U4"),
    _krav(230, f"{_UL}/Avsluttet", lambda r: koder.JA_NEI.lacks(r.avsluttet)),
    _krav(356, _UL, lambda r: r.utlevert and r.vare is None),
    _krav(264, _UL, lambda r: r.utlevert and r.vare is not None and r.vare.form not in UTLEVERES),
    _krav(265, f"{_UL}/*/Antall", _bad_quantity, "U13"),
    _krav(276, f"{_UL}/*/Antall", _negative_annulment, "U13"),
    _krav(132, f"{_UL}/*/EnhetPakning", _unknown_unit),
    _krav(320, f"{_UL}/Utleveringsdato", lambda r: r.dato is None),
    _krav(72, "Egenandel/StartEgenandelsperiode", lambda r: any(start is None for start, _ in r.egenandel), "U2"),
    _krav(73, "Egenandel/BetaltEgenandel", lambda r: any(betalt is None for _, betalt in r.egenandel), "U2"),
    _krav(320, f"{_UL}/AnnulleringsId", lambda r: r.annullering and not r.annullerings_id, "U5"),
    _krav(
        320,
        "Utleveringsrapport/Kanselleringskode",
        lambda r: koder.KANSELLERING.lacks(r.kansellering) or (r.kansellering is not None and r.papirresept is True),
        "Q10",
    ),
    _krav(320, "Utleveringsrapport/Papirresept", lambda r: r.papirresept is False, "U7"),
    _krav(320, "Utleveringsrapport/RekvirentPapir", lambda r: r.papirresept is True and not r.rekvirent_papir, "U7"),
    _krav(320, "Utleveringsrapport/Egenandel", lambda r: r.papirresept is True and bool(r.egenandel), "U7"),
    krav(115, "Patient/Ident", _wrong_numbers),
    krav(275, "Patient/Ident", _two_numbers),
    krav(257, "Patient/Ident", _paper_without_number, kilde="U7"),
    krav(286, f"{_UL}/Utleverer/HerId", _other_utleverer),
)


# ------------------------------------------------------------------------------------------------------------- decision


def needs(m: Mottatt, facts: Facts) -> Needs:
    """The prescription in any state, and who subscribes to M8; earlier dispensings only for an annulment."""
    content: Utleveringsrapport = m.content
    subscribed = content.utlevert and facts.m8_til is M8Til.ABONNENT
    kort = tuple(nr for number in pasientens_nummer(m) for nr in facts.numre(number)) if subscribed else ()
    if content.papirresept or content.resept_id is None:
        return Needs(kort=kort)
    return Needs(resepter=(content.resept_id,), alle=True, dokumenter=content.annullering, kort=kort)


def decide(m: Mottatt, tilstand: Tilstand, facts: Facts, now: datetime) -> Decision:
    """What the report does to the prescription, and whom it must be told."""
    content: Utleveringsrapport = m.content
    if content.papirresept:
        return Decision(owed=owed_reports_paper(_rapport(m), _kort(m, tilstand, facts), facts, norsk_dag(now)))
    resept = tilstand.resept(content.resept_id) if content.resept_id is not None else None
    if tilstand.tatt:
        return _refused(65, "MsgInfo/MsgId")
    if resept is None:
        return _refused(1, f"{_UL}/ReseptId")
    if _other_patient(m, resept, facts):
        return _refused(271, "Patient/Ident")
    if content.annullering:
        return _annul(m, resept, tilstand, facts, now)
    held = holdt_av_annen(resept, m.head.sender.ident("HER"), f"{_UL}/ReseptId")
    if held is not None:
        return refused(held)
    return _dispense(m, resept, tilstand, facts, now) if content.utlevert else _cancel(resept, now)


def _kort(m: Mottatt, tilstand: Tilstand, facts: Facts) -> Pasientkort | None:
    numbers = pasientens_nummer(m)
    return tilstand.pasientkort(facts.numre(numbers[0])) if numbers else None


def _owed(m: Mottatt, resept: Resept, tilstand: Tilstand, facts: Facts, now: datetime) -> tuple[Owed, ...]:
    return owed_reports(_rapport(m), resept, _kort(m, tilstand, facts), facts, norsk_dag(now))


def _other_patient(m: Mottatt, resept: Resept, facts: Facts) -> bool:
    """271. A cancel may leave the patient out; a dispensing may not, or the check would be passed by saying nothing.

    A person who was given a new number is the same under either.
    """
    numbers = pasientens_nummer(m)
    if not numbers:
        return m.content.utlevert and bool(resept.pasient.ident)
    return bool(resept.pasient.ident) and resept.pasient.ident not in facts.numre(numbers[0])


def _cancel(resept: Resept, now: datetime) -> Decision:
    changed = step(resept, Steg.KANSELLERT, now)
    if isinstance(changed, int):
        return _refused(changed, f"{_UL}/ReseptId")
    return Decision(
        changed=(changed,),
        hendelser=(_hendelse(resept, Steg.KANSELLERT, changed),),
        owed=owed_recall(resept, changed, now),
    )


def _dispense(m: Mottatt, resept: Resept, tilstand: Tilstand, facts: Facts, now: datetime) -> Decision:
    utlevering = _utlevering(m, resept)
    steg = Steg.UTLEVERT_AVSLUTTET if utlevering.avsluttet else Steg.UTLEVERT
    changed = step(resept, steg, now)
    if isinstance(changed, int):
        return _refused(changed, f"{_UL}/ReseptId")
    changed = replace(
        changed,
        siste_utlevering=max(utlevering.dato, resept.siste_utlevering or utlevering.dato),
        endret_farmasoyt=resept.endret_farmasoyt or utlevering.endret,
        ekspanm=_fulfilled(resept.ekspanm, dispensed=True),
    )
    return Decision(
        changed=(changed,),
        utlevering=utlevering,
        hendelser=(_hendelse(resept, steg, changed),),
        owed=(*_owed(m, resept, tilstand, facts, now), *owed_recall(resept, changed, now)),
    )


def _annul(m: Mottatt, resept: Resept, tilstand: Tilstand, facts: Facts, now: datetime) -> Decision:
    """U5: by the pharmacy that reported the dispensing, once. The prescription is as if it had not been."""
    annulled = _annullable(m, resept, tilstand)
    if annulled is None:
        return _refused(41, f"{_UL}/AnnulleringsId")
    reopens = annulled.avsluttet and fase(resept) in (Fase.R, Fase.R_T)
    steg = Steg.ANNULLERT_AVSLUTNING if reopens else Steg.ANNULLERT
    changed = step(resept, steg, now)
    if isinstance(changed, int):
        return _refused(changed, f"{_UL}/ReseptId")
    left = [u for u in _dispensed(resept, tilstand) if u.msg_id != annulled.msg_id]
    changed = replace(
        changed,
        siste_utlevering=max((u.dato for u in left), default=None),
        endret_farmasoyt=any(u.endret for u in left),
        ekspanm=_fulfilled(resept.ekspanm, dispensed=bool(left)),
    )
    return Decision(
        changed=(changed,),
        annullert=annulled.msg_id,
        hendelser=(_hendelse(resept, steg, changed),),
        owed=(*_owed(m, resept, tilstand, facts, now), *owed_recall(resept, changed, now)),
    )


def _dispensed(resept: Resept, tilstand: Tilstand) -> list[Utlevering]:
    return [u for u in tilstand.utleveringer if u.resept_id == resept.resept_id and u.annullert_av is None]


def _annullable(m: Mottatt, resept: Resept, tilstand: Tilstand) -> Utlevering | None:
    wanted, her = read_uuid(m.content.annullerings_id), m.head.sender.ident("HER")
    return next((u for u in _dispensed(resept, tilstand) if u.msg_id == wanted and u.her == her), None)


def _utlevering(m: Mottatt, resept: Resept) -> Utlevering:
    content: Utleveringsrapport = m.content
    assert content.dato is not None
    assert content.vare is not None
    return Utlevering(
        msg_id=m.msg_id,
        resept_id=resept.resept_id,
        her=m.head.sender.ident("HER"),
        dato=content.dato,
        antall=content.vare.antall or Decimal(0),
        avsluttet=content.avsluttet is not None and content.avsluttet.v == "1",
        egenandel=tuple(
            (start, betalt) for start, betalt in content.egenandel if start is not None and betalt is not None
        ),
        endret=content.intervensjon,
        varenr=content.vare.varenr,
        navn=content.vare.navn,
        pakningsstr=content.vare.pakningsstr,
    )


def _fulfilled(ekspanm: Ekspederingsanmodning | None, *, dispensed: bool) -> Ekspederingsanmodning | None:
    return replace(ekspanm, oppfylt=dispensed) if ekspanm is not None else None


def _rapport(m: Mottatt) -> Rapport:
    content: Utleveringsrapport = m.content
    return Rapport(
        m10=str(m.msg_id),
        samtale=m.samtale,
        annullering=content.annullering,
        reservert=content.reservert,
        payload=m.payload,
        patient=m.head.patient,
        nummer=next(iter(pasientens_nummer(m)), ""),
    )


def _hendelse(resept: Resept, steg: Steg, changed: Resept) -> Hendelse:
    return Hendelse(resept.resept_id, changed.versjon, steg, fase(resept), fase(changed))


def _refused(kode: int, detalj: str) -> Decision:
    return refused(Finding(reason(kode), detalj))


M10 = MeldingType(
    token="m10",  # noqa: S106  # the schema's token, no secret
    code="ERM10",
    dn=koder.MELDINGSTYPE.navn["ERM10"],
    namespaces=("http://www.kith.no/xmlstds/eresept/m10/2013-10-08",),
    root="Utleveringsrapport",
    operations=(("Utleverer", "M10"),),
    avsender=Avsendertype.UTLEVERER,
    signed=False,
    reply="APPREC",
    parse=parse,
    rules=(*RAPPORTERENDE_UTLEVERER, *RULES),
    needs=needs,
    decide=decide,
)
