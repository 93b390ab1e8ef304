"""How M9.6 and M9.6KJ are written (R1208 4.4, HIS 3004), each in the version of its question.

What says nothing is left out, as in the published lists: a flag stands only where it is true. Seponering of 2021 is a
copy of an entry in the M25.1 and no fact of the prescription: it is not written.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from uuid import UUID

from reseptformidler.domain import koder
from reseptformidler.domain.kalender import med_sone
from reseptformidler.domain.resept import Resept, Tilbakekalt
from reseptformidler.domain.utlevert import Utlevert
from reseptformidler.wire.element import kode, simple
from reseptformidler.wire.m92 import navn_utleverer
from reseptformidler.wire.msghead import written_time
from reseptformidler.wire.utlevering import utlevering

M96_2015 = "http://www.kith.no/xmlstds/eresept/m96/2015-05-01"
M96_2018 = "http://www.ehelse.no/xmlstds/eresept/m96/2018-07-01"
M96_2021 = "http://www.ehelse.no/xmlstds/eresept/m96/2021-02-01"
_M96KJ = "http://www.kith.no/xmlstds/eresept/m96kj/2015-05-01"


@dataclass(frozen=True, slots=True)
class Element:
    """One Listeelement: the prescription, what was dispensed on it, and the one that it renews."""

    resept: Resept
    utlevert: tuple[Utlevert, ...] = ()
    forrige: UUID | None = None


@dataclass(frozen=True, slots=True)
class Liste:
    """What an M9.6 says."""

    elementer: tuple[Element, ...]
    status: str = ""
    """List 7407, where nothing was found."""
    last: bool = False
    """Some locked prescription is not in the list."""
    reservert: bool = False
    """The patient has blocked the asker: only the asker's own are in the list."""
    numre: tuple[str, ...] = ()
    """The patient's national numbers, the present one first, where they are more than one."""


def reseptliste(namespace: str, liste: Liste) -> bytes:
    """The payload of an M9.6; 2015 has no place for what concerns the patient."""
    about = "" if namespace == M96_2015 else _about(liste)
    why = kode("StatusSok", koder.STATUS_SOK.cs(liste.status)) if liste.status else ""
    found = "".join(_listeelement(namespace, element) for element in liste.elementer)
    return f'<M96 xmlns="{namespace}">{about}{why}{found}</M96>'.encode()


def reseptliste_kjernejournal(resepter: Iterable[Resept]) -> bytes:
    """The payload of an M9.6KJ: ids alone."""
    found = "".join(f"<Listeelement><ReseptId>{resept.resept_id}</ReseptId></Listeelement>" for resept in resepter)
    return f'<M96KJ xmlns="{_M96KJ}">{found}</M96KJ>'.encode()


def _about(liste: Liste) -> str:
    present, *others = liste.numre or ("",)
    info = simple("Fnr", present) + "".join(simple("AndreFnr", number) for number in others)
    return "".join(
        (
            f"<PasientInfo>{info}</PasientInfo>" if info else "",
            "<LastResept>true</LastResept>" if liste.last else "",
            "<Pasientreservasjon>true</Pasientreservasjon>" if liste.reservert else "",
        )
    )


def _listeelement(namespace: str, element: Element) -> str:
    resept = element.resept
    recall = _tilbakekalling_2021(element) if namespace == M96_2021 else _tilbakekalling(resept)
    return "".join(
        (
            f"<Listeelement><ReseptId>{resept.resept_id}</ReseptId>",
            simple("NavnUtleverer", navn_utleverer(resept)),
            simple("SendtSLVDato", med_sone(resept.soknad_sendt) if resept.soknad_sendt else ""),
            kode("Status", koder.STATUS_RESEPT.cs(resept.vist_status)),
            kode("StatusSoknadSlv", koder.SOKNAD_SLV.cs(resept.soknad_slv) if resept.soknad_slv else None),
            recall,
            *(utlevering(item, resept, nr="Varenr") for item in element.utlevert),
            "</Listeelement>",
        )
    )


def _tilbakekalling(resept: Resept) -> str:
    """2015 and 2018: the cause; the flag where it waits for the dispensing to end (rules.md Q11)."""
    recall = resept.tilbakekalt
    if recall is None:
        return ""
    waits = "<TilbakekallingStatus>true</TilbakekallingStatus>" if resept.las is not None else ""
    return waits + kode("Arsak", koder.ARSAK_TILBAKEKALLING.cv(recall.arsak.v))


def _tilbakekalling_2021(element: Element) -> str:
    recall = element.resept.tilbakekalt
    renewal = simple("NyReseptId", recall.ny_resept_id if recall is not None else "") + simple(
        "ForrigeReseptId", str(element.forrige) if element.forrige is not None else ""
    )
    return (_recall(recall) if recall is not None else "") + (f"<Fornying>{renewal}</Fornying>" if renewal else "")


def _recall(recall: Tilbakekalt) -> str:
    when, why = written_time(recall.tidspunkt), kode("Arsak", koder.ARSAK_TILBAKEKALLING.cs(recall.arsak.v))
    note = simple("Merknad", recall.merknad)
    return f"<Tilbakekalling><Tidspunkt>{when}</Tidspunkt>{why}{note}</Tilbakekalling>"
