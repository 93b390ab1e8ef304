"""M24.1: who may subscribe to whose dispensing reports, what then stands on the patient's card, what M24.2 says."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from typing import Any
from uuid import UUID

import pytest
from lxml import etree

from reseptformidler.domain.aktor import Facts, Fastlege, Person
from reseptformidler.domain.decision import Decision, Finding, Hendelse, Needs, Tilstand
from reseptformidler.domain.hode import Patient
from reseptformidler.domain.kalender import norsk_dag
from reseptformidler.domain.pasientkort import Abonnement, Libmelding, Pasientkort
from reseptformidler.meldinger.m241_samtykke import M241
from reseptformidler.meldinger.rapportering import senere_mottaker
from reseptformidler.reasons import reason
from reseptformidler.wire.head import head_findings
from reseptformidler.wire.msghead import read_head
from tests.meldinger import bygg
from tests.meldinger.bygg import (
    ANNEN_HPR,
    ANNET_FNR,
    DNR,
    FNR,
    HPR,
    LEGE,
    LEGEKONTOR,
    MSG_ID,
    NOW,
    Sak,
    hode,
    legekontor,
    pasient,
    person_ident,
    sak,
    skiller,
)
from tests.wire.eksempler import changed, m241

KORT_ID = UUID(int=24)
DAG = norsk_dag(NOW)
FASTLEGE = Fastlege(HPR, "Anja Fos", "Eidsvik", LEGEKONTOR)
PERSON = Person((FNR,), fastlege=FASTLEGE)
SENDER = senere_mottaker(hode("ERM241"))
ANNENS = Abonnement(legekontor(professional=bygg.lege(idents=(person_ident("HPR", ANNEN_HPR),))), DAG)
MITT = Abonnement(SENDER, DAG)


def kode(name: str, verdi: str) -> str:
    """A coded element of the payload."""
    return bygg.kode(name, verdi)


def med(patient: Patient | None = None, person: Person | None = PERSON, lege: Any = LEGE, **changes: str | None) -> Sak:
    """An M24.1 from the patient's fastlege, who begins a subscription."""
    parts: dict[str, str | None] = {
        "SamtykkeGittAv": kode("SamtykkeGittAv", "2"),
        "SamtykkeTil": "2056-01-21",
        "TypeSamtykke": kode("TypeSamtykke", "1"),
        "Samtykkeverdi": kode("Samtykkeverdi", "1"),
    }
    facts = Facts(
        avsender=LEGEKONTOR,
        helsepersonell=lege,
        personer=dict.fromkeys(person.numre, person) if person is not None else {},
    )
    head = hode("ERM241", patient=pasient() if patient is None else patient)
    return sak(M241, bygg.xml("Samtykke", M241.namespaces[0], {**parts, **changes}), head, facts)


def av(**changes: Any) -> Sak:
    """An M24.1 that ends a subscription."""
    return med(Samtykkeverdi=kode("Samtykkeverdi", "2"), **changes)


def kort(*abonnement: Abonnement, **changes: Any) -> Pasientkort:
    """The patient's card in its third version."""
    return replace(Pasientkort(KORT_ID, 3, FNR, NOW - timedelta(days=9), abonnement=abonnement), **changes)


def over(melding: Sak, *cards: Pasientkort) -> Decision:
    """The decision where these cards are."""
    return melding.avgjor(Tilstand(kort=cards))


def svar(decision: Decision) -> dict[str, tuple[str, str]]:
    """What the M24.2 says: value and display name of each element."""
    assert decision.reply is not None
    assert decision.reply.type == "ERM242"
    payload = etree.fromstring(decision.reply.payload)
    assert payload.tag == "{http://www.kith.no/xmlstds/eresept/m242/2008-10-03}SvarSamtykke"
    return {etree.QName(one).localname: (one.get("V", ""), one.get("DN", "")) for one in payload}


REGISTRERT = {"Svar": ("1", "Registrert")}


