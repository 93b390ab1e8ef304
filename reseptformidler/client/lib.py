"""The list of a patient's medicines (LegemidlerIBruk): what M25.1, M25.2 and M25.3 share (HIS 3014).

One set of values for all three: what a message has no place for (`vikar` in M25.2, `Utlevering` in M25.1 …), its
schema refuses.
"""

from __future__ import annotations

from base64 import b64encode
from dataclasses import dataclass
from datetime import date, datetime

from reseptformidler.client.element import FK1, boolean, id_and_type, ja_nei
from reseptformidler.client.koder import KILDE, OMPAKKING, REAKSJON, ROLLE, SEPONERING, SPORSMAL, SVAR
from reseptformidler.domain import koder
from reseptformidler.domain.hode import Kode
from reseptformidler.wire.element import kode, simple

_KI = "http://www.kith.no/xmlstds/eresept/ki/2013-04-25"


@dataclass(frozen=True, slots=True)
class Helseperson:
    """A person, by HPR number."""

    hpr: str
    fornavn: str = ""
    etternavn: str = ""


@dataclass(frozen=True, slots=True)
class Organisasjon:
    """A service, by HER-id."""

    her: str
    navn: str = ""


@dataclass(frozen=True, slots=True)
class Rolle:
    """Who has a part (list 7490) in the list, or in one entry."""

    rolle: str
    hvem: Helseperson | Organisasjon


@dataclass(frozen=True, slots=True)
class Seponering:
    """From when on the patient does not take it, and why (list 7494). M25.1 only."""

    tidspunkt: datetime
    arsak: str
    merknad: str = ""


@dataclass(frozen=True, slots=True)
class Svar:
    """The answer to a question (list 7493)."""

    kode: str
    merknad: str = ""


@dataclass(frozen=True, slots=True)
class Sporsmal:
    """A question or remark (list 7495) by one HER-id to another. M25.1 and M25.2 only."""

    kode: str
    tidspunkt: datetime
    stiller: str
    mottaker: str = ""
    merknad: str = ""
    svar: Svar | None = None


@dataclass(frozen=True, slots=True)
class Utlevering:
    """What was packed for which days; `utlevering` is the dispensing as XML, `ompakking` of list 7492. M25.3 only."""

    forste_dose: date
    siste_dose: date
    utlevering: bytes
    ref_m10: str = ""
    ompakking: str = ""


@dataclass(frozen=True, slots=True)
class Oppforing:
    """One medicine; `type` is of list 7491. Its `id` never changes (X1); what is prescribed has a ReseptId (X2)."""

    id: str
    type: str
    sist_endret: datetime
    resept_dok: bytes
    """ReseptDokLegemiddel as XML: as it stands in the M1 (X5)."""
    resept_id: str = ""
    utloper: date | None = None
    oppstart: date | None = None
    i_multidose: bool | None = None
    """M25.3 only."""
    med_endring: bool | None = None
    roller: tuple[Rolle, ...] = ()
    seponering: Seponering | None = None
    sporsmal: tuple[Sporsmal, ...] = ()
    utleveringer: tuple[Utlevering, ...] = ()


@dataclass(frozen=True, slots=True)
class Pakkeinfo:
    """Until when an M25.1 changes the next packing, and which days that is for. M25.2 and M25.3 only."""

    bestillingsfrist: datetime
    forste_dosering: date | None = None
    siste_dosering: date | None = None


@dataclass(frozen=True, slots=True)
class Allergi:
    """A reaction (list 7497) to a substance, who said so (7498), and when a doctor last considered it."""

    reaksjon: str
    oppdatert: datetime
    kilde: str
    atc: Kode | None = None
    virkestoff: tuple[str, ...] = ()
    varenavn: str = ""
    kommentar: str = ""


@dataclass(frozen=True, slots=True)
class Legemiddelliste:
    """The whole list, as it stands when it is sent."""

    oppforinger: tuple[Oppforing, ...] = ()
    roller: tuple[Rolle, ...] = ()
    pakkeinfo: Pakkeinfo | None = None
    allergier: tuple[Allergi, ...] = ()
    merknad: str = ""
    vikar: bool | None = None
    """Whether the sender stands in for the multidose doctor. M25.1 only."""


def legemidler_i_bruk(namespace: str, liste: Legemiddelliste) -> str:
    """The payload."""
    return (
        f'<LegemidlerIBruk xmlns="{namespace}">'
        + "".join(map(_rolle, liste.roller))
        + "".join(map(_oppforing, liste.oppforinger))
        + (_pakkeinfo(liste.pakkeinfo) if liste.pakkeinfo else "")
        + "".join(map(_allergi, liste.allergier))
        + simple("Merknad", liste.merknad)
        + ("" if liste.vikar is None else ja_nei("Vikar", ja=liste.vikar))
        + "</LegemidlerIBruk>"
    )


