"""M1, a prescription (R0908 chapter 4; life: domain.md b.2 #1 and #2; reference numbers: rules.md L)."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from reseptformidler.domain.aktor import Facts
from reseptformidler.domain.decision import (
    Decision,
    Finding,
    Hendelse,
    Needs,
    Owed,
    RefNr,
    Tilstand,
    Vedlegg,
    refused,
)
from reseptformidler.domain.hode import HealthcareProfessional
from reseptformidler.domain.ident import birth_date, is_dnr
from reseptformidler.domain.kalender import norsk_dag
from reseptformidler.domain.livslop import Fase, Steg
from reseptformidler.domain.resept import Ekspederingsanmodning, Pasient, Rekvirent, Resept, Status, Vare
from reseptformidler.meldinger import avsender
from reseptformidler.meldinger.m1_innhold import M1, NS, Handelsvare, Legemiddel, parse
from reseptformidler.meldinger.m1_regler import REGLER, nummer, pasient
from reseptformidler.meldinger.melding import Avsendertype, MeldingType, Mottatt
from reseptformidler.reasons import reason
from reseptformidler.wire import rapport as skriv


def needs(m: Mottatt, _facts: Facts) -> Needs:
    """What is known of the reference number. That the ReseptId is free shows when it is stored (`Tilstand.tatt`)."""
    refnr = m.content.refnr
    return Needs(refnr=(refnr,) if refnr else ())


def decide(m: Mottatt, tilstand: Tilstand, facts: Facts, now: datetime) -> Decision:
    """A new prescription, or why not."""
    if tilstand.tatt:
        return refused(Finding(reason(10), "MsgInfo/MsgId"))
    resept = _resept(m, now)
    refnr = tilstand.refnummer(resept.refnr) if resept.refnr else None
    funn = tuple(_refnr_funn(resept, refnr, facts)) if resept.refnr else ()
    if funn:
        return refused(*funn)
    return Decision(
        new=resept,
        refnr=_bundet(refnr, resept) if refnr is not None else None,
        hendelser=(_fodsel(resept),),
        notes=_ny_identitet(resept, facts),
        owed=tuple(_skyldig(m, resept, facts)),
    )


def _ny_identitet(resept: Resept, facts: Facts) -> tuple[Finding, ...]:
    """363: written under a former number. It is kept, and found under either; the sender learns of the present one."""
    ident = resept.pasient.ident
    return (Finding(reason(363), "Patient/Ident"),) if ident and facts.numre(ident)[0] != ident else ()


def refnr_pasient(resept: Resept) -> str:
    """Whom a reference number is bound to (RefNr.pasient): the national number; without one date of birth and name.

    A prescription in the prescriber's own name or to the own practice is not the same patient as any other (L5).
    """
    p = resept.pasient
    if p.ident:
        return p.ident
    slag = "eget" if resept.eget_navn else "praksis" if resept.egen_praksis else "navn"
    fdato = p.fdato.isoformat() if p.fdato is not None else ""
    return f"{slag}|{fdato}|{p.etternavn.casefold()}|{p.fornavn.casefold()}"


def _refnr_funn(resept: Resept, refnr: RefNr | None, facts: Facts) -> Iterator[Finding]:
    """L5, L6: one prescriber, one patient (under any number), and not after all prescriptions under it are gone."""
    hvor = "Resept/RefNr"
    if refnr is None or refnr.hpr.zfill(9) != resept.rekvirent.hpr:
        yield Finding(reason(52), hvor)
    elif refnr.pasient not in (None, refnr_pasient(resept), *facts.numre(resept.pasient.ident)):
        yield Finding(reason(75), hvor)
    elif refnr.pasient is not None and not refnr.aktiv:
        yield Finding(reason(51), hvor)


def _bundet(refnr: RefNr, resept: Resept) -> RefNr:
    return RefNr(refnr=refnr.refnr, hpr=refnr.hpr, pasient=refnr.pasient or refnr_pasient(resept), aktiv=True)


def _resept(m: Mottatt, now: datetime) -> Resept:
    r: M1 = m.content
    assert r.forskrivningsdato is not None
    assert r.utloper is not None
    soknad = _soknad(r)
    return Resept(
        resept_id=m.msg_id,
        versjon=1,
        status=Status.UNDER_BEHANDLING_SLV if soknad == "2" else Status.EKSPEDERBAR,
        mottatt=now,
        forskrivningsdato=r.forskrivningsdato,
        utloper=r.utloper,
        pasient=_pasient(m),
        rekvirent=_rekvirent(m),
        vare=_vare(r),
        refnr=r.refnr,
        last=r.last,
        vergereservert=r.verge,
        eget_navn=r.eget_navn,
        egen_praksis=r.egen_praksis,
        tidligste_utlevering=r.tidligste,
        soknad_slv=soknad,
        ekspanm=Ekspederingsanmodning(r.ekspanm.her, r.ekspanm.navn, r.ekspanm.metode) if r.ekspanm else None,
        samtale=m.samtale,
        soknad_sendt=norsk_dag(now) if soknad == "2" else None,
    )


def _soknad(r: M1) -> str:
    """List 7436: 1 or 2 (G2, C5). Which drugs are pre-approved (5) only the pharmacist can tell (G1)."""
    if not isinstance(r.vare, Legemiddel):
        return ""
    if r.vare.direktesoknad is not None:
        return "2" if r.vare.direktesoknad else "1"
    return "1" if r.vare.forskrivning.form == "Legemiddelblanding" else ""


def _pasient(m: Mottatt) -> Pasient:
    p = pasient(m)
    ident = nummer(p)
    return Pasient(
        ident=ident,
        ident_type=("DNR" if is_dnr(ident) else "FNR") if ident else "",
        fornavn=p.given_name,
        etternavn=p.family_name,
        mellomnavn=p.middle_name,
        fdato=p.date_of_birth or birth_date(ident),
        kjonn=p.sex.v if p.sex is not None else "",
        adresse=p.address,
    )


def _rekvirent(m: Mottatt) -> Rekvirent:
    person = avsender.rekvirent(m.head)
    return Rekvirent(
        hpr=person.ident("HPR"),
        navn=_navn(person),
        her=m.head.sender.ident("HER"),
        org_navn=m.head.sender.name,
        enh=m.head.sender.ident("ENH"),
        fornavn=person.given_name,
        mellomnavn=person.middle_name,
        etternavn=person.family_name,
    )


def _navn(person: HealthcareProfessional) -> str:
    return " ".join(navn for navn in (person.given_name, person.middle_name, person.family_name) if navn)


def _vare(r: M1) -> Vare:
    if isinstance(r.vare, Handelsvare):
        return _vare_handelsvare(r, r.vare)
    forskrivning, pakning = r.vare.forskrivning, r.vare.forskrivning.pakning
    blanding = forskrivning.form == "Legemiddelblanding"
    return Vare(
        varegruppe=r.varegruppe,
        nr=forskrivning.varenr,
        navn_form_styrke="" if blanding else forskrivning.navn,
        legemiddelblanding=forskrivning.navn if blanding else "",
        ref_hjemmel=r.ref_hjemmel,
        bruksomrade=forskrivning.bruksomrade,
        antall=r.antall,
        pakningsstr=pakning.pakningsstr if pakning is not None else "",
        enhet_pakning=pakning.enhet if pakning is not None else None,
        mengde=r.vare.mengde,
        reiterasjon=r.vare.reiterasjon,
        bruk=forskrivning.bruk,
        merkevare_id=forskrivning.id if forskrivning.form == "LegemiddelMerkevare" else "",
        virkestoff_id=forskrivning.id if forskrivning.form == "LegemiddelVirkestoff" else "",
        atc=forskrivning.atc,
    )


def _vare_handelsvare(r: M1, vare: Handelsvare) -> Vare:
    return Vare(
        varegruppe=r.varegruppe,
        nr=vare.nr,
        navn_form_styrke=vare.navn or (vare.prod_gruppe.dn if vare.prod_gruppe is not None else ""),
        prod_gruppe=vare.prod_gruppe,
        ref_hjemmel=r.ref_hjemmel,
        antall=r.antall,
    )


def _fodsel(resept: Resept) -> Hendelse:
    soknad = resept.status is Status.UNDER_BEHANDLING_SLV
    return Hendelse(
        resept_id=resept.resept_id,
        versjon=1,
        hendelse=Steg.REKVIRERT_SOKNAD if soknad else Steg.REKVIRERT,
        fra=Fase.INGEN,
        til=Fase.B if soknad else Fase.E,
    )


def _skyldig(m: Mottatt, resept: Resept, facts: Facts) -> Iterator[Owed]:
    """M14 to the authority (G2), M21 to the utleverer of a dispatch request (E1)."""
    resept_id, samtale = resept.resept_id, resept.samtale
    m1 = (Vedlegg(resept_id, resept_id),)
    if resept.status is Status.UNDER_BEHANDLING_SLV:
        to, payload = facts.legemiddelverket.som_mottaker(), skriv.m14(resept_id)
        yield Owed(
            "M14",
            to,
            resept_id,
            m.head.msg_id_text,
            samtale,
            payload,
            attachments=m1,
            sender=m.head.sender.as_receiver(),
        )
    if resept.ekspanm is not None:
        assert facts.mottaker_ekspanm is not None
        to, payload = facts.mottaker_ekspanm.som_mottaker(), skriv.m21(m.payload, resept)
        yield Owed("M21", to, resept_id, m.head.msg_id_text, samtale, payload)


TYPE = MeldingType(
    token="m1",  # noqa: S106  # the schema's token, no secret
    code="ERM1",
    dn="Resept",
    namespaces=(NS,),
    root="Resept",
    operations=(("Rekvirent", "M1"),),
    avsender=Avsendertype.REKVIRENT,
    signed=True,
    reply="APPREC",
    parse=parse,
    rules=(*avsender.FORSKRIVER, *REGLER),
    needs=needs,
    decide=decide,
    annen_aktor=lambda r: r.ekspanm.her if r.ekspanm is not None else "",
    screened=True,
)
