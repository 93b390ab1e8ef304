"""M9.5, a prescriber asks for a patient's prescriptions, and M9.6, the list with the M1s attached (HIS 3003, 3004).

Whoever may ask sees what all prescribers have written, but for what is locked (L7) and for what the patient's block
hides (B1). Samtykke of 2015 is not heeded: since 2019 nobody asks for consent, the patient may block instead.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from lxml import etree

from reseptformidler.domain import koder
from reseptformidler.domain.aktor import Facts
from reseptformidler.domain.decision import Decision, Finding, Needs, Reply, Tilstand, refused
from reseptformidler.domain.dobbel import mulige_doble
from reseptformidler.domain.hode import Kode
from reseptformidler.domain.ident import is_person_number, is_refnr
from reseptformidler.domain.kalender import norsk_dag
from reseptformidler.domain.resept import Resept
from reseptformidler.domain.utlevert import Utlevert, utlevert
from reseptformidler.meldinger.avsender import FORESPORRENDE
from reseptformidler.meldinger.innsyn import er_sperret, finnes, med_m1, nyeste_forst, sperrede_numre
from reseptformidler.meldinger.krav import krav
from reseptformidler.meldinger.melding import Avsendertype, MeldingType, Mottatt, pasientens_nummer
from reseptformidler.reasons import reason
from reseptformidler.wire import innhold
from reseptformidler.wire.m96 import M96_2015, M96_2018, M96_2021, Element, Liste, reseptliste
from reseptformidler.wire.msghead import read_uuid

NAMESPACES = {
    "http://www.ehelse.no/xmlstds/eresept/m95/2021-02-01": M96_2021,
    "http://www.ehelse.no/xmlstds/eresept/m95/2018-07-01": M96_2018,
    "http://www.kith.no/xmlstds/eresept/m95/2015-05-01": M96_2015,
}
"""The namespace of a question and that of its answer: the same date."""


FLEST_DOBLE = 20
"""How many doubles of one prescription are named: a text has no more than 4000 characters (7419/351)."""


@dataclass(frozen=True, slots=True)
class Sok:
    """What an M9.5 asks for."""

    svar_i: str
    """Namespace of the M9.6 that answers."""
    fnr: str
    refnr: tuple[str, ...]
    alle: bool
    komprimering: int
    """From how many M1s on they are compressed; 0 for never (Q14)."""
    ja_nei: tuple[Kode, ...]
    """The codes of list 1101 as they stood: AlleResepter, and Samtykke of 2015."""

    @property
    def gyldige_refnr(self) -> tuple[str, ...]:
        """The reference numbers with a right check digit."""
        return tuple(refnr for refnr in self.refnr if is_refnr(refnr))


def parse(payload: etree._Element) -> Sok:
    """Read M95 of any version."""
    alle = innhold.kode(payload, "AlleResepter")
    codes = (alle, innhold.kode(payload, "Samtykke"))
    return Sok(
        svar_i=NAMESPACES[etree.QName(payload).namespace or ""],
        fnr=innhold.text(payload, "Fnr"),
        refnr=innhold.texts(payload, "RefNr"),
        alle=alle is not None and alle.v == "1",
        komprimering=int(innhold.text(payload, "Komprimering") or 0),
        ja_nei=tuple(code for code in codes if code is not None),
    )


def _annen_pasient(m: Mottatt, facts: Facts) -> bool:
    """The head of the answer repeats the patient of the question: nobody else's list may stand under it."""
    fnr = m.content.fnr
    return is_person_number(fnr) and any(fnr not in facts.numre(number) for number in pasientens_nummer(m))


RULES = (
    krav(320, "Patient/Ident", _annen_pasient, kilde="HIS 3003 6.1", needs_facts=True),
    krav(60, "M95", lambda m, _: not m.content.fnr and not m.content.refnr, kilde="Q4"),
    krav(230, "M95", lambda m, _: any(map(koder.JA_NEI.lacks, m.content.ja_nei))),
    krav(267, "M95/Komprimering", lambda m, _: m.content.komprimering < 0, kilde="Q14"),
)


def personer(m: Mottatt) -> tuple[str, ...]:
    """Who is asked about, and whom the head names: the block of either counts."""
    return tuple(number for number in dict.fromkeys((m.content.fnr, *pasientens_nummer(m))) if number)


def needs(m: Mottatt, facts: Facts) -> Needs:
    """All that each valid key leads to, with the M1s; for 2021 also what was recalled to be renewed."""
    sok: Sok = m.content
    return Needs(
        pasienter=facts.numre(sok.fnr) if is_person_number(sok.fnr) else (),
        refnr=sok.gyldige_refnr,
        alle=sok.alle or sok.svar_i == M96_2021,
        dokumenter=True,
    )


