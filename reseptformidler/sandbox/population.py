"""Who lives in the sandbox: organisations, prescribers and patients, the same every time.

All of it is synthetic and shows it: months of birth +80, organisation numbers from 310 million, HER-ids from 9 900 001,
HPR numbers from 999 000 001, certificate serials that begin with 0000-0000. The actors of the published examples of the
standard are here too, under their published numbers; only their fødselsnummer are ours.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, timedelta
from functools import cache
from itertools import count, islice
from typing import Any

from reseptformidler.client.melding import System
from reseptformidler.client.parter import Adresse, Pasient, Rekvirent, Utleverer, Virksomhet
from reseptformidler.domain import ident
from reseptformidler.domain.aktor import Aktor, Aktortype, Forelder, Helsepersonell
from reseptformidler.domain.hode import Kode
from reseptformidler.registers.fixed import FixedRegisters, Registrert

MANN, KVINNE = "1", "2"
"""Sex as list 3101 has it."""

REFNR_PER_LEGE = 100
"""Reference numbers that each prescriber was issued: one M4.2 at most (L3)."""

ANSATT = "999000099"
"""Who acts at the dispensers; pharmacists use their HPR number (Q6)."""

BOSTED = Adresse("Prøveveien 2", "0001", "Oslo", Kode("0301", "Oslo"))
SYSTEM = System(
    "SANDKASSE", "Sandkasse", "1", date(2026, 1, 1), "Sandkasse", "Sandkasse", "sandkasse@example.com", "22000000"
)
"""The software of everybody in the sandbox."""


@dataclass(frozen=True, slots=True)
class Lege:
    """A prescriber (not always a doctor), the organisation it writes from and the subject serialNumber of its card."""

    helsepersonell: Helsepersonell
    kort: str
    kontor: Aktor

    @property
    def navn(self) -> str:
        """Given and family name."""
        return f"{self.helsepersonell.fornavn} {self.helsepersonell.etternavn}"

    @property
    def rekvirent(self) -> Rekvirent:
        """As a sender."""
        person = self.helsepersonell
        return Rekvirent(
            som_virksomhet(self.kontor), person.hpr, person.fornavn, person.etternavn, person.kategorier[0]
        )

    def som_pasient(self) -> Pasient:
        """In the patient's place: for prescriptions in the prescriber's own name and to own practice (P3, P4)."""
        person = self.helsepersonell
        born = ident.birth_date(person.fnr)
        assert born is not None
        kjonn = MANN if int(person.fnr[8]) % 2 else KVINNE
        return Pasient(person.fornavn, person.etternavn, born, kjonn, adresse=BOSTED)


_STEDER = (
    "Alta",
    "Bergen",
    "Bodø",
    "Drammen",
    "Elverum",
    "Førde",
    "Gjøvik",
    "Hamar",
    "Harstad",
    "Kongsberg",
    "Larvik",
    "Lillehammer",
    "Mo",
    "Molde",
    "Narvik",
    "Namsos",
    "Oslo",
    "Røros",
    "Sandnes",
    "Tromsø",
)
_FORNAVN = (  # by turns of men and of women, as `number % 2` says
    "Syver",
    "Sanna",
    "Sindre",
    "Solveig",
    "Stian",
    "Signe",
    "Sverre",
    "Sunniva",
    "Simen",
    "Silje",
)
_ETTERNAVN = ("Prøve", "Kunstig", "Oppdiktet", "Syntetisk", "Øvelse", "Eksempel", "Mønster", "Forsøk")


def _fnr(born: date, kjonn: str, series: int = 0, day_offset: int = 0) -> str:
    """The fødselsnummer of the `series`-th born that day with that sex; `day_offset` 40 gives a D-number."""
    first6 = f"{born.day + day_offset:02}{born.month + 80:02}{born.year % 100:02}"
    first = (500 if born.year >= 2000 else 0) + (1 if kjonn == MANN else 0)
    nines = (f"{first6}{number:03}" for number in range(first, first + 499, 2))
    valid = (nine + digits for nine in nines if (digits := ident.fnr_check_digits(nine)))
    return next(islice(valid, series, None))


@cache
def _orgnr(number: int) -> str:
    """The organisation number of number `number`, from 0."""
    eights = (f"{first8}" for first8 in count(31_000_000))
    valid = (eight + digit for eight in eights if (digit := ident.orgnr_check_digit(eight)))
    return next(islice(valid, number, None))


def refnumre(lege: Lege) -> tuple[str, ...]:
    """The reference numbers that a prescriber was issued."""
    first = int(lege.helsepersonell.hpr[-5:]) * 10_000
    nines = (f"{number:09}" for number in range(first, first + 10_000))
    valid = (nine + digit for nine in nines if (digit := ident.refnr_check_digit(nine)))
    return tuple(islice(valid, REFNR_PER_LEGE))


@cache
def som_virksomhet(aktor: Aktor) -> Virksomhet:
    """An organisation as a sender."""
    return Virksomhet(
        aktor.navn,
        aktor.her,
        aktor.enh,
        Adresse("Sandkasseveien 1", "0001", "Oslo"),
        "22000000",
        aktor.lok,
        aktor.ako,
        "999001" if aktor.spesialist else "",
    )


def som_utleverer(aktor: Aktor) -> Utleverer:
    """A dispenser as a sender."""
    return Utleverer(som_virksomhet(aktor), ANSATT)


def person(number: int) -> Pasient:
    """Patient number `number` (from 0): as many as a load test wants, each with an own number, born 1940–1999."""
    kjonn = (MANN, KVINNE)[number % 2]
    series, day = divmod(number // 2, 21_900)
    born = date(1940, 1, 1) + timedelta(days=day * 7_919 % 21_900)
    return Pasient(*_navn(number), born, kjonn, _fnr(born, kjonn, series), "FNR", BOSTED)


def _navn(number: int) -> tuple[str, str]:
    return _FORNAVN[number % len(_FORNAVN)], _ETTERNAVN[number // len(_FORNAVN) % len(_ETTERNAVN)]


def _aktor(number: int, navn: str, type_: Aktortype = Aktortype.REKVIRENT) -> Aktor:
    apotek = type_ in (Aktortype.APOTEK, Aktortype.NETTAPOTEK)
    return Aktor(
        her=str(9_900_001 + number),
        navn=navn,
        type=type_,
        enh=_orgnr(2 * number),
        lok=_orgnr(2 * number + 1) if apotek or type_ is Aktortype.BANDASJIST else "",
        ako=str(99_001 + number) if apotek else "",
    )


def _helsepersonell(number: int, fornavn: str, etternavn: str) -> Helsepersonell:
    born = date(1955, 3, 1) + timedelta(days=number * 173)
    return Helsepersonell(f"{999_000_001 + number}", _fnr(born, (MANN, KVINNE)[number % 2]), fornavn, etternavn)


def _lege(helsepersonell: Helsepersonell, kontor: Aktor) -> Lege:
    return Lege(helsepersonell, f"0000-0000-{helsepersonell.hpr}", kontor)


LEGEKONTOR = tuple(_aktor(n, f"Sandkasse Legekontor {sted}") for n, sted in enumerate(_STEDER))
APOTEK = tuple(_aktor(100 + n, f"Sandkasse Apotek {sted}", Aktortype.APOTEK) for n, sted in enumerate(_STEDER[:12]))
BANDASJISTER = tuple(
    _aktor(200 + n, f"Sandkasse Bandasjist {sted}", Aktortype.BANDASJIST) for n, sted in enumerate(_STEDER[:4])
)
NETTAPOTEK = _aktor(300, "Sandkasse Nettapotek", Aktortype.NETTAPOTEK)
LEGEMIDDELVERKET = _aktor(500, "Sandkasse Legemiddelverket", Aktortype.LEGEMIDDELVERKET)
KJERNEJOURNAL = _aktor(501, "Sandkasse Kjernejournal", Aktortype.KJERNEJOURNAL)

SAERLIGE_AKTORER = {
    "spesialistsykehus": replace(_aktor(400, "Sandkasse Spesialistsykehus"), spesialist=True),
    "deaktivert legekontor": replace(_aktor(401, "Sandkasse Deaktivert Legekontor"), aktiv=False),
    "ikke godkjent legekontor": replace(_aktor(402, "Sandkasse Ikke Godkjent Legekontor"), godkjent=False),
    "deaktivert apotek": replace(_aktor(403, "Sandkasse Deaktivert Apotek", Aktortype.APOTEK), aktiv=False),
    "ikke godkjent apotek": replace(_aktor(404, "Sandkasse Ikke Godkjent Apotek", Aktortype.APOTEK), godkjent=False),
    "svartelistet apotek": replace(_aktor(405, "Sandkasse Svartelistet Apotek", Aktortype.APOTEK), svartelistet=True),
    "apotek uten avtale": replace(_aktor(406, "Sandkasse Apotek Uten Avtale", Aktortype.APOTEK), cpa=False),
    "svartelistet bandasjist": replace(
        _aktor(407, "Sandkasse Svartelistet Bandasjist", Aktortype.BANDASJIST), svartelistet=True
    ),
    "deaktivert bandasjist": replace(_aktor(408, "Sandkasse Deaktivert Bandasjist", Aktortype.BANDASJIST), aktiv=False),
}
"""Organisations with something about them, each by what it is."""

LEGER = tuple(_lege(_helsepersonell(n, *_navn(n)), LEGEKONTOR[n % len(LEGEKONTOR)]) for n in range(40))
"""Ordinary doctors, two at each office."""


def _saerlig(number: int, etternavn: str) -> Helsepersonell:
    return _helsepersonell(100 + number, "Sanna" if number % 2 else "Sindre", etternavn)


SAERLIGE_LEGER = {
    "uten A-rett": _lege(replace(_saerlig(0, "Uten-A-Rett"), a_preparat=False), LEGEKONTOR[0]),
    "suspendert": _lege(replace(_saerlig(1, "Suspendert"), suspendert=True), LEGEKONTOR[0]),
    "rett suspendert": _lege(replace(_saerlig(2, "Rett-Suspendert"), rett_suspendert=True), LEGEKONTOR[0]),
    "avsluttet": _lege(replace(_saerlig(3, "Avsluttet"), avsluttet=True), LEGEKONTOR[1]),
    "rett avsluttet": _lege(replace(_saerlig(4, "Rett-Avsluttet"), rett_avsluttet=True), LEGEKONTOR[1]),
    "død": _lege(replace(_saerlig(5, "Død"), dodsdato=date(2020, 2, 29)), LEGEKONTOR[1]),
    "uten autorisasjon": _lege(replace(_saerlig(6, "Uten-Autorisasjon"), autorisert=False), LEGEKONTOR[2]),
    "uten rekvisisjonsrett": _lege(
        replace(_saerlig(7, "Uten-Rekvisisjonsrett"), rekvisisjonsrett=False), LEGEKONTOR[2]
    ),
    "rett utløpt": _lege(replace(_saerlig(8, "Rett-Utløpt"), rett_til=date(2020, 12, 31)), LEGEKONTOR[2]),
    "rett ikke begynt": _lege(replace(_saerlig(9, "Rett-Ikke-Begynt"), rett_fra=date(2199, 1, 1)), LEGEKONTOR[3]),
    "jordmor": _lege(replace(_saerlig(10, "Jordmor"), kategorier=("JO",), a_preparat=False), LEGEKONTOR[3]),
    "helsesykepleier": _lege(
        replace(_saerlig(11, "Helsesykepleier"), kategorier=("SP",), a_preparat=False), LEGEKONTOR[3]
    ),
    "tannlege": _lege(replace(_saerlig(12, "Tannlege"), kategorier=("TL",)), LEGEKONTOR[4]),
    "lege og tannlege": _lege(replace(_saerlig(13, "Lege-Og-Tannlege"), kategorier=("LE", "TL")), LEGEKONTOR[4]),
    "sykepleier": _lege(
        replace(_saerlig(14, "Sykepleier"), kategorier=("SP",), rekvisisjonsrett=False, a_preparat=False), LEGEKONTOR[4]
    ),
    "spesialist": _lege(_saerlig(15, "Spesialist"), SAERLIGE_AKTORER["spesialistsykehus"]),
    "ved deaktivert kontor": _lege(_saerlig(16, "Ved-Deaktivert"), SAERLIGE_AKTORER["deaktivert legekontor"]),
    "ved ikke godkjent kontor": _lege(_saerlig(17, "Ved-Ikke-Godkjent"), SAERLIGE_AKTORER["ikke godkjent legekontor"]),
}
"""Prescribers with something about them, each by what it is."""


def _uten_nummer(number: int) -> Pasient:
    one = person(5_000 + number)
    return replace(one, etternavn="Uten-Nummer", ident="", ident_type="")


def _med_dnr(number: int) -> Pasient:
    one = person(6_000 + number)
    return replace(one, etternavn="Med-Dnummer", ident=_fnr(one.fdato, one.kjonn, day_offset=40), ident_type="DNR")


def _barn(number: int) -> Pasient:
    """Born in 2012 and later: guardians may want to see."""
    born, kjonn = date(2012, 5, 17) + timedelta(days=400 * number), (MANN, KVINNE)[number % 2]
    return Pasient(_FORNAVN[number], "Barn", born, kjonn, _fnr(born, kjonn), "FNR", BOSTED)


PERSONER = tuple(person(n) for n in range(20))
"""Ordinary patients, with fødselsnummer."""
MED_DNR = tuple(_med_dnr(n) for n in range(4))
UTEN_NUMMER = tuple(_uten_nummer(n) for n in range(4))
BARN = tuple(_barn(n) for n in range(8))


def _registrert(number: int, one: Pasient) -> Registrert:
    """A patient whose fastlege is the doctor after the one of the patient's own number."""
    lege = LEGER[number + 1]
    return Registrert(
        numre=(one.ident,),
        fastlege=lege.helsepersonell.hpr,
        fastlege_her=lege.kontor.her,
        fornavn=one.fornavn,
        etternavn=one.etternavn,
    )


