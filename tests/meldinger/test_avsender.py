"""The rules about who sends, each with a sender that passes and one that does not."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from typing import Any

from reseptformidler.domain.aktor import Aktor, Aktortype, Facts
from reseptformidler.domain.hode import Address, HealthcareProfessional, Ident, Kode, Organisation, TeleCom
from reseptformidler.meldinger import avsender, mv_verify
from reseptformidler.meldinger.melding import Rule
from tests.meldinger import bygg
from tests.meldinger.bygg import Sak, lege, legekontor, org_ident, person_ident, skiller, utleverer

PAYLOAD = f'<Verify xmlns="{mv_verify.NS_2017}"/>'
TOM = Organisation(name="Avdeling")


def fra(rules: tuple[Rule, ...], sender: Organisation, facts: Facts) -> Sak:
    """A message judged by the rules of one kind of sender alone."""
    return bygg.sak(replace(mv_verify.TYPE, rules=rules), PAYLOAD, bygg.hode("ERMV", sender), facts)


def rekvirent(sender: Organisation | None = None, aktor: Aktor | None = bygg.LEGEKONTOR, **person: Any) -> Sak:
    """An M5's sender: the organisation of the head, the register's entry, and what HPR says of the person."""
    facts = Facts(avsender=aktor, helsepersonell=replace(bygg.LEGE, **person))
    return fra(avsender.REKVIRENT, legekontor() if sender is None else sender, facts)


def forskriver(sender: Organisation | None = None, **person: Any) -> Sak:
    """An M1's sender."""
    facts = Facts(avsender=bygg.LEGEKONTOR, helsepersonell=replace(bygg.LEGE, **person))
    return fra(avsender.FORSKRIVER, legekontor() if sender is None else sender, facts)


def apotek(sender: Organisation | None = None, aktor: Aktor | None = bygg.APOTEK) -> Sak:
    """An M9.1's or M9.3's sender."""
    return fra(avsender.UTLEVERER, utleverer() if sender is None else sender, Facts(avsender=aktor))


def alle(sender: Organisation | None = None, aktor: Aktor | None = bygg.LEGEKONTOR) -> Sak:
    """An MV's sender."""
    return fra(avsender.ALLE, legekontor() if sender is None else sender, Facts(avsender=aktor))


def med_person(**changes: Any) -> Organisation:
    """The prescriber's organisation with another acting person."""
    return legekontor(professional=lege(**changes))


def uten(organisation: Organisation, kind: str) -> Organisation:
    """The organisation without one kind of identifier."""
    return replace(organisation, idents=tuple(i for i in organisation.idents if i.type.v != kind))


def med(organisation: Organisation, kind: str, number: str) -> Organisation:
    """The organisation with another identifier of one kind."""
    return replace(organisation, idents=(*uten(organisation, kind).idents, org_ident(kind, number)))


# ------------------------------------------------------------ organisations


def test_7419_128_organisation_known() -> None:
    """A HER-id that the service does not know is refused once, not for all that follows."""
    skiller(128, (rekvirent(), alle()), (rekvirent(aktor=None), alle(aktor=None)))


def test_7419_38_utleverer_known() -> None:
    """An unknown utleverer is refused."""
    skiller(38, apotek(), apotek(aktor=None))


def test_7419_232_organisation_active() -> None:
    """A deactivated organisation is refused, whoever it is."""
    av = replace(bygg.LEGEKONTOR, aktiv=False)
    skiller(232, rekvirent(), (rekvirent(aktor=av), alle(aktor=av), apotek(aktor=replace(bygg.APOTEK, aktiv=False))))


def test_7419_360_organisation_approved() -> None:
    """A known organisation that is not approved is refused."""
    skiller(360, (rekvirent(), apotek()), apotek(aktor=replace(bygg.APOTEK, godkjent=False)))


def test_7419_377_organisation_is_rekvirent() -> None:
    """A pharmacy may not prescribe."""
    skiller(377, rekvirent(), rekvirent(aktor=replace(bygg.LEGEKONTOR, type=Aktortype.APOTEK)))


