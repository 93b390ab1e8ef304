"""Builders for the tests of multidose: lists of medicines (M25), cards, who is responsible."""

from __future__ import annotations

from base64 import b64encode
from dataclasses import replace
from datetime import date, timedelta
from typing import Any
from uuid import UUID

from reseptformidler.domain.aktor import Facts
from reseptformidler.domain.decision import Tilstand
from reseptformidler.domain.hode import Address, HealthcareProfessional, MsgInfo
from reseptformidler.domain.pasientkort import Libmelding, Multidoseansvarlig, Pasientkort
from reseptformidler.domain.resept import Resept
from reseptformidler.meldinger.m251_legemiddelliste import M251
from reseptformidler.meldinger.m252_forslag import M252
from reseptformidler.meldinger.m253_pakking import M253
from reseptformidler.meldinger.melding import MeldingType
from reseptformidler.wire.msghead import NAMESPACE
from tests.meldinger import bygg
from tests.meldinger.bygg import (
    ANNEN_HPR,
    APOTEK,
    FNR,
    HPR,
    LEGE,
    LEGEKONTOR,
    NOW,
    RESEPT_ID,
    Sak,
    hode,
    legekontor,
    legemiddel,
    pasient,
    person_ident,
    sak,
    utleverer,
)

DAG = date(2026, 3, 2)
"""The day of NOW in Norway."""
OPPFORING_ID = "c4044d55-2279-422b-9975-164661c52a8c"
KORT_ID = UUID(int=25)
M251_ID, M252_ID, M253_ID = (UUID(int=number) for number in (251, 252, 253))


def multidoselege(hpr: str = HPR, fra: date = DAG, til: date | None = None) -> Multidoseansvarlig:
    """A doctor as the card has it."""
    names = {HPR: ("Anja Fos", "Eidsvik"), ANNEN_HPR: ("Tommy Fos", "Sjursen")}[hpr]
    person = HealthcareProfessional(given_name=names[0], family_name=names[1], idents=(person_ident("HPR", hpr),))
    return Multidoseansvarlig(legekontor(professional=person), fra, til)


def multidoseapotek(aktor: Any = APOTEK, fra: date = DAG, til: date | None = None) -> Multidoseansvarlig:
    """A pharmacy as the card has it."""
    address = Address(street="Elvegata 11", postal_code="4306", city="Sandnes")
    return Multidoseansvarlig(utleverer(aktor, address=address), fra, til)


def kort(**changes: Any) -> Pasientkort:
    """The patient's card in its third version, with a doctor and a pharmacy."""
    found = Pasientkort(KORT_ID, 3, FNR, NOW - timedelta(days=9), leger=(multidoselege(),), apotek=(multidoseapotek(),))
    return replace(found, **changes)


def holdt(*types: str) -> tuple[Libmelding, ...]:
    """Lists that a card holds, in this order."""
    ids = {"ERM251": M251_ID, "ERM252": M252_ID, "ERM253": M253_ID}
    return tuple(Libmelding(ids[kind], kind, NOW - timedelta(days=1)) for kind in types)


def oppforing(dok: str | None = None, **changes: str | None) -> str:
    """One entry: the e-prescription of `bygg.m1`."""
    parts: dict[str, str | None] = {
        "Id": OPPFORING_ID,
        "Type": bygg.kode("Type", "E"),
        "ReseptId": str(RESEPT_ID),
        "SistEndret": "2026-03-02T10:00:00",
        "InngarMultidose": None,
        "ReseptDokLegemiddelB64": b64encode((legemiddel() if dok is None else dok).encode()).decode(),
        "Seponering": None,
    }
    inner = bygg.xml("x", "", {**parts, **changes})
    return inner.replace('<x xmlns="">', "<EnkeltoppforingLIB>").replace("</x>", "</EnkeltoppforingLIB>")


SEPONERT = f"<Seponering><Tidspunkt>2026-03-01T00:00:00</Tidspunkt>{bygg.kode('Arsak', 'A')}</Seponering>"


def liste(type_: MeldingType, *oppforinger: str, mer: str = "") -> str:
    """The payload; one entry where none is given."""
    inner = "".join(oppforinger or (oppforing(),))
    return f'<LegemidlerIBruk xmlns="{type_.namespaces[0]}">{inner}{mer}</LegemidlerIBruk>'


def lege_sender(*oppforinger: str, vikar: str = "", facts: Facts | None = None, **head: Any) -> Sak:
    """An M25.1 by the doctor of `bygg`; `vikar` of list 1101."""
    given: MsgInfo = hode("ERM251", **{"patient": pasient(), **head})
    mer = bygg.kode("Vikar", vikar) if vikar else ""
    facts = facts or Facts(avsender=LEGEKONTOR, helsepersonell=LEGE)
    return sak(M251, liste(M251, *oppforinger, mer=mer), given, facts)


def apotek_sender(type_: MeldingType = M252, *oppforinger: str, mer: str = "", aktor: Any = APOTEK, **head: Any) -> Sak:
    """An M25.2 or M25.3 by a pharmacy."""
    given = hode(type_.code, utleverer(aktor), **{"patient": pasient(), **head})
    return sak(type_, liste(type_, *oppforinger, mer=mer), given, Facts(avsender=aktor))


ALLE = (lege_sender, lambda *o, **h: apotek_sender(M252, *o, **h), lambda *o, **h: apotek_sender(M253, *o, **h))
"""A sender of each of the three types."""


def tilstand(kort: Pasientkort | None = None, resept: Resept | None = None, m1: str | None = None) -> Tilstand:
    """What the store has: the card, and the prescription with its M1."""
    innhold = bygg.m1() if m1 is None else m1
    dokument = (
        f'<MsgHead xmlns="{NAMESPACE}"><Document><RefDoc><Content>{innhold}</Content></RefDoc></Document></MsgHead>'
    ).encode()
    return Tilstand(
        kort=(kort,) if kort is not None else (),
        resepter=(resept,) if resept is not None else (),
        dokumenter={resept.resept_id: dokument} if resept is not None else {},
    )
