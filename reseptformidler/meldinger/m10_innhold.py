"""What an M10 says, as values (R1308 4.2; namespaces m10/2013-10-08 and utlevering/2013-10-08)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from uuid import UUID

from lxml import etree

from reseptformidler.domain.hode import Kode
from reseptformidler.wire import innhold
from reseptformidler.wire.msghead import read_uuid

UTLEVERES = frozenset({"Legemiddelpakning", "Legemiddelblanding", "Naringsmiddel", "MedForbMatr"})
"""Elements of items that can be handed over: things, not brands or groups (7419/264)."""
_ITEMS = {*UTLEVERES, "LegemiddelMerkevare", "LegemiddelVirkestoff", "Legemiddeldose", "Brystprotese"}
_NUMBER = re.compile(r"[0-9]+(\.[0-9]+)?", re.ASCII)


@dataclass(frozen=True, slots=True)
class Vare:
    """The item that was dispensed, as far as the service judges it."""

    form: str
    """Element of the item: Legemiddelpakning, Naringsmiddel …; empty when only a product group stands."""
    antall: Decimal | None
    mengde: Decimal | None
    enheter: tuple[Kode, ...]
    """EnhetPakning of each package."""
    varenr: str = ""
    navn: str = ""
    pakningsstr: tuple[str, str] | None = None
    """As in domain.resept.Utlevering, as varenr and navn are."""


@dataclass(frozen=True, slots=True)
class Utleveringsrapport:
    """The content of an M10."""

    resept_id: UUID | None
    """None where it is no UUID: on paper any id will do."""
    dato: date | None
    annullering: bool
    annullerings_id: str
    avsluttet: Kode | None
    vare: Vare | None
    utleverer_her: str
    """Of an Ident of type HER; empty for another type."""
    intervensjon: bool
    kansellering: Kode | None
    reservert: bool
    egenandel: tuple[tuple[date | None, Decimal | None], ...]
    papirresept: bool | None
    rekvirent_papir: bool

    @property
    def utlevert(self) -> bool:
        """Whether it reports a dispensing or its annulment: anything but a cancel."""
        return self.kansellering is None


def parse(payload: etree._Element) -> Utleveringsrapport:
    """Read Utleveringsrapport with its Utlevering."""
    utlevering = innhold.child(payload, "Utlevering")
    egenandel = [found for found in innhold.children(payload) if innhold.local(found) == "Egenandel"]
    return Utleveringsrapport(
        resept_id=read_uuid(innhold.text(utlevering, "ReseptId")),
        dato=innhold.dato(utlevering, "Utleveringsdato"),
        annullering=innhold.sann(utlevering, "Annullering") is True,
        annullerings_id=innhold.text(utlevering, "AnnulleringsId"),
        avsluttet=innhold.kode(utlevering, "Avsluttet"),
        vare=_vare(utlevering),
        utleverer_her=_her(innhold.child(innhold.child(utlevering, "Utleverer"), "HerId")),
        intervensjon=innhold.child(utlevering, "Intervensjon") is not None,
        kansellering=innhold.kode(payload, "Kanselleringskode"),
        reservert=innhold.sann(payload, "ReservasjonRapportFastlege") is True,
        egenandel=tuple(
            (innhold.dato(found, "StartEgenandelsperiode"), innhold.attributt(found, "BetaltEgenandel", "V"))
            for found in egenandel
        ),
        papirresept=innhold.sann(payload, "Papirresept"),
        rekvirent_papir=innhold.child(payload, "RekvirentPapir") is not None,
    )


def _vare(utlevering: etree._Element | None) -> Vare | None:
    dok = innhold.child(utlevering, "ReseptDokLegemiddel")
    holder = innhold.child(dok, "Forskrivning")
    if dok is None:
        dok = holder = innhold.child(utlevering, "ReseptDokHandelsvare")
    if dok is None:
        return None
    item = next((found for found in innhold.children(holder) if innhold.local(found) in _ITEMS), None)
    pakninger = [found for found in innhold.children(item) if innhold.local(found) == "PakningsinfoResept"]
    return Vare(
        form=innhold.local(item) if item is not None else "",
        antall=innhold.desimal(dok, "Antall"),
        mengde=innhold.attributt(dok, "Mengde", "V"),
        enheter=tuple(enhet for pakning in pakninger if (enhet := innhold.kode(pakning, "EnhetPakning")) is not None),
        varenr=innhold.text(item, "Varenr") or innhold.text(item, "Nr"),
        navn=innhold.text(item, "NavnFormStyrke") or innhold.text(item, "Navn"),
        pakningsstr=_pakningsstr(item, pakninger),
    )


def _pakningsstr(item: etree._Element | None, pakninger: list[etree._Element]) -> tuple[str, str] | None:
    """Of a package, or the amount of a mixture; None for several packages, and where it is no number."""
    mengde = innhold.child(item, "Mengde")
    if mengde is not None:
        return (mengde.get("V", ""), mengde.get("U", ""))
    if len(pakninger) != 1:
        return None
    size, enhet = innhold.text(pakninger[0], "Pakningsstr"), innhold.kode(pakninger[0], "EnhetPakning")
    return (size, enhet.v) if enhet is not None and _NUMBER.fullmatch(size) else None


def _her(ident: etree._Element | None) -> str:
    kind = innhold.kode(ident, "TypeId")
    return innhold.text(ident, "Id") if kind is not None and kind.v == "HER" else ""
