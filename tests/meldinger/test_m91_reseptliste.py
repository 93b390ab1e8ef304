"""M9.1 and M9.2: what is asked for, who is shown what, and what the list says of each prescription."""

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
from reseptformidler.domain.aktor import Aktor, Facts
from reseptformidler.domain.decision import Needs, Nodsok, Tilstand
from reseptformidler.domain.hode import Address, Kode
from reseptformidler.domain.livslop import Fase
from reseptformidler.domain.resept import Ekspederingsanmodning, Resept, Status
from reseptformidler.meldinger.m91_reseptliste import M91
from tests.meldinger import bygg
from tests.meldinger.bygg import APOTEK, BANDASJIST, FNR, I_FASE, LAS, NOW, REFNR, Sak, avslag, kode, resept, skiller

XSD = Path(__file__).parents[2] / "xsd"
M91_2013 = "http://www.kith.no/xmlstds/eresept/m91/2013-10-08"
M91_2023 = "http://www.kith.no/xmlstds/eresept/m91/2023-03-20"
NODSOK: dict[str, Any] = {"Fnr": None, "Fdato": "1946-01-21", "Fornavn": "Ottar", "Etternavn": "Knutsen"}


def m91(namespace: str = M91_2013, aktor: Aktor = APOTEK, refnr: tuple[str, ...] = (), **changes: str | None) -> Sak:
    """A search by Fnr from a pharmacy."""
    parts: dict[str, str | None] = {
        "Fnr": FNR,
        "RefNr": "".join(f"<RefNr>{number}</RefNr>" for number in refnr) or None,
        "Fdato": None,
        "Fornavn": None,
        "Etternavn": None,
        "Arsak": None,
        "AlleResepter": "2",
        "FonetiskSok": None,
        "AnsattId": "4321",
        "InkluderVergeinnsynsreservasjon": "2",
        **changes,
    }
    coded = {"Arsak", "AlleResepter", "FonetiskSok", "InkluderVergeinnsynsreservasjon"}
    written = {
        name: kode(name, value) if name in coded and value is not None else value for name, value in parts.items()
    }
    payload = bygg.xml("ForesporselReseptUtleverer", namespace, written)
    etree.XMLSchema(file=XSD / f"m91-{namespace[-10:]}.xsd").assertValid(etree.fromstring(payload))
    return bygg.sak(M91, payload, bygg.hode("ERM91", bygg.utleverer(aktor)), Facts(avsender=aktor))


def liste(sak: Sak, *resepter: Resept) -> etree._Element:
    """The list that answers: valid against the schema of its own version."""
    decision = sak.avgjor(Tilstand(resepter=resepter))
    assert decision.accepted
    assert decision.changed == ()
    assert decision.reply is not None
    assert decision.reply.type == "ERM92"
    root = etree.fromstring(decision.reply.payload)
    etree.XMLSchema(file=XSD / f"m92-{str(root.tag)[-22:-12]}.xsd").assertValid(root)
    return root


def ids(sak: Sak, *resepter: Resept) -> list[str]:
    """The ids that the list shows."""
    return [found.text or "" for found in liste(sak, *resepter).iter("{*}ReseptId")]


def vist(sak: Sak, stored: Resept) -> bool:
    """Whether a prescription is in the list."""
    return ids(sak, stored) == [str(stored.resept_id)]


def info(stored: Resept, namespace: str = M91_2013, **changes: Any) -> dict[str, str | dict[str, str]]:
    """The one Reseptinfo of a list by Fnr: text, or attributes, by element name, in the order it has them."""
    root = liste(m91(namespace, AlleResepter="1", **changes), stored)
    return {etree.QName(e).localname: e.text or dict(e.attrib) for e in root[0]}


def status(sak: Sak) -> dict[str, str]:
    """Status of a list that holds nothing."""
    root = liste(sak)
    assert [etree.QName(child).localname for child in root] == ["Status"]
    return dict(root[0].attrib)


# ------------------------------------------------------------------------------------------------- what is asked for


def test_7419_60_search_key_missing() -> None:
    """A search for nothing is refused; any one key is enough, even a part of an emergency search."""
    keys = (m91(), m91(Fnr=None, refnr=(REFNR,)), m91(**NODSOK), m91(Fnr=None, Etternavn="Knutsen"))
    skiller(60, keys, m91(Fnr=None))


def test_7419_80_nodsok_arsak_in_code_list() -> None:
    """The cause of an emergency search is one of list 7406, or left out as in the published example."""
    skiller(80, (m91(**NODSOK), m91(**NODSOK, Arsak="K")), m91(**NODSOK, Arsak="9"))


def yes_or_no(name: str, value: str) -> dict[str, Any]:
    """One of the elements of list 1101."""
    return {name: value}


