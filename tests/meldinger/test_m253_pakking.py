"""M25.3: the doctor is sent it as it came, Kjernejournal an M25.4."""

from __future__ import annotations

from lxml import etree

from reseptformidler.domain.aktor import KJERNEJOURNAL
from reseptformidler.meldinger.m253_pakking import M253
from tests.meldinger.bygg import MSG_ID, avslag
from tests.meldinger.lister import apotek_sender, kort, tilstand


def test_goes_to_the_doctor_and_to_Kjernejournal() -> None:
    """HIS 3014 1.1.1: what was packed is told to both."""
    decision = apotek_sender(M253).avgjor(tilstand(kort()))
    til_lege, til_kj = decision.owed
    assert (til_lege.type, til_kj.type) == ("M25.3", "M25.4")
    assert til_lege.payload == etree.tostring(apotek_sender(M253).mottatt.payload)
    assert til_kj.to == KJERNEJOURNAL.som_mottaker()
    assert (
        etree.QName(etree.fromstring(til_kj.payload)).namespace == "http://www.kith.no/xmlstds/eresept/m254/2013-10-08"
    )
    assert (til_kj.ref_to_parent, til_kj.ref_to_conversation) == (str(MSG_ID), str(MSG_ID))


def test_nobody_is_told_of_what_is_refused() -> None:
    """Neither the doctor nor Kjernejournal."""
    decision = apotek_sender(M253).avgjor(tilstand(kort(apotek=())))
    assert avslag(decision) == ["153"]
    assert decision.owed == ()
