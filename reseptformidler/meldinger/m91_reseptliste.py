"""M9.1, a utleverer asks for the prescriptions of a patient, and M9.2, the list that answers it (R1408 4.2, 4.3).

Whatever was searched for, the answer is a list: a search that finds nothing says why in Status (rules.md Q5).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime

from lxml import etree

from reseptformidler.domain import koder
from reseptformidler.domain.aktor import Facts
from reseptformidler.domain.decision import Decision, Needs, Nodsok, Reply, Tilstand
from reseptformidler.domain.hode import Kode
from reseptformidler.domain.ident import is_person_number, is_refnr
from reseptformidler.domain.kalender import norsk_dag
from reseptformidler.domain.resept import Pasient, Resept
from reseptformidler.meldinger.avsender import UTLEVERER
from reseptformidler.meldinger.ekspedering import er_bandasjist
from reseptformidler.meldinger.innsyn import finnes, nyeste_forst
from reseptformidler.meldinger.krav import krav
from reseptformidler.meldinger.melding import Avsendertype, MeldingType, Mottatt
from reseptformidler.wire import innhold
from reseptformidler.wire.m92 import reseptliste

NAMESPACES = {
    f"http://www.kith.no/xmlstds/eresept/m91/{dato}": f"http://www.kith.no/xmlstds/eresept/m92/{dato}"
    for dato in ("2023-03-20", "2013-10-08")
}
"""The namespace of a question and that of its answer: the same date."""


_ROOT = "ForesporselReseptUtleverer"


@dataclass(frozen=True, slots=True)
class Sok:
    """What an M9.1 asks for."""

    svar_i: str
    """Namespace of the M9.2 that answers."""
    fnr: str
    refnr: tuple[str, ...]
    fdato: date | None
    fornavn: str
    etternavn: str
    arsak: Kode | None
    ja_nei: tuple[tuple[str, Kode], ...]
    """The elements of list 1101 as they stood, by name."""

    def ja(self, name: str) -> bool:
        """Whether an element of list 1101 says yes."""
        return any(found == name and kode.v == "1" for found, kode in self.ja_nei)

    @property
    def gyldige_refnr(self) -> tuple[str, ...]:
        """The reference numbers with a right check digit."""
        return tuple(refnr for refnr in self.refnr if is_refnr(refnr))

    @property
    def nodsok(self) -> bool:
        """Whether it is an emergency search: neither number is given (Q3)."""
        return not self.fnr and not self.refnr

    @property
    def hele_nodsoket(self) -> bool:
        """Whether the emergency search has its three parts."""
        return self.nodsok and self.fdato is not None and bool(self.fornavn) and bool(self.etternavn)


def parse(payload: etree._Element) -> Sok:
    """Read ForesporselReseptUtleverer of either version."""
    named = ("AlleResepter", "FonetiskSok", "InkluderVergeinnsynsreservasjon")
    return Sok(
        svar_i=NAMESPACES[etree.QName(payload).namespace or ""],
        fnr=innhold.text(payload, "Fnr"),
        refnr=innhold.texts(payload, "RefNr"),
        fdato=innhold.dato(payload, "Fdato"),
        fornavn=innhold.text(payload, "Fornavn"),
        etternavn=innhold.text(payload, "Etternavn"),
        arsak=innhold.kode(payload, "Arsak"),
        ja_nei=tuple((name, kode) for name in named if (kode := innhold.kode(payload, name)) is not None),
    )


def _no_key(m: Mottatt, _: Facts) -> bool:
    sok: Sok = m.content
    return sok.nodsok and sok.fdato is None and not sok.fornavn and not sok.etternavn


RULES = (
    krav(60, _ROOT, _no_key, kilde="Q3"),
    krav(80, f"{_ROOT}/Arsak", lambda m, _: koder.NODSOK_ARSAK.lacks(m.content.arsak), kilde="Q3"),
    krav(230, _ROOT, lambda m, _: any(koder.JA_NEI.lacks(kode) for _, kode in m.content.ja_nei)),
)


def needs(m: Mottatt, facts: Facts) -> Needs:
    """All that may be listed under each valid key; what of it this utleverer may see is judged by `decide`."""
    sok: Sok = m.content
    return Needs(
        pasienter=facts.numre(sok.fnr) if is_person_number(sok.fnr) else (),
        refnr=sok.gyldige_refnr,
        nodsok=Nodsok(sok.fdato.isoformat(), sok.fornavn, sok.etternavn) if sok.hele_nodsoket and sok.fdato else None,
        alle=sok.ja("AlleResepter"),
    )


def decide(m: Mottatt, tilstand: Tilstand, facts: Facts, now: datetime) -> Decision:
    """The list, newest first; nothing changes by being looked at."""
    sok: Sok = m.content
    funnet = nyeste_forst(
        resept
        for resept in tilstand.resepter
        if finnes(resept, norsk_dag(now), alle=sok.ja("AlleResepter"))
        and _sought(resept, sok, facts)
        and _visible(resept, sok, bandasjist=er_bandasjist(facts))
    )
    status = "" if funnet else _status(sok)
    return Decision(reply=Reply("ERM92", reseptliste(sok.svar_i, status, funnet)))


def _sought(resept: Resept, sok: Sok, facts: Facts) -> bool:
    """Whether one of the keys leads to it; with a Fnr and a RefNr either does (Q4).

    By name the store finds what sounds alike; unless that was asked for, the names must be the same, case apart.
    """
    if sok.nodsok:
        return sok.ja("FonetiskSok") or _same_name(resept.pasient, sok)
    return resept.pasient.ident in facts.numre(sok.fnr) or resept.refnr in sok.gyldige_refnr


def _same_name(pasient: Pasient, sok: Sok) -> bool:
    given = f"{pasient.fornavn} {pasient.mellomnavn}".casefold().split()
    sought = sok.fornavn.casefold().split()
    return pasient.etternavn.casefold() == sok.etternavn.casefold() and given[: len(sought)] == sought


def _visible(resept: Resept, sok: Sok, *, bandasjist: bool) -> bool:
    """L7, InkluderVergeinnsynsreservasjon, C4."""
    if resept.last and resept.refnr not in sok.gyldige_refnr:
        return False
    if resept.vergereservert and not sok.ja("InkluderVergeinnsynsreservasjon"):
        return False
    return not bandasjist or resept.vare.varegruppe == "A"


def _status(sok: Sok) -> str:
    """List 7407: why nothing was found. With two bad keys the first of them is named."""
    if sok.fnr and not is_person_number(sok.fnr):
        return "2"
    if sok.refnr and not sok.gyldige_refnr:
        return "1"
    if sok.nodsok and not sok.hele_nodsoket:
        return "3"
    return "4"


M91 = MeldingType(
    token="m91",  # noqa: S106  # the schema's token, no secret
    code="ERM91",
    dn=koder.MELDINGSTYPE.navn["ERM91"],
    namespaces=tuple(NAMESPACES),
    root=_ROOT,
    operations=(("Utleverer", "M9_1"),),
    avsender=Avsendertype.UTLEVERER,
    signed=False,
    reply="ERM92",
    parse=parse,
    rules=(*UTLEVERER, *RULES),
    needs=needs,
    decide=decide,
    personer=lambda m: (m.content.fnr,) if m.content.fnr else (),
    only_reads=True,
)