@pytest.mark.parametrize("name", ["AlleResepter", "FonetiskSok", "InkluderVergeinnsynsreservasjon"])
def test_7419_230_yes_or_no(name: str) -> None:
    """Each of the three yes-or-no elements says 1 or 2."""
    skiller(230, (m91(**yes_or_no(name, "1")), m91(**yes_or_no(name, "2"))), m91(**yes_or_no(name, "3")))


def test_Q6_AnsattId_is_mandatory() -> None:
    """Who asked must be known: the schema refuses a search without AnsattId."""
    with pytest.raises(etree.DocumentInvalid, match="AnsattId"):
        m91(AnsattId=None)


def test_Q3_needs_follow_the_keys() -> None:
    """Numbers are loaded by; names only when no number is given and all three parts of an emergency search are."""
    assert M91.needs(m91().mottatt, Facts()) == Needs(pasienter=(FNR,))
    assert M91.needs(m91(refnr=(REFNR,), AlleResepter="1").mottatt, Facts()) == Needs((), (FNR,), (REFNR,), alle=True)
    assert M91.needs(m91(**NODSOK).mottatt, Facts()) == Needs(nodsok=Nodsok("1946-01-21", "Ottar", "Knutsen"))
    assert M91.needs(m91(**{**NODSOK, "Fnr": FNR}).mottatt, Facts()) == Needs(pasienter=(FNR,))
    assert M91.needs(m91(**{**NODSOK, "Fornavn": None}).mottatt, Facts()) == Needs()


@pytest.mark.parametrize(
    "keys, expected",
    [
        ({"Fnr": "21014605159"}, "2"),
        ({"Fnr": None, "refnr": ("1234567890", "x")}, "1"),
        ({**NODSOK, "Etternavn": None}, "3"),
        ({}, "4"),
        ({"Fnr": None, "refnr": ("1234567890", REFNR)}, "4"),
        (NODSOK, "4"),
    ],
)
def test_Q5_a_search_without_hits_is_answered(keys: dict[str, Any], expected: str) -> None:
    """A bad key or a key to nothing is no refusal: the list is empty and Status says which it was."""
    assert status(m91(**keys)) == {"V": expected, "DN": koder.STATUS_SOK.navn[expected]}


def test_Q5_no_status_beside_hits() -> None:
    """Where something was found, a second and bad key is not spoken of."""
    root = liste(m91(refnr=("1234567890",)), resept())
    assert [etree.QName(child).localname for child in root] == ["Reseptinfo"]


# --------------------------------------------------------------------------------------------------- who is shown what


def test_Q1_Q2_states() -> None:
    """E and U are listed always, every other state only with AlleResepter."""
    shown = {fase for fase, make in I_FASE.items() if vist(m91(), make())}
    assert shown == {Fase.E, Fase.U, Fase.U_T}
    assert all(vist(m91(AlleResepter="1"), make()) for make in I_FASE.values())


def test_K3_expired_is_not_listed() -> None:
    """Utloper is the last day in Norway; after it the prescription is listed only while it is under dispensing."""
    late = NOW.replace(month=3, day=2, hour=23, minute=30)  # already the 3rd in Norway
    stored = resept(utloper=date(2026, 3, 2))
    assert vist(m91(), stored)
    for moment, expired in ((NOW, False), (late, True)):
        decision = m91().avgjor(Tilstand(resepter=(stored,)), now=moment)
        assert decision.reply is not None
        assert (b"Reseptinfo" not in decision.reply.payload) is expired
    assert vist(m91(), resept(utloper=NOW.date() - timedelta(days=1), las=LAS))


def test_Q4_union() -> None:
    """Fnr and RefNr together give what either leads to, protected or not; each once."""
    other = resept(
        resept_id=UUID(int=2), refnr=REFNR, pasient=replace(resept().pasient, ident="", ident_type="", fornavn="A")
    )
    both = resept(resept_id=UUID(int=3), refnr=REFNR)
    assert sorted(ids(m91(refnr=(REFNR,)), resept(), other, both)) == sorted(
        str(found.resept_id) for found in (resept(), other, both)
    )
    assert ids(m91(), resept(), other) == [str(resept().resept_id)]


def test_L7_locked_only_by_its_refnr() -> None:
    """A locked prescription is not in the list by Fnr, by name or by another RefNr."""
    locked = resept(last=True, refnr=REFNR)
    assert vist(m91(refnr=(REFNR,)), locked)
    assert vist(m91(Fnr=None, refnr=(REFNR,)), locked)
    assert not any(vist(each, locked) for each in (m91(), m91(refnr=(bygg.ANNET_REFNR,)), m91(**NODSOK)))


