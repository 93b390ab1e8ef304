"""What a prescriber sends. All but M4.1 must be signed by the person (`sign.sign`).

Text templates, not trees: a message costs some tens of microseconds. They follow the schemas' order and hold no white
space between elements.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Literal

from reseptformidler.client.element import KITH, boolean, flag, ja_nei, query
from reseptformidler.client.head import Hode, message
from reseptformidler.client.lib import Legemiddelliste, legemidler_i_bruk
from reseptformidler.client.parter import Pasient, Rekvirent, Virksomhet
from reseptformidler.client.varer import M1, Vare, resept_dok
from reseptformidler.domain import koder
from reseptformidler.wire.element import kode, simple


@dataclass(frozen=True, slots=True)
class EkspAnm:
    """A dispenser that is asked to dispense, how (list 7404), and whom it may call about it."""

    utleverer: Virksomhet
    metode: str
    kontaktperson: str


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
    ekspanm: EkspAnm | None = None
    forskrivningsdato: date | None = None
    utloper: date | None = None
    tidligste_utlevering: date | None = None


@dataclass(frozen=True, slots=True)
class Tilbakekalling:
    """What an M5 recalls, and why (list 7500)."""

    resept_id: str
    arsak: str = "2"
    merknad: str = ""
    ny_resept_id: str = ""


@dataclass(frozen=True, slots=True)
class Oppslag:
    """What an M9.5 asks for: the prescriptions of a person, those with these reference numbers, or both (Q4)."""

    fnr: str = ""
    refnr: tuple[str, ...] = ()
    alle: bool = False
    """Also those that have ended (Q1)."""
    komprimering: int = 0
    """From how many M1 on they come compressed; 0: never (Q14)."""


@dataclass(frozen=True, slots=True)
class Abonnement:
    """An M24.1: whether the patient's doctor gets the reports (M8), until when, and by whose consent (list 7456)."""

    til: date
    pa: bool = True
    gitt_av: str = "2"
    """2, tacit consent, is the use of today (S3)."""


def m1(hode: Hode, rekvirent: Rekvirent, pasient: Pasient, resept: Resept) -> bytes:
    """M1 Resept, unsigned. Its MsgId is the ReseptId."""
    today = hode.gen_date.date()
    written = resept.forskrivningsdato or today
    expires = resept.utloper or written + timedelta(days=365)
    earliest = resept.tidligste_utlevering
    payload = (
        f'<Resept xmlns="{M1}"><Forskrivningsdato>{written}</Forskrivningsdato><Utloper>{expires}</Utloper>'
        + flag("Vergeinnsynsreservasjon", given=resept.vergereservert)
        + flag("TilEgenPraksis", given=resept.egen_praksis)
        + flag("RekvLegensNavn", given=resept.eget_navn)
        + simple("RefNr", resept.refnr)
        + resept_dok(resept.vare, resept.antall, resept.reiterasjon)
        + (_ekspanm(resept.ekspanm) if resept.ekspanm else "")
        + f"<OppdatertFest>{today}T00:00:00</OppdatertFest>"
        + (f"<TidligsteUtlevering>{earliest}</TidligsteUtlevering>" if earliest else "")
        + f"<LastResept>{boolean(resept.last)}</LastResept></Resept>"
    )
    return message(hode, koder.MELDINGSTYPE.cs("ERM1"), rekvirent, pasient, payload)


def m5(hode: Hode, rekvirent: Rekvirent, pasient: Pasient, tilbakekalling: Tilbakekalling) -> bytes:
    """M5 Tilbakekalling av resept, unsigned."""
    arsak = koder.ARSAK_TILBAKEKALLING.cv(tilbakekalling.arsak)
    payload = (
        f'<Tilbakekalling xmlns="{KITH}m5/2013-04-16">{simple("ReseptId", tilbakekalling.resept_id)}'
        f"{simple('Merknad', tilbakekalling.merknad)}{kode('Arsak', arsak)}"
        f"{simple('NyReseptId', tilbakekalling.ny_resept_id)}</Tilbakekalling>"
    )
    return message(hode, koder.MELDINGSTYPE.cs("ERM5"), rekvirent, pasient, payload)


