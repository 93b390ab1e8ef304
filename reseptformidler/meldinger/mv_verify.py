"""MV, the test of the connection (namespaces 2013 and 2017): nothing is stored but the message and its AppRec."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from lxml import etree

from reseptformidler.domain.aktor import Facts
from reseptformidler.domain.decision import Decision, Needs, Tilstand
from reseptformidler.meldinger import avsender
from reseptformidler.meldinger.krav import krav
from reseptformidler.meldinger.melding import Avsendertype, MeldingType, Mottatt, Rule
from reseptformidler.wire import innhold

NS_2013 = "http://www.kith.no/xmlstds/eresept/mv/2013-08-16"
NS_2017 = "http://ehelse.no/xmlstds/eresept/mv/2017-01-01"


@dataclass(frozen=True, slots=True)
class Verify:
    """What an MV says of the sender's systems; of the parts of the other version nothing."""

    gammel: bool
    """Namespace of 2013."""
    systemleverandor: str = ""
    driftsleverandor: str = ""
    systemer: tuple[tuple[str, str], ...] = ()
    """Name and version of each."""
    drift: tuple[str, str, str, str] = ("", "", "", "")
    """Vendor, and the contact's name, mail address and telephone."""


def parse(payload: etree._Element) -> Verify:
    """Read a Verify of either version."""
    if etree.QName(payload).namespace == NS_2013:
        leverandorer = (innhold.text(payload, "Systemleverandor"), innhold.text(payload, "Driftsleverandor"))
        return Verify(True, *leverandorer)
    systemer = (barn for barn in payload.iterchildren(f"{{{NS_2017}}}SystemInfo"))
    drift = innhold.child(payload, "OperationSupplierInfo")
    return Verify(
        gammel=False,
        systemer=tuple((innhold.text(s, "SystemName"), innhold.text(s, "Version")) for s in systemer),
        drift=(
            innhold.text(drift, "ServiceVendorName"),
            innhold.text(drift, "ContactName"),
            innhold.text(drift, "ContactMail"),
            innhold.text(drift, "ContactPhone"),
        ),
    )


def _gammel(kode: int, felt: str, brutt: Callable[[Verify], bool]) -> Rule:
    return krav(kode, f"Verify/{felt}", lambda m, _: m.content.gammel and brutt(m.content))


def _ny(kode: int, felt: str, brutt: Callable[[Verify], bool]) -> Rule:
    return krav(kode, f"Verify/{felt}", lambda m, _: not m.content.gammel and brutt(m.content))


SYSTEM: tuple[Rule, ...] = (
    _gammel(233, "Systemleverandor", lambda v: not v.systemleverandor),
    _gammel(234, "Driftsleverandor", lambda v: not v.driftsleverandor),
    _ny(328, "SystemInfo/SystemName", lambda v: any(not navn for navn, _ in v.systemer)),
    _ny(329, "SystemInfo/Version", lambda v: any(not versjon for _, versjon in v.systemer)),
    _ny(331, "OperationSupplierInfo/ServiceVendorName", lambda v: not v.drift[0]),
    _ny(332, "OperationSupplierInfo/ContactName", lambda v: not v.drift[1]),
    _ny(333, "OperationSupplierInfo/ContactMail", lambda v: not v.drift[2]),
    _ny(334, "OperationSupplierInfo/ContactPhone", lambda v: not v.drift[3]),
)


REGLER: tuple[Rule, ...] = (
    krav(133, "MsgInfo/Type", lambda m, _: m.head.type.v != "ERMV"),
    krav(312, "MsgInfo/Type", lambda m, _: m.head.type.dn != "Verify"),
    *SYSTEM,
)


def needs(_: Mottatt, _facts: Facts) -> Needs:
    """Nothing."""
    return Needs()


def decide(_m: Mottatt, _tilstand: Tilstand, _facts: Facts, _now: datetime) -> Decision:
    """The connection works: accepted."""
    return Decision()


TYPE = MeldingType(
    token="mv",  # noqa: S106  # the schema's token, no secret
    code="ERMV",
    dn="Verify",
    namespaces=(NS_2017, NS_2013),
    root="Verify",
    operations=(("Rekvirent", "Verify"), ("Utleverer", "Verify"), ("NA", "Verify")),
    avsender=Avsendertype.ALLE,
    signed=False,
    reply="APPREC",
    parse=parse,
    rules=(*avsender.ALLE, *REGLER),
    needs=needs,
    decide=decide,
)