def avvist(verdi: str, navn: str) -> dict[str, tuple[str, str]]:
    """A refusal for one cause."""
    return {"Svar": ("2", "Avvist"), "Begrunnelse": (verdi, navn)}


# ------------------------------------------------------------------------------------------------------- what it says


def test_7419_76_samtykke_missing() -> None:
    """A message of this type that has another content than a Samtykke; with one there is nothing to find."""

    def found(root: etree._Element) -> list[Finding]:
        return list(head_findings(root, read_head(root), M241, read_head(root).gen_date, skew=timedelta(hours=1)))

    assert found(changed(m241(), "", "")) == []
    annet = etree.fromstring(m241().replace(b"Samtykke ", b"Avtale ").replace(b"</Samtykke>", b"</Avtale>"))
    assert found(annet) == [Finding(reason(76), "Document/RefDoc/Content")]


def test_7419_116_samtykkeverdi_missing() -> None:
    """The schema lets it be left out; then nobody knows what is meant (S1)."""
    skiller(116, (med(), av()), med(Samtykkeverdi=None))


def test_S3_samtykkeverdi_is_yes_or_no() -> None:
    """230."""
    skiller(230, (med(), av()), med(Samtykkeverdi=kode("Samtykkeverdi", "3")))


def test_S3_what_is_not_of_its_code_list_is_malformed() -> None:
    """Who consented (7456), to what (7455), and a last day."""
    riktige = [med(SamtykkeGittAv=kode("SamtykkeGittAv", str(verdi))) for verdi in range(1, 10)]
    gale = (
        med(SamtykkeGittAv=kode("SamtykkeGittAv", "10")),
        med(TypeSamtykke=kode("TypeSamtykke", "2")),
        med(SamtykkeTil="-0044-03-15"),
    )
    skiller(320, riktige, gale)


def test_S2_without_the_patients_number_there_is_no_patient() -> None:
    """115: FNR or DNR, a right one."""
    med_dnr = med(pasient(idents=(person_ident("DNR", DNR),)))
    uten = (med(bygg.uten_nummer()), med(Patient("KNUTSEN", given_name="OTTAR")))
    skiller(115, (med(), med_dnr), (*uten, med(pasient(idents=(person_ident("FNR", "21014605159"),)))))
    skiller(275, med(), med(pasient(idents=(person_ident("FNR", FNR), person_ident("DNR", DNR)))))


def test_S2_the_patient_has_a_name() -> None:
    """162 and 163 (HIS 3007 6.1.1)."""
    skiller(162, med(), med(pasient(given_name="")))
    skiller(163, med(), med(pasient(family_name="")))


def test_V1_M241_is_signed_personally() -> None:
    """By a prescriber, whose HPR number it must then be (23)."""
    assert M241.signed
    skiller(23, med(), med(lege=replace(LEGE, hpr=ANNEN_HPR)))


# --------------------------------------------------------------------------------------------------- who may subscribe


def test_S2_who_is_the_patients_fastlege_is_registered() -> None:
    """A first subscription makes the card: named by the M24.1, under the patient's present number."""
    decision = over(med())
    assert svar(decision) == REGISTRERT
    nytt = Abonnement(SENDER, date(2056, 1, 21))
    assert decision.kort == Pasientkort(MSG_ID, 1, FNR, NOW, abonnement=(nytt,))
    assert decision.hendelser == (Hendelse(MSG_ID, 1, "abonnement_registrert", "uten", "med"),)
    assert decision.owed == ()


@pytest.mark.parametrize(
    "person", [None, Person((FNR,)), Person((FNR,), fastlege=replace(FASTLEGE, hpr=ANNEN_HPR))], ids=str
)
def test_S2_who_is_not_the_patients_fastlege_is_refused(person: Person | None) -> None:
    """Cause 2, and nothing is registered."""
    decision = over(med(person=person), kort(ANNENS))
    assert svar(decision) == avvist("2", "Rekvirent er ikke pasientens fastlege")
    assert (decision.kort, decision.hendelser) == (None, ())


