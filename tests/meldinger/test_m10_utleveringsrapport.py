"""M10: a dispensing, its cancel or its annulment, what it does to the prescription and whom it is owed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from lxml import etree

from reseptformidler.domain.aktor import KJERNEJOURNAL, Aktor, Facts, M8Til
from reseptformidler.domain.decision import Decision, Hendelse, Needs, Tilstand, Vedlegg
from reseptformidler.domain.hode import Patient
from reseptformidler.domain.livslop import NEXT, REFUSALS, Fase, Steg
from reseptformidler.domain.pasientkort import Abonnement, Pasientkort
from reseptformidler.domain.resept import Ekspederingsanmodning, Resept, Status, Utlevering
from reseptformidler.meldinger.m1_innhold import FS
from reseptformidler.meldinger.m10_utleveringsrapport import M10
from tests.meldinger import bygg
from tests.meldinger.bygg import (
    ANNEN_HPR,
    ANNET_FNR,
    APOTEK,
    DNR,
    FNR,
    LAS,
    LEGEKONTOR,
    MSG_ID,
    NOW,
    RESEPT_ID,
    TILBAKEKALT,
    Sak,
    avslag,
    kode,
    person_ident,
    resept,
    skiller,
)
from tests.meldinger.faser import I_HVER_FASE as I_FASE

XSD = Path(__file__).parents[2] / "xsd"
NS = "http://www.kith.no/xmlstds/eresept/m10/2013-10-08"
UL = "http://www.kith.no/xmlstds/eresept/utlevering/2013-10-08"
FK1 = "http://www.kith.no/xmlstds/felleskomponent1"
ANNET_APOTEK = replace(APOTEK, her="8094997", navn="Dal apotek")
KANSELLERING = kode("Kanselleringskode", "3", "Uavhentet vare")
JA, NEI = kode("Avsluttet", "1", "Ja"), kode("Avsluttet", "2", "Nei")
INTERVENSJON = bygg.xml("Intervensjon", UL, {"Begrunnelse": "Annen styrke"})
EGENANDEL = "".join(
    f'<Egenandel xmlns="{NS}"><StartEgenandelsperiode>2026-{month:02}-01</StartEgenandelsperiode>'
    f'<BetaltEgenandel V="{month}.50" U="NOK"/></Egenandel>'
    for month in (1, 4, 7, 10)
)
PAPIR: dict[str, str | None] = {
    "Papirresept": "true",
    "RekvirentPapir": bygg.xml("RekvirentPapir", UL, {"Etternavn": "Eidsvik"}),
}
FORRIGE = UUID(int=7)
TELLER = UUID(int=8)


def ident(number: str, kind: str = "HER") -> str:
    """Utleverer/HerId, its parts in felleskomponent1."""
    return f'<HerId><Id xmlns="{FK1}">{number}</Id><TypeId xmlns="{FK1}" V="{kind}" S="1.9051" DN="x"/></HerId>'


def m10(
    aktor: Aktor = APOTEK,
    patient: Patient | None = None,
    rapport: Mapping[str, str | None] | None = None,
    **changes: str | None,
) -> Sak:
    """A report from a pharmacy: one package dispensed. `changes` of its Utlevering, `rapport` of the rest."""
    utlevering: dict[str, str | None] = {
        "ReseptId": str(RESEPT_ID),
        "Utleveringsdato": "2026-03-02",
        "Annullering": "false",
        "Avsluttet": NEI,
        "AnnulleringsId": None,
        "ReseptDok": bygg.legemiddel(),
        "Utleverer": bygg.xml("Utleverer", UL, {"HerId": ident(aktor.her), "Navn": aktor.navn}),
        "Intervensjon": None,
        **changes,
    }
    parts: dict[str, str | None] = {
        "Utlevering": bygg.xml("Utlevering", UL, utlevering),
        "Kanselleringskode": None,
        "ReservasjonRapportFastlege": "false",
        "AnsattId": "4321",
        "Egenandel": None,
        "Papirresept": None,
        "RekvirentPapir": None,
        **(rapport or {}),
    }
    payload = bygg.xml("Utleveringsrapport", NS, parts)
    etree.XMLSchema(file=XSD / "m10-2013-10-08.xsd").assertValid(etree.fromstring(payload))
    head = bygg.hode(
        "ERM10",
        bygg.utleverer(aktor),
        patient=patient or bygg.pasient(),
        ref_to_parent="m94",
        ref_to_conversation="m91",
    )
    return bygg.sak(M10, payload, head, Facts(avsender=aktor))


def kansellert(rapport: Mapping[str, str | None] | None = None, **changes: Any) -> Sak:
    """A cancel, as small as it may be."""
    small = {"Avsluttet": None, "ReseptDok": None, **changes}
    return m10(rapport={"Kanselleringskode": KANSELLERING, **(rapport or {})}, **small)


def annullert(av: UUID = FORRIGE, **changes: Any) -> Sak:
    """An annulment of an earlier report."""
    return m10(**{"Annullering": "true", "AnnulleringsId": str(av), **changes})


def papir(**changes: Any) -> Sak:
    """A report on a paper prescription."""
    return m10(**{"rapport": PAPIR, "ReseptId": "1463-000123", **changes})


def utlevert(number: UUID = FORRIGE, **changes: Any) -> Utlevering:
    """An earlier dispensing of the pharmacy."""
    made = Utlevering(
        msg_id=number,
        resept_id=RESEPT_ID,
        her=APOTEK.her,
        dato=date(2026, 2, 1),
        antall=Decimal(1),
        avsluttet=False,
    )
    return replace(made, **changes)


def avgjort(sak: Sak, stored: Resept | None, *utleveringer: Utlevering) -> Decision:
    """The decision where the store holds this."""
    return sak.avgjor(Tilstand(resepter=(stored,) if stored else (), utleveringer=utleveringer))


def etter(decision: Decision) -> Resept:
    """The one prescription that changed."""
    assert avslag(decision) == []
    (changed,) = decision.changed
    return changed


def skyldig(decision: Decision) -> list[str]:
    """Which messages are owed."""
    assert avslag(decision) == []
    return [owed.type for owed in decision.owed]


# ------------------------------------------------------------------------------------------ rules that need no store


def test_7419_272_resept_id_uuid() -> None:
    """A ReseptId is a UUID; on paper any text will do (U8)."""
    skiller(
        272, (m10(), papir(), papir(ReseptId=str(RESEPT_ID))), (m10(ReseptId="1463-000123"), kansellert(ReseptId="x"))
    )


def test_7419_66_cancel_does_not_close() -> None:
    """A cancel may say that it does not close, but not that it does (U4)."""
    skiller(66, (kansellert(), kansellert(Avsluttet=NEI), m10(Avsluttet=JA)), kansellert(Avsluttet=JA))


def test_7419_67_cancel_without_intervensjon() -> None:
    """A cancel holds no Intervensjon (U4)."""
    skiller(67, (kansellert(), m10(Intervensjon=INTERVENSJON)), kansellert(Intervensjon=INTERVENSJON))


def test_7419_124_not_annul_and_cancel() -> None:
    """One report is not both an annulment and a cancel (U4)."""
    both = kansellert(Annullering="true", AnnulleringsId=str(FORRIGE))
    skiller(124, (kansellert(), annullert()), both)


def test_7419_230_avsluttet_yes_or_no() -> None:
    """Avsluttet says 1 or 2, or is left out."""
    skiller(230, (m10(Avsluttet=JA), m10(Avsluttet=NEI), m10(Avsluttet=None)), m10(Avsluttet=kode("Avsluttet", "3")))


def test_7419_356_item_missing() -> None:
    """A dispensing and an annulment name the item; a cancel need not."""
    goods = m10(ReseptDok=bygg.handelsvare())
    skiller(356, (m10(), goods, kansellert()), (m10(ReseptDok=None), annullert(ReseptDok=None)))


def test_7419_264_dispensed_item_kind() -> None:
    """What is dispensed is a package, a mixture, nutrition or a consumable: a thing, not a brand or a group."""
    kinds = (m10(ReseptDok=bygg.legemiddel(Forskrivning=drug("Legemiddelblanding"))), m10(ReseptDok=bygg.handelsvare()))
    brand = bygg.legemiddel(Forskrivning=drug("LegemiddelMerkevare"))
    group = bygg.handelsvare(None)
    skiller(264, (m10(), *kinds), (m10(ReseptDok=brand), m10(ReseptDok=group), annullert(ReseptDok=group)))


def test_7419_265_dispensed_antall_positive() -> None:
    """A dispensing is of more than nothing (U13); a mixture may be counted by its Mengde."""

    def mixture(antall: str | None, mengde: str | None) -> Sak:
        amount = f'<Mengde V="{mengde}" U="g"/>' if mengde else None
        return m10(ReseptDok=bygg.legemiddel(Forskrivning=drug("Legemiddelblanding"), Antall=antall, Mengde=amount))

    good = (m10(ReseptDok=bygg.legemiddel(Antall="0.5")), mixture(None, "100"), mixture("1", None), kansellert())
    bad = [m10(ReseptDok=bygg.legemiddel(Antall=antall)) for antall in (None, "0", "-1")]
    skiller(265, good, (*bad, mixture(None, None), mixture(None, "0")))


def test_7419_276_annulled_antall_not_negative() -> None:
    """An annulment counts nothing or more, never less (U13)."""
    good = [annullert(ReseptDok=bygg.legemiddel(Antall=antall)) for antall in ("0", "1")]
    skiller(276, good, annullert(ReseptDok=bygg.legemiddel(Antall="-1")))


@pytest.mark.parametrize("unit", ["ML", "ml", "STK"])
def test_7419_132_enhet_pakning_in_code_list(unit: str) -> None:
    """The unit of a package is one of the pharmacies' list 7484 or of list 7452."""
    skiller(132, m10(ReseptDok=of_unit(unit)), m10(ReseptDok=of_unit("liter")))