def test_vergeinnsynsreservasjon_only_on_demand() -> None:
    """What a guardian may not see is listed only when asked for (R1408 4.2)."""
    reserved = resept(vergereservert=True)
    assert not vist(m91(), reserved)
    assert vist(m91(InkluderVergeinnsynsreservasjon="1"), reserved)


def test_C4_bandasjist_sees_only_other_goods() -> None:
    """A bandasjist is shown Varegruppe A, a pharmacy both."""
    drug, goods = resept(), resept(vare=replace(resept().vare, varegruppe="A"))
    assert [vist(m91(aktor=BANDASJIST), each) for each in (drug, goods)] == [False, True]
    assert [vist(m91(), each) for each in (drug, goods)] == [True, True]


def test_Q3_phonetic_or_same_name() -> None:
    """Not phonetic: the same names, case apart; more given names may be left out. Phonetic: what the store found."""
    stored = resept(pasient=replace(resept().pasient, fornavn="OTTAR OLAV"))
    assert vist(m91(**NODSOK), stored)
    assert vist(m91(**{**NODSOK, "Fornavn": "Ottar Olav"}), stored)
    assert not vist(m91(**{**NODSOK, "Etternavn": "Knudsen"}), stored)
    assert vist(m91(**{**NODSOK, "Etternavn": "Knudsen"}, FonetiskSok="1"), stored)


def test_newest_first() -> None:
    """The list begins with the prescription of the last date, of two that day with the one that came last."""
    old = resept(resept_id=UUID(int=1), forskrivningsdato=date(2026, 1, 1))
    first = resept(resept_id=UUID(int=2))
    second = resept(resept_id=UUID(int=3), mottatt=NOW)
    assert ids(m91(), old, first, second) == [str(UUID(int=number)) for number in (3, 2, 1)]


# --------------------------------------------------------------------------------------- what the list says of each


def test_a_full_reseptinfo() -> None:
    """Every element from its source, in the schema's order (R1408 4.3.1)."""
    stored = resept(
        pasient=replace(
            resept().pasient,
            mellomnavn="OLAV",
            adresse=Address(
                type=Kode("H", "Bostedsadresse"),
                street="Vei 1",
                postal_code="3050",
                city="MJØNDALEN",
                postbox="7",
                county=Kode("3314", "Øvre Eiker"),
                country=Kode("NO", "Norge"),
            ),
        ),
        vare=replace(
            resept().vare,
            ref_hjemmel=Kode("200", "§5-14 §2", "2.16.578.1.12.4.1.1.7427", "Forhåndsgodkjent"),
            bruksomrade="Hoste",
            antall=Decimal("0.5"),
            pakningsstr="300",
            enhet_pakning=koder.ENHET_PAKNING.cv("ml"),
            mengde=("100", "g"),
            reiterasjon=3,
            bruk=koder.BRUK.cs("3"),
        ),
        refnr=REFNR,
        tidligste_utlevering=date(2026, 7, 1),
        siste_utlevering=date(2026, 3, 1),
        endret_farmasoyt=True,
        soknad_slv="1",
        vergereservert=True,
        ekspanm=Ekspederingsanmodning(APOTEK.her, APOTEK.navn, "F"),
    )
    found = info(stored, M91_2023, InkluderVergeinnsynsreservasjon="1")
    assert found.pop("Address") == {}
    assert found.pop("Ident") == {}
    assert found == {
        "Forskrivningsdato": "2026-03-01+01:00",
        "Fornavn": "OTTAR",
        "Mellomnavn": "OLAV",
        "Etternavn": "KNUTSEN",
        "RekvirentId": "431002737",
        "NavnRekvirent": "Anja Fos Eidsvik",
        "Nr": "429076",
        "NavnFormStyrke": "Cosylan Mikst 1,7 mg/ml",
        "EndretFarmasoyt": {"V": "1", "DN": "Ja"},
        "RefHjemmel": {"V": "200", "DN": "§5-14 §2", "S": "2.16.578.1.12.4.1.1.7427"},
        "ReseptId": str(stored.resept_id),
        "Status": {"V": "E", "DN": "Ekspederbar"},
        "NavnUtleverer": APOTEK.navn,
        "RefNr": REFNR,
        "StatusSoknadSlv": {"V": "1", "DN": "Må vurderes hos apotek"},
        "MetodeEkspedering": {"V": "F", "DN": "Forsendelse"},
        "Vergeinnsynsreservasjon": "true",
        "SisteUtlevering": "2026-03-01",
        "Bruksomrade": "Hoste",
        "Antall": "0.5",
        "Pakningsstr": "300",
        "EnhetPakning": {"V": "ml", "DN": "milliliter", "S": "2.16.578.1.12.4.1.1.7452"},
        "Mengde": {"V": "100", "U": "g"},
        "Reiterasjon": "3",
        "TidligsteUtlevering": "2026-07-01+02:00",
        "Bruk": {"V": "3", "DN": "Ved behov"},
    }


