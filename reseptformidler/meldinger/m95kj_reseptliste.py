"""M9.5KJ, Kjernejournal asks for a person's prescriptions, and M9.6KJ, their ids and M1s (R1208 4.1.5, 4.1.7).

It has no type of its own in list 8279: it is an ERM95 in another namespace. No person asks, so nobody can be blocked
here: Kjernejournal has blocks of its own (rules.md B1). What is locked is left out (L7): there is no RefNr to ask with.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from lxml import etree

from reseptformidler.domain import koder
from reseptformidler.domain.aktor import Facts
from reseptformidler.domain.decision import Decision, Needs, Reply, Tilstand
from reseptformidler.domain.ident import is_person_number
from reseptformidler.domain.kalender import norsk_dag
from reseptformidler.meldinger.avsender import KJERNEJOURNAL
from reseptformidler.meldinger.innsyn import finnes, med_m1, nyeste_forst
from reseptformidler.meldinger.krav import krav
from reseptformidler.meldinger.melding import Avsendertype, MeldingType, Mottatt
from reseptformidler.wire import innhold
from reseptformidler.wire.m96 import reseptliste_kjernejournal


@dataclass(frozen=True, slots=True)
class Sok:
    """What an M9.5KJ asks for."""

    fnr: str


def parse(payload: etree._Element) -> Sok:
    """Read M95KJ."""
    return Sok(innhold.text(payload, "Fnr"))


RULES = (krav(115, "M95KJ/Fnr", lambda m, _: not is_person_number(m.content.fnr), kilde="P8"),)


def needs(m: Mottatt, facts: Facts) -> Needs:
    """The person's prescriptions in state E (and U), with the M1s."""
    return Needs(pasienter=facts.numre(m.content.fnr), dokumenter=True)


def decide(_m: Mottatt, tilstand: Tilstand, _facts: Facts, now: datetime) -> Decision:
    """The list, newest first, with the M1s in its order."""
    dag = norsk_dag(now)
    funnet = nyeste_forst(r for r in med_m1(tilstand) if not r.last and finnes(r, dag, alle=False))
    m1 = tuple(tilstand.dokumenter[r.resept_id] for r in funnet)
    return Decision(reply=Reply("ERM96", reseptliste_kjernejournal(funnet), attachments=m1))


M95KJ = MeldingType(
    token="m95kj",  # noqa: S106  # the schema's token, no secret
    code="ERM95",
    dn=koder.MELDINGSTYPE.navn["ERM95"],
    namespaces=("http://www.kith.no/xmlstds/eresept/m95kj/2015-05-01",),
    root="M95KJ",
    operations=(("Rekvirent", "M9_5kj"),),
    avsender=Avsendertype.KJERNEJOURNAL,
    signed=False,
    reply="ERM96",
    parse=parse,
    rules=(*KJERNEJOURNAL, *RULES),
    needs=needs,
    decide=decide,
    personer=lambda m: (m.content.fnr,) if m.content.fnr else (),
    only_reads=True,
)
