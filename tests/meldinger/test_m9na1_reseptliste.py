"""M9NA1 and M9NA2: who may ask at a net pharmacy, what is shown, and what the list says of each prescription."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from lxml import etree

from reseptformidler.domain import koder
from reseptformidler.domain.aktor import Facts, Forelder, Person
from reseptformidler.domain.decision import Needs, Tilstand
from reseptformidler.domain.hode import Kode, Patient
from reseptformidler.domain.livslop import Fase
from reseptformidler.domain.resept import Ekspederingsanmodning, Pasient, Resept
from reseptformidler.meldinger import m1_resept
from reseptformidler.meldinger.m9na1_reseptliste import M9NA1
from tests.meldinger import bygg
from tests.meldinger.bygg import ANNET_REFNR, APOTEK, BANDASJIST, I_FASE, LAS, LEGEKONTOR, REFNR, Sak, skiller
from tests.meldinger.nettkunder import (
    BARN,
    FAR,
    MOR,
    NETTAPOTEK,
    TANTE,
    UNGDOM,
    barn,
    fnr,
    id_kunde,
    person,
    sak,
)

XSD = Path(__file__).parents[2] / "xsd"
NS_2016 = "http://www.kith.no/xmlstds/eresept/m9na1/2016-06-06"
NS_2023 = "http://www.kith.no/xmlstds/eresept/m9na1/2023-10-01"
FORRIGE, FORSTE = "11111111-1111-4111-8111-111111111111", "22222222-2222-4222-8222-222222222222"


def m9na1(
    *personer: Person,
    kunde: str = MOR,
    kind: str = "FNR",
    refnr: Iterable[str] = (),
    namespace: str = NS_2016,
    **how: Any,
) -> Sak:
    """A mother asks for her own prescriptions, or for those of who has `nummer`."""
    numbers = "".join(f"<RefNr>{number}</RefNr>" for number in refnr)
    payload = f'<M9NA1 xmlns="{namespace}">{id_kunde(kunde, kind)}{numbers}</M9NA1>'
    etree.XMLSchema(file=XSD / f"m9na1-{namespace[-10:]}.xsd").assertValid(etree.fromstring(payload))
    return sak(M9NA1, payload, *personer, **how)


def for_barnet(*personer: Person, **how: Any) -> Sak:
    """The mother asks for her child's."""
    return m9na1(*(personer or (person(MOR), barn())), nummer=BARN, **how)


def til(nummer: str = MOR, **changes: Any) -> Resept:
    """A stored prescription for who has that number."""
    return bygg.resept(pasient=Pasient(ident=nummer, ident_type="FNR", fornavn="Kari", etternavn="Prøve"), **changes)


def liste(sak: Sak, *resepter: Resept) -> etree._Element:
    """The list that answers: valid against the schema of its own version."""
    decision = sak.avgjor(Tilstand(resepter=resepter))
    assert not decision.changed
    assert not decision.owed
    assert decision.reply is not None
    assert decision.reply.type == "ERM9NA2"
    assert decision.reply.patient == sak.mottatt.head.patient
    root = etree.fromstring(decision.reply.payload)
    etree.XMLSchema(file=XSD / f"m9na2-{str(root.tag)[-16:-6]}.xsd").assertValid(root)
    assert root.findtext("{*}Antall") == str(len(root.findall("{*}Reseptinfo")))
    return root


def ids(sak: Sak, *resepter: Resept) -> list[str]:
    """The ids that the list shows."""
    return [found.text or "" for found in liste(sak, *resepter).iter("{*}ReseptId")]


def vises(sak: Sak, stored: Resept) -> bool:
    """Whether a prescription is in the list."""
    return ids(sak, stored) == [str(stored.resept_id)]