def test_7419_115_number_of_the_patient_in_a_report() -> None:
    """FNR and DNR have right check digits."""
    wrong = bygg.pasient(idents=(person_ident("FNR", "21014605159"),))
    skiller(115, (m10(), m10(patient=bygg.pasient(idents=(person_ident("DNR", DNR),)))), m10(patient=wrong))


def test_7419_275_both_numbers_in_a_report() -> None:
    """FNR or DNR, not both."""
    both = bygg.pasient(idents=(person_ident("FNR", FNR), person_ident("DNR", DNR)))
    skiller(275, m10(), m10(patient=both))


def test_7419_257_paper_patient_ident_missing() -> None:
    """A paper prescription's patient has a number; one on an e-prescription may lack it."""
    skiller(257, (papir(), m10(patient=bygg.uten_nummer())), papir(patient=bygg.uten_nummer()))


def test_7419_286_reported_by_who_sends() -> None:
    """The Utleverer of the report is its sender."""
    other = bygg.xml("Utleverer", UL, {"HerId": ident(ANNET_APOTEK.her), "Navn": "Dal apotek"})
    kind = bygg.xml("Utleverer", UL, {"HerId": ident(APOTEK.her, "ENH"), "Navn": APOTEK.navn})
    skiller(286, m10(), (m10(Utleverer=other), m10(Utleverer=kind)))