def m41(hode: Hode, rekvirent: Rekvirent, antall: int) -> bytes:
    """M4.1: asks for reference numbers, 100 at most (L3)."""
    payload = f'<M41 xmlns="{KITH}m41/2006-10-06"><Antall>{antall}</Antall></M41>'
    return message(hode, koder.MELDINGSTYPE.cs("ERM41"), rekvirent, None, payload)


def m95(
    hode: Hode,
    rekvirent: Rekvirent,
    oppslag: Oppslag,
    versjon: Literal["2015-05-01", "2018-07-01", "2021-02-01"] = "2021-02-01",
) -> bytes:
    """M9.5: which prescriptions a patient has."""
    payload = (
        f'<M95 xmlns="{query("m95", versjon)}">{simple("Fnr", oppslag.fnr)}{ja_nei("AlleResepter", ja=oppslag.alle)}'
        + "".join(simple("RefNr", number) for number in oppslag.refnr)
        + (_INGEN_SAMTYKKE if versjon < "2018" else "")
        + f"<Komprimering>{oppslag.komprimering}</Komprimering></M95>"
    )
    return message(hode, koder.MELDINGSTYPE.cs("ERM95"), rekvirent, None, payload)


def m97(
    hode: Hode,
    rekvirent: Rekvirent,
    resept_id: str,
    komprimering: int = 0,
    versjon: Literal["2015-05-01", "2018-07-01"] = "2018-07-01",
) -> bytes:
    """M9.7: what was dispensed on a prescription. `komprimering`: as in Oppslag."""
    payload = (
        f'<M97 xmlns="{query("m97", versjon)}">{_INGEN_SAMTYKKE if versjon < "2018" else ""}'
        f"{simple('ReseptId', resept_id)}<Komprimering>{komprimering}</Komprimering></M97>"
    )
    return message(hode, koder.MELDINGSTYPE.cs("ERM97"), rekvirent, None, payload)


def m241(hode: Hode, rekvirent: Rekvirent, pasient: Pasient, abonnement: Abonnement) -> bytes:
    """M24.1: begins or ends a subscription to the patient's dispensing reports."""
    payload = (
        f'<Samtykke xmlns="{KITH}m241/2009-02-20">'
        f"{kode('SamtykkeGittAv', koder.SAMTYKKE_GITT_AV.cs(abonnement.gitt_av))}"
        f"<SamtykkeTil>{abonnement.til}</SamtykkeTil>{kode('TypeSamtykke', koder.SAMTYKKE.cs('1'))}"
        f"{ja_nei('Samtykkeverdi', ja=abonnement.pa)}</Samtykke>"
    )
    return message(hode, koder.MELDINGSTYPE.cs("ERM241"), rekvirent, pasient, payload)


def m251(hode: Hode, rekvirent: Rekvirent, pasient: Pasient, liste: Legemiddelliste) -> bytes:
    """M25.1: the patient's list. `hode.parent` is the last M25.1 or M25.2 that the service has (X8)."""
    payload = legemidler_i_bruk(f"{KITH}m251/2013-10-08", liste)
    return message(hode, koder.MELDINGSTYPE.cs("ERM251"), rekvirent, pasient, payload)


_INGEN_SAMTYKKE = ja_nei("Samtykke", ja=False)
"""In versions before 2018; a patient may block now, and nobody is asked (B1)."""


def _ekspanm(ekspanm: EkspAnm) -> str:
    who = ekspanm.utleverer
    return (
        f"<EkspAnm><Vilkar>true</Vilkar>{kode('MetodeEkspedering', koder.METODE_EKSPEDERING.cs(ekspanm.metode))}"
        f"{simple('Utleverer', who.her)}{simple('Kontaktperson', ekspanm.kontaktperson)}"
        f"{simple('OrgNrUtleverer', who.enh)}{simple('UtlevererNavn', who.navn)}</EkspAnm>"
    )
