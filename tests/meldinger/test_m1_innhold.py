"""The content of an M1: each rule with a prescription that passes and one that does not (rules.md D, C, E)."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from lxml import etree

from reseptformidler.domain.aktor import Aktor, Aktortype, Facts
from reseptformidler.meldinger import m1_innhold, m1_resept
from reseptformidler.meldinger.m1_innhold import FRA_FEST, FS, Handelsvare, Legemiddel
from tests.meldinger import bygg
from tests.meldinger.bygg import (
    ANNET_REFNR,
    APOTEK,
    BANDASJIST,
    LEGE,
    LEGEKONTOR,
    NOW,
    REFNR,
    Sak,
    forskrivning,
    handelsvare,
    hode,
    legemiddel,
    m1,
    pasient,
    sak,
    skiller,
    uten_mt,
    xml,
)

FACTS = Facts(avsender=LEGEKONTOR, helsepersonell=LEGE)


def med(dok: str | None = None, facts: Facts = FACTS, now: datetime = NOW, **resept: str | None) -> Sak:
    """An M1 with this item."""
    return sak(m1_resept.TYPE, m1(dok, **resept), hode("ERM1", patient=pasient()), facts, now=now)


def hjemmel(verdi: str) -> str:
    """RefHjemmel."""
    return bygg.kode("RefHjemmel", verdi, liste="7427")


def ref_kode(liste: str = "7170", dn: str = "Allergisk rinitt") -> str:
    """RefKode."""
    return bygg.kode("RefKode", "R97", dn, liste)


def gruppe(verdi: str) -> str:
    """ProdGruppe."""
    return bygg.kode("ProdGruppe", verdi, liste="7403")


def av(form: str = "Legemiddelpakning", **changes: str | None) -> Sak:
    """An M1 for a drug of one form."""
    return med(legemiddel(Forskrivning=forskrivning(form, changes)))


# --------------------------------------------------------------------------------------------------------------- dates


def test_7419_79_forskrivningsdato_valid() -> None:
    """Prescribed today or before, and before it expires."""
    skiller(
        79,
        (med(), med(Forskrivningsdato="2026-03-02+01:00"), med(Utloper="2026-03-02")),
        (med(Forskrivningsdato="2026-03-03"), med(Utloper="2026-03-01"), med(Forskrivningsdato="12026-03-02")),
    )


def test_today_is_the_day_in_norway() -> None:
    """Half past eleven in the evening UTC is tomorrow in Norway."""
    sent = datetime(2026, 3, 2, 23, 30, tzinfo=UTC)
    assert med(Forskrivningsdato="2026-03-03", now=sent).koder == []


def test_a_date_that_no_calendar_has_is_refused_and_not_an_error() -> None:
    """The schema accepts the year 12026; no Python date does."""
    assert med(Utloper="12026-03-02").koder == ["320"]


# --------------------------------------------------------------------------------------------------------------- locks


def test_7419_161_refnr_modulus_11() -> None:
    """RefNr has a right check digit (L2)."""
    galt = REFNR[:-1] + str((int(REFNR[-1]) + 1) % 10)
    skiller(161, (med(RefNr=REFNR), med(RefNr=ANNET_REFNR)), (med(RefNr=galt), med(RefNr="1234567890ABCD")))


def test_7419_110_vergeinnsyn_only_locked() -> None:
    """The reservation against guardians stands on a locked prescription only (B3)."""
    skiller(
        110,
        (med(Vergeinnsynsreservasjon="true", RefNr=REFNR, LastResept="true"), med(Vergeinnsynsreservasjon="false")),
        (med(Vergeinnsynsreservasjon="true"), med(Vergeinnsynsreservasjon="1", RefNr=REFNR)),
    )


# ---------------------------------------------------------------------------------------------------------- both kinds


def test_7419_24_varegruppekode_in_code_list() -> None:
    """Varegruppekode is L or A."""
    skiller(24, (med(), med(handelsvare())), med(handelsvare(Varegruppekode=bygg.kode("Varegruppekode", "Z"))))


def test_C4_a_drug_is_never_other_goods() -> None:
    """A drug marked A would be shown to a bandasjist."""
    skiller(320, med(), med(legemiddel(Varegruppekode=bygg.kode("Varegruppekode", "A"))))


def test_7419_274_ref_hjemmel_in_code_list() -> None:
    """RefHjemmel is in list 7427, for drugs and for other goods."""
    skiller(
        274,
        (med(legemiddel(RefHjemmel=hjemmel("400"))), med(handelsvare())),
        (med(legemiddel(RefHjemmel=hjemmel("905"))), med(handelsvare(RefHjemmel=hjemmel("599")))),
    )


def test_D5_antall_is_more_than_zero() -> None:
    """Parts of a package may be prescribed, nothing may not."""
    skiller(320, med(legemiddel(Antall="2.5")), (med(legemiddel(Antall="0")), med(legemiddel(Antall="-1"))))


# --------------------------------------------------------------------------------------------------------------- drugs


def test_7419_262_ref_hjemmel_of_drug() -> None:
    """A drug is refunded by §§2, 3, 4, §5-25 or as H-resept only (D1)."""
    skiller(
        262,
        [med(legemiddel(RefHjemmel=hjemmel(v))) for v in ("400", "800", "950")],
        [med(legemiddel(RefHjemmel=hjemmel(v))) for v in ("100", "500", "602", "990")],
    )


def test_7419_277_ref_kode_missing() -> None:
    """§§2 and 3 need the code of the diagnosis."""
    paragrafer = ("200", "300", "301", "302")
    skiller(
        277,
        [med(legemiddel(RefHjemmel=hjemmel(v), RefKode=ref_kode())) for v in paragrafer],
        [med(legemiddel(RefHjemmel=hjemmel(v))) for v in paragrafer],
    )


def test_7419_310_ref_kode_complete() -> None:
    """RefKode is whole and from one of the four lists."""
    skiller(
        310,
        [
            med(legemiddel(RefHjemmel=hjemmel("200"), RefKode=ref_kode(liste)))
            for liste in ("7110", "7170", "7434", "7435")
        ],
        (
            med(legemiddel(RefHjemmel=hjemmel("200"), RefKode=ref_kode("7180"))),
            med(legemiddel(RefHjemmel=hjemmel("200"), RefKode=ref_kode(dn=""))),
        ),
    )


def test_7419_291_byttereservasjon_in_code_list() -> None:
    """BytteresRekvirent is yes or no."""
    skiller(
        291,
        med(legemiddel(BytteresRekvirent=bygg.kode("BytteresRekvirent", "2"))),
        med(legemiddel(BytteresRekvirent=bygg.kode("BytteresRekvirent", "3"))),
    )


def test_7419_210_no_kosttilskudd() -> None:
    """Food supplements (Reseptgruppe K) are not prescribed here."""
    skiller(210, av(), av(Reseptgruppe=bygg.kode("Reseptgruppe", "K")))


def test_7419_259_no_legemiddeldose() -> None:
    """Every form but Legemiddeldose is accepted."""
    skiller(
        259,
        (av(), av("LegemiddelMerkevare"), av("LegemiddelVirkestoff"), av("Legemiddelblanding")),
        av("Legemiddeldose"),
    )


def test_7419_205_rekvirent_a_right() -> None:
    """Group A needs a right of its own."""
    gruppe_a = legemiddel(Forskrivning=forskrivning(inni={"Reseptgruppe": bygg.kode("Reseptgruppe", "A")}))
    uten_rett = replace(FACTS, helsepersonell=replace(LEGE, a_preparat=False))
    skiller(205, (med(gruppe_a), med(facts=uten_rett)), med(gruppe_a, uten_rett))


@pytest.mark.parametrize(
    "mangelfull",
    [
        legemiddel(Antall=None),
        legemiddel(Forskrivning=forskrivning(DosVeiledEnkel=None)),
        legemiddel(Forskrivning=forskrivning(Bruk=None)),
        legemiddel(Forskrivning=forskrivning(Bruk=bygg.kode("Bruk", "9"))),
        legemiddel(Forskrivning=forskrivning(inni={"PakningsinfoResept": None})),
        legemiddel(Reiterasjon="-1"),
    ],
)
def test_D2_a_drug_without_its_minimum_is_refused(mangelfull: str) -> None:
    """Antall or Mengde, dosing, Bruk, the package's information, and a repetition count that can be counted."""
    skiller(320, med(), med(mangelfull))


