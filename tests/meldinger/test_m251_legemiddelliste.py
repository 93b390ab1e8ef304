"""M25.1: who may send a patient's list, what it must follow, and what the card then holds."""

from __future__ import annotations

from dataclasses import replace
from uuid import UUID

import pytest

from reseptformidler.domain.aktor import Facts, Person
from reseptformidler.domain.decision import Hendelse
from reseptformidler.domain.hode import Kode
from reseptformidler.domain.pasientkort import Libmelding, Pasientkort
from tests.meldinger.bygg import (
    ANNEN_HPR,
    ANNET_FNR,
    APOTEK,
    FNR,
    LEGE,
    LEGEKONTOR,
    MSG_ID,
    NOW,
    avslag,
    lege,
    legekontor,
    skiller,
)
from tests.meldinger.lister import (
    DAG,
    KORT_ID,
    M251_ID,
    M252_ID,
    M253_ID,
    holdt,
    kort,
    lege_sender,
    multidoselege,
    tilstand,
)

ANNENS = kort(leger=(multidoselege(ANNEN_HPR),))


def test_7419_207_doctor_by_hpr() -> None:
    """R4: only doctors send M25.1; a doctor who is a dentist too is one."""
    begge = replace(LEGE, kategorier=("LE", "TL"))
    tannlege = replace(LEGE, kategorier=("TL",))
    sender = legekontor(professional=lege(type=None))
    ok, ikke = (
        lege_sender(sender=sender, facts=Facts(avsender=LEGEKONTOR, helsepersonell=person))
        for person in (begge, tannlege)
    )
    skiller(207, ok, ikke)


def test_7419_209_doctor_by_head() -> None:
    """Who has several categories must act as a doctor."""
    facts = Facts(avsender=LEGEKONTOR, helsepersonell=replace(LEGE, kategorier=("LE", "TL")))
    tannlege = legekontor(professional=lege(type=Kode("TL", "Tannlege")))
    skiller(209, lege_sender(facts=facts), lege_sender(facts=facts, sender=tannlege))


def test_V1_X9_signed_by_any_doctor_for_anybody() -> None:
    """The first list of a patient without multidose makes the card; nobody is told of it."""
    melding = lege_sender()
    assert melding.type.signed
    decision = melding.avgjor(tilstand())
    assert decision.kort == Pasientkort(
        MSG_ID, 1, FNR, endret=NOW, numre=(FNR,), meldinger=(Libmelding(MSG_ID, "ERM251", NOW),)
    )
    assert decision.hendelser == (Hendelse(MSG_ID, 1, "lib_mottatt", "", "ERM251"),)
    assert decision.owed == ()


def test_7419_152_registered_multidose_doctor() -> None:
    """X10: where a doctor is registered no other one sends the list, but a substitute does; both days count."""
    assert lege_sender().avgjor(tilstand(kort())).accepted
    assert avslag(lege_sender().avgjor(tilstand(ANNENS))) == ["152"]
    assert avslag(lege_sender(vikar="2").avgjor(tilstand(ANNENS))) == ["152"]
    assert lege_sender(vikar="1").avgjor(tilstand(ANNENS)).accepted
    senere = kort(leger=(multidoselege(ANNEN_HPR, fra=DAG.replace(day=3)),))
    assert lege_sender().avgjor(tilstand(senere)).accepted
    avsluttet = kort(leger=(multidoselege(ANNEN_HPR, til=DAG),))
    assert lege_sender().avgjor(tilstand(avsluttet)).accepted


def test_7419_359_substitute_for_nobody() -> None:
    """Nobody is registered: then nobody is stood in for."""
    assert avslag(lege_sender(vikar="1").avgjor(tilstand())) == ["359"]
    assert avslag(lege_sender(vikar="1").avgjor(tilstand(kort(leger=())))) == ["359"]
    assert lege_sender(vikar="2").avgjor(tilstand()).accepted


@pytest.mark.parametrize(
    "held, parent, accepted",
    [
        ((), "", True),
        ((), str(UUID(int=1)), True),
        (("ERM251",), "", False),
        (("ERM251",), str(UUID(int=1)), False),
        (("ERM251",), str(M251_ID).upper(), True),
        (("ERM251", "ERM252"), str(M251_ID), False),
        (("ERM251", "ERM252"), str(M252_ID), True),
        (("ERM251", "ERM252", "ERM253"), str(M252_ID), True),
        (("ERM251", "ERM252", "ERM253"), str(M253_ID), True),
        (("ERM252", "ERM251"), str(M252_ID), False),
        (("ERM253",), str(M253_ID), True),
    ],
)
def test_X8_follows_the_last_list(held: tuple[str, ...], parent: str, accepted: bool) -> None:
    """RefToParent is the last M25.1 or M25.2, or the last M25 of all (226)."""
    decision = lege_sender(ref_to_parent=parent).avgjor(tilstand(kort(meldinger=holdt(*held))))
    assert avslag(decision) == ([] if accepted else ["226"])


def test_the_card_holds_the_last_of_each_type() -> None:
    """A new list takes the place of the last of its type; M9.21 tells doctor and pharmacy of it."""
    foer = kort(meldinger=holdt("ERM251", "ERM252", "ERM253"))
    decision = lege_sender(ref_to_parent=str(M253_ID)).avgjor(tilstand(foer))
    assert decision.kort is not None
    assert decision.kort.meldinger == (*holdt("ERM252", "ERM253"), Libmelding(MSG_ID, "ERM251", NOW))
    assert (decision.kort.kort_id, decision.kort.versjon) == (KORT_ID, 4)
    assert decision.kort.endret == NOW
    assert decision.kort.parter == tuple(sorted((LEGEKONTOR.her, APOTEK.her)))
    assert (decision.kort.leger, decision.kort.apotek) == (foer.leger, foer.apotek)


def test_a_card_under_a_former_number() -> None:
    """It stays where it is, and learns the new number."""
    facts = Facts(avsender=LEGEKONTOR, helsepersonell=LEGE, personer={FNR: Person((FNR, ANNET_FNR))})
    gammelt = kort(ident=ANNET_FNR)
    nytt = lege_sender(facts=facts).avgjor(tilstand(gammelt)).kort
    assert nytt is not None
    assert (nytt.kort_id, nytt.ident, nytt.numre) == (KORT_ID, ANNET_FNR, (FNR, ANNET_FNR))
    uten = lege_sender().avgjor(tilstand(gammelt)).kort
    assert uten is not None
    assert uten.kort_id == MSG_ID  # negative control: the register alone says that both are one person


def test_all_that_is_wrong_is_said() -> None:
    """Several reasons in one refusal, and nothing changes."""
    decision = lege_sender(ref_to_parent=str(UUID(int=1))).avgjor(tilstand(replace(ANNENS, meldinger=holdt("ERM251"))))
    assert avslag(decision) == ["152", "226"]
    assert decision.kort is None