def _foreldre(far: Pasient, mor: Pasient, *, fars_ansvar: bool = True) -> tuple[Forelder, ...]:
    return Forelder(far.ident, fars_ansvar), Forelder(mor.ident, foreldreansvar=True)


TIDLIGERE_NUMMER = _fnr(PERSONER[12].fdato, PERSONER[12].kjonn, day_offset=40)
"""The D-number that a patient had before the fødselsnummer."""
SAERLIGE_PERSONER: dict[str, tuple[Pasient, dict[str, Any]]] = {
    "adressesperret": (PERSONER[10], {"gradert": True}),
    "med tidligere nummer": (PERSONER[12], {"numre": (PERSONER[12].ident, TIDLIGERE_NUMMER)}),
    "har sperret en lege": (PERSONER[13], {"sperret": frozenset({LEGER[3].helsepersonell.hpr})}),
    "barn": (BARN[7], {"foreldre": _foreldre(PERSONER[4], PERSONER[5])}),
    "barn av adressesperret": (BARN[6], {"foreldre": _foreldre(PERSONER[10], PERSONER[11])}),
    "barn av en med foreldreansvar": (
        BARN[5],
        {"foreldre": _foreldre(PERSONER[16], PERSONER[17], fars_ansvar=False)},
    ),
}
"""Patients with something about them in the person register, each by what it is."""
_SAERLIGE_FELT = {one.ident: fields for one, fields in SAERLIGE_PERSONER.values()}
REGISTRERTE = tuple(
    replace(_registrert(number, one), **_SAERLIGE_FELT.get(one.ident, {}))
    for number, one in enumerate((*PERSONER, *MED_DNR, *BARN))
)
"""The patients with a national number, as the person register and the fastlege register have them."""