def test_7419_378_organisation_is_utleverer() -> None:
    """A prescriber may not ask for prescriptions as an utleverer does."""
    rekvirent_som_utleverer = replace(bygg.APOTEK, type=Aktortype.REKVIRENT)
    bandasjist = apotek(utleverer(bygg.BANDASJIST), bygg.BANDASJIST)
    skiller(378, (apotek(), bandasjist), apotek(aktor=rekvirent_som_utleverer))


def test_7419_40_konsesjonsnummer_missing() -> None:
    """An apotek sends its konsesjonsnummer, a bandasjist has none."""
    bandasjist = apotek(utleverer(bygg.BANDASJIST), bygg.BANDASJIST)
    skiller(40, (apotek(), bandasjist), apotek(uten(utleverer(), "AKO")))


def test_7419_236_konsesjonsnummer_valid() -> None:
    """The konsesjonsnummer is the one registered for the organisation."""
    skiller(236, apotek(), apotek(med(utleverer(), "AKO", "9999")))


def test_7419_390_utleverer_type_matches() -> None:
    """A bandasjist that gives a konsesjonsnummer says it is something else than what is registered."""
    bandasjist = utleverer(bygg.BANDASJIST)
    skiller(390, apotek(bandasjist, bygg.BANDASJIST), apotek(med(bandasjist, "AKO", "1234"), bygg.BANDASJIST))


def test_7419_286_organisation_number_of_her() -> None:
    """ENH, and LOK where both have one, are those registered for the HER-id."""
    skiller(
        286,
        (apotek(), apotek(uten(utleverer(), "LOK")), rekvirent()),
        (apotek(med(utleverer(), "ENH", "915933149")), apotek(med(utleverer(), "LOK", "915933149"))),
    )


def test_7419_200_organisation_number_check_digit() -> None:
    """An ENH or LOK with a wrong check digit is none."""
    skiller(200, apotek(), apotek(med(utleverer(), "LOK", "983544623")), 286)


def test_7419_37_rekvirent_her_missing() -> None:
    """A prescriber's organisation gives its HER-id."""
    skiller(37, rekvirent(), rekvirent(uten(legekontor(), "HER")))


def test_7419_48_rekvirent_organisation_number_missing() -> None:
    """A prescriber's organisation gives its organisation number."""
    skiller(48, rekvirent(), rekvirent(uten(legekontor(), "ENH")))


def test_7419_68_avsender_her_missing() -> None:
    """An utleverer, or whoever sends an MV, gives its HER-id."""
    skiller(68, (apotek(), alle()), (apotek(uten(utleverer(), "HER"), None), alle(uten(legekontor(), "HER"), None)))


def test_7419_77_utleverer_organisation_number_missing() -> None:
    """An utleverer gives its organisation number."""
    skiller(77, apotek(), apotek(uten(utleverer(), "ENH")))


def test_7419_317_organisation_number_missing() -> None:
    """Whoever sends an MV gives its organisation number."""
    skiller(317, alle(), alle(uten(legekontor(), "ENH")))


def test_7419_326_no_recursive_organisation() -> None:
    """One department may stand under the organisation, none under that."""
    skiller(326, rekvirent(legekontor(part=TOM)), rekvirent(legekontor(part=replace(TOM, part=TOM))))


def test_7419_319_department_name_missing() -> None:
    """A department has a name."""
    skiller(319, rekvirent(legekontor(part=TOM)), rekvirent(legekontor(part=Organisation())))


def test_7419_380_resh_missing() -> None:
    """Specialist care gives its RESH; 0 is none there, and all right elsewhere."""
    sykehus = replace(bygg.LEGEKONTOR, spesialist=True)
    null = med(legekontor(), "RSH", "0")
    skiller(
        380,
        (rekvirent(), rekvirent(null), rekvirent(med(legekontor(), "RSH", "4205"), sykehus)),
        (rekvirent(aktor=sykehus), rekvirent(null, sykehus)),
    )


# ------------------------------------------------------------ address, telephone


def test_7419_219_avsender_address_missing() -> None:
    """A prescriber's organisation gives its address; an utleverer need not."""
    skiller(219, (rekvirent(), apotek()), rekvirent(legekontor(address=None)))


def test_7419_227_avsender_address_type_missing() -> None:
    """The address says what kind it is."""
    skiller(227, rekvirent(), rekvirent(legekontor(address=Address(city="Oslo"))))


