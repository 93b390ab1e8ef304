"""What is written of multidose is right by the schemas, in every version and with as little as there can be."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from lxml import etree

from reseptformidler.domain.hode import Address
from reseptformidler.domain.pasientkort import Multidoseansvarlig
from reseptformidler.wire import m912 as skriv
from reseptformidler.wire.m254 import m254
from reseptformidler.wire.m912 import LegemidlerIBruk, m912
from reseptformidler.wire.m922 import M922_2013, M922_2019, m922
from reseptformidler.wire.multidose import m28, m272
from reseptformidler.wire.schema import Schemas
from tests.meldinger.bygg import ANNET_FNR, FNR, resept, utleverer
from tests.meldinger.lister import DAG, multidoseapotek, multidoselege
from tests.wire import payloads

_SCHEMAS = Schemas()
LEGE, APOTEK = multidoselege(til=DAG), multidoseapotek(til=DAG)


def uten_mer(ansvarlig: Multidoseansvarlig, **changes: Any) -> Multidoseansvarlig:
    """With neither address nor telephone."""
    return replace(ansvarlig, organisasjon=replace(ansvarlig.organisasjon, address=None, telecom=(), **changes))


def gyldig(payload: bytes) -> etree._Element:
    """The element, which the schemas accept and in which nothing is empty."""
    root = etree.fromstring(payload)
    assert [str(error) for error in _SCHEMAS.errors(root)] == []
    assert [one.tag for one in root.iter("*") if not len(one) and not (one.text or "").strip() and not one.attrib] == []
    return root


@pytest.mark.parametrize("lege", [None, LEGE, uten_mer(LEGE)])
@pytest.mark.parametrize("apotek", [None, APOTEK, uten_mer(APOTEK)])
def test_m272(lege: Multidoseansvarlig | None, apotek: Multidoseansvarlig | None) -> None:
    """With and without each."""
    root = gyldig(m272(lege, apotek))
    assert [etree.QName(one).localname for one in root[1:]] == [
        name for name, one in (("Multidoselege", lege), ("Multidoseapotek", apotek)) if one is not None
    ]


def test_m28() -> None:
    """With the day in Norwegian time, and the name in its order."""
    lege = LEGE.organisasjon.professional
    assert lege is not None
    med_mellomnavn = replace(
        LEGE, organisasjon=replace(LEGE.organisasjon, professional=replace(lege, given_name="Anja", middle_name="Fos"))
    )
    root = gyldig(m28(replace(med_mellomnavn, aktiv_til=None)))
    assert root.findtext("{*}AktivFra") == "2026-03-02+01:00"
    assert root.findtext("{*}Multidoselege/{*}Navn") == "Anja Fos Eidsvik"
    assert root.find("{*}Multidoselege/{*}AktivTil") is None
    gyldig(m28(uten_mer(LEGE)))


def test_an_address_of_nothing_is_left_out() -> None:
    """So is a telephone without number."""
    tomt = replace(utleverer(), address=Address(), telecom=())
    root = gyldig(m272(None, Multidoseansvarlig(tomt, DAG)))
    assert root.find(".//{*}Adresse") is None
    assert root.find(".//{*}Telefon") is None


@pytest.mark.parametrize("namespace", [skriv.M912_2014, skriv.M912_2018, skriv.M912_2021])
def test_m912(namespace: str) -> None:
    """All that each version has a place for, and as little as there can be."""
    resepter = () if namespace == skriv.M912_2021 else (resept(),)
    fullt = LegemidlerIBruk((FNR, ANNET_FNR), FNR, LEGE, APOTEK, resepter, (b"<a/>", b"<b/>", b"<c/>"))
    root = gyldig(m912(namespace, fullt))
    assert len(root[0].findall("{*}VarerIBrukB64")) == 3
    assert len(gyldig(m912(namespace, LegemidlerIBruk((FNR,))))[0]) == 1
    gyldig(m912(namespace, LegemidlerIBruk((FNR,), lege=uten_mer(LEGE), apotek=uten_mer(APOTEK))))


@pytest.mark.parametrize("namespace", [M922_2013, M922_2019])
def test_m922(namespace: str) -> None:
    """Patients, or that there are none."""
    assert len(gyldig(m922(namespace, ((FNR, ANNET_FNR), (ANNET_FNR,))))) == 2
    assert gyldig(m922(namespace, ())).findtext("{*}IngenEndring") == "true"


def test_m254_has_all_that_it_has_a_place_for() -> None:
    """The same elements with the same content, less those that only M25.3 may have."""
    came = etree.fromstring(payloads.PAYLOADS["m253"])
    root = gyldig(m254(came))
    bare = {"Pakkeinfo", "InngarMultidose", "SisteUtlevering"}
    names = [etree.QName(one).localname for one in came.iter("*")]
    assert bare <= set(names)
    for parent in list(came.iter("*")):
        for one in [one for one in parent if etree.QName(one).localname in bare]:
            parent.remove(one)
    assert [(etree.QName(one).localname, one.text, dict(one.attrib)) for one in root.iter("*")] == [
        (etree.QName(one).localname, one.text, dict(one.attrib)) for one in came.iter("*")
    ]
    assert b"m253" not in etree.tostring(root)


@pytest.mark.parametrize(
    "opening, closing",
    [
        ('<EnkeltoppforingLIB xmlns="{}">', "</EnkeltoppforingLIB>"),
        ('<m:EnkeltoppforingLIB xmlns:m="{}">', "</m:EnkeltoppforingLIB>"),
    ],
)
def test_m254_of_any_prefix(opening: str, closing: str) -> None:
    """However the pharmacy's system writes namespaces."""
    namespace = "http://www.kith.no/xmlstds/eresept/m253/2013-10-08"
    plain = payloads.PAYLOADS["m253"].decode()
    other = plain.replace("<EnkeltoppforingLIB>", opening.format(namespace)).replace("</EnkeltoppforingLIB>", closing)
    assert other != plain
    written = [etree.tostring(gyldig(m254(etree.fromstring(one))), method="c14n2") for one in (plain, other)]
    assert written[0] == written[1]


def test_a_name_is_text() -> None:
    """What is written is safe inside what is around it."""
    farlig = replace(LEGE, organisasjon=replace(LEGE.organisasjon, name='Lege & "Sønn" <as>'))
    assert gyldig(m28(farlig)).findtext("{*}Multidoselege/{*}Org") == 'Lege & "Sønn" <as>'