def test_D2_what_may_stand_instead_is_accepted() -> None:
    """Mengde for Antall, Dosering for DosVeiledEnkel, the mixture's own Mengde."""
    dosering = "<Dosering><DoseFastTidspunkt/></Dosering>"
    assert med(legemiddel(Antall=None, Mengde='<Mengde V="100" U="g"/>')).koder == []
    assert med(legemiddel(Forskrivning=forskrivning(DosVeiledEnkel=None, Dosering=dosering))).koder == []
    assert med(legemiddel(Antall=None, Forskrivning=forskrivning("Legemiddelblanding"))).koder == []


@pytest.mark.parametrize("navn", FRA_FEST)
def test_D3_a_part_of_the_drug_register_is_refused(navn: str) -> None:
    """Each of the parts that must not be copied into a prescription is seen."""
    skiller(320, av(), av(**{navn: f"<{navn}/>"}))


# --------------------------------------------------------------------------------------------------------- other goods


def test_7419_263_ref_hjemmel_of_handelsvare() -> None:
    """§5 for consumables, §6 for nutrition, by element or by product group (C1, C2)."""
    naring = {"RefHjemmel": hjemmel("601"), "ProdGruppe": gruppe("60101")}
    skiller(
        263,
        (med(handelsvare()), med(handelsvare(None)), med(handelsvare("Naringsmiddel", **naring))),
        (
            med(handelsvare(RefHjemmel=None)),
            med(handelsvare(RefHjemmel=hjemmel("601"))),
            med(handelsvare(RefHjemmel=hjemmel("200"))),
            med(handelsvare(None, RefHjemmel=hjemmel("601"))),
            med(handelsvare("Naringsmiddel", **{**naring, "RefHjemmel": hjemmel("504")})),
        ),
    )


