"""What several kinds of senders send: queries and registrations of multidose, and the test of a connection."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import Literal

from reseptformidler.client.element import KITH, flag, query
from reseptformidler.client.head import Hode, message
from reseptformidler.client.parter import Avsender, Pasient, Rekvirent, Utleverer, Virksomhet
from reseptformidler.domain import koder
from reseptformidler.domain.hode import Kode
from reseptformidler.wire.element import kode, simple


@dataclass(frozen=True, slots=True)
class System:
    """The sender's software, and whom to ask about it; `kode` as the service's register has it."""

    kode: str
    navn: str
    versjon: str
    oppdatert: date
    leverandor: str
    kontakt: str
    epost: str
    telefon: str


@dataclass(frozen=True, slots=True)
class IBruk:
    """What an M9.11 asks for: a person's list of medicines, and what comes with it."""

    fnr: str
    reseptinfo: bool = False
    """The prescriptions too; dispensers only (X18)."""
    m25: bool = False
    """The M25 messages too; from version 2021-10-01 on."""
    komprimering: int = 0
    """More than 0: compressed. From version 2018-07-01 on."""


def m911(
    hode: Hode,
    avsender: Avsender,
    spor: IBruk,
    versjon: Literal["2014-01-21", "2018-07-01", "2021-10-01"] = "2021-10-01",
) -> bytes:
    """M9.11: a person's list of medicines, and who is responsible for multidose. A prescriber signs it.

    From Kjernejournal `avsender` is its Virksomhet, and the operation M9_11kj.
    """
    ansatt = avsender.ansatt if isinstance(avsender, Utleverer) else ""
    payload = (
        f'<M911 xmlns="{query("m911", versjon)}">{simple("Fnr", spor.fnr)}'
        + flag("InklReseptinfo", given=spor.reseptinfo)
        + flag("InklM25Meldinger", given=spor.m25)
        + simple("AnstattId", ansatt)
        + (f"<Komprimering>{spor.komprimering}</Komprimering>" if versjon >= "2018" else "")
        + "</M911>"
    )
    return message(hode, koder.MELDINGSTYPE.cs("ERM911"), avsender, None, payload)


def m921(
    hode: Hode,
    avsender: Rekvirent | Utleverer,
    etter: datetime,
    komprimering: int = 0,
    versjon: Literal["2013-10-15", "2019-03-01"] = "2019-03-01",
) -> bytes:
    """M9.21: which of the sender's multidose patients have something new after this time (with a time zone)."""
    payload = (
        f'<M921 xmlns="{query("m921", versjon)}"><EndringerEtter>{etter.isoformat()}</EndringerEtter>'
        + (f"<Komprimering>{komprimering}</Komprimering>" if versjon >= "2018" else "")
        + "</M921>"
    )
    return message(hode, koder.MELDINGSTYPE.cs("ERM921"), avsender, None, payload)


def m271(
    hode: Hode, avsender: Rekvirent | Utleverer, pasient: Pasient, gjelder_fra: date, *, registrer: bool = True
) -> bytes:
    """M27.1: the sender becomes responsible for the patient's multidose, or no longer is. A prescriber signs (X17)."""
    payload = (
        f'<M271 xmlns="{KITH}m271/2013-04-16">{kode("Status", koder.REGISTRERING.cs("R" if registrer else "A"))}'
        f"<GjelderFra>{gjelder_fra}</GjelderFra></M271>"
    )
    return message(hode, koder.MELDINGSTYPE.cs("ERM271"), avsender, pasient, payload)


def mv(hode: Hode, avsender: Virksomhet, system: System) -> bytes:
    """MV: the test of a connection."""
    payload = (
        '<Verify xmlns="http://ehelse.no/xmlstds/eresept/mv/2017-01-01">'
        f"<SystemInfo>{simple('SystemCode', system.kode)}{simple('SystemName', system.navn)}"
        f"{simple('Version', system.versjon)}<TimeLastUpdated>{system.oppdatert}T00:00:00</TimeLastUpdated>"
        f"</SystemInfo><OperationSupplierInfo>{simple('ServiceVendorName', system.leverandor)}"
        f"{simple('ContactName', system.kontakt)}{simple('ContactMail', system.epost)}"
        f"{simple('ContactPhone', system.telefon)}</OperationSupplierInfo></Verify>"
    )
    return message(hode, Kode("ERMV", "Verify"), avsender, None, payload)
