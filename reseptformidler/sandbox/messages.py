"""Builds the core messages as bytes from plain values, for the demonstration, the tests and the load test.

Text templates, not trees: a message costs some tens of microseconds. They follow the schemas' order and hold no white
space between elements. `sign.sign` signs M1 and M5.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from functools import lru_cache
from html import escape

from reseptformidler.domain import koder
from reseptformidler.domain.aktor import Aktor
from reseptformidler.domain.hode import Kode
from reseptformidler.sandbox.head import Hode, id_and_type, ident, message, organisation, patient, rekvirent
from reseptformidler.sandbox.population import Lege, Person
from reseptformidler.sandbox.varer import M1, Vare, bool_text, coded, resept_dok, text

_K = "http://www.kith.no/xmlstds/eresept/"
_FK1 = "http://www.kith.no/xmlstds/felleskomponent1"
_UL = f"{_K}utlevering/2013-10-08"

ANSATT = "999000099"
"""Who acts at the dispenser; pharmacists use their HPR number (Q6)."""


@dataclass(frozen=True, slots=True)
class Resept:
    """What an M1 prescribes, and how. Dates that are None follow GenDate: today, and a year from it."""

    vare: Vare
    antall: str = "1"
    reiterasjon: int = 0
    refnr: str = ""
    last: bool = False
    eget_navn: bool = False
    egen_praksis: bool = False
    vergereservert: bool = False
    ekspanm: tuple[Aktor, str] | None = None
    """The dispenser that is asked, and how (list 7404)."""
    forskrivningsdato: date | None = None
    utloper: date | None = None
    tidligste_utlevering: date | None = None


@dataclass(frozen=True, slots=True)
class Sok:
    """What an M9.1 searches by: a number, reference numbers, or date of birth with both names."""

    fnr: str = ""
    refnr: tuple[str, ...] = ()
    fdato: date | None = None
    fornavn: str = ""
    etternavn: str = ""
    arsak: str = ""
    """List 7406."""
    alle: bool = False
    vergereserverte: bool = False


@dataclass(frozen=True, slots=True)
class Rapport:
    """What an M10 reports of one prescription: a dispensing, or with `kansellering` (list 7411) that there was none."""

    resept_id: str
    vare: Vare | None = None
    """None in a cancel only."""
    antall: str = "1"
    avsluttet: bool = False
    annullerer: str = ""
    """MsgId of the M10 that this one annuls."""
    kansellering: str = ""
    egenandel: tuple[tuple[date, str], ...] = ()
    """None or four: start of the period and amount paid (NOK)."""
    papir: Lege | None = None
    """Who wrote the paper prescription; then `resept_id` is the dispenser's own."""
    dato: date | None = None
    """None: the day of GenDate."""
    reservert_fastlege: bool = False


@dataclass(frozen=True, slots=True)
class Tilbakekalling:
    """What an M5 recalls, and why (list 7500)."""

    resept_id: str
    arsak: str = "2"
    merknad: str = ""
    ny_resept_id: str = ""


def m1(hode: Hode, lege: Lege, person: Person, resept: Resept) -> bytes:
    """M1 Resept, unsigned. Its MsgId is the ReseptId."""
    today = hode.gen_date.date()
    written = resept.forskrivningsdato or today
    expires = resept.utloper or written + timedelta(days=365)
    earliest = resept.tidligste_utlevering
    payload = (
        f'<Resept xmlns="{M1}"><Forskrivningsdato>{written}</Forskrivningsdato><Utloper>{expires}</Utloper>'
        + _flag("Vergeinnsynsreservasjon", given=resept.vergereservert)
        + _flag("TilEgenPraksis", given=resept.egen_praksis)
        + _flag("RekvLegensNavn", given=resept.eget_navn)
        + text("RefNr", resept.refnr)
        + resept_dok(resept.vare, resept.antall, resept.reiterasjon)
        + (_ekspanm(*resept.ekspanm) if resept.ekspanm else "")
        + f"<OppdatertFest>{today}T00:00:00</OppdatertFest>"
        + (f"<TidligsteUtlevering>{earliest}</TidligsteUtlevering>" if earliest else "")
        + f"<LastResept>{bool_text(resept.last)}</LastResept></Resept>"
    )
    return message(hode, koder.MELDINGSTYPE.cs("ERM1"), rekvirent(lege), patient(person), payload)


def m5(hode: Hode, lege: Lege, person: Person, tilbakekalling: Tilbakekalling) -> bytes:
    """M5 Tilbakekalling av resept, unsigned."""
    arsak = koder.ARSAK_TILBAKEKALLING.cv(tilbakekalling.arsak)
    payload = (
        f'<Tilbakekalling xmlns="{_K}m5/2013-04-16">{text("ReseptId", tilbakekalling.resept_id)}'
        f"{text('Merknad', tilbakekalling.merknad)}{coded('Arsak', arsak)}"
        f"{text('NyReseptId', tilbakekalling.ny_resept_id)}</Tilbakekalling>"
    )
    return message(hode, koder.MELDINGSTYPE.cs("ERM5"), rekvirent(lege), patient(person), payload)


