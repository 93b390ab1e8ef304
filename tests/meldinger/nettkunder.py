"""Builders for M9NA1 and M9NA3: whole messages, as the proof stands beside the payload, and a customer's family."""

from __future__ import annotations

from base64 import b64encode
from dataclasses import replace
from datetime import date
from typing import Any

from lxml import etree

from reseptformidler.domain.aktor import Aktor, Aktortype, Facts, Forelder, Person
from reseptformidler.domain.hode import Patient
from reseptformidler.domain.ident import fnr_check_digits
from reseptformidler.meldinger.melding import MeldingType, Mottatt
from reseptformidler.wire.msghead import NAMESPACE
from reseptformidler.wire.reply import BASE64
from tests.meldinger import bygg
from tests.meldinger.bygg import APOTEK, NOW, Sak

FK1 = "http://www.kith.no/xmlstds/felleskomponent1"
NETTAPOTEK = replace(APOTEK, her="8094938", type=Aktortype.NETTAPOTEK)
ASSERTION = b'<saml:Assertion xmlns:saml="urn:oasis:names:tc:SAML:2.0:assertion" ID="s1" Version="2.0"/>\n'


def fnr(born: date) -> str:
    """A synthetic fødselsnummer (month +80) of somebody born that day."""
    first = 500 if born.year >= 2000 else 0
    nines = (f"{born:%d}{born.month + 80}{born:%y}{number:03}" for number in range(first, first + 499))
    return next(nine + digits for nine in nines if (digits := fnr_check_digits(nine)))


MOR, FAR, TANTE = (fnr(date(1986, 5, day)) for day in (1, 2, 3))
BARN = fnr(date(2012, 3, 3))
"""15 years old, until tomorrow."""
UNGDOM = fnr(date(2010, 3, 2))
"""16 years old, since today."""


def person(nummer: str, **changes: Any) -> Person:
    """Somebody whom the register knows."""
    return replace(Person(numre=(nummer,)), **changes)


def barn(nummer: str = BARN, *, far: Forelder | None = None, **changes: Any) -> Person:
    """A child of both parents, who both have parental responsibility unless `far` says otherwise."""
    foreldre = (Forelder(MOR, foreldreansvar=True), far or Forelder(FAR, foreldreansvar=True))
    return person(nummer, foreldre=foreldre, **changes)


def sak(
    type_: MeldingType,
    payload: str,
    *personer: Person,
    nummer: str = MOR,
    bevis: tuple[bytes, ...] = (ASSERTION,),
    aktor: Aktor = NETTAPOTEK,
    **head: Any,
) -> Sak:
    """A message about the patient with `nummer`; `personer` is who the registers know, `head` changes the head."""
    about = Patient(idents=(bygg.person_ident("FNR", nummer),))
    known = {number: one for one in personer or (person(MOR),) for number in one.numre}
    hode = bygg.hode(type_.code, **{"sender": bygg.utleverer(aktor), "patient": about, **head})
    octets = melding(payload, *bevis)
    element = etree.fromstring(octets)[0][0][0][0]
    mottatt = Mottatt(octets, hode, element, type_.parse(element), NOW)
    asked = {number: known[number] for number in type_.personer(mottatt) if number in known}
    return Sak(type_, mottatt, Facts(avsender=aktor, personer=asked))


def melding(payload: str, *vedlegg: bytes) -> bytes:
    """A message, as far as its documents go."""
    documents = "".join((_document(payload), *map(_attached, vedlegg)))
    return f'<MsgHead xmlns="{NAMESPACE}">{documents}</MsgHead>'.encode()


def id_kunde(nummer: str, kind: str = "FNR") -> str:
    """IdKunde."""
    type_id = f'<TypeId xmlns="{FK1}" V="{kind}" S="2.16.578.1.12.4.1.1.8116" DN="dn"/>'
    return f'<IdKunde><Id xmlns="{FK1}">{nummer}</Id>{type_id}</IdKunde>'


def _document(content: str) -> str:
    return f"<Document><RefDoc><Content>{content}</Content></RefDoc></Document>"


def _attached(octets: bytes) -> str:
    return _document(f'<Base64Container xmlns="{BASE64}">{b64encode(octets).decode()}</Base64Container>')
