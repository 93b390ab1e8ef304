"""M5, the recall of a prescription (R1208 4.2; rules.md T; life: domain.md b.2 #9 to #12)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from lxml import etree

from reseptformidler.domain import koder, livslop
from reseptformidler.domain.aktor import Facts, Helsepersonell
from reseptformidler.domain.decision import Decision, Finding, Hendelse, Needs, Owed, Tilstand, refused
from reseptformidler.domain.hode import Kode
from reseptformidler.domain.ident import is_person_number
from reseptformidler.domain.livslop import Fase, Steg
from reseptformidler.domain.resept import Resept, Tilbakekalt
from reseptformidler.meldinger import avsender
from reseptformidler.meldinger.krav import krav
from reseptformidler.meldinger.melding import Avsendertype, MeldingType, Mottatt, pasientens_nummer
from reseptformidler.meldinger.rapportering import kvittering, owed_recall, senere_mottaker
from reseptformidler.reasons import reason
from reseptformidler.wire import innhold
from reseptformidler.wire.msghead import read_uuid

NS = "http://www.kith.no/xmlstds/eresept/m5/2013-04-16"

VENTER = {Fase.U_T: 13, Fase.B_T: 14, Fase.B_U_T: 14}
"""The note that says what a recall waits for."""


@dataclass(frozen=True, slots=True)
class Tilbakekalling:
    """What an M5 says. The ids are None where the text is no UUID."""

    resept_id: UUID | None
    arsak: Kode
    merknad: str = ""
    ny_resept_id: str = ""


def parse(payload: etree._Element) -> Tilbakekalling:
    """Read a Tilbakekalling that the schema has accepted."""
    return Tilbakekalling(
        resept_id=read_uuid(innhold.text(payload, "ReseptId")),
        arsak=innhold.kode(payload, "Arsak") or Kode(""),
        merknad=innhold.text(payload, "Merknad"),
        ny_resept_id=innhold.text(payload, "NyReseptId"),
    )


def needs(m: Mottatt, _facts: Facts) -> Needs:
    """The prescription in whatever state it is."""
    tilbakekalling: Tilbakekalling = m.content
    assert tilbakekalling.resept_id is not None
    return Needs(resepter=(tilbakekalling.resept_id,), alle=True)


def decide(m: Mottatt, tilstand: Tilstand, facts: Facts, now: datetime) -> Decision:
    """The recall takes effect at once, waits (13, 14), or is refused."""
    tilbakekalling: Tilbakekalling = m.content
    resept = tilstand.resept(tilbakekalling.resept_id) if tilbakekalling.resept_id is not None else None
    if resept is None:
        return refused(Finding(reason(12), "Tilbakekalling/ReseptId"))
    funn = (*_feil_pasient(m, resept, facts), *_uten_rett(m, resept, facts))
    if funn:
        return refused(*funn)
    neste = livslop.step(resept, Steg.TILBAKEKALT, now, tilbakekalt=_tilbakekalt(m, now))
    if isinstance(neste, int):
        return refused(Finding(reason(neste), "Tilbakekalling/ReseptId"))
    til = livslop.fase(neste)
    return Decision(
        notes=(Finding(reason(VENTER[til]), "Tilbakekalling/ReseptId"),) if til in VENTER else (),
        changed=(neste,),
        hendelser=(Hendelse(resept.resept_id, neste.versjon, Steg.TILBAKEKALT, livslop.fase(resept), til),),
        owed=_skyldig(resept, neste, now),
        kept_with=resept.resept_id,
    )


def _tilbakekalt(m: Mottatt, now: datetime) -> Tilbakekalt:
    tilbakekalling: Tilbakekalling = m.content
    return Tilbakekalt(
        msg_id=m.msg_id,
        tidspunkt=now,
        hpr=avsender.rekvirent(m.head).ident("HPR"),
        her=m.head.sender.ident("HER"),
        arsak=tilbakekalling.arsak,
        merknad=tilbakekalling.merknad,
        ny_resept_id=tilbakekalling.ny_resept_id,
        samtale=m.samtale,
        avsender=senere_mottaker(m.head),
    )


def _feil_pasient(m: Mottatt, resept: Resept, facts: Facts) -> Iterator[Finding]:
    """A head that names another person recalls the wrong prescription. No published code says it better than 320.

    A person who was given a new number is the same under either.
    """
    ident = resept.pasient.ident
    if ident and any(ident not in facts.numre(oppgitt) for oppgitt in pasientens_nummer(m)):
        yield Finding(reason(320), "Patient/Ident")


def _uten_rett(m: Mottatt, resept: Resept, facts: Facts) -> Iterator[Finding]:
    """Any doctor with a requisition right may recall, everybody their own (domain.md h)."""
    person = facts.helsepersonell
    assert person is not None
    if person.hpr.zfill(9) == resept.rekvirent.hpr:
        return
    hvor = "HealthcareProfessional"
    if not person.autorisert:
        yield Finding(reason(74), hvor)
    elif not _gyldig_rett(person, m):
        yield Finding(reason(281), hvor)
    elif "LE" not in person.kategorier:
        yield Finding(reason(323), hvor)


def _gyldig_rett(person: Helsepersonell, m: Mottatt) -> bool:
    return (
        person.rekvisisjonsrett
        and not person.rett_suspendert
        and not person.rett_avsluttet
        and avsender.har_rett_i_dag(person, m)
    )


def _skyldig(resept: Resept, neste: Resept, now: datetime) -> tuple[Owed, ...]:
    """M5.2 always; M7 to another original prescriber once the prescription is recalled (T3, T4)."""
    assert neste.tilbakekalt is not None
    venter = kvittering(neste.tilbakekalt, neste, "2")
    return owed_recall(resept, neste, now) or (venter,)


REGLER = (
    krav(272, "Tilbakekalling/ReseptId", lambda m, _: m.content.resept_id is None),
    krav(
        272,
        "Tilbakekalling/NyReseptId",
        lambda m, _: bool(m.content.ny_resept_id) and read_uuid(m.content.ny_resept_id) is None,
        kilde="T1",
    ),
    krav(268, "Tilbakekalling/Arsak", lambda m, _: m.content.arsak.v not in koder.ARSAK_TILBAKEKALLING, kilde="T1"),
    krav(
        115,
        "Patient/Ident",
        lambda m, _: not all(map(is_person_number, pasientens_nummer(m))),
        kilde="P8",
    ),
)

TYPE = MeldingType(
    token="m5",  # noqa: S106  # the schema's token, no secret
    code="ERM5",
    dn="Tilbakekalling av resept",
    namespaces=(NS,),
    root="Tilbakekalling",
    operations=(("Rekvirent", "M5"),),
    avsender=Avsendertype.REKVIRENT,
    signed=True,
    reply="APPREC",
    parse=parse,
    rules=(*avsender.REKVIRENT, *REGLER),
    needs=needs,
    decide=decide,
)
