"""M5: what it says, who may recall, and what a recall does in each phase of a prescription."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from lxml import etree

from reseptformidler.domain import koder
from reseptformidler.domain.aktor import Facts, Person
from reseptformidler.domain.decision import Decision, Needs, Owed, Tilstand, Vedlegg
from reseptformidler.domain.hode import Organisation, Patient
from reseptformidler.domain.livslop import Fase, fase
from reseptformidler.domain.resept import Rekvirent, Resept
from reseptformidler.meldinger import m5_tilbakekalling as m5
from reseptformidler.wire.msghead import written_time
from tests.meldinger import bygg
from tests.meldinger.bygg import (
    ANNEN_HPR,
    ANNET_FNR,
    DNR,
    FNR,
    HPR,
    I_FASE,
    LEGE,
    LEGEKONTOR,
    MSG_ID,
    NOW,
    RESEPT_ID,
    Sak,
    avslag,
    hode,
    pasient,
    person_ident,
    sak,
    skiller,
    uten_nummer,
)

NY = "665e2a11-787a-4dac-aec1-16466a9838d1"
ANNENS = Rekvirent(hpr=ANNEN_HPR, navn="Tommy Fos Sjursen", her="8091390", org_navn="GFM Legekontor")


def arsak(verdi: str, liste: str = "7500") -> str:
    """Arsak."""
    return bygg.kode("Arsak", verdi, liste=liste)


def med(
    patient: Patient | None = None, person: Any = LEGE, sender: Organisation | None = None, **changes: str | None
) -> Sak:
    """An M5 from the doctor of the prescription."""
    parts: dict[str, str | None] = {
        "ReseptId": str(RESEPT_ID),
        "Merknad": "Trenger ikke resten",
        "Arsak": arsak("4"),
        "NyReseptId": None,
    }
    facts = Facts(avsender=LEGEKONTOR, helsepersonell=person)
    head = hode("ERM5", sender, patient=patient)
    return sak(m5.TYPE, bygg.xml("Tilbakekalling", m5.NS, {**parts, **changes}), head, facts)


def status(m52: Owed) -> str | None:
    """What an M5.2 says, list 7503."""
    found = etree.fromstring(m52.payload).find("{*}Status")
    return found.get("V") if found is not None else None


def over(melding: Sak, resept: Resept) -> Decision:
    """The decision on a stored prescription."""
    return melding.avgjor(Tilstand(resepter=(resept,)))


# ------------------------------------------------------------------------------------------------------- what it says


def test_7419_272_resept_id_of_m5_uuid() -> None:
    """Both ids are UUIDs, in either case."""
    skiller(
        272,
        (med(), med(ReseptId=str(RESEPT_ID).upper()), med(Arsak=arsak("1"), NyReseptId=NY)),
        (med(ReseptId="42"), med(NyReseptId="42")),
    )


def test_7419_268_tilbakekalling_arsak_in_code_list() -> None:
    """The cause is in list 7500; which list S names is no matter, since published messages name none."""
    skiller(268, (med(), med(Arsak=arsak("5")), med(Arsak=arsak("2", "0.0.0"))), med(Arsak=arsak("6")))


def test_7419_115_patient_ident_of_m5() -> None:
    """A number of the patient that is given is a right one."""
    galt = pasient(idents=(person_ident("FNR", "21014605159"),))
    skiller(115, (med(), med(pasient())), med(galt))


def test_the_recalled_prescription_is_loaded_in_any_state() -> None:
    """What is not dispensable any more is found too, to be refused with its own code."""
    assert m5.needs(med().mottatt, Facts()) == Needs(resepter=(RESEPT_ID,), alle=True)


# ----------------------------------------------------------------------------------------------------------- the life


def test_7419_12_resept_registered() -> None:
    """A prescription that is not here cannot be recalled."""
    assert avslag(med().avgjor()) == ["12"]
    assert avslag(over(med(), bygg.resept(resept_id=UUID(NY)))) == ["12"]
    assert over(med(), bygg.resept()).accepted


def test_a_recall_takes_effect_at_once() -> None:
    """E becomes T, with the recall and the time for the deletion, one row of history and an M5.2 of status 1."""
    decision = over(med(Arsak=arsak("1"), NyReseptId=NY), bygg.resept())
    (neste,) = decision.changed
    assert (fase(neste), neste.versjon, neste.lukket) == (Fase.T, 2, NOW)
    assert neste.tilbakekalt is not None
    assert (neste.tilbakekalt.msg_id, neste.tilbakekalt.tidspunkt) == (MSG_ID, NOW)
    assert (neste.tilbakekalt.merknad, neste.tilbakekalt.arsak.v) == ("Trenger ikke resten", "1")
    assert (neste.tilbakekalt.ny_resept_id, neste.tilbakekalt.her) == (NY, LEGEKONTOR.her)
    assert decision.notes == ()
    assert [(h.versjon, h.hendelse, h.fra, h.til) for h in decision.hendelser] == [(2, "tilbakekalt", "E", "T")]
    assert decision.kept_with == RESEPT_ID
    assert [(o.type, o.receiver, status(o)) for o in decision.owed] == [("M5.2", LEGEKONTOR.her, "1")]


def test_7419_13_recall_waits_for_dispensing() -> None:
    """Under dispensing the recall waits: accepted with 13, still U for its holder, M5.2 of status 2."""
    decision = over(med(), I_FASE[Fase.U]())
    assert [note.reason.code for note in decision.notes] == ["13"]
    assert fase(decision.changed[0]) is Fase.U_T
    assert decision.changed[0].las == bygg.LAS
    assert [(o.type, status(o)) for o in decision.owed] == [("M5.2", "2")]
    assert over(med(), bygg.resept()).notes == ()


def test_7419_14_recall_waits_for_authority() -> None:
    """While the authority decides the recall waits: accepted with 14 (T7)."""
    decision = over(med(), I_FASE[Fase.B]())
    assert [note.reason.code for note in decision.notes] == ["14"]
    assert fase(decision.changed[0]) is Fase.B_T
    assert over(med(), bygg.resept()).notes == ()


def test_7419_15_status_forbids_recall() -> None:
    """What is finished, refused by the authority or invalid cannot be recalled."""
    for i_fase in (Fase.R, Fase.A, Fase.X):
        assert avslag(over(med(), I_FASE[i_fase]())) == ["15"]
    assert over(med(), I_FASE[Fase.E]()).accepted


def test_7419_16_already_recalled() -> None:
    """A second recall is refused, also while the first one waits."""
    for i_fase in (Fase.T, Fase.U_T, Fase.B_T):
        assert avslag(over(med(), I_FASE[i_fase]())) == ["16"]
    assert over(med(), I_FASE[Fase.U]()).accepted


# --------------------------------------------------------------------------------------------------------- who may


def test_T4_another_doctor_recalls_and_the_prescriber_is_told() -> None:
    """M7 to the address the M1 came from."""
    decision = over(med(), bygg.resept(rekvirent=ANNENS))
    m52, m7 = decision.owed
    assert (m52.type, m52.receiver) == ("M5.2", LEGEKONTOR.her)
    assert (m7.type, m7.receiver, m7.resept_id, m7.ref_to_parent) == ("M7", ANNENS.her, RESEPT_ID, str(MSG_ID))
    assert etree.fromstring(m7.payload).findtext("{*}Tidspunkt") == written_time(NOW)
    assert m7.attachments == (Vedlegg(RESEPT_ID, MSG_ID),)
    assert decision.kept_with == RESEPT_ID


def test_what_is_kept_of_the_sender_has_no_identity_number() -> None:
    """The M5.2 goes back to the organisation as it stood, and to the person by HPR number, wherever she stood in it."""
    numre = (person_ident("FNR", FNR), person_ident("HPR", HPR))
    lege = bygg.lege(idents=numre)
    avdeling = Organisation("Avdeling", (bygg.org_ident("LAV", "22"),), professional=lege)
    for avsender in (bygg.legekontor(professional=lege), bygg.legekontor(professional=None, part=avdeling)):
        (m52,) = over(med(sender=avsender), bygg.resept()).owed
        assert m52.to.professional == replace(lege, idents=numre[1:])
        assert m52.to.part == (replace(avdeling, professional=None) if avsender.part else None)
        assert replace(m52.to, professional=None, part=None) == replace(avsender, professional=None, part=None)


def test_T4_the_prescriber_is_told_when_it_has_happened() -> None:
    """While the recall waits nothing is deleted, so no M7 yet."""
    decision = over(med(), replace(I_FASE[Fase.U](), rekvirent=ANNENS))
    assert [owed.type for owed in decision.owed] == ["M5.2"]


def test_7419_74_tilbakekaller_authorised() -> None:
    """Somebody without authorisation recalls only what he wrote himself."""
    uten = med(person=replace(LEGE, autorisert=False))
    assert over(uten, bygg.resept()).accepted
    assert avslag(over(uten, bygg.resept(rekvirent=ANNENS))) == ["74"]


@pytest.mark.parametrize(
    "uten_rett",
    [
        {"rekvisisjonsrett": False},
        {"rett_suspendert": True},
        {"rett_avsluttet": True},
        {"rett_til": NOW.date() - timedelta(days=1)},
    ],
)
def test_7419_281_tilbakekaller_requisition_right(uten_rett: dict[str, Any]) -> None:
    """Somebody without a valid requisition right recalls only what he wrote himself."""
    uten = med(person=replace(LEGE, **uten_rett))
    assert over(uten, bygg.resept()).accepted
    assert avslag(over(uten, bygg.resept(rekvirent=ANNENS))) == ["281"]


def test_7419_323_tilbakekaller_category() -> None:
    """A midwife recalls her own prescriptions, a doctor anybody's."""
    jordmor = med(person=replace(LEGE, kategorier=("JO",)))
    assert over(jordmor, bygg.resept()).accepted
    assert avslag(over(jordmor, bygg.resept(rekvirent=ANNENS))) == ["323"]
    assert over(med(), bygg.resept(rekvirent=ANNENS)).accepted


def test_a_recall_for_another_patient_is_refused() -> None:
    """A head that names another person than the prescription has the wrong one; no number, no comparison."""
    annen = pasient(idents=(person_ident("FNR", ANNET_FNR),))
    assert avslag(over(med(annen), bygg.resept())) == ["320"]
    for patient in (pasient(), uten_nummer(), None):
        assert over(med(patient), bygg.resept()).accepted


def test_a_former_number_names_the_same_patient() -> None:
    """Who has got a new number since the prescription was written can have it recalled."""
    ny = med(pasient(idents=(person_ident("FNR", ANNET_FNR),)))
    facts = replace(ny.facts, personer={ANNET_FNR: Person((ANNET_FNR, FNR))})
    assert over(replace(ny, facts=facts), bygg.resept()).accepted
    to = pasient(idents=(person_ident("FNR", FNR), person_ident("DNR", DNR)))
    assert avslag(over(med(to), bygg.resept())) == ["320"]


def test_the_cause_is_one_of_the_list() -> None:
    """Every cause of list 7500 is accepted."""
    for verdi in koder.ARSAK_TILBAKEKALLING.navn:
        assert over(med(Arsak=arsak(verdi)), bygg.resept()).accepted