def test_7419_355_no_brystprotese() -> None:
    """Breast prostheses are refused, by element and by product group (C3)."""
    gruppe_9 = handelsvare("MedForbMatr", ProdGruppe=gruppe("90001"))
    skiller(355, med(handelsvare()), (med(handelsvare("Brystprotese")), med(gruppe_9)))


def test_C4_other_goods_are_never_a_drug() -> None:
    """Goods marked L would be hidden from a bandasjist."""
    skiller(320, med(handelsvare()), med(handelsvare(Varegruppekode=bygg.kode("Varegruppekode", "L"))))


def test_C1_other_goods_have_a_product_group() -> None:
    """ProdGruppe belongs to the minimum."""
    skiller(320, med(handelsvare()), med(handelsvare(ProdGruppe=None)))


# ---------------------------------------------------------------------------------------------------- dispatch request


def anmodning(aktor: Aktor | None = APOTEK, dok: str | None = None, **changes: str | None) -> Sak:
    """An M1 with a dispatch request to an organisation of the registers."""
    return med(dok, replace(FACTS, mottaker_ekspanm=aktor), EkspAnm=bygg.ekspanm(**changes))


def test_7419_122_ekspanm_vilkar() -> None:
    """The conditions are met (E4)."""
    skiller(122, (anmodning(), med()), anmodning(Vilkar="false"))


def test_7419_200_ekspanm_orgnr_check_digit() -> None:
    """OrgNrUtleverer is an organisation number (E3)."""
    skiller(200, anmodning(), anmodning(OrgNrUtleverer="982528012"), 130)


def test_7419_30_ekspanm_her_in_address_register() -> None:
    """The chosen utleverer is known (E1)."""
    skiller(30, anmodning(), anmodning(None))


def test_7419_101_ekspanm_agreement() -> None:
    """The chosen utleverer has an agreement for asynchronous messages (E1)."""
    skiller(101, anmodning(), anmodning(replace(APOTEK, cpa=False)))


def test_7419_129_ekspanm_utleverer_active() -> None:
    """The chosen utleverer is active and approved (E1)."""
    skiller(129, anmodning(), (anmodning(replace(APOTEK, aktiv=False)), anmodning(replace(APOTEK, godkjent=False))))


