"""What every list of medicines must keep, whoever sends it: its patient, its entries, the prescriptions it names."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from uuid import UUID

import pytest

from reseptformidler.domain.aktor import Facts, Person
from reseptformidler.domain.decision import Needs
from reseptformidler.domain.resept import Pasient
from reseptformidler.meldinger.m1_innhold import FS
from reseptformidler.meldinger.m253_pakking import M253
from tests.meldinger import bygg
from tests.meldinger.bygg import (
    ANNET_FNR,
    DNR,
    FNR,
    LEGE,
    LEGEKONTOR,
    RESEPT_ID,
    Sak,
    avslag,
    handelsvare,
    legemiddel,
    pasient,
    person_ident,
    resept,
    skiller,
    uten_nummer,
)
from tests.meldinger.lister import (
    ALLE,
    OPPFORING_ID,
    SEPONERT,
    apotek_sender,
    kort,
    lege_sender,
    oppforing,
    tilstand,
)

ANNEN_ID = "b08e4a01-fe66-41eb-8f07-16810c2e3eb3"
hver = pytest.mark.parametrize("sender", ALLE, ids=["m251", "m252", "m253"])
Sender = Callable[..., Sak]


@hver
def test_P10_patient_by_national_number(sender: Sender) -> None:
    """Fødselsnummer or D-number, with right check digits (115), never both (275)."""
    dnr = sender(patient=pasient(idents=(person_ident("DNR", DNR),)))
    skiller(257, (sender(), dnr), (sender(patient=None), sender(patient=uten_nummer())))
    skiller(115, sender(), sender(patient=pasient(idents=(person_ident("FNR", "21014605159"),))))
    skiller(275, dnr, sender(patient=pasient(idents=(person_ident("FNR", FNR), person_ident("DNR", DNR)))))


@hver
def test_X1_the_id_of_an_entry_is_a_uuid(sender: Sender) -> None:
    """What identifies an entry for ever is of the form that HIS 3014 says."""
    skiller(320, sender(), sender(oppforing(Id="1")))


@hver
def test_7419_315_entry_id_once(sender: Sender) -> None:
    """The same id in two entries, in whichever case."""
    annen = {"ReseptId": ANNEN_ID}
    skiller(
        315,
        sender(oppforing(), oppforing(Id=ANNEN_ID, **annen)),
        (sender(oppforing(), oppforing(**annen)), sender(oppforing(), oppforing(Id=OPPFORING_ID.upper(), **annen))),
    )


def test_7419_235_type_of_entry() -> None:
    """E, P and U are the list's values (7491)."""
    typer = [lege_sender(oppforing(Type=bygg.kode("Type", type_))) for type_ in "EPU"]
    skiller(235, typer, lege_sender(oppforing(Type=bygg.kode("Type", "X"))))


def test_X2_a_prescription_has_a_resept_id() -> None:
    """An e-prescription by the MsgId of its M1, a paper prescription by any id; without prescription none."""
    papir, uten = bygg.kode("Type", "P"), bygg.kode("Type", "U")
    skiller(
        320,
        (lege_sender(oppforing(Type=papir, ReseptId="17")), lege_sender(oppforing(Type=uten, ReseptId=None))),
        (
            lege_sender(oppforing(ReseptId=None)),
            lege_sender(oppforing(ReseptId="17")),
            lege_sender(oppforing(Type=papir, ReseptId=None)),
        ),
    )


def test_X3_a_prescription_stands_in_one_active_entry() -> None:
    """Twice only where one of them is discontinued."""
    en = oppforing()
    skiller(
        320,
        lege_sender(en, oppforing(Id=ANNEN_ID, Seponering=SEPONERT)),
        lege_sender(en, oppforing(Id=ANNEN_ID, ReseptId=str(RESEPT_ID).upper())),
    )


def test_X4_drugs_only() -> None:
    """No vaccine, no other goods, nothing that is no ReseptDokLegemiddel; food supplements without prescription."""
    vaksine = legemiddel(Forskrivning=bygg.forskrivning(Bruk=bygg.kode("Bruk", "4")))
    andre_varer = legemiddel(Varegruppekode=bygg.kode("Varegruppekode", "A"))
    gruppe = bygg.kode("Reseptgruppe", "K")
    kosttilskudd = legemiddel(Forskrivning=bygg.forskrivning(inni={"Reseptgruppe": gruppe}))
    uten = {"Type": bygg.kode("Type", "U"), "ReseptId": None}
    refused = [lege_sender(oppforing(dok)) for dok in (vaksine, andre_varer, handelsvare(), "ikke XML", kosttilskudd)]
    skiller(320, (lege_sender(), lege_sender(oppforing(kosttilskudd, **uten))), refused)
    assert FS in kosttilskudd  # the group stands in the Forskrivning, in its namespace