def info(stored: Resept, namespace: str = NS_2016) -> dict[str, str | dict[str, str]]:
    """The one Reseptinfo of a list: text, or attributes, by element name, in the order it has them."""
    refnr = (stored.refnr,) if stored.refnr else ()
    found = liste(m9na1(namespace=namespace, refnr=refnr), stored).find("{*}Reseptinfo")
    assert found is not None
    return {etree.QName(e).localname: e.text or dict(e.attrib) for e in found}


# ------------------------------------------------------------------------------------------------------------ who asks


def test_7419_292_sender_is_nettapotek() -> None:
    """Only who is registered as net pharmacy may ask; a pharmacy over the counter, a bandasjist, a doctor may not."""
    others = (m9na1(aktor=APOTEK), m9na1(aktor=BANDASJIST))
    skiller(292, m9na1(), others)
    assert "292" in m9na1(aktor=LEGEKONTOR).koder


def test_N4_a_konsesjon_must_be_named() -> None:
    """A net pharmacy with konsesjon says its number (40), the right one (236); one without has none to say."""
    uten = bygg.utleverer(replace(NETTAPOTEK, ako=""))
    skiller(40, (m9na1(), m9na1(aktor=replace(NETTAPOTEK, ako=""))), m9na1(sender=uten))
    skiller(236, m9na1(), m9na1(sender=bygg.utleverer(replace(NETTAPOTEK, ako="9999"))))


def test_7419_285_customer_number() -> None:
    """The customer's number has a right date and check digits, and is a national one (P9)."""
    wrong = (m9na1(kunde="01058600013"), m9na1(kunde="41138600013"), m9na1(kind="HPR"), m9na1(kunde=""))
    skiller(285, m9na1(), wrong)


def test_P9_the_patients_number() -> None:
    """One right national number (115), not two (275)."""
    two = Patient(idents=(bygg.person_ident("FNR", MOR), bygg.person_ident("DNR", bygg.DNR)))
    skiller(115, m9na1(), (m9na1(nummer="01058600013"), m9na1(patient=None), m9na1(patient=Patient())))
    skiller(275, m9na1(), m9na1(patient=two))


def test_7419_301_customer_age() -> None:
    """From the day one turns 16."""
    ung = fnr(date(2010, 3, 3))
    skiller(301, m9na1(barn(UNGDOM), kunde=UNGDOM, nummer=UNGDOM), m9na1(barn(ung), kunde=ung, nummer=ung))


def test_7419_288_customer_in_person_register() -> None:
    """The customer must be known; that the same person is then an unknown patient too is not said again."""
    skiller(288, (m9na1(), for_barnet()), (m9na1(person(FAR)), for_barnet(barn())))


def test_7419_287_patient_in_person_register() -> None:
    """A child must be known."""
    skiller(287, for_barnet(), for_barnet(person(MOR)))


def test_a_former_number_is_the_same_person() -> None:
    """Who asks under a new number for what was written under the old one is the patient, and finds both."""
    ny = person(TANTE, numre=(TANTE, MOR))
    saker = (m9na1(ny, kunde=MOR, nummer=TANTE), m9na1(ny, kunde=TANTE, nummer=MOR))
    for one in saker:
        assert one.koder == []
        assert M9NA1.needs(one.mottatt, one.facts) == Needs(pasienter=(TANTE, MOR))
        assert vises(one, til(MOR, vergereservert=True))


# ------------------------------------------------------------------------------------------------------------- children


def test_7419_289_parental_responsibility() -> None:
    """A parent with parental responsibility may ask; one without, an aunt, or a child for its mother may not."""
    uten = barn(far=Forelder(FAR, foreldreansvar=False))
    godtatt = (for_barnet(), for_barnet(person(MOR), uten), for_barnet(person(FAR), barn(), kunde=FAR))
    avvist = (
        for_barnet(person(FAR), uten, kunde=FAR),
        for_barnet(person(TANTE), barn(), kunde=TANTE),
        m9na1(person(MOR), barn(UNGDOM), kunde=UNGDOM),
    )
    skiller(289, godtatt, avvist)