_PUBLISERTE_KONTOR = {
    "8095068": ("Virginia Legekontor", "100169444"),
    "8091390": ("GFM Legekontor", "988453315"),
    "8091189": ("Grimsrud Legekontor", "100190133"),
    "96915": ("Strømsø Legesenter", "990862575"),
    "9": ("Kattskinnet legesenter", "971318864"),
}
_KONTOR = {her: Aktor(her, navn, Aktortype.REKVIRENT, enh) for her, (navn, enh) in _PUBLISERTE_KONTOR.items()}

PUBLISERTE_UTLEVERERE = (
    Aktor("8090688", "Apotek 1 Ski Storsenter", Aktortype.APOTEK, "983044778", "983716466", "1463"),
    Aktor("8091831", "Apoteket Vågen RFTest", Aktortype.APOTEK, "983044778", "991557407", "8043"),
    Aktor("8094938", "Testapotek Monier", Aktortype.NETTAPOTEK, "100149184", "100100185", "8069"),
)
"""The dispensers of the published examples."""


def _publisert(number: int, hpr: str, navn: tuple[str, str], her: str, kort: str = "") -> Lege:
    born = date(1970, 8, 1) + timedelta(days=number)
    helsepersonell = Helsepersonell(hpr, _fnr(born, (MANN, KVINNE)[number % 2], series=1), *navn)
    return Lege(helsepersonell, kort or f"0000-0000-{hpr}", _KONTOR[her])