def test_hostile_base64_is_refused() -> None:
    """What is read out of the base64 is read as guardedly as the message: no entities, no other encoding."""
    farlig = '<!DOCTYPE x [<!ENTITY a "b">]><ReseptDokLegemiddel xmlns="m1">&a;</ReseptDokLegemiddel>'
    assert lege_sender(oppforing(farlig)).koder == ["320"]


def test_many_documents_are_no_way_around_the_bound_of_one() -> None:
    """Entries that are each small enough are refused together, unread."""
    dok = f'<ReseptDokLegemiddel xmlns="m1">{"<a/>" * 5000}</ReseptDokLegemiddel>'
    few, many = ([oppforing(dok, Id=str(UUID(int=n)), ReseptId=str(UUID(int=n))) for n in range(m)] for m in (9, 10))
    assert all(one.dok is not None for one in lege_sender(*few).mottatt.content.oppforinger)
    refused = lege_sender(*many)
    assert all(one.dok is None for one in refused.mottatt.content.oppforinger)
    assert refused.koder == ["320"]


def test_yes_or_no() -> None:
    """Vikar and InngarMultidose are of list 1101 (230)."""
    inngar = [
        apotek_sender(M253, oppforing(InngarMultidose=bygg.kode("InngarMultidose", verdi))) for verdi in ("1", "2", "3")
    ]
    skiller(230, (*inngar[:2], lege_sender(vikar="2")), (inngar[2], lege_sender(vikar="3")))


def test_needs_the_prescriptions_and_the_card_by_all_numbers() -> None:
    """Each prescription once, of e-prescriptions alone; a card under a former number is found too."""
    papir = oppforing(Id=ANNEN_ID, Type=bygg.kode("Type", "P"), ReseptId=ANNEN_ID)
    seponert = oppforing(Id=str(UUID(int=9)), Seponering=SEPONERT)
    person = Person((ANNET_FNR, FNR))
    facts = Facts(avsender=LEGEKONTOR, helsepersonell=LEGE, personer={FNR: person})
    melding = lege_sender(oppforing(), papir, seponert, facts=facts)
    needs = melding.type.needs(melding.mottatt, facts)
    assert needs == Needs(resepter=(RESEPT_ID,), dokumenter=True, kort=(ANNET_FNR, FNR))


def test_X5_the_text_of_the_prescription() -> None:
    """What the M1 says, whatever the white space; another amount is another prescription. Of one that is gone: no."""
    luft = legemiddel().replace("><", ">\n  <")
    endret = legemiddel(Antall="2")
    assert lege_sender().avgjor(tilstand(resept=resept())).accepted
    assert lege_sender(oppforing(luft)).avgjor(tilstand(resept=resept())).accepted
    assert avslag(lege_sender(oppforing(endret)).avgjor(tilstand(resept=resept()))) == ["320"]
    assert avslag(lege_sender().avgjor(tilstand(resept=resept(), m1=bygg.m1(handelsvare())))) == ["320"]
    assert lege_sender(oppforing(endret)).avgjor(tilstand()).accepted


@pytest.mark.parametrize(
    "endring",
    [
        ('V="L"', 'V="L" OT="x"'),
        ("<Reiterasjon>0</Reiterasjon>", ""),
        ("Cosylan Mikst", "Cosylan  Mikst"),
        (f'xmlns="{FS}"', 'xmlns="annet"'),
    ],
)
def test_X5_every_difference_is_seen(endring: tuple[str, str]) -> None:
    """An attribute more, an element less, another text, another namespace."""
    endret = legemiddel().replace(*endring)
    assert endret != legemiddel()
    assert avslag(lege_sender(oppforing(endret)).avgjor(tilstand(resept=resept()))) == ["320"]


def test_another_patients_prescription_is_refused() -> None:
    """A list holds its own patient's prescriptions; one written under a former number is the same patient's."""
    annens = Pasient(ident=ANNET_FNR, ident_type="FNR", fornavn="KARI", etternavn="NORDMANN")
    under_annet_nummer = resept(pasient=annens)
    assert avslag(lege_sender().avgjor(tilstand(resept=under_annet_nummer))) == ["320"]
    facts = Facts(avsender=LEGEKONTOR, helsepersonell=LEGE, personer={FNR: Person((FNR, ANNET_FNR))})
    assert lege_sender(facts=facts).avgjor(tilstand(resept=under_annet_nummer)).accepted


@hver
def test_7419_239_locked_prescription(sender: Sender) -> None:
    """L10: a locked prescription is no part of a list."""
    assert sender().avgjor(tilstand(kort(), resept())).accepted
    assert avslag(sender().avgjor(tilstand(kort(), resept(last=True)))) == ["239"]


@hver
def test_a_msg_id_that_the_card_holds(sender: Sender) -> None:
    """Another sender's MsgId would take the place of what is held under it (65)."""
    melding = sender()
    first = melding.avgjor(tilstand(kort())).kort
    assert first is not None
    refused = melding.avgjor(tilstand(replace(first, leger=kort().leger)))
    assert "65" in avslag(refused)