def test_7419_290_child_under_16() -> None:
    """On the day the child turns 16 its parents see no more."""
    skiller(290, for_barnet(), m9na1(person(MOR), barn(UNGDOM), nummer=UNGDOM))


def test_N8_a_guardian_may_be_kept_out() -> None:
    """A prescription with Vergeinnsynsreservasjon is not shown to the parent, but to the patient."""
    assert vises(for_barnet(), til(BARN))
    assert not vises(for_barnet(refnr=(REFNR,)), til(BARN, vergereservert=True, last=True, refnr=REFNR))
    egne = m9na1(barn(UNGDOM), kunde=UNGDOM, nummer=UNGDOM, refnr=(REFNR,))
    assert vises(egne, til(UNGDOM, vergereservert=True, last=True, refnr=REFNR))


@pytest.mark.parametrize(
    "personer",
    [
        (person(MOR, gradert=True), barn()),
        (person(MOR), barn(gradert=True)),
        (person(MOR), barn(far=Forelder(FAR, foreldreansvar=True, gradert=True))),
        (person(MOR), barn(far=Forelder(FAR, foreldreansvar=False, gradert=True))),
    ],
    ids=["customer", "child", "other parent", "other parent without responsibility"],
)
def test_N10_a_protected_address_empties_the_list(personer: tuple[Person, ...]) -> None:
    """Of the customer, the child or the other parent: no prescription, and no error that tells of it."""
    assert not vises(for_barnet(*personer), til(BARN))
    assert vises(for_barnet(), til(BARN))


def test_N10_ones_own_list() -> None:
    """One's own protected address empties one's own list; that of one's parents does not."""
    far = Forelder(FAR, foreldreansvar=True, gradert=True)
    assert not vises(m9na1(person(MOR, gradert=True)), til())
    assert vises(m9na1(barn(UNGDOM, far=far), kunde=UNGDOM, nummer=UNGDOM), til(UNGDOM))


def test_N10_strangers_learn_nothing() -> None:
    """Who may not see somebody's prescriptions is told the same whether the address is protected or not."""
    svar = [for_barnet(person(TANTE), barn(gradert=g), kunde=TANTE).koder for g in (False, True)]
    assert svar == [["289"], ["289"]]


# --------------------------------------------------------------------------------------------------------- proof, talk


def test_7419_295_proof_of_login() -> None:
    """A proof must be attached: a SAML assertion or a token, in a container beside the message."""
    token = b"eyJhbGciOiJSUzI1NiJ9.eyJwaWQiOiIxIn0.c2lnbmF0dXI"
    skiller(295, (m9na1(), m9na1(bevis=(token,))), (m9na1(bevis=()), m9na1(bevis=(b"<Assertion/>",))))


def test_F12_a_dialogue() -> None:
    """The first message has neither reference; a later one has the first one's MsgId in both."""
    skiller(302, (m9na1(), m9na1(ref_to_parent=FORSTE, ref_to_conversation=FORSTE)), m9na1(ref_to_parent=FORSTE))
    egen = str(bygg.MSG_ID)
    wrong = (
        m9na1(ref_to_conversation=FORSTE),
        m9na1(ref_to_parent="x", ref_to_conversation=FORSTE),
        m9na1(ref_to_parent=egen, ref_to_conversation=egen),
    )
    skiller(226, m9na1(), wrong)


def test_7419_316_references_are_equal() -> None:
    """Case apart, as of any UUID."""
    lik = m9na1(ref_to_parent=FORSTE.upper(), ref_to_conversation=FORSTE)
    skiller(316, (m9na1(), lik), m9na1(ref_to_parent=FORRIGE, ref_to_conversation=FORSTE))


# ----------------------------------------------------------------------------------------------------- what is listed