def test_7419_304_ekspanm_utleverer_not_black_listed() -> None:
    """The chosen utleverer is not black-listed (E1, E9)."""
    skiller(304, anmodning(), anmodning(replace(APOTEK, svartelistet=True)))


def test_7419_130_ekspanm_utleverer_may_dispense() -> None:
    """The chosen organisation is an utleverer, and its number is one of its own (E3)."""
    skiller(
        130,
        (anmodning(), anmodning(OrgNrUtleverer=APOTEK.lok)),
        (anmodning(replace(APOTEK, type=Aktortype.REKVIRENT)), anmodning(OrgNrUtleverer="915933149")),
    )


def test_7419_118_ekspanm_drug_not_to_bandasjist() -> None:
    """A bandasjist may be asked for goods, not for drugs (E1, E2)."""
    skiller(118, (anmodning(), anmodning(BANDASJIST, handelsvare())), anmodning(BANDASJIST))


def test_E_the_way_of_dispatch_is_in_list_7404() -> None:
    """F, L, M and U are the ways there are (C6)."""
    maate = [anmodning(MetodeEkspedering=bygg.kode("MetodeEkspedering", v)) for v in "FLMU"]
    skiller(320, maate, anmodning(MetodeEkspedering=bygg.kode("MetodeEkspedering", "X")))


# ------------------------------------------------------------------------------------------------------------- reading


def test_everything_the_rules_and_lists_need_is_read() -> None:
    """A drug with all its parts, as values."""
    innhold: m1_innhold.M1 = med(
        legemiddel(
            RefHjemmel=hjemmel("200"), RefKode=ref_kode(), Mengde='<Mengde V="2" U="g"/>', LegemiddelUtenMt=uten_mt("1")
        ),
        TidligsteUtlevering="2026-04-01Z",
        EkspAnm=bygg.ekspanm(),
        RefNr=f" {REFNR} ",
    ).mottatt.content
    assert (innhold.forskrivningsdato, innhold.tidligste) == (date(2026, 3, 2), date(2026, 4, 1))
    assert (innhold.antall, innhold.refnr, innhold.varegruppe) == (Decimal(1), REFNR, "L")
    assert isinstance(innhold.vare, Legemiddel)
    assert (innhold.vare.mengde, innhold.vare.reiterasjon, innhold.vare.direktesoknad) == (("2", "g"), 0, True)
    assert innhold.vare.forskrivning.navn == "Cosylan Mikst 1,7 mg/ml"
    assert innhold.vare.forskrivning.pakning is not None
    assert innhold.vare.forskrivning.pakning.pakningsstr == "300"
    assert innhold.ekspanm == m1_innhold.EkspAnm(
        vilkar=True, metode="U", her=APOTEK.her, orgnr=APOTEK.enh, navn=APOTEK.navn
    )


def test_goods_are_read() -> None:
    """Other goods, by number and by product group alone."""
    assert med(handelsvare()).mottatt.content.vare.nr == "800123"
    bare_gruppe = med(handelsvare(None)).mottatt.content.vare
    assert isinstance(bare_gruppe, Handelsvare)
    assert (bare_gruppe.form, bare_gruppe.navn) == ("", "")


def test_an_extension_is_left_alone() -> None:
    """Elements of a namespace we do not know change nothing, whatever they are called."""
    fremmed = '<LastResept xmlns="http://www.kith.no/xmlstds/eresept/m1/2013-10-08/extension/1">true</LastResept>'
    utvidet = etree.fromstring(m1(LastResept=None, ReseptUtvidelse=fremmed))
    assert m1_innhold.parse(utvidet) == m1_innhold.parse(etree.fromstring(m1(LastResept=None)))


@pytest.mark.parametrize(
    "tom", ["<Resept/>", xml("Resept", m1_innhold.NS, {"ReseptDokLegemiddel": ""}), xml("R", FS, {})]
)
def test_reading_never_raises(tom: str) -> None:
    """A payload with nothing in it is read as nothing; that it may not be so is the schema's to say."""
    assert m1_innhold.parse(etree.fromstring(tom)).forskrivningsdato is None
