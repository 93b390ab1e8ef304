"""M9.21, which of the sender's multidose patients have changed after a moment; M9.22 answers it (HIS 3014).

Changes are those of who is responsible, and each new M25.1. M25.2 and M25.3 are sent to the doctor as they come.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from lxml import etree

from reseptformidler.domain import koder
from reseptformidler.domain.aktor import Facts
from reseptformidler.domain.decision import Decision, Endret, Needs, Reply, Tilstand
from reseptformidler.meldinger.avsender import ALLE
from reseptformidler.meldinger.krav import krav
from reseptformidler.meldinger.melding import Avsendertype, MeldingType, Mottatt, Rule
from reseptformidler.wire import innhold
from reseptformidler.wire.m922 import M922_2013, M922_2019, m922
from reseptformidler.wire.msghead import read_time

NAMESPACES = {
    "http://www.ehelse.no/xmlstds/eresept/m921/2019-03-01": M922_2019,
    "http://www.kith.no/xmlstds/eresept/m921/2013-10-15": M922_2013,
}
"""The namespace of a question and that of its answer."""


@dataclass(frozen=True, slots=True)
class Sporsmal:
    """What an M9.21 asks for."""

    svar_i: str
    """Namespace of the M9.22 that answers."""
    etter: datetime | None
    """With time zone; None where the text is no time that anything is dated with."""
    negativ: bool
    """Komprimering below 0."""


def parse(payload: etree._Element) -> Sporsmal:
    """Read an M921 of either version."""
    return Sporsmal(
        svar_i=NAMESPACES[etree.QName(payload).namespace or ""],
        etter=read_time(innhold.text(payload, "EndringerEtter")),
        negativ=(innhold.desimal(payload, "Komprimering") or 0) < 0,
    )


def needs(m: Mottatt, _facts: Facts) -> Needs:
    """The cards that concern the sender's organisation and have changed since."""
    etter = m.content.etter
    assert etter is not None
    return Needs(endret=Endret(m.head.sender.ident("HER"), etter))


def decide(m: Mottatt, tilstand: Tilstand, _facts: Facts, _now: datetime) -> Decision:
    """Their patients, by the numbers that they had at the change.

    Of a new prescription (HIS 3014 6.1.2) only who is registered still is told.
    """
    etter, her = m.content.etter, m.head.sender.ident("HER")
    endret = (kort for kort in tilstand.kort if kort.endret > etter or her in kort.registrerte)
    pasienter = sorted(kort.numre or (kort.ident,) for kort in endret)
    payload = m922(m.content.svar_i, pasienter)
    return Decision(reply=Reply("ERM922", payload))


RULES: tuple[Rule, ...] = (
    krav(320, "M921/EndringerEtter", lambda m, _: m.content.etter is None),
    krav(267, "M921/Komprimering", lambda m, _: m.content.negativ),
)

M921 = MeldingType(
    token="m921",  # noqa: S106  # the schema's token, no secret
    code="ERM921",
    dn=koder.MELDINGSTYPE.navn["ERM921"],
    namespaces=tuple(NAMESPACES),
    root="M921",
    operations=(("Utleverer", "M9_21"), ("Rekvirent", "M9_21")),
    avsender=Avsendertype.ALLE,
    signed=False,
    reply="ERM922",
    parse=parse,
    rules=(*ALLE, *RULES),
    needs=needs,
    decide=decide,
)
