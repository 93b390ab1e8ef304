"""What a dispenser sends: search, download, report, applications, what it packs as multidose."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from typing import Literal

from reseptformidler.client.element import FK1, KITH, boolean, id_and_type, ident, ja_nei
from reseptformidler.client.head import Hode, message
from reseptformidler.client.lib import Legemiddelliste, legemidler_i_bruk
from reseptformidler.client.parter import Pasient, Rekvirent, Utleverer, Virksomhet
from reseptformidler.client.varer import Vare, resept_dok
from reseptformidler.domain import koder
from reseptformidler.wire.element import attribute, kode, simple

_UL = f"{KITH}utlevering/2013-10-08"


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
    papir: Rekvirent | None = None
    """Who wrote the paper prescription; then `resept_id` is the dispenser's own."""
    dato: date | None = None
    """None: the day of GenDate."""
    reservert_fastlege: bool = False


def m91(
    hode: Hode, utleverer: Utleverer, sok: Sok, versjon: Literal["2013-10-08", "2023-03-20"] = "2013-10-08"
) -> bytes:
    """M9.1 search by a dispenser."""
    arsak = koder.NODSOK_ARSAK.cs(sok.arsak) if sok.arsak else None
    payload = (
        f'<ForesporselReseptUtleverer xmlns="{KITH}m91/{versjon}">{simple("Fnr", sok.fnr)}'
        + "".join(simple("RefNr", number) for number in sok.refnr)
        + (f"<Fdato>{sok.fdato}</Fdato>" if sok.fdato else "")
        + f"{simple('Fornavn', sok.fornavn)}{simple('Etternavn', sok.etternavn)}{kode('Arsak', arsak)}"
        f"{ja_nei('AlleResepter', ja=sok.alle)}{simple('AnsattId', utleverer.ansatt)}"
        f"{ja_nei('InkluderVergeinnsynsreservasjon', ja=sok.vergereserverte)}"
        "</ForesporselReseptUtleverer>"
    )
    return message(hode, koder.MELDINGSTYPE.cs("ERM91"), utleverer, None, payload)


def m93(
    hode: Hode,
    utleverer: Utleverer,
    resept_id: str = "",
    refnr: str = "",
    kansellering: str = "",
) -> bytes:
    """M9.3 download of one prescription, or with `kansellering` (list 7411) the end of a conversation without one."""
    cause = koder.KANSELLERING.cs(kansellering) if kansellering else None
    payload = (
        f'<M93 xmlns="{KITH}m93/2010-06-04">{simple("ReseptId", resept_id)}{kode("Kansellering", cause)}'
        f"{simple('RefNr', refnr)}{simple('AnsattId', utleverer.ansatt)}</M93>"
    )
    return message(hode, koder.MELDINGSTYPE.cs("ERM93"), utleverer, None, payload)


def m10(hode: Hode, utleverer: Utleverer, pasient: Pasient, rapport: Rapport) -> bytes:
    """M10 report of one dispensing, cancel or annulment."""
    says_end = not rapport.kansellering and not rapport.annullerer
    kansellert = koder.KANSELLERING.cs(rapport.kansellering) if rapport.kansellering else None
    payload = (
        f'<Utleveringsrapport xmlns="{KITH}m10/2013-10-08"><Utlevering xmlns="{_UL}">'
        + simple("ReseptId", rapport.resept_id)
        + f"<Utleveringsdato>{rapport.dato or hode.gen_date.date()}</Utleveringsdato>"
        + f"<Annullering>{boolean(bool(rapport.annullerer))}</Annullering>"
        + (ja_nei("Avsluttet", ja=rapport.avsluttet) if says_end else "")
        + simple("AnnulleringsId", rapport.annullerer)
        + (resept_dok(rapport.vare, rapport.antall, 0) if rapport.vare else "")
        + _utleverer(utleverer.virksomhet)
        + f"</Utlevering>{kode('Kanselleringskode', kansellert)}"
        + f"<ReservasjonRapportFastlege>{boolean(rapport.reservert_fastlege)}</ReservasjonRapportFastlege>"
        + simple("AnsattId", utleverer.ansatt)
        + "".join(_egenandel(*one) for one in rapport.egenandel)
        + (_papir(rapport.papir) if rapport.papir else "")
        + "</Utleveringsrapport>"
    )
    return message(hode, koder.MELDINGSTYPE.cs("ERM10"), utleverer, pasient, payload)


def m3(hode: Hode, utleverer: Utleverer, resept_id: str, kommentar: str = "") -> bytes:
    """M3 AnmodningSLV: that the service applies for an unlicensed drug on this prescription."""
    payload = (
        f'<AnmodningSLV xmlns="{KITH}m3/2010-05-01">{simple("ReseptId", resept_id)}{simple("Kommentar", kommentar)}'
        "</AnmodningSLV>"
    )
    return message(hode, koder.MELDINGSTYPE.cs("ERM3"), utleverer, None, payload)


def m252(hode: Hode, utleverer: Utleverer, pasient: Pasient, liste: Legemiddelliste) -> bytes:
    """M25.2: the multidose pharmacy's questions and proposals. `hode.parent` is the last M25.1 or M25.2 (X8)."""
    payload = legemidler_i_bruk(f"{KITH}m252/2013-10-08", liste)
    return message(hode, koder.MELDINGSTYPE.cs("ERM252"), utleverer, pasient, payload)


def m253(hode: Hode, utleverer: Utleverer, pasient: Pasient, liste: Legemiddelliste) -> bytes:
    """M25.3: all that the multidose pharmacy packed for a period, also when some of it was annulled (X16)."""
    payload = legemidler_i_bruk(f"{KITH}m253/2013-10-08", liste)
    return message(hode, koder.MELDINGSTYPE.cs("ERM253"), utleverer, pasient, payload)


@lru_cache(maxsize=1024)
def _utleverer(virksomhet: Virksomhet) -> str:
    her = id_and_type(virksomhet.her, koder.ORGANISASJON_ID.cv("HER"), FK1)
    return f"<Utleverer><HerId>{her}</HerId>{simple('Navn', virksomhet.navn)}</Utleverer>"


def _egenandel(begins: date, paid: str) -> str:
    return (
        f"<Egenandel><StartEgenandelsperiode>{begins}</StartEgenandelsperiode>"
        f'<BetaltEgenandel V="{attribute(paid)}" U="NOK"/></Egenandel>'
    )


def _papir(rekvirent: Rekvirent) -> str:
    hpr = ident(rekvirent.hpr, koder.PERSON_ID.cv("HPR"), FK1)
    return (
        f'<Papirresept>true</Papirresept><RekvirentPapir xmlns="{_UL}">{hpr}'
        f"{simple('Fornavn', rekvirent.fornavn)}{simple('Etternavn', rekvirent.etternavn)}</RekvirentPapir>"
    )