def _oppforing(one: Oppforing) -> str:
    return (
        f"<EnkeltoppforingLIB>{simple('Id', one.id)}{kode('Type', koder.TYPE_RESEPT.cs(one.type))}"
        + simple("ReseptId", one.resept_id)
        + _time("UtlopsdatoResept", one.utloper)
        + _time("SistEndret", one.sist_endret)
        + _time("DatoOppstart", one.oppstart)
        + ("" if one.i_multidose is None else ja_nei("InngarMultidose", ja=one.i_multidose))
        + ("" if one.med_endring is None else f"<MedEndring>{boolean(one.med_endring)}</MedEndring>")
        + "".join(map(_rolle, one.roller))
        + _base64("ReseptDokLegemiddelB64", one.resept_dok)
        + (_seponering(one.seponering) if one.seponering else "")
        + "".join(map(_sporsmal, one.sporsmal))
        + "".join(map(_utlevering, one.utleveringer))
        + "</EnkeltoppforingLIB>"
    )


def _rolle(one: Rolle) -> str:
    return f"<Rolle>{kode('Rolle', ROLLE.cs(one.rolle))}{_hvem(one.hvem)}</Rolle>"


def _hvem(hvem: Helseperson | Organisasjon) -> str:
    if isinstance(hvem, Organisasjon):
        her = id_and_type(hvem.her, koder.ORGANISASJON_ID.cv("HER"), FK1)
        return f"<Organisasjon><HerId>{her}</HerId>{simple('Inst', hvem.navn)}</Organisasjon>"
    hpr = id_and_type(hvem.hpr, koder.PERSON_ID.cv("HPR"), FK1)
    names = simple("Fornavn", hvem.fornavn) + simple("Etternavn", hvem.etternavn)
    return f"<Helseperson><HprId>{hpr}</HprId>{names}</Helseperson>"


def _seponering(one: Seponering) -> str:
    arsak = kode("Arsak", SEPONERING.cs(one.arsak))
    return f"<Seponering>{_time('Tidspunkt', one.tidspunkt)}{arsak}{simple('Merknad', one.merknad)}</Seponering>"


def _sporsmal(one: Sporsmal) -> str:
    svar = one.svar
    answer = f"<Svar>{kode('Kode', SVAR.cv(svar.kode))}{simple('Merknad', svar.merknad)}</Svar>" if svar else ""
    return (
        f"<Sporsmal>{kode('Kode', SPORSMAL.cv(one.kode))}{simple('Merknad', one.merknad)}"
        f"{_time('Tidspunkt', one.tidspunkt)}{simple('Stiller', one.stiller)}{simple('Mottaker', one.mottaker)}"
        f"{answer}</Sporsmal>"
    )


def _utlevering(one: Utlevering) -> str:
    return (
        f"<SisteUtlevering>{simple('RefM10', one.ref_m10)}"
        + (kode("Ompakkingsgrunn", OMPAKKING.cs(one.ompakking)) if one.ompakking else "")
        + _time("DatoForsteDose", one.forste_dose)
        + _time("DatoSisteDose", one.siste_dose)
        + f"{_base64('UtleveringB64', one.utlevering)}</SisteUtlevering>"
    )


def _pakkeinfo(one: Pakkeinfo) -> str:
    return (
        f"<Pakkeinfo>{_time('Bestillingsfrist', one.bestillingsfrist)}"
        f"{_time('ForsteDoseringsdato', one.forste_dosering)}{_time('SisteDoseringsdato', one.siste_dosering)}"
        "</Pakkeinfo>"
    )


def _allergi(one: Allergi) -> str:
    return (
        f'<Allergi xmlns="{_KI}">{kode("Reaksjon", REAKSJON.cv(one.reaksjon))}{simple("Kommentar", one.kommentar)}'
        f"{_time('Oppdatert', one.oppdatert)}{kode('Kilde', KILDE.cv(one.kilde))}<Legemiddelreaksjon>"
        f"{kode('Atc', one.atc)}{''.join(simple('Virkestoff', name) for name in one.virkestoff)}"
        f"{simple('Varenavn', one.varenavn)}</Legemiddelreaksjon></Allergi>"
    )


def _time(name: str, value: date | datetime | None) -> str:
    return f"<{name}>{value.isoformat()}</{name}>" if value is not None else ""


def _base64(name: str, octets: bytes) -> str:
    return f"<{name}>{b64encode(octets).decode()}</{name}>"
