"""M9NA3 and M9NA4: which prescription is told all about, and what of the M1 and the M10s is said."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from lxml import etree

from reseptformidler.domain import koder
from reseptformidler.domain.aktor import Person
from reseptformidler.domain.decision import Decision, Needs, Tilstand
from reseptformidler.domain.livslop import Fase
from reseptformidler.domain.resept import Pasient, Resept, Utlevering, Vare
from reseptformidler.meldinger import nettkunde
from reseptformidler.meldinger.m1_innhold import FS, NS
from reseptformidler.meldinger.m9na1_reseptliste import M9NA1
from reseptformidler.meldinger.m9na3_resept import M9NA3
from tests.meldinger import bygg
from tests.meldinger.bygg import I_FASE, LAS, REFNR, RESEPT_ID, Sak, avslag, kode, skiller
from tests.meldinger.nettkunder import BARN, MOR, TANTE, barn, id_kunde, melding, person, sak

XSD = Path(__file__).parents[2] / "xsd"
K = "http://www.kith.no/xmlstds/eresept/"
SCHEMA = etree.XMLSchema(file=XSD / "m9na4-2016-06-06.xsd")


def m9na3(*personer: Person, kunde: str = MOR, resept_id: str = str(RESEPT_ID), **how: Any) -> Sak:
    """A mother asks about a prescription of hers, or of who has `nummer`."""
    payload = f'<M9NA3 xmlns="{K}m9na3/2016-06-06">{id_kunde(kunde)}<ReseptId>{resept_id}</ReseptId></M9NA3>'
    etree.XMLSchema(file=XSD / "m9na3-2016-06-06.xsd").assertValid(etree.fromstring(payload))
    return sak(M9NA3, payload, *personer, **how)


def til(nummer: str = MOR, **changes: Any) -> Resept:
    """A stored prescription for who has that number."""
    return bygg.resept(pasient=Pasient(ident=nummer, ident_type="FNR", fornavn="Kari", etternavn="Prøve"), **changes)


def m1(dok: str | None = None, **changes: str | None) -> bytes:
    """The M1 as it came."""
    return melding(bygg.m1(dok, **changes))


def utlevering(number: int, **changes: Any) -> Utlevering:
    """A dispensing, by an M10 with that number for a MsgId."""
    made = Utlevering(
        msg_id=UUID(int=number),
        resept_id=RESEPT_ID,
        her=bygg.APOTEK.her,
        dato=date(2026, 2, number),
        antall=Decimal(1),
        avsluttet=False,
        varenr="429076",
        navn="Cosylan Mikst 1,7 mg/ml",
        pakningsstr=("300", "ml"),
    )
    return replace(made, **changes)


def avgjort(sak: Sak, stored: Resept | None, *gitt: Utlevering, opprinnelig: bytes | None = None) -> Decision:
    """What is decided about a prescription with its M1 and its dispensings."""
    resepter = (stored,) if stored is not None else ()
    return sak.avgjor(Tilstand(resepter, gitt, dokumenter={RESEPT_ID: opprinnelig or m1()}))


def svar(*gitt: Utlevering, stored: Resept | None = None, opprinnelig: bytes | None = None) -> etree._Element:
    """The answer about a prescription, valid against its schema."""
    decision = avgjort(m9na3(), stored or til(), *gitt, opprinnelig=opprinnelig)
    assert not decision.changed
    assert not decision.owed
    assert decision.reply is not None
    assert decision.reply.type == "ERM9NA4"
    assert decision.reply.patient is not None
    root = etree.fromstring(decision.reply.payload)
    SCHEMA.assertValid(root)
    return root


def navn(root: etree._Element) -> list[str]:
    """Local names of the children."""
    return [etree.QName(child).localname for child in root]


def attributter(root: etree._Element, name: str) -> dict[str, str]:
    """The attributes of a child."""
    found = root.find(f"{{*}}{name}")
    assert found is not None
    return {str(key): str(value) for key, value in found.items()}


def utlevert(root: etree._Element) -> list[dict[str, str]]:
    """The text of each part of each Utlevering; of a package size number and unit."""
    return [
        {etree.QName(part).localname: part.text or " ".join(map(str, part.values())) for part in one}
        for one in root.findall("{*}Utlevering")
    ]


# ------------------------------------------------------------------------------------------------------- who may see it


def test_the_customer_is_judged_as_for_a_list() -> None:
    """The same rules, and a ReseptId that is a UUID (272)."""
    assert M9NA3.rules[: len(nettkunde.REGLER)] == nettkunde.REGLER == M9NA1.rules[: len(nettkunde.REGLER)]
    skiller(289, m9na3(person(MOR), barn(), nummer=BARN), m9na3(person(TANTE), barn(), kunde=TANTE, nummer=BARN))
    skiller(272, (m9na3(), m9na3(resept_id=str(RESEPT_ID).upper())), m9na3(resept_id="1234"))
    assert M9NA3.needs(m9na3().mottatt, m9na3().facts) == Needs(resepter=(RESEPT_ID,), alle=True, dokumenter=True)


def test_what_may_not_be_seen_is_not_there() -> None:
    """An id that leads nowhere, or to somebody else's, is answered the same (1)."""
    assert avslag(avgjort(m9na3(), None)) == ["1"]
    assert avslag(avgjort(m9na3(), til(TANTE))) == ["1"]
    for_barnet = m9na3(person(MOR), barn(), nummer=BARN)
    assert avgjort(for_barnet, til(BARN)).accepted
    assert avslag(avgjort(for_barnet, til(BARN, vergereservert=True))) == ["1"]


