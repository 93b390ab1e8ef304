"""M4.1, a prescriber asks for reference numbers, and M4.2, the answer (R1908; rules.md L3).

It is not signed (V1): nobody proves to be the prescriber whom the numbers are issued to. Whoever asked, only that
prescriber can use them, in an M1 that is signed (52).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from lxml import etree

from reseptformidler.domain import koder
from reseptformidler.domain.aktor import Aktortype, Facts
from reseptformidler.domain.decision import Decision, Needs, RefNr, Reply, Tilstand
from reseptformidler.domain.ident import is_hpr
from reseptformidler.meldinger import avsender
from reseptformidler.meldinger.krav import krav
from reseptformidler.meldinger.melding import Avsendertype, MeldingType, Mottatt
from reseptformidler.wire import innhold
from reseptformidler.wire.m42 import referansenummer

FLEST = 100
"""Reference numbers that one message may ask for (L3)."""
_HPR = "HealthcareProfessional/Ident"


@dataclass(frozen=True, slots=True)
class Foresporsel:
    """How many numbers an M4.1 asks for."""

    antall: int


def parse(payload: etree._Element) -> Foresporsel:
    """Read an M41 that the schema has accepted."""
    return Foresporsel(int(innhold.text(payload, "Antall")))


def needs(m: Mottatt, _facts: Facts) -> Needs:
    """So many numbers that nobody has."""
    return Needs(nye_refnr=m.content.antall)


def decide(m: Mottatt, tilstand: Tilstand, _facts: Facts, _now: datetime) -> Decision:
    """The numbers are the prescriber's from now on."""
    numre = tilstand.ledige_refnr
    assert len(numre) == m.content.antall
    return Decision(
        reply=Reply("ERM42", referansenummer(numre)),
        issued=tuple(RefNr(nummer, _hpr(m)) for nummer in numre),
    )


def _hpr(m: Mottatt) -> str:
    return avsender.rekvirent(m.head).ident("HPR")


def _annen_organisasjon(_: Mottatt, facts: Facts) -> bool:
    return facts.avsender is not None and facts.avsender.type is not Aktortype.REKVIRENT


REGLER = (
    krav(6, _HPR, lambda m, _: not _hpr(m), kilde="R1908 4.1.1"),
    krav(19, _HPR, lambda m, _: bool(_hpr(m)) and not is_hpr(_hpr(m))),
    krav(377, "Sender/Organisation", _annen_organisasjon, needs_facts=True),
    krav(49, "M41/Antall", lambda m, _: m.content.antall > FLEST, kilde="L3"),
    krav(320, "M41/Antall", lambda m, _: m.content.antall < 1, kilde="R1908 4.2.2"),
)

M41 = MeldingType(
    token="m41",  # noqa: S106  # the schema's token, no secret
    code="ERM41",
    dn=koder.MELDINGSTYPE.navn["ERM41"],
    namespaces=("http://www.kith.no/xmlstds/eresept/m41/2006-10-06",),
    root="M41",
    operations=(("Rekvirent", "M4_1"),),
    avsender=Avsendertype.REKVIRENT,
    signed=False,
    reply="ERM42",
    parse=parse,
    rules=(*avsender.ALLE, *REGLER),
    needs=needs,
    decide=decide,
)