@pytest.mark.parametrize("i", I_FASE, ids=lambda i: i.value)
def test_N7_E_and_U_are_listed(i: Fase) -> None:
    """Nothing else is: not what waits for the authority, was refused, is finished, recalled or invalid."""
    stored = replace(I_FASE[i](), pasient=til().pasient)
    assert vises(m9na1(), stored) is (i in (Fase.E, Fase.U, Fase.U_T))


def test_N7_status_as_it_stands() -> None:
    """What a pharmacy holds is shown as U, so that it is not ordered."""
    assert info(til())["Status"] == {"V": "E", "DN": "Ekspederbar"}
    assert info(til(las=LAS))["Status"] == {"V": "U", "DN": "Under ekspedering"}


def test_K3_what_has_expired_is_not_listed() -> None:
    """On its last day it is; under dispensing it is kept."""
    dag = bygg.NOW.date()
    assert vises(m9na1(), til(utloper=dag))
    assert not vises(m9na1(), til(utloper=dag - timedelta(days=1)))
    assert vises(m9na1(), til(utloper=dag - timedelta(days=1), las=LAS))


@pytest.mark.parametrize("barnets", [False, True], ids=["own", "child's"])
def test_N9_a_locked_one_needs_its_number(barnets: bool) -> None:  # a parameter of the test
    """It is shown to who names its reference number, with the number; a number leads to nobody else's (L7)."""
    spor, nummer = (for_barnet, BARN) if barnets else (m9na1, MOR)
    stored = til(nummer, last=True, refnr=REFNR)
    assert not vises(spor(), stored)
    assert not vises(spor(refnr=(ANNET_REFNR,)), stored)
    assert liste(spor(refnr=(ANNET_REFNR, REFNR)), stored).findtext(".//{*}RefNr") == REFNR
    assert not vises(spor(refnr=(REFNR,)), til(TANTE, last=True, refnr=REFNR))


def test_C4_a_net_pharmacy_without_konsesjon_sees_other_goods_only() -> None:
    """It is a bandasjist's."""
    uten = replace(NETTAPOTEK, ako="")
    annet = replace(til(), vare=replace(til().vare, varegruppe="A"))
    assert vises(m9na1(aktor=uten), annet)
    assert not vises(m9na1(aktor=uten), til())


def test_the_newest_stands_first() -> None:
    """By date of prescription, then by arrival."""
    old, new = (til(resept_id=UUID(int=n), forskrivningsdato=date(2026, 2, n)) for n in (1, 2))
    late = replace(old, resept_id=UUID(int=3), mottatt=old.mottatt + timedelta(hours=1))
    assert ids(m9na1(), old, new, late) == [str(one.resept_id) for one in (new, late, old)]


def test_the_answer_names_the_patient() -> None:
    """By the register's name; nothing more than was asked about where an address is protected."""
    named = person(MOR, fornavn="Kari", mellomnavn="Anne", etternavn="Prøve")
    for gradert, wanted in ((False, ("Prøve", "Anne", "Kari")), (True, ("", "", ""))):
        reply = m9na1(replace(named, gradert=gradert)).avgjor().reply
        assert reply is not None
        assert reply.patient is not None
        assert (reply.patient.family_name, reply.patient.middle_name, reply.patient.given_name) == wanted
        assert reply.patient.ident("FNR") == MOR


def test_an_empty_list_counts_none() -> None:
    """Nothing found is an answer, with the count 0."""
    assert liste(m9na1()).findtext("{*}Antall") == "0"


# ------------------------------------------------------------------------------------------------------ what it says