def test_7419_318_avsender_address_type() -> None:
    """The kind of address is in list 3401."""
    skiller(318, rekvirent(), rekvirent(legekontor(address=Address(type=Kode("ZZ", "x")))))


def test_7419_221_avsender_telecom_missing() -> None:
    """A prescriber's organisation gives a telephone number, an utleverer with its reports."""
    rapport = fra(avsender.RAPPORTERENDE_UTLEVERER, utleverer(telecom=()), Facts(avsender=bygg.APOTEK))
    skiller(221, (rekvirent(), apotek(utleverer(telecom=()))), (rekvirent(legekontor(telecom=())), rapport))


def test_7419_222_avsender_tele_address_complete() -> None:
    """A TeleCom holds an address."""
    skiller(222, rekvirent(), rekvirent(legekontor(telecom=(TeleCom(Kode("HP", "x"), ""),))))


def test_7419_223_telecom_type_no_duplicates() -> None:
    """Each kind of telephone stands once."""
    hp, mobil = TeleCom(Kode("HP", "x"), "tel:1"), TeleCom(Kode("MC", "y"), "tel:2")
    skiller(223, rekvirent(legekontor(telecom=(hp, mobil))), rekvirent(legekontor(telecom=(hp, hp))))


def test_7419_224_avsender_telecom_type_missing() -> None:
    """A TeleCom says what kind it is."""
    skiller(224, rekvirent(), rekvirent(legekontor(telecom=(TeleCom(None, "tel:1"),))))


# ------------------------------------------------------------ the person in the head


def test_7419_6_rekvirent_hpr_missing() -> None:
    """The acting person has an HPR number; without the person everything about it is missing."""
    andre = rekvirent(med_person(idents=(person_ident("HER", "9.1"),)))
    skiller(6, rekvirent(), andre)
    skiller(6, rekvirent(), rekvirent(legekontor(professional=None)), 27)


def test_7419_19_hpr_number_nine_digits() -> None:
    """The HPR number is padded to nine digits."""
    skiller(
        19,
        rekvirent(med_person(idents=(person_ident("HPR", "009144889"),)), hpr="9144889"),
        rekvirent(med_person(idents=(person_ident("HPR", "9144889"),)), hpr="9144889"),
        23,
    )


def test_7419_27_rekvirent_name_missing() -> None:
    """The acting person has a name."""
    skiller(27, rekvirent(), rekvirent(med_person(family_name="", given_name="")))


def test_7419_213_rekvirent_family_name_missing() -> None:
    """The acting person has a family name."""
    skiller(213, rekvirent(), rekvirent(med_person(family_name="")))


def test_7419_214_rekvirent_given_name_missing() -> None:
    """The acting person has a given name."""
    skiller(214, rekvirent(), rekvirent(med_person(given_name="")))


def test_7419_321_professional_type() -> None:
    """TypeHealthcareProfessional, where it stands, is in list 9060."""
    skiller(321, (rekvirent(), rekvirent(med_person(type=None))), rekvirent(med_person(type=Kode("ZZ", "x"))))


def test_7419_354_rekvirent_ident_check_digits() -> None:
    """A national number that is given for the prescriber is a right one."""
    hpr = person_ident("HPR", bygg.HPR)
    skiller(
        354,
        rekvirent(med_person(idents=(hpr, person_ident("FNR", bygg.FNR)))),
        rekvirent(med_person(idents=(hpr, person_ident("FNR", "21014605159")))),
    )


def test_the_person_is_found_in_a_department() -> None:
    """The acting person of a hospital stands in the department under it."""
    avdeling = Organisation(name="Avdeling", professional=lege())
    assert rekvirent(legekontor(professional=None, part=avdeling)).koder == []
    assert avsender.rekvirent(bygg.hode("ERM1", Organisation())) == HealthcareProfessional()


# ------------------------------------------------------------ HPR


def test_7419_20_rekvirent_in_hpr() -> None:
    """The person behind the certificate is in HPR; where she is not, nothing else is said of her."""
    facts = Facts(avsender=bygg.LEGEKONTOR)
    skiller(20, forskriver(), fra(avsender.FORSKRIVER, legekontor(), facts))