def m91(hode: Hode, utleverer: Aktor, sok: Sok, ansatt: str = ANSATT, versjon: str = "2013-10-08") -> bytes:
    """M9.1 search by a dispenser; `versjon` 2013-10-08 or 2023-03-20."""
    arsak = koder.NODSOK_ARSAK.cs(sok.arsak) if sok.arsak else None
    payload = (
        f'<ForesporselReseptUtleverer xmlns="{_K}m91/{versjon}">{text("Fnr", sok.fnr)}'
        + "".join(text("RefNr", number) for number in sok.refnr)
        + (f"<Fdato>{sok.fdato}</Fdato>" if sok.fdato else "")
        + f"{text('Fornavn', sok.fornavn)}{text('Etternavn', sok.etternavn)}{coded('Arsak', arsak)}"
        f"{coded('AlleResepter', _ja_nei(ja=sok.alle))}{text('AnsattId', ansatt)}"
        f"{coded('InkluderVergeinnsynsreservasjon', _ja_nei(ja=sok.vergereserverte))}"
        "</ForesporselReseptUtleverer>"
    )
    return message(hode, koder.MELDINGSTYPE.cs("ERM91"), organisation(utleverer), "", payload)


def m93(
    hode: Hode,
    utleverer: Aktor,
    resept_id: str = "",
    refnr: str = "",
    kansellering: str = "",
    ansatt: str = ANSATT,
) -> bytes:
    """M9.3 download of one prescription, or with `kansellering` (list 7411) the end of a conversation without one."""
    kode = koder.KANSELLERING.cs(kansellering) if kansellering else None
    payload = (
        f'<M93 xmlns="{_K}m93/2010-06-04">{text("ReseptId", resept_id)}{coded("Kansellering", kode)}'
        f"{text('RefNr', refnr)}{text('AnsattId', ansatt)}</M93>"
    )
    return message(hode, koder.MELDINGSTYPE.cs("ERM93"), organisation(utleverer), "", payload)


def m10(hode: Hode, utleverer: Aktor, person: Person, rapport: Rapport, ansatt: str = ANSATT) -> bytes:
    """M10 report of one dispensing, cancel or annulment."""
    avsluttet = None if rapport.kansellering or rapport.annullerer else _ja_nei(ja=rapport.avsluttet)
    kansellert = koder.KANSELLERING.cs(rapport.kansellering) if rapport.kansellering else None
    payload = (
        f'<Utleveringsrapport xmlns="{_K}m10/2013-10-08"><Utlevering xmlns="{_UL}">'
        + text("ReseptId", rapport.resept_id)
        + f"<Utleveringsdato>{rapport.dato or hode.gen_date.date()}</Utleveringsdato>"
        + f"<Annullering>{bool_text(bool(rapport.annullerer))}</Annullering>{coded('Avsluttet', avsluttet)}"
        + text("AnnulleringsId", rapport.annullerer)
        + (resept_dok(rapport.vare, rapport.antall, 0) if rapport.vare else "")
        + _utleverer(utleverer)
        + f"</Utlevering>{coded('Kanselleringskode', kansellert)}"
        + f"<ReservasjonRapportFastlege>{bool_text(rapport.reservert_fastlege)}</ReservasjonRapportFastlege>"
        + text("AnsattId", ansatt)
        + "".join(_egenandel(*one) for one in rapport.egenandel)
        + (_papir(rapport.papir) if rapport.papir else "")
        + "</Utleveringsrapport>"
    )
    return message(hode, koder.MELDINGSTYPE.cs("ERM10"), organisation(utleverer), patient(person), payload)


def mv(hode: Hode, avsender: Aktor) -> bytes:
    """MV: the test of a connection."""
    payload = (
        '<Verify xmlns="http://ehelse.no/xmlstds/eresept/mv/2017-01-01"><SystemInfo><SystemCode>SANDKASSE</SystemCode>'
        "<SystemName>Sandkasse</SystemName><Version>1</Version>"
        f"<TimeLastUpdated>{hode.gen_date.date()}T00:00:00</TimeLastUpdated></SystemInfo>"
        "<OperationSupplierInfo><ServiceVendorName>Sandkasse</ServiceVendorName><ContactName>Sandkasse</ContactName>"
        "<ContactMail>sandkasse@example.com</ContactMail><ContactPhone>22000000</ContactPhone></OperationSupplierInfo>"
        "</Verify>"
    )
    return message(hode, Kode("ERMV", "Verify"), organisation(avsender), "", payload)


def _ja_nei(*, ja: bool) -> Kode:
    return koder.JA_NEI.cs("1" if ja else "2")


def _flag(name: str, *, given: bool) -> str:
    return f"<{name}>true</{name}>" if given else ""


def _ekspanm(utleverer: Aktor, metode: str) -> str:
    return (
        f"<EkspAnm><Vilkar>true</Vilkar>{coded('MetodeEkspedering', koder.METODE_EKSPEDERING.cs(metode))}"
        f"{text('Utleverer', utleverer.her)}<Kontaktperson>Sandkasse</Kontaktperson>"
        f"{text('OrgNrUtleverer', utleverer.enh)}{text('UtlevererNavn', utleverer.navn)}</EkspAnm>"
    )


@lru_cache(maxsize=1024)
def _utleverer(aktor: Aktor) -> str:
    her = id_and_type(aktor.her, koder.ORGANISASJON_ID.cv("HER"), _FK1)
    return f"<Utleverer><HerId>{her}</HerId>{text('Navn', aktor.navn)}</Utleverer>"


def _egenandel(begins: date, paid: str) -> str:
    return (
        f"<Egenandel><StartEgenandelsperiode>{begins}</StartEgenandelsperiode>"
        f'<BetaltEgenandel V="{escape(paid)}" U="NOK"/></Egenandel>'
    )


def _papir(lege: Lege) -> str:
    person = lege.helsepersonell
    hpr = ident(person.hpr, koder.PERSON_ID.cv("HPR"), _FK1)
    return (
        f'<Papirresept>true</Papirresept><RekvirentPapir xmlns="{_UL}">{hpr}'
        f"{text('Fornavn', person.fornavn)}{text('Etternavn', person.etternavn)}</RekvirentPapir>"
    )
