"""M25.1, a doctor's list of a patient's medicines (HIS 3014 6.1.2, 6.2.1; rules.md X1–X10, R4)."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime

from reseptformidler.domain import koder
from reseptformidler.domain.aktor import Facts
from reseptformidler.domain.decision import Decision, Finding, Hendelse, Tilstand, refused
from reseptformidler.domain.kalender import norsk_dag
from reseptformidler.domain.pasientkort import Kortsteg, Pasientkort, ansvarlig, fortalt
from reseptformidler.meldinger import lib
from reseptformidler.meldinger.avsender import FORSKRIVER, rekvirent
from reseptformidler.meldinger.krav_lege import BARE_LEGE
from reseptformidler.meldinger.melding import Avsendertype, MeldingType, Mottatt
from reseptformidler.reasons import reason

_MED_FORSLAG = ("ERM251", "ERM252")
"""What may be answered by a new list (X8)."""


def decide(m: Mottatt, tilstand: Tilstand, facts: Facts, now: datetime) -> Decision:
    """The patient's card holds the list, or why not."""
    kort = tilstand.pasientkort(lib.numre(m, facts))
    funn = (*_uten_ansvar(m, kort, norsk_dag(now)), *_referanse(m, kort), *lib.alt_holdt(m, kort))
    funn = (*funn, *lib.resept_funn(m, tilstand, facts))
    if funn:
        return refused(*funn)
    nytt = lib.holdt(m, kort, facts, now)
    nytt = fortalt(kort or nytt, nytt, lib.numre(m, facts), now)
    hendelse = Hendelse(nytt.kort_id, nytt.versjon, Kortsteg.LIB_MOTTATT, "", m.head.type.v)
    return Decision(kort=nytt, hendelser=(hendelse,))


def _uten_ansvar(m: Mottatt, kort: Pasientkort | None, dag: date) -> Iterator[Finding]:
    """X10: where a multidose doctor is registered only that one, or who stands in; nobody stands in for nobody."""
    lege = ansvarlig(kort.leger, dag) if kort is not None else None
    if lege is None:
        if m.content.er_vikar:
            yield Finding(reason(359), f"{lib.ROOT}/Vikar")
    elif lege.hpr != rekvirent(m.head).ident("HPR") and not m.content.er_vikar:
        yield Finding(reason(152), "HealthcareProfessional/Ident")


def _referanse(m: Mottatt, kort: Pasientkort | None) -> Iterator[Finding]:
    """X8; HIS 3010 (RefMsgId) has the sender name the last M25 of all, R1608 too: both are right."""
    holdt = kort.meldinger if kort is not None else ()
    forslag = [one for one in holdt if one.type in _MED_FORSLAG]
    riktige = {str(one.msg_id) for one in (*holdt[-1:], *forslag[-1:])}
    if riktige and m.head.ref_to_parent.lower() not in riktige:
        yield Finding(reason(226), "ConversationRef/RefToParent")


M251 = MeldingType(
    token="m251",  # noqa: S106  # the schema's token, no secret
    code="ERM251",
    dn=koder.MELDINGSTYPE.navn["ERM251"],
    namespaces=("http://www.kith.no/xmlstds/eresept/m251/2013-10-08",),
    root=lib.ROOT,
    operations=(("Rekvirent", "M25_1"),),
    avsender=Avsendertype.REKVIRENT,
    signed=True,
    reply="APPREC",
    parse=lib.parse,
    rules=(*FORSKRIVER, *BARE_LEGE, *lib.REGLER),
    needs=lib.needs,
    decide=decide,
)