def test_7419_23_hpr_number_matches() -> None:
    """The HPR number of the head is that of the certificate's person."""
    skiller(23, (rekvirent(), forskriver()), rekvirent(hpr=bygg.ANNEN_HPR))


def test_7419_21_rekvirent_authorised() -> None:
    """A prescriber is authorised; whether that matters for a recall, M5 decides."""
    skiller(21, (forskriver(), rekvirent(autorisert=False)), forskriver(autorisert=False))


def test_7419_22_rekvirent_requisition_right() -> None:
    """A prescriber has a requisition right."""
    skiller(22, (forskriver(), rekvirent(rekvisisjonsrett=False)), forskriver(rekvisisjonsrett=False))


def test_7419_324_rekvirent_category_can_prescribe() -> None:
    """A psychologist has no category that could prescribe."""
    uten_type = med_person(type=None)
    skiller(324, forskriver(uten_type, kategorier=("PS", "LE")), forskriver(uten_type, kategorier=("PS",)))


def test_7419_306_rekvirent_alive() -> None:
    """The dead do not prescribe, nor recall."""
    skiller(306, forskriver(), (forskriver(dodsdato=date(2026, 1, 1)), rekvirent(dodsdato=date(2026, 1, 1))))


def test_7419_307_requisition_right_today() -> None:
    """The right covers the day of reception, first and last day included."""
    dag = bygg.NOW.date()
    skiller(
        307,
        forskriver(rett_fra=dag, rett_til=dag),
        (forskriver(rett_fra=dag + timedelta(days=1)), forskriver(rett_til=dag - timedelta(days=1))),
    )


def test_7419_308_approval_not_suspended() -> None:
    """A suspended person neither prescribes nor recalls."""
    skiller(308, (forskriver(), rekvirent()), (forskriver(suspendert=True), rekvirent(suspendert=True)))


def test_7419_352_approval_not_ended() -> None:
    """A person whose approval has ended neither prescribes nor recalls."""
    skiller(352, (forskriver(), rekvirent()), (forskriver(avsluttet=True), rekvirent(avsluttet=True)))


def test_7419_309_requisition_right_not_suspended() -> None:
    """With the right suspended nothing is prescribed; a recall is judged by M5."""
    skiller(309, (forskriver(), rekvirent(rett_suspendert=True)), forskriver(rett_suspendert=True))


def test_7419_353_requisition_right_not_ended() -> None:
    """With the right ended nothing is prescribed; a recall is judged by M5."""
    skiller(353, (forskriver(), rekvirent(rett_avsluttet=True)), forskriver(rett_avsluttet=True))


def test_7419_322_professional_type_in_hpr() -> None:
    """The stated category is one that HPR gives the person a right for."""
    tannlege = med_person(type=Kode("TL", "Tannlege"))
    skiller(322, (forskriver(), forskriver(tannlege, kategorier=("TL",))), forskriver(tannlege))


def test_7419_350_midwife_nurse_type_missing() -> None:
    """A midwife or public-health nurse says what she is, a doctor need not."""
    uten_type, jordmor = med_person(type=None), med_person(type=Kode("JO", "Jordmor"))
    skiller(
        350,
        (
            forskriver(uten_type),
            forskriver(jordmor, kategorier=("JO",)),
            forskriver(uten_type, kategorier=("JO", "LE")),
        ),
        (forskriver(uten_type, kategorier=("JO",)), forskriver(uten_type, kategorier=("SP",))),
    )


def test_a_rule_that_looks_at_registers_says_so() -> None:
    """The file validator leaves out exactly the rules that cannot be judged without registers."""
    ukjent = Facts()
    head = bygg.hode("ERM1", legekontor(idents=(Ident("0", Kode("ZZ")),)))
    m = bygg.sak(mv_verify.TYPE, PAYLOAD, head).mottatt
    full = Facts(avsender=bygg.LEGEKONTOR, helsepersonell=replace(bygg.LEGE, hpr="1"))
    for regel in (*avsender.FORSKRIVER, *avsender.UTLEVERER, *avsender.ALLE):
        if not regel.needs_facts:
            assert list(regel.findings(m, ukjent)) == list(regel.findings(m, full)), regel.name