def decide(m: Mottatt, tilstand: Tilstand, facts: Facts, now: datetime) -> Decision:
    """The list, newest first, with the M1s in its order; nothing changes by being looked at."""
    sok: Sok = m.content
    kjente = [r for r in med_m1(tilstand) if _sought(r, sok, facts) and not er_sperret(r, facts)]
    apne = [r for r in kjente if _open(r, sok)]
    vist = nyeste_forst(r for r in apne if finnes(r, norsk_dag(now), alle=sok.alle))
    reservert = bool(sperrede_numre(facts))
    if reservert and not vist and sok.svar_i == M96_2015:
        return refused(Finding(reason(358), "M95/Fnr"))  # this version's list has no place for the block
    forrige = _forrige(apne)
    liste = Liste(
        elementer=tuple(Element(r, _utlevert(r, tilstand), forrige.get(r.resept_id)) for r in vist),
        status="" if vist else _status(sok),
        last=any(finnes(r, norsk_dag(now), alle=sok.alle) for r in kjente if not _open(r, sok)),
        reservert=reservert,
        numre=_flere_numre(sok, facts),
    )
    return Decision(reply=_answer(m, liste, tilstand, norsk_dag(now)))


def _sought(resept: Resept, sok: Sok, facts: Facts) -> bool:
    """Either key leads to it (Q4)."""
    return resept.pasient.ident in facts.numre(sok.fnr) or resept.refnr in sok.gyldige_refnr


def _open(resept: Resept, sok: Sok) -> bool:
    """What is locked is opened by its RefNr alone, to its own prescriber too (L7)."""
    return not resept.last or resept.refnr in sok.gyldige_refnr


def _forrige(resepter: Sequence[Resept]) -> dict[UUID, UUID]:
    """For each prescription that renews another, that other: an M5 named the new one when it recalled the old one."""
    recalled = ((r.resept_id, read_uuid(r.tilbakekalt.ny_resept_id)) for r in resepter if r.tilbakekalt is not None)
    return {new: old for old, new in recalled if new is not None}


def _utlevert(resept: Resept, tilstand: Tilstand) -> tuple[Utlevert, ...]:
    return utlevert(u for u in tilstand.utleveringer if u.resept_id == resept.resept_id)


def _status(sok: Sok) -> str:
    """List 7407: why nothing was found (Q5, P8). With two bad keys the first of them is named."""
    if sok.fnr and not is_person_number(sok.fnr):
        return "2"
    return "4" if sok.gyldige_refnr or not sok.refnr else "1"


def _flere_numre(sok: Sok, facts: Facts) -> tuple[str, ...]:
    numre = facts.numre(sok.fnr)
    return numre if len(numre) > 1 else ()


def _answer(m: Mottatt, liste: Liste, tilstand: Tilstand, dag: date) -> Reply:
    sok: Sok = m.content
    resepter = [element.resept for element in liste.elementer]
    return Reply(
        type="ERM96",
        payload=reseptliste(sok.svar_i, liste),
        attachments=tuple(tilstand.dokumenter[r.resept_id] for r in resepter),
        compressed=0 < sok.komprimering <= len(resepter),
        patient=m.head.patient,
        annotations=_annotations(resepter, dag) if sok.svar_i == M96_2021 else (),
    )


def _annotations(resepter: Sequence[Resept], dag: date) -> tuple[str, ...]:
    """A word about each M1 that may be another's double; none at all in most lists (docs/adr/0014)."""
    doubles = mulige_doble(resepter, dag)
    if not doubles:
        return ()
    return tuple(_annotation(doubles.get(r.resept_id, ())) for r in resepter)


def _annotation(others: Sequence[UUID]) -> str:
    named = ", ".join(map(str, others[:FLEST_DOBLE]))
    return f"Mulig dobbeltresept: samme virkestoff eller vare som {named}." if others else ""


M95 = MeldingType(
    token="m95",  # noqa: S106  # the schema's token, no secret
    code="ERM95",
    dn=koder.MELDINGSTYPE.navn["ERM95"],
    namespaces=tuple(NAMESPACES),
    root="M95",
    operations=(("Rekvirent", "M9_5"),),
    avsender=Avsendertype.REKVIRENT,
    signed=True,
    reply="ERM96",
    parse=parse,
    rules=(*FORESPORRENDE, *RULES),
    needs=needs,
    decide=decide,
    personer=personer,
    only_reads=True,
)