def hel(**changes: Any) -> Resept:
    """A prescription with all that a list can say."""
    vare = replace(
        til().vare,
        merkevare_id="ID_1",
        virkestoff_id="ID_2",
        legemiddelblanding="Salve",
        prod_gruppe=Kode("504", "Diabetes", koder.PRODUKTGRUPPE.oid, "nei"),
        bruksomrade="Hoste",
        antall=Decimal("2.5"),
        mengde=("100", "g"),
        reiterasjon=3,
        ref_hjemmel=koder.REFUSJONSHJEMMEL.cv("302"),
        bruk=koder.BRUK.cs("1"),
    )
    given = {
        "vare": vare,
        "refnr": REFNR,
        "tidligste_utlevering": date(2026, 7, 1),
        "siste_utlevering": date(2026, 1, 2),
        "soknad_slv": "3",
        "ekspanm": Ekspederingsanmodning(APOTEK.her, APOTEK.navn, "F"),
    }
    return til(**{**given, **changes})


def test_all_that_a_list_says() -> None:
    """Every element, in the schema's order; dates have the Norwegian offset, codes no OT."""
    assert info(hel()) == {
        "Forskrivningsdato": "2026-03-01+01:00",
        "ReseptId": str(bygg.RESEPT_ID),
        "RefNr": REFNR,
        "IdLegemiddelMerkevare": "ID_1",
        "IdLegemiddelVirkestoff": "ID_2",
        "Nr": "429076",
        "NavnFormStyrke": "Cosylan Mikst 1,7 mg/ml",
        "LegemiddelblandingNavn": "Salve",
        "ProdGruppe": {"V": "504", "S": koder.PRODUKTGRUPPE.oid, "DN": "Diabetes"},
        "Bruksomrade": "Hoste",
        "Antall": "2.5",
        "Mengde": {"V": "100", "U": "g"},
        "Reiterasjon": "3",
        "TidligsteUtlevering": "2026-07-01+02:00",
        "RekvirentId": bygg.HPR,
        "NavnRekvirent": "Anja Fos Eidsvik",
        "Status": {"V": "E", "DN": "Ekspederbar"},
        "StatusSoknadSlv": {"V": "3", "DN": "Søknad innvilget av SLV"},
        "SisteUtlevering": "2026-01-02+01:00",
        "MetodeEkspedering": {"V": "F", "DN": "Forsendelse"},
        "RefHjemmel": {"V": "302", "S": koder.REFUSJONSHJEMMEL.oid, "DN": "§5-14 §3b"},
    }


def test_what_the_version_of_2023_says_more() -> None:
    """The day it expires, who holds it or is to dispense it, and what it is used for."""
    more = {"Utloper": "2027-02-28+01:00", "NavnUtleverer": APOTEK.navn, "Bruk": {"V": "1", "DN": "Fast"}}
    assert info(hel(), NS_2023) == {**info(hel()), **more}
    assert "NavnUtleverer" not in info(til(), NS_2023)


def test_what_is_not_known_is_not_said() -> None:
    """A plain package, as in the published list: no Reiterasjon of 0 either."""
    assert list(info(til())) == [
        *("Forskrivningsdato", "ReseptId", "Nr", "NavnFormStyrke", "Antall", "RekvirentId", "NavnRekvirent", "Status"),
    ]


@pytest.mark.parametrize(
    "form, name",
    [
        ("LegemiddelMerkevare", "IdLegemiddelMerkevare"),
        ("LegemiddelVirkestoff", "IdLegemiddelVirkestoff"),
        ("Legemiddelpakning", None),
    ],
)
def test_ids_of_the_drug_register_come_from_the_M1(form: str, name: str | None) -> None:
    """Of a brand and of a substance; a package has its number."""
    dok = bygg.legemiddel(Forskrivning=bygg.forskrivning(form, {"Id": "ID_F00"}))
    m1 = bygg.sak(m1_resept.TYPE, bygg.m1(dok), bygg.hode("ERM1", patient=bygg.pasient())).mottatt
    new = m1_resept.decide(m1, Tilstand(), Facts(), bygg.NOW).new
    assert new is not None
    said = info(replace(new, pasient=til().pasient))
    assert {key: text for key, text in said.items() if text == "ID_F00"} == ({name: "ID_F00"} if name else {})
