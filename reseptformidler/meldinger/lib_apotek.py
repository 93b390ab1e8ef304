"""What M25.2 and M25.3 have in common: the multidose pharmacy's list goes on to the multidose doctor (X9, X15).

It goes as it came, under a head of the service's.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import date, datetime

from lxml import etree

from reseptformidler.domain import koder
from reseptformidler.domain.aktor import Facts
from reseptformidler.domain.decision import Decision, Finding, Hendelse, Owed, Tilstand, refused
from reseptformidler.domain.hode import Organisation
from reseptformidler.domain.kalender import norsk_dag
from reseptformidler.domain.pasientkort import Kortsteg, Pasientkort, ansvarlig
from reseptformidler.meldinger import lib
from reseptformidler.meldinger.avsender import RAPPORTERENDE_UTLEVERER
from reseptformidler.meldinger.melding import Avsendertype, MeldingType, Mottatt
from reseptformidler.reasons import reason


def til_lege(type_: str, m: Mottatt, tilstand: Tilstand, facts: Facts, now: datetime) -> Decision:
    """The patient's card holds the list, and the doctor is sent it as `type_` (M25.2, M25.3); or why not."""
    kort, dag = tilstand.pasientkort(lib.numre(m, facts)), norsk_dag(now)
    lege = ansvarlig(kort.leger, dag) if kort is not None else None
    funn = (*_uten_ansvar(m, kort, dag), *lib.alt_holdt(m, kort), *lib.resept_funn(m, tilstand, facts))
    if funn or lege is None:
        return refused(*funn)
    nytt = lib.holdt(m, kort, facts, now)
    hendelse = Hendelse(nytt.kort_id, nytt.versjon, Kortsteg.LIB_MOTTATT, "", m.head.type.v)
    payload = etree.tostring(m.payload, with_tail=False)
    return Decision(kort=nytt, hendelser=(hendelse,), owed=(videre(type_, m, lege.mottaker, payload),))


def videre(type_: str, m: Mottatt, to: Organisation, payload: bytes) -> Owed:
    """What the list owes somebody, in the conversation that it stands in."""
    return Owed(type_, to, None, m.head.msg_id_text, m.samtale, payload, m.head.patient)


def _uten_ansvar(m: Mottatt, kort: Pasientkort | None, dag: date) -> Iterator[Finding]:
    apotek = ansvarlig(kort.apotek, dag) if kort is not None else None
    if apotek is None or apotek.her != m.head.sender.ident("HER"):
        yield Finding(reason(153), "Sender/Organisation/Ident")
    if kort is None or ansvarlig(kort.leger, dag) is None:
        yield Finding(reason(228), "Patient/Ident")


def meldingtype(
    token: str, operation: str, decide: Callable[[Mottatt, Tilstand, Facts, datetime], Decision]
) -> MeldingType:
    """A type of list that a pharmacy sends; `token` is the schema's."""
    code = f"ER{token.upper()}"
    return MeldingType(
        token=token,
        code=code,
        dn=koder.MELDINGSTYPE.navn[code],
        namespaces=(f"http://www.kith.no/xmlstds/eresept/{token}/2013-10-08",),
        root=lib.ROOT,
        operations=(("Utleverer", operation),),
        avsender=Avsendertype.UTLEVERER,
        signed=False,
        reply="APPREC",
        parse=lib.parse,
        rules=(*RAPPORTERENDE_UTLEVERER, *lib.REGLER),
        needs=lib.needs,
        decide=decide,
    )
