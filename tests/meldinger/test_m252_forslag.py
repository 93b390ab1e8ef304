"""M25.2: to whom it goes on, and how."""

from __future__ import annotations

from lxml import etree

from reseptformidler.domain.hode import HealthcareProfessional, Organisation
from reseptformidler.meldinger.m252_forslag import M252
from tests.meldinger.bygg import HPR, LEGEKONTOR, MSG_ID, org_ident, pasient, person_ident
from tests.meldinger.lister import apotek_sender, kort, tilstand


def test_X15_goes_on_to_the_doctor_as_it_came() -> None:
    """To the doctor as M27.1 named it, in the conversation it stood in, with the patient."""
    decision = apotek_sender(M252, ref_to_conversation="438308f4-dc36-467d-b00b-16811710205d").avgjor(tilstand(kort()))
    (owed,) = decision.owed
    assert owed.type == "M25.2"
    assert owed.to == Organisation(
        name=LEGEKONTOR.navn,
        idents=(org_ident("ENH", LEGEKONTOR.enh), org_ident("HER", LEGEKONTOR.her)),
        professional=HealthcareProfessional(
            family_name="Eidsvik", given_name="Anja Fos", idents=(person_ident("HPR", HPR),)
        ),
    )
    assert (owed.ref_to_parent, owed.ref_to_conversation) == (str(MSG_ID), "438308f4-dc36-467d-b00b-16811710205d")
    assert owed.patient == pasient()
    assert owed.payload == etree.tostring(apotek_sender(M252).mottatt.payload)
