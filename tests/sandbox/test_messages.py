"""The messages that the sandbox builds."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime
from uuid import UUID

import pytest
from lxml import etree

from reseptformidler.domain.aktor import Signatur
from reseptformidler.sandbox import population, varer
from reseptformidler.sandbox.head import Hode
from reseptformidler.sandbox.messages import Rapport, Resept, Sok, Tilbakekalling, m1, m5, m10, m91, m93, mv
from reseptformidler.sandbox.pki import Pki
from reseptformidler.sandbox.sign import sign
from reseptformidler.trust.signature import Verifier
from reseptformidler.wire import format as wire_format
from reseptformidler.wire.schema import Schemas

ID = "22222222-2222-4222-8222-222222222222"
TALK = "33333333-3333-4333-8333-333333333333"
LEGE, APOTEK, PERSON = population.LEGER[0], population.APOTEK[0], population.PERSONER[0]
REF = population.refnumre(LEGE)
DAY = date(2026, 3, 2)
VARER: dict[str, varer.Vare] = {
    "tablett": varer.TABLETT,
    "blå resept": varer.ALLERGITABLETT,
    "antibiotikum": varer.ANTIBIOTIKUM,
    "A-preparat": varer.A_PREPARAT,
    "hostesaft": varer.HOSTESAFT,
    "uregistrert": varer.UREGISTRERT,
    "uregistrert, forhåndsgodkjent": varer.UREGISTRERT_FORHANDSGODKJENT,
    "teststrimler": varer.TESTSTRIMLER,
    "næringsdrikk": varer.NARINGSDRIKK,
    "magistrell": varer.SALVE,
}
EGENANDEL = tuple((date(2026, month, 1), "250.50") for month in range(1, 5))
Build = Callable[[Hode], bytes]


def _of(resept: Resept, person: population.Person = PERSON, lege: population.Lege = LEGE) -> Build:
    return lambda hode: m1(hode, lege, person, resept)


def _report(rapport: Rapport) -> Build:
    return lambda hode: m10(hode, APOTEK, PERSON, rapport)


MESSAGES: dict[str, Build] = {
    **{f"M1 {name}": _of(Resept(vare, reiterasjon=2, antall="2.5")) for name, vare in VARER.items()},
    **{f"M10 {name}": _report(Rapport(ID, vare)) for name, vare in VARER.items()},
    **{f"M1 by {name}": _of(Resept(varer.TABLETT), lege=lege) for name, lege in population.SAERLIGE_LEGER.items()},
    "M1 locked": _of(Resept(varer.TABLETT, refnr=REF[0], last=True, vergereservert=True, tidligste_utlevering=DAY)),
    "M1 own name": _of(Resept(varer.TABLETT, refnr=REF[1], last=True, eget_navn=True), LEGE.som_pasient()),
    "M1 own practice": _of(Resept(varer.TABLETT, refnr=REF[2], last=True, egen_praksis=True), LEGE.som_pasient()),
    "M1 ekspederingsanmodning": _of(Resept(varer.TABLETT, ekspanm=(APOTEK, "U"))),
    "M1 D-number": _of(Resept(varer.TABLETT), population.MED_DNR[0]),
    "M1 without number": _of(Resept(varer.TABLETT, refnr=REF[3]), population.UTEN_NUMMER[0]),
    "M5": lambda hode: m5(hode, LEGE, PERSON, Tilbakekalling(ID, "1", "Æ & <b> \"x\" 'y'", TALK)),
    "M9.1": lambda hode: m91(hode, APOTEK, Sok(fnr=PERSON.ident, refnr=REF[:2], alle=True)),
    "M9.1 2023": lambda hode: m91(hode, APOTEK, Sok(refnr=REF[:1], vergereserverte=True), versjon="2023-03-20"),
    "M9.1 emergency": lambda hode: m91(
        hode, APOTEK, Sok(fdato=PERSON.fdato, fornavn=PERSON.fornavn, etternavn=PERSON.etternavn, arsak="I")
    ),
    "M9.3": lambda hode: m93(hode, APOTEK, ID, REF[0]),
    "M9.3 cancel": lambda hode: m93(hode, APOTEK, kansellering="1"),
    "M10 closing": _report(Rapport(ID, varer.TABLETT, avsluttet=True, egenandel=EGENANDEL)),
    "M10 cancel": _report(Rapport(ID, kansellering="3")),
    "M10 annulment": _report(Rapport(ID, varer.TABLETT, annullerer=TALK)),
    "M10 paper": _report(Rapport("8043-17", varer.TABLETT, papir=LEGE, dato=DAY)),
    "MV": lambda hode: mv(hode, APOTEK),
}


@pytest.fixture(scope="session")
def schemas() -> Schemas:
    """The service's own schemas."""
    return Schemas()


@pytest.mark.parametrize("name", MESSAGES)
def test_every_message_is_valid(schemas: Schemas, now: datetime, name: str) -> None:
    """Schema and format rules find nothing, alone and within a conversation."""
    for hode in (Hode(UUID(ID), now), Hode(UUID(ID), now, ID, TALK)):
        root = etree.fromstring(MESSAGES[name](hode))
        assert schemas.errors(root) == []
        assert wire_format.findings(root) == ()


def test_the_schema_sees_a_fault(schemas: Schemas, now: datetime) -> None:
    """The negative control of the test above."""
    octets = MESSAGES["M9.3"](Hode(UUID(ID), now))
    assert schemas.errors(etree.fromstring(octets.replace(b"AnsattId>", b"Ansatt>")))


@pytest.mark.parametrize("name", [name for name in MESSAGES if name.startswith(("M1 ", "M5"))])
def test_prescribers_messages_can_be_signed(pki: Pki, now: datetime, name: str) -> None:
    """The signature verifies and names the prescriber; the message's own octets stay as they were."""
    octets = MESSAGES[name](Hode(UUID(ID), now))
    signed = sign(octets, pki.card(LEGE, now))
    verdict = Verifier(pki.authorities).verify(etree.fromstring(signed), now)
    assert isinstance(verdict, Signatur)
    assert verdict.person == LEGE.kort
    end = octets.rindex(b"</")
    assert signed.startswith(octets[:end])
    assert signed.endswith(octets[end:])


def test_P5_no_date_of_birth_beside_a_fodselsnummer(now: datetime) -> None:
    """With D-number or without number it must stand there."""
    hode = Hode(UUID(ID), now)
    assert b"DateOfBirth" not in MESSAGES["M1 tablett"](hode)
    assert b"DateOfBirth" in MESSAGES["M1 D-number"](hode)
    assert b"DateOfBirth" in MESSAGES["M1 without number"](hode)