def test_N10_a_protected_address_hides_it() -> None:
    """There is no empty M9NA4: what was not in the list is not found."""
    assert avslag(avgjort(m9na3(person(MOR, gradert=True)), til())) == ["1"]
    assert avslag(avgjort(m9na3(person(MOR), barn(gradert=True), nummer=BARN), til(BARN))) == ["1"]


def test_N9_a_locked_one_by_its_id() -> None:
    """Only a list asked for with its number names the id, so the id is enough."""
    assert avgjort(m9na3(), til(last=True, refnr=REFNR)).accepted


@pytest.mark.parametrize("i", I_FASE, ids=lambda i: i.value)
def test_N7_only_what_is_listed(i: Fase) -> None:
    """In another state than E and U there is no prescription with the right status (41)."""
    decision = avgjort(m9na3(), replace(I_FASE[i](), pasient=til().pasient))
    assert avslag(decision) == ([] if i in (Fase.E, Fase.U, Fase.U_T) else ["41"])


def test_K3_not_what_has_expired() -> None:
    """41, as for a download."""
    dag = bygg.NOW.date()
    assert avgjort(m9na3(), til(utloper=dag)).accepted
    assert avslag(avgjort(m9na3(), til(utloper=dag - timedelta(days=1)))) == ["41"]


# -------------------------------------------------------------------------------------------------------- what is said


def test_a_plain_prescription() -> None:
    """Its id and where it stands; the rest is left out."""
    root = svar()
    assert navn(root) == ["ReseptId", "Status"]
    assert root.findtext("{*}ReseptId") == str(RESEPT_ID)
    assert attributter(root, "Status") == {"V": "E", "DN": "Ekspederbar"}
    assert attributter(svar(stored=til(las=LAS)), "Status") == {"V": "U", "DN": "Under ekspedering"}


def test_what_the_M1_says() -> None:
    """Refund code, institution, substitution and short dosing stand in the M1 only."""
    institusjon = kode("InstitusjonsID", "4208723", liste="3512")
    instituert = f'<Instituert xmlns="{NS}"><Organisasjon>{institusjon}</Organisasjon></Instituert>'
    dok = bygg.legemiddel(
        RefKode=kode("RefKode", "-26", "Depresjon", "7434"),
        BytteresRekvirent=kode("BytteresRekvirent", "1", "Ja"),
        Forskrivning=bygg.forskrivning(Kortdose=f'<Kortdose xmlns="{FS}" V="1" DN="1 tablett" S="1.2.7478"/>'),
    )
    root = svar(opprinnelig=m1(dok, Instituert=instituert))
    assert navn(root) == ["ReseptId", "Status", "RefKode", "InstitusjonsID", "BytteresRekvirent", "Kortdose"]
    assert attributter(root, "RefKode")["V"] == "-26"
    assert root.findtext(".//{*}InstitusjonsID/{*}Id") == "4208723"
    (kind,) = root.iter("{*}TypeId")
    assert (kind.get("V"), kind.get("S")) == ("RSH", koder.ORGANISASJON_ID.oid)
    assert attributter(root, "BytteresRekvirent") == {"V": "1", "DN": "Ja"}
    assert attributter(root, "Kortdose") == {"V": "1", "DN": "1 tablett", "S": "1.2.7478"}


def test_goods_have_no_refund_code() -> None:
    """A prescription for consumables."""
    assert navn(svar(opprinnelig=m1(bygg.handelsvare()))) == ["ReseptId", "Status"]


def test_Q17_what_was_paid() -> None:
    """The four periods as last reported."""
    fire = tuple((date(2026, month, 1), Decimal(month)) for month in (1, 4, 7, 10))
    first, last = utlevering(1, egenandel=fire), utlevering(2, egenandel=tuple((d, Decimal("9.5")) for d, _ in fire))
    root = svar(first, last, utlevering(3))
    assert [one.text for one in root.iter("{*}StartEgenandelsperiode")] == [d.isoformat() for d, _ in fire]
    assert [dict(one.attrib) for one in root.iter("{*}BetaltEgenandel")] == [{"V": "9.5", "U": "NOK"}] * 4


def test_Q13_what_was_dispensed() -> None:
    """Counted by item, the last one first; what was annulled does not count."""
    annen = utlevering(3, antall=Decimal("0.5"), varenr="800123", navn="Teststrimler", pakningsstr=None)
    annullert = utlevering(4, antall=Decimal(7), annullert_av=UUID(int=9))
    root = svar(utlevering(1, antall=Decimal(2)), utlevering(2), annen, annullert)
    assert utlevert(root) == [
        {
            "Nr": "800123",
            "NavnFormStyrke": "Teststrimler",
            "AntallPakningerUtlevertTotalt": "0.5",
            "AntallPakningerUtlevertSiste": "0.5",
            "TidspunktSisteUtlevering": "2026-02-03T00:00:00.000+01:00",
        },
        {
            "Nr": "429076",
            "NavnFormStyrke": "Cosylan Mikst 1,7 mg/ml",
            "Pakningsstr": "300 ml",
            "AntallPakningerUtlevertTotalt": "3",
            "AntallPakningerUtlevertSiste": "1",
            "TidspunktSisteUtlevering": "2026-02-02T00:00:00.000+01:00",
        },
    ]


def test_what_was_dispensed_has_a_name() -> None:
    """What an older release stored has none: then it is that of what was prescribed."""
    (one,) = utlevert(svar(utlevering(1, varenr="", navn="", pakningsstr=None)))
    assert one["NavnFormStyrke"] == til().vare.navn_form_styrke
    assert not {"Nr", "Pakningsstr"} & one.keys()
    blanding = til(vare=Vare(varegruppe="L", legemiddelblanding="Salve 2 %"))
    (one,) = utlevert(svar(utlevering(1, varenr="", navn=""), stored=blanding))
    assert one["NavnFormStyrke"] == "Salve 2 %"
