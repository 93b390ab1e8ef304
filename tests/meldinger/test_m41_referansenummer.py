"""M4.1: how many reference numbers may be asked for, by whom, and whose they are."""

from __future__ import annotations

from dataclasses import replace

from lxml import etree

from reseptformidler.domain.aktor import Aktor, Facts
from reseptformidler.domain.decision import Needs, RefNr, Tilstand
from reseptformidler.domain.hode import Organisation
from reseptformidler.meldinger.m41_referansenummer import M41
from tests.meldinger.bygg import (
    ANNET_REFNR,
    APOTEK,
    HPR,
    LEGEKONTOR,
    REFNR,
    Sak,
    hode,
    lege,
    legekontor,
    person_ident,
    sak,
    skiller,
)


def med(antall: int | str = 10, sender: Organisation | None = None, aktor: Aktor | None = LEGEKONTOR) -> Sak:
    """An M4.1 from the doctor's office."""
    payload = f'<M41 xmlns="{M41.namespaces[0]}"><Antall>{antall}</Antall></M41>'
    return sak(M41, payload, hode("ERM41", sender), Facts(avsender=aktor))


def fra(*numre: tuple[str, str]) -> Sak:
    """An M4.1 from a person with these numbers."""
    return med(sender=legekontor(professional=lege(idents=tuple(person_ident(*one) for one in numre))))


def test_7419_49_refnr_at_most_100() -> None:
    """A hundred, no more; however many digits the schema lets through."""
    skiller(49, (med(1), med(100)), (med(101), med(2_147_483_647)))


def test_at_least_one_number_is_asked_for() -> None:
    """An M4.2 has at least one; the schema's int has others."""
    skiller(320, (med(1), med("+7"), med("007")), (med(0), med(-1)))


def test_L3_the_numbers_are_the_prescribers_who_asked() -> None:
    """As many as asked for are loaded, and all of them issued to the HPR number of the head."""
    melding = med(2)
    assert M41.needs(melding.mottatt, melding.facts) == Needs(nye_refnr=2)
    decision = melding.avgjor(Tilstand(ledige_refnr=(REFNR, ANNET_REFNR)))
    assert decision.issued == (RefNr(REFNR, HPR), RefNr(ANNET_REFNR, HPR))
    assert decision.reply is not None
    assert decision.reply.type == "ERM42"
    svar = etree.fromstring(decision.reply.payload)
    assert [one.text for one in svar.iterfind("{*}RefNr")] == [REFNR, ANNET_REFNR]
    assert svar.tag == "{http://www.kith.no/xmlstds/eresept/m42/2006-10-06}M42"


def test_M41_names_its_prescriber() -> None:
    """With an HPR number of nine digits (6, 19); neither name, address nor telephone are asked for (R1908 4.1.1)."""
    bare = replace(legekontor(professional=lege(family_name="", given_name="")), address=None, telecom=())
    skiller(
        6,
        (fra(("HPR", HPR)), med(sender=bare)),
        (fra(("FNR", "21014605158")), med(sender=legekontor(professional=None))),
    )
    skiller(19, fra(("HPR", "009144889")), fra(("HPR", "9144889")))


def test_M41_is_for_prescribers() -> None:
    """Not for a pharmacy (377), nor for anybody the service does not know (128)."""
    skiller(377, med(), med(aktor=replace(LEGEKONTOR, type=APOTEK.type)))
    skiller(128, med(), med(aktor=None))


def test_V1_M41_is_not_signed() -> None:
    """It is no document that anybody signs."""
    assert not M41.signed
