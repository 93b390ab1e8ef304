"""M9.11, who is responsible for a patient's multidose and which lists are held; M9.12 answers it (HIS 3009, 3010).

A prescriber, an utleverer and Kjernejournal ask by operations of their own, under rules of their own.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime

from lxml import etree

from reseptformidler.domain import koder
from reseptformidler.domain.aktor import Facts
from reseptformidler.domain.decision import Decision, Needs, Reply, Tilstand
from reseptformidler.domain.hode import Kode
from reseptformidler.domain.ident import is_person_number
from reseptformidler.domain.kalender import norsk_dag
from reseptformidler.domain.pasientkort import ansvarlig
from reseptformidler.domain.resept import Resept
from reseptformidler.meldinger import avsender
from reseptformidler.meldinger.ekspedering import er_bandasjist
from reseptformidler.meldinger.innsyn import finnes, sperrede_numre
from reseptformidler.meldinger.krav import krav
from reseptformidler.meldinger.melding import Avsendertype, MeldingType, Mottatt, Rule
from reseptformidler.wire import innhold
from reseptformidler.wire.m912 import M912_2014, M912_2018, M912_2021, LegemidlerIBruk, m912

NAMESPACES = {
    "http://www.ehelse.no/xmlstds/eresept/m911/2021-10-01": M912_2021,
    "http://www.ehelse.no/xmlstds/eresept/m911/2018-07-01": M912_2018,
    "http://www.kith.no/xmlstds/eresept/m911/2014-01-21": M912_2014,
}
"""The namespace of a question and that of its answer."""


@dataclass(frozen=True, slots=True)
class Sporsmal:
    """What an M9.11 asks for."""

    svar_i: str
    """Namespace of the M9.12 that answers."""
    fnr: str
    samtykke: Kode | None
    """2014 only. Nobody is asked for consent any more (B1)."""
    med_resepter: bool
    """InklReseptinfo; the answer of 2021 has no place for them."""
    med_m25: bool
    """InklM25Meldinger in 2021; before, they are always answered with."""
    komprimering: int
    """Above 0 the lists are compressed."""


def parse(payload: etree._Element) -> Sporsmal:
    """Read an M911 of any version."""
    svar_i = NAMESPACES[etree.QName(payload).namespace or ""]
    return Sporsmal(
        svar_i=svar_i,
        fnr=innhold.text(payload, "Fnr"),
        samtykke=innhold.kode(payload, "Samtykke"),
        med_resepter=innhold.sann(payload, "InklReseptinfo") is True,
        med_m25=svar_i != M912_2021 or innhold.sann(payload, "InklM25Meldinger") is True,
        komprimering=int(innhold.text(payload, "Komprimering") or 0),
    )


def needs(m: Mottatt, facts: Facts) -> Needs:
    """The patient's card with the lists, and the prescriptions where they are asked for."""
    sporsmal: Sporsmal = m.content
    numre = facts.numre(sporsmal.fnr)
    med_resepter = sporsmal.med_resepter and sporsmal.svar_i != M912_2021
    return Needs(pasienter=numre if med_resepter else (), kort=numre, kort_dokumenter=sporsmal.med_m25)


def decide(m: Mottatt, tilstand: Tilstand, facts: Facts, now: datetime) -> Decision:
    """What is known of the patient. Lists are attached where they shall be compressed: only a RefDoc can say so."""
    sporsmal: Sporsmal = m.content
    numre, dag = facts.numre(sporsmal.fnr), norsk_dag(now)
    kort = tilstand.pasientkort(numre)
    lister: tuple[bytes, ...] = ()
    if kort is not None and sporsmal.med_m25:
        lister = tuple(tilstand.dokumenter[one.msg_id] for one in kort.meldinger)
    komprimert = sporsmal.komprimering > 0
    svar = LegemidlerIBruk(
        numre,
        siste=str(kort.siste.msg_id) if kort is not None and kort.siste is not None else "",
        lege=ansvarlig(kort.leger, dag) if kort is not None else None,
        apotek=ansvarlig(kort.apotek, dag) if kort is not None else None,
        resepter=[resept for resept in tilstand.resepter if _vist(resept, dag)],
        meldinger=() if komprimert else lister,
    )
    vedlegg = lister if komprimert else ()
    payload = m912(sporsmal.svar_i, svar)
    return Decision(reply=Reply("ERM912", payload, vedlegg, compressed=komprimert))


def _vist(resept: Resept, dag: date) -> bool:
    """As M9.2 shows them without reference number: E and U, neither expired, locked nor reserved (Q1, L7)."""
    return finnes(resept, dag, alle=False) and not resept.last and not resept.vergereservert


RULES: tuple[Rule, ...] = (
    krav(115, "M911/Fnr", lambda m, _: not is_person_number(m.content.fnr), kilde="P8"),
    krav(230, "M911/Samtykke", lambda m, _: koder.JA_NEI.lacks(m.content.samtykke)),
    krav(267, "M911/Komprimering", lambda m, _: m.content.komprimering < 0, kilde="Q14"),
)
UTEN_RESEPTER = krav(388, "M911/InklReseptinfo", lambda m, _: m.content.med_resepter, kilde="X18")
"""Prescriptions are for pharmacies only."""
IKKE_BANDASJIST = krav(
    388, "Sender/Organisation", lambda _, facts: er_bandasjist(facts), kilde="C4, HIS 3009 6.1", needs_facts=True
)
"""The lists are of drugs; a dispenser asks as the pharmacy that it is, by its konsesjon."""
SPERRET = krav(364, "M911/Fnr", lambda m, facts: m.content.fnr in sperrede_numre(facts), kilde="B1", needs_facts=True)


def _type(operation: tuple[str, str], avsendertype: Avsendertype, *rules: Rule) -> MeldingType:
    return MeldingType(
        token="m911",  # noqa: S106  # the schema's token, no secret
        code="ERM911",
        dn=koder.MELDINGSTYPE.navn["ERM911"],
        namespaces=tuple(NAMESPACES),
        root="M911",
        operations=(operation,),
        avsender=avsendertype,
        signed=avsendertype is Avsendertype.REKVIRENT,
        reply="ERM912",
        parse=parse,
        rules=(*rules, *RULES),
        needs=needs,
        decide=decide,
        personer=lambda m: (m.content.fnr,),
    )


M911_KJERNEJOURNAL = _type(
    ("Rekvirent", "M9_11kj"),
    Avsendertype.KJERNEJOURNAL,
    *avsender.KJERNEJOURNAL,
    UTEN_RESEPTER,
)
M911_UTLEVERER = _type(
    ("Utleverer", "M9_11"),
    Avsendertype.UTLEVERER,
    *avsender.UTLEVERER,
    IKKE_BANDASJIST,
)
M911_REKVIRENT = _type(
    ("Rekvirent", "M9_11"),
    Avsendertype.REKVIRENT,
    *avsender.FORESPORRENDE,
    SPERRET,
    UTEN_RESEPTER,
)