def test_S2_who_is_no_doctor_is_no_fastlege() -> None:
    """Cause 1: no other profession stands in the fastlege register."""
    decision = over(med(lege=replace(LEGE, kategorier=("JO",))))
    assert svar(decision) == avvist("1", "Rekvirent finnes ikke i fastlegeregisteret")
    assert decision.kort is None


def test_S3_a_subscription_that_has_ended_is_not_begun() -> None:
    """Cause 3. SamtykkeTil is its last day, by Norwegian time."""
    assert svar(over(med(SamtykkeTil=str(DAG)))) == REGISTRERT
    decision = over(med(SamtykkeTil=str(DAG - timedelta(days=1))))
    assert svar(decision) == avvist("3", "Annen begrunnelse")
    assert decision.kort is None


def test_an_hpr_number_of_the_register_may_lack_its_zeros() -> None:
    """The head has nine digits (19)."""
    lege = bygg.lege(idents=(person_ident("HPR", "009144889"),))
    melding = med(person=replace(PERSON, fastlege=replace(FASTLEGE, hpr="9144889")), lege=replace(LEGE, hpr="9144889"))
    head = replace(melding.mottatt.head, sender=legekontor(professional=lege))
    assert svar(over(replace(melding, mottatt=replace(melding.mottatt, head=head)))) == REGISTRERT


# ------------------------------------------------------------------------------------------------ what the card holds


def test_a_doctor_has_one_subscription_to_a_patient() -> None:
    """The newest. What else stands on the card, others' subscriptions too, is left as it was, and so is its time."""
    annet = kort(ANNENS, MITT, parter=("1",), meldinger=(Libmelding(MSG_ID, "ERM251", NOW),))
    decision = over(med(), annet)
    nytt = Abonnement(SENDER, date(2056, 1, 21))
    assert decision.kort == replace(annet, versjon=4, abonnement=(ANNENS, nytt))
    assert decision.hendelser == (Hendelse(KORT_ID, 4, "abonnement_registrert", "med", "med"),)
    assert over(med(), kort(ANNENS)).hendelser == (Hendelse(KORT_ID, 4, "abonnement_registrert", "uten", "med"),)


def test_S3_a_doctor_ends_the_own_subscription() -> None:
    """No other one; also after the patient has got another fastlege, and when its last day is past."""
    annen_fastlege = Person((FNR,), fastlege=replace(FASTLEGE, hpr=ANNEN_HPR))
    for melding in (av(), av(person=annen_fastlege), av(SamtykkeTil="2020-01-01")):
        decision = over(melding, kort(MITT, ANNENS))
        assert svar(decision) == REGISTRERT
        assert decision.kort == kort(ANNENS, versjon=4)
        assert decision.hendelser == (Hendelse(KORT_ID, 4, "abonnement_avsluttet", "med", "uten"),)


def test_to_end_what_was_never_begun_changes_nothing() -> None:
    """The wish is fulfilled already."""
    for cards in ((), (kort(),), (kort(ANNENS),)):
        decision = over(av(), *cards)
        assert svar(decision) == REGISTRERT
        assert (decision.kort, decision.hendelser) == (None, ())


def test_the_card_of_a_person_is_found_under_former_numbers() -> None:
    """All numbers are asked for; a card that is there lives on under the number it was made under."""
    gammelt = replace(PERSON, numre=(ANNET_FNR, FNR))
    melding = med(person=gammelt)
    assert M241.needs(melding.mottatt, melding.facts) == Needs(kort=(ANNET_FNR, FNR))
    funnet, nytt = over(melding, kort()), over(melding)
    assert funnet.kort is not None
    assert (funnet.kort.ident, funnet.kort.versjon) == (FNR, 4)
    assert nytt.kort is not None
    assert nytt.kort.ident == ANNET_FNR