def test_address_and_ident_stand_in_felleskomponent1() -> None:
    """The parts of Address and Ident are in the namespace of their type, in its order."""
    stored = resept(pasient=replace(resept().pasient, adresse=Address(type=Kode("H", "x"), postal_code="1", city="B")))
    root = liste(m91(), stored)
    parts = [str(e.tag) for parent in root.iter("{*}Address", "{*}Ident") for e in parent]
    fk1 = "{http://www.kith.no/xmlstds/felleskomponent1}"
    assert parts == [fk1 + name for name in ("Type", "PostalCode", "City", "Id", "TypeId")]


def test_commodities_and_mixtures_have_names_of_their_own() -> None:
    """ProdGruppe of a commodity; LegemiddelblandingNavn, and then no NavnFormStyrke, of a mixture."""
    goods = replace(resept().vare, varegruppe="A", prod_gruppe=koder.PRODUKTGRUPPE.cv("504"))
    mixture = replace(resept().vare, navn_form_styrke="", nr="", legemiddelblanding="Salve 2 %")
    assert info(resept(vare=goods))["ProdGruppe"] == {
        "V": "504",
        "DN": "Forbruksmateriell ved diabetes",
        "S": "2.16.578.1.12.4.1.1.7403",
    }
    found = info(resept(vare=mixture))
    assert found["LegemiddelblandingNavn"] == "Salve 2 %"
    assert {"NavnFormStyrke", "Nr", "ProdGruppe"}.isdisjoint(found)


def test_Bruk_only_in_2023() -> None:
    """Each version is answered in its own, and only the newer knows Bruk."""
    stored = resept(vare=replace(resept().vare, bruk=koder.BRUK.cs("3")))
    assert "Bruk" in info(stored, M91_2023)
    assert "Bruk" not in info(stored, M91_2013)


def test_E6_NavnUtleverer() -> None:
    """Who holds it; else who a dispatch request still ties it to: after the first dispensing only for LAR."""
    tied = Ekspederingsanmodning("1", "Utpekt apotek", "U")
    done = replace(tied, oppfylt=True)
    assert "NavnUtleverer" not in info(resept())
    assert info(resept(ekspanm=tied))["NavnUtleverer"] == "Utpekt apotek"
    assert "NavnUtleverer" not in info(resept(ekspanm=done))
    assert info(resept(ekspanm=replace(done, metode="L")))["NavnUtleverer"] == "Utpekt apotek"
    assert info(resept(ekspanm=tied, las=LAS))["NavnUtleverer"] == LAS.navn


@pytest.mark.parametrize("merknad, expected", [("Feil preparat", "Feil preparat- Seponering"), ("", "Seponering")])
def test_Q12_MerknadTilbakekalling(merknad: str, expected: str) -> None:
    """Merknad and Arsak of the recall in one text, also while the recall waits."""
    recall = replace(bygg.TILBAKEKALT, merknad=merknad, arsak=Kode("2", "noe annet"))
    for stored in (I_FASE[Fase.T](), I_FASE[Fase.U_T]()):
        assert info(replace(stored, tilbakekalt=recall))["MerknadTilbakekalling"] == expected


def test_under_dispensing_is_shown_as_U() -> None:
    """The lock shows as status U; a finished one as R."""
    assert info(I_FASE[Fase.U]())["Status"] == {"V": "U", "DN": "Under ekspedering"}
    assert info(I_FASE[Fase.R]())["Status"] == {"V": "R", "DN": "Resept avsluttet"}


def test_no_repetition_is_left_out() -> None:
    """As in the published list: Reiterasjon stands only where there is one."""
    assert "Reiterasjon" not in info(resept())


def test_values_are_escaped() -> None:
    """Signs that mean something in XML stay texts."""
    odd = replace(resept().vare, navn_form_styrke='A & B <"c"> ]]>', bruksomrade="a\rb\nc")
    found = info(resept(vare=odd))
    assert (found["NavnFormStyrke"], found["Bruksomrade"]) == ('A & B <"c"> ]]>', "a\rb\nc")


def test_nothing_but_the_answer() -> None:
    """A search changes nothing and owes nothing."""
    decision = m91().avgjor(Tilstand(resepter=(resept(status=Status.EKSPEDERBAR),)))
    assert avslag(decision) == []
    assert (decision.changed, decision.hendelser, decision.owed, decision.utlevering) == ((), (), (), None)