def test_7419_320_U5_annulment_names_what_it_annuls() -> None:
    """An annulment has an AnnulleringsId; others need none."""
    skiller(320, (m10(), annullert()), annullert(AnnulleringsId=None))


def test_7419_320_Q10_unknown_cause_of_cancel() -> None:
    """The cause of a cancel is one of list 7411."""
    skiller(320, kansellert(), kansellert({"Kanselleringskode": kode("Kanselleringskode", "12")}))


@pytest.mark.parametrize(
    "rapport",
    [
        {"Papirresept": "false"},
        {**PAPIR, "RekvirentPapir": None},
        {**PAPIR, "Egenandel": EGENANDEL},
        {**PAPIR, "Kanselleringskode": KANSELLERING},
    ],
)
def test_7419_320_U7_paper(rapport: dict[str, str | None]) -> None:
    """Paper: Papirresept only as true, with RekvirentPapir, without Egenandel; there is no lock that a cancel frees."""
    skiller(320, (papir(), m10(rapport={"Egenandel": EGENANDEL})), papir(rapport=rapport, ReseptId=str(RESEPT_ID)))


def test_U2_egenandel_none_or_four() -> None:
    """The schema holds U2: three periods are refused."""
    with pytest.raises(etree.DocumentInvalid, match="Egenandel"):
        m10(rapport={"Egenandel": EGENANDEL[: 3 * len(EGENANDEL) // 4]})


def test_7419_320_a_date_that_no_calendar_has() -> None:
    """What xs:date allows and no dispensing can have happened on is refused, not an error of ours."""
    skiller(320, (m10(), m10(Utleveringsdato="2026-03-02+01:00")), m10(Utleveringsdato="-0044-03-15"))


def without(part: str) -> Sak:
    """A report with four Egenandel, less one piece of text in them."""
    whole = m10(rapport={"Egenandel": EGENANDEL})
    payload = etree.tostring(whole.mottatt.payload, encoding="unicode")
    assert part in payload
    return bygg.sak(M10, payload.replace(part, ""), whole.mottatt.head, whole.facts)


def test_7419_72_egenandel_start_missing() -> None:
    """Every Egenandel has the start of its period."""
    part = "<StartEgenandelsperiode>2026-04-01</StartEgenandelsperiode>"
    skiller(72, m10(rapport={"Egenandel": EGENANDEL}), without(part))


def test_7419_73_egenandel_amount_missing() -> None:
    """Every Egenandel has an amount, and the amount a value."""
    parts = ('<BetaltEgenandel V="4.50" U="NOK"/>', ' V="4.50"')
    skiller(73, m10(rapport={"Egenandel": EGENANDEL}), map(without, parts))


def drug(form: str) -> str:
    """Forskrivning of one form, complete enough for the schema."""
    inside = {
        "Legemiddelblanding": {"Legemiddelform": kode("Legemiddelform", "1", liste="7448")},
        "LegemiddelMerkevare": {"Varenavn": "Cosylan"},
    }
    return bygg.forskrivning(form, inside[form])


def of_unit(unit: str) -> str:
    """A package counted in one unit."""
    package = bygg.xml(
        "PakningsinfoResept", FS, {**bygg.PAKNING, "EnhetPakning": kode("EnhetPakning", unit, liste="7484")}
    )
    return bygg.legemiddel(Forskrivning=bygg.forskrivning(inni={"PakningsinfoResept": package}))


# ---------------------------------------------------------------------------------------------- dispense and cancel


def test_needs() -> None:
    """The prescription; its dispensings too for an annulment; who subscribes to M8, which a cancel gives none of."""
    the_one = Needs(resepter=(RESEPT_ID,), alle=True)
    assert M10.needs(m10().mottatt, Facts()) == replace(the_one, kort=(FNR,))
    assert M10.needs(annullert().mottatt, Facts()) == replace(the_one, dokumenter=True, kort=(FNR,))
    assert M10.needs(kansellert().mottatt, Facts()) == the_one
    assert M10.needs(papir(ReseptId=str(RESEPT_ID)).mottatt, Facts()) == Needs(kort=(FNR,))
    assert M10.needs(m10().mottatt, Facts(m8_til=M8Til.FASTLEGE)) == the_one


def test_a_dispensing_frees_the_prescription() -> None:
    """U becomes E: the lock is gone, the dispensing is kept with all that it said (domain.md b.2 #5)."""
    decision = avgjort(m10(rapport={"Egenandel": EGENANDEL}, Intervensjon=INTERVENSJON), I_FASE[Fase.U]())
    after = etter(decision)
    assert (after.status, after.las, after.versjon) == (Status.EKSPEDERBAR, None, 2)
    assert (after.siste_utlevering, after.endret_farmasoyt) == (date(2026, 3, 2), True)
    kept = decision.utlevering
    assert kept is not None
    assert (kept.msg_id, kept.resept_id, kept.her) == (MSG_ID, RESEPT_ID, APOTEK.her)
    assert (kept.dato, kept.antall, kept.avsluttet, kept.endret) == (date(2026, 3, 2), Decimal(1), False, True)
    assert kept.egenandel == tuple((date(2026, month, 1), Decimal(f"{month}.50")) for month in (1, 4, 7, 10))
    assert decision.hendelser == (Hendelse(RESEPT_ID, 2, Steg.UTLEVERT, Fase.U, Fase.E),)


def test_a_mixture_by_amount_counts_no_package() -> None:
    """A mixture that is dispensed by its Mengde alone has no number of packages."""
    item = bygg.legemiddel(Forskrivning=drug("Legemiddelblanding"), Antall=None, Mengde='<Mengde V="100" U="g"/>')
    decision = avgjort(m10(ReseptDok=item), I_FASE[Fase.U]())
    assert decision.utlevering is not None
    assert decision.utlevering.antall == 0


def test_U6_avsluttet_closes() -> None:
    """U becomes R when the pharmacy says that the prescription is finished."""
    after = etter(avgjort(m10(Avsluttet=JA), I_FASE[Fase.U]()))
    assert (after.status, after.lukket, after.las) == (Status.AVSLUTTET, NOW, None)


def test_U4_cancel_frees_and_reports_nothing() -> None:
    """A cancel undoes the download: no dispensing, and nobody is told (M1r, M5r)."""
    decision = avgjort(kansellert(), I_FASE[Fase.U]())
    after = etter(decision)
    assert (after.status, after.las, after.siste_utlevering) == (Status.EKSPEDERBAR, None, None)
    assert (decision.utlevering, decision.owed) == (None, ())


def test_7419_1_report_on_unknown_prescription() -> None:
    """A report on what is not here is refused, except for paper."""
    assert avslag(avgjort(m10(), None)) == ["1"]
    assert avslag(avgjort(papir(), None)) == []


def test_7419_357_downloaded_before() -> None:
    """No dispensing without a download (U3), whatever else the state is."""
    for fase in (Fase.E, Fase.R, Fase.T, Fase.B, Fase.A, Fase.X):
        assert avslag(avgjort(m10(), I_FASE[fase]())) == ["357"]
    assert avslag(avgjort(m10(), I_FASE[Fase.U]())) == []


def test_G3_nothing_is_dispensed_while_the_authority_decides() -> None:
    """Who kept it under the application may let it go, not dispense it (64)."""
    held = I_FASE[Fase.B_U]()
    assert avslag(avgjort(m10(), held)) == ["64"]
    after = etter(avgjort(kansellert(), held))
    assert (after.status, after.las, after.soknad_slv) == (Status.UNDER_BEHANDLING_SLV, None, "2")


def test_7419_69_report_of_another_than_the_holder() -> None:
    """Only the holder reports or cancels (domain.md b.2 #5); the other is told who that is."""
    for sak in (m10(ANNET_APOTEK), kansellert(aktor=ANNET_APOTEK)):
        refusal = avgjort(sak, I_FASE[Fase.U]())
        assert avslag(refusal) == ["69"]
        assert APOTEK.navn in refusal.refusals[0].opplysning
    assert avslag(avgjort(m10(ANNET_APOTEK), resept(las=replace(LAS, her=ANNET_APOTEK.her)))) == []


def test_7419_271_patient_ident_of_resept() -> None:
    """The patient is the prescription's; saying nothing does not pass, except in a cancel."""
    other = bygg.pasient(idents=(person_ident("FNR", ANNET_FNR),))
    nobody = bygg.uten_nummer()
    held = I_FASE[Fase.U]()
    for sak in (m10(patient=other), m10(patient=nobody), kansellert(patient=other), annullert(patient=other)):
        assert avslag(avgjort(sak, held, utlevert())) == ["271"]
    numberless = replace(held, pasient=replace(held.pasient, ident="", ident_type=""))
    for sak, stored in ((m10(), held), (kansellert(patient=nobody), held), (m10(patient=nobody), numberless)):
        assert avslag(avgjort(sak, stored)) == []


def test_an_expired_prescription_may_be_reported() -> None:
    """What was under dispensing when it expired is kept for its report (domain.md b.2 #17)."""
    held = resept(las=LAS, utloper=NOW.date() - timedelta(days=1))
    assert avslag(avgjort(m10(), held)) == []


def test_E5_the_first_dispensing_fulfils_the_dispatch_request() -> None:
    """After it, the prescription is no longer tied; after a cancel, or an annulment of the only dispensing, it is."""
    tied = resept(las=LAS, ekspanm=Ekspederingsanmodning(APOTEK.her, APOTEK.navn, "U"))
    done = etter(avgjort(m10(), tied))
    assert done.ekspanm is not None
    assert not done.ekspanm.binder
    for again in (etter(avgjort(kansellert(), tied)), etter(avgjort(annullert(), done, utlevert()))):
        assert again.ekspanm is not None
        assert again.ekspanm.binder


@pytest.mark.parametrize("fase", list(I_FASE))
@pytest.mark.parametrize(
    "sak, steg",
    [
        (m10(), Steg.UTLEVERT),
        (m10(Avsluttet=JA), Steg.UTLEVERT_AVSLUTTET),
        (kansellert(), Steg.KANSELLERT),
        (annullert(), Steg.ANNULLERT),
    ],
    ids=["utlevert", "avsluttet", "kansellert", "annullert"],
)
def test_every_phase_is_answered(fase: Fase, sak: Sak, steg: Steg) -> None:
    """In each phase a report makes the step of the table or is refused with its code; nothing is left open."""
    decision = avgjort(sak, I_FASE[fase](), utlevert())
    til = NEXT.get((fase, steg))
    assert [h.til for h in decision.hendelser] == ([til] if til else [])
    assert avslag(decision) == ([] if til else [str(REFUSALS[fase, steg])])


# ------------------------------------------------------------------------------------------- a recall that has waited


@pytest.mark.parametrize("sak", [m10(), kansellert()], ids=["utlevert", "kansellert"])
def test_T2_waiting_recall_takes_effect(sak: Sak) -> None:
    """When the dispensing ends the prescription is recalled, and who recalled it is told: M5.2 with status 1 (T3)."""
    decision = avgjort(sak, I_FASE[Fase.U_T]())
    after = etter(decision)
    assert (after.status, after.las, after.lukket) == (Status.TILBAKEKALT, None, NOW)
    receipt = decision.owed[-1]
    assert (receipt.type, receipt.receiver) == ("M5.2", LEGEKONTOR.her)
    assert etree.fromstring(receipt.payload).find("{*}Status").get("V") == "1"  # type: ignore[union-attr]
    assert receipt.ref_to_parent == str(TILBAKEKALT.msg_id)


def test_T4_the_prescriber_is_told_of_anothers_recall() -> None:
    """M7 follows when the recall that takes effect was another doctor's."""
    recall = replace(TILBAKEKALT, hpr=ANNEN_HPR, her="1")
    decision = avgjort(kansellert(), replace(I_FASE[Fase.U_T](), tilbakekalt=recall))
    assert [(owed.type, owed.receiver) for owed in decision.owed] == [("M5.2", "1"), ("M7", LEGEKONTOR.her)]
    assert decision.owed[1].attachments == (Vedlegg(RESEPT_ID, TILBAKEKALT.msg_id),)
    assert etree.fromstring(decision.owed[1].payload).findtext("{*}Tidspunkt") == "2026-03-02T11:00:00.000+01:00"


def test_a_closing_dispensing_leaves_the_recall_without_effect() -> None:
    """R, not T; the cause of the recall stays (domain.md b.2 #6), and no M5.2 says that it was recalled."""
    decision = avgjort(m10(Avsluttet=JA), I_FASE[Fase.U_T]())
    after = etter(decision)
    assert (after.status, after.tilbakekalt) == (Status.AVSLUTTET, TILBAKEKALT)
    assert "M5.2" not in skyldig(decision)


# ---------------------------------------------------------------------------------------------------------- annulment


def test_U5_annulment() -> None:
    """An annulled dispensing counts no more; what the lists show is what is left."""
    stored = resept(siste_utlevering=date(2026, 2, 1), endret_farmasoyt=True)
    older = utlevert(TELLER, dato=date(2026, 1, 5))
    decision = avgjort(annullert(), stored, older, utlevert(endret=True))
    after = etter(decision)
    assert (decision.annullert, decision.utlevering) == (FORRIGE, None)
    assert (after.status, after.siste_utlevering, after.endret_farmasoyt) == (
        Status.EKSPEDERBAR,
        date(2026, 1, 5),
        False,
    )
    assert etter(avgjort(annullert(), stored, utlevert())).siste_utlevering is None


def test_annulled_closing_dispensing_reopens() -> None:
    """R becomes E when the dispensing that closed it is annulled (domain.md b.2 #8), and not for any other."""
    closing = utlevert(avsluttet=True)
    decision = avgjort(annullert(), I_FASE[Fase.R](), closing)
    assert (etter(decision).status, etter(decision).lukket) == (Status.EKSPEDERBAR, None)
    assert decision.hendelser[0].hendelse == Steg.ANNULLERT_AVSLUTNING
    other = avgjort(annullert(TELLER), I_FASE[Fase.R](), utlevert(TELLER), closing)
    assert etter(other).status is Status.AVSLUTTET


def test_annulled_closing_dispensing_brings_the_recall_back() -> None:
    """A recall that a closing dispensing had put out of effect takes it when that one is annulled."""
    stored = replace(I_FASE[Fase.R](), tilbakekalt=TILBAKEKALT)
    decision = avgjort(annullert(), stored, utlevert(avsluttet=True))
    assert etter(decision).status is Status.TILBAKEKALT
    assert skyldig(decision)[-1] == "M5.2"


@pytest.mark.parametrize(
    "earlier",
    [
        (),
        (utlevert(her=ANNET_APOTEK.her),),
        (utlevert(annullert_av=UUID(int=9)),),
        (utlevert(resept_id=UUID(int=9)),),
    ],
    ids=["unknown", "by another pharmacy", "annulled before", "on another prescription"],
)
def test_7419_41_nothing_to_annul(earlier: tuple[Utlevering, ...]) -> None:
    """Only the pharmacy that reported a dispensing annuls it, once (U5)."""
    assert avslag(avgjort(annullert(), resept(), *earlier)) == ["41"]
    assert avslag(avgjort(annullert(), resept(), utlevert())) == []


def test_annulment_beside_anothers_lock() -> None:
    """An annulment needs no lock and takes none away (U5)."""
    held = resept(las=replace(LAS, her=ANNET_APOTEK.her))
    assert etter(avgjort(annullert(), held, utlevert())).las == held.las


# ------------------------------------------------------------------------------------------------------ who is told


FASTLEGE = replace(bygg.legekontor(professional=bygg.lege(idents=(person_ident("HPR", ANNEN_HPR),))), name="Fastlegen")
KORT = Pasientkort(
    kort_id=UUID(int=5), versjon=1, ident=FNR, endret=NOW, abonnement=(Abonnement(FASTLEGE, NOW.date()),)
)
"""The patient's fastlege, who is not the prescriber, subscribes to M8 until today."""


def fortalt(sak: Sak, stored: Resept | None, *utleveringer: Utlevering) -> Decision:
    """The decision where the fastlege subscribes."""
    resepter = (stored,) if stored else ()
    decision = sak.avgjor(Tilstand(resepter=resepter, utleveringer=utleveringer, kort=(KORT,)))
    assert avslag(decision) == []
    return decision


def test_M1r_reports_of_a_dispensing() -> None:
    """M6 to where the M1 came from, M8 to the fastlege, M8.1 to Kjernejournal: all answer to this M10."""
    decision = fortalt(m10(), I_FASE[Fase.U]())
    told = [(owed.type, owed.to.name) for owed in decision.owed]
    assert told == [("M6", LEGEKONTOR.navn), ("M8", "Fastlegen"), ("M8.1", KJERNEJOURNAL.navn)]
    assert {(owed.ref_to_parent, owed.ref_to_conversation) for owed in decision.owed} == {(str(MSG_ID), "m91")}
    assert all(owed.resept_id == RESEPT_ID for owed in decision.owed)
    attached = (Vedlegg(RESEPT_ID, RESEPT_ID),)
    assert [owed.attachments for owed in decision.owed] == [(), attached, attached]
    assert all(etree.fromstring(o.payload).findtext("{*}ReferanseM10") == str(MSG_ID) for o in decision.owed)


def test_M2r_reports_of_an_annulment() -> None:
    """The same, said to be an annulment."""
    decision = fortalt(annullert(), resept(), utlevert())
    assert skyldig(decision) == ["M6", "M8", "M8.1"]
    annulled = [etree.fromstring(o.payload).findtext("{*}Utlevering/{*}Annullering") for o in decision.owed]
    assert annulled == ["true"] * 3


def test_M3r_U12_reserved_against_the_report_to_the_fastlege() -> None:
    """No M8 for a dispensing that the patient reserved."""
    decision = fortalt(m10(rapport={"ReservasjonRapportFastlege": "true"}), I_FASE[Fase.U]())
    assert skyldig(decision) == ["M6", "M8.1"]


@pytest.mark.parametrize("changes", [{"eget_navn": True}, {"egen_praksis": True}])
def test_M5r_nobodys_fastlege(changes: dict[str, Any]) -> None:
    """No M8 in the prescriber's own name or to the own practice: there is no patient with a fastlege."""
    held = I_FASE[Fase.U]()
    stored = replace(held, pasient=replace(held.pasient, ident="", ident_type=""), **changes)
    assert skyldig(avgjort(m10(patient=bygg.uten_nummer()), stored)) == ["M6", "M8.1"]


def test_M9r_notification_of_the_first_dispensing() -> None:
    """M20 for a drug without marketing authorisation, the first time only, and never for an annulment."""
    held = resept(las=LAS, soknad_slv="1")
    assert skyldig(avgjort(m10(), held))[-1] == "M20"
    assert "M20" not in skyldig(avgjort(m10(), replace(held, siste_utlevering=date(2026, 1, 1))))
    assert "M20" not in skyldig(avgjort(annullert(), held, utlevert()))
    undone = replace(etter(avgjort(annullert(), resept(soknad_slv="1"), utlevert())), las=LAS)
    assert skyldig(avgjort(m10(), undone))[-1] == "M20", "the first one that stands"
    assert "M20" not in skyldig(avgjort(m10(), I_FASE[Fase.U]()))


def test_M8r_U7_paper() -> None:
    """A paper prescription is only passed on: M8.1 always, M8 unless reserved; no prescription is touched."""
    decision = fortalt(papir(), None)
    assert decision == Decision(owed=decision.owed)
    assert skyldig(decision) == ["M8", "M8.1"]
    assert all(owed.resept_id is None for owed in decision.owed)
    reserved = fortalt(papir(rapport={**PAPIR, "ReservasjonRapportFastlege": "true"}), None)
    assert skyldig(reserved) == ["M8.1"]