PUBLISERTE_LEGER = (
    _publisert(1, "431002737", ("Anja Fos", "Eidsvik"), "8095068", "9578-4050-100732353"),
    _publisert(2, "431001905", ("Tommy Fos", "Sjursen"), "8091390", "9578-4050-100586718"),
    _publisert(4, "431001906", ("Aas Fos", "Amir"), "8091189"),
    _publisert(5, "002109743", ("Ane", "Mone"), "96915"),
    _publisert(6, "009144889", ("Magnar", "Koman"), "9", "9578-4050-100027200"),
)
"""The prescribers of the published examples; those without a published certificate have a card of ours."""

ALLE_LEGER = (*LEGER, *SAERLIGE_LEGER.values(), *PUBLISERTE_LEGER)
ALLE_AKTORER = (
    *LEGEKONTOR,
    *APOTEK,
    *BANDASJISTER,
    NETTAPOTEK,
    LEGEMIDDELVERKET,
    KJERNEJOURNAL,
    *SAERLIGE_AKTORER.values(),
    *_KONTOR.values(),
    *PUBLISERTE_UTLEVERERE,
)


def registers() -> FixedRegisters:
    """The sandbox as registers."""
    return FixedRegisters(
        ALLE_AKTORER,
        (lege.helsepersonell for lege in ALLE_LEGER),
        {lege.kort: lege.helsepersonell.hpr for lege in ALLE_LEGER},
        {number: lege.helsepersonell.hpr for lege in ALLE_LEGER for number in refnumre(lege)},
        REGISTRERTE,
    )
