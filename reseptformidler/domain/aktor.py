"""What the registers say of a sender: organisations (RFAdmin, address register) and health personnel (HPR)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum

from reseptformidler.domain.hode import OID, HealthcareProfessional, Ident, Kode, Organisation


class Aktortype(StrEnum):
    """What an organisation may be in the service's own register."""

    REKVIRENT = "rekvirent"
    APOTEK = "apotek"
    BANDASJIST = "bandasjist"
    NETTAPOTEK = "nettapotek"
    LEGEMIDDELVERKET = "legemiddelverket"
    KJERNEJOURNAL = "kjernejournal"


@dataclass(frozen=True, slots=True)
class Aktor:
    """An organisation that the service knows: HER-id, organisation numbers (unit: `lok`), as digits in text."""

    her: str
    navn: str
    type: Aktortype
    enh: str
    lok: str = ""
    ako: str = ""
    """Konsesjonsnummer; pharmacies only."""
    aktiv: bool = True
    godkjent: bool = True
    svartelistet: bool = False
    """Black-listed for ekspederingsanmodninger (7419/304, 338)."""
    spesialist: bool = False
    """In specialist care: the head must then carry RSH (7419/380)."""
    cpa: bool = True
    """Has an active agreement for asynchronous messages with the service (7419/101, 129)."""

    @property
    def utleverer(self) -> bool:
        """Whether it may ask for and dispense prescriptions."""
        return self.type in (Aktortype.APOTEK, Aktortype.BANDASJIST, Aktortype.NETTAPOTEK)

    @property
    def bandasjist(self) -> bool:
        """Whether it sees and gets Varegruppe A alone (rules.md C4): a net shop without konsesjon too (HIS 3016 2)."""
        return self.type is Aktortype.BANDASJIST or (self.type is Aktortype.NETTAPOTEK and not self.ako)

    def som_mottaker(self, professional: HealthcareProfessional | None = None) -> Organisation:
        """As the Receiver of a message, with the person in it where one is addressed."""
        return mottaker(self.navn, self.enh, self.her, professional)


def mottaker(navn: str, enh: str, her: str, professional: HealthcareProfessional | None = None) -> Organisation:
    """An organisation as the Receiver of a message: the identifiers that are known, the person in it."""
    known = (
        ("ENH", "Organisasjonsnummeret i Enhetsregister", enh),
        ("HER", "HER-id", her),
    )
    idents = tuple(Ident(number, Kode(kind, dn, f"{OID}9051")) for kind, dn, number in known if number)
    return Organisation(name=navn, idents=idents, professional=professional)


@dataclass(frozen=True, slots=True)
class Helsepersonell:
    """A person in the register of health personnel (HPR).

    `kategorier`: codes of list 9060 (LE doctor, JO midwife, SP nurse, which public-health nurses are too …).
    A period is open where its end is None.
    """

    hpr: str
    fnr: str
    fornavn: str
    etternavn: str
    kategorier: tuple[str, ...] = ("LE",)
    autorisert: bool = True
    rekvisisjonsrett: bool = True
    a_preparat: bool = True
    rett_fra: date | None = None
    rett_til: date | None = None
    suspendert: bool = False
    rett_suspendert: bool = False
    avsluttet: bool = False
    rett_avsluttet: bool = False
    dodsdato: date | None = None


@dataclass(frozen=True, slots=True)
class Signatur:
    """The verdict on a personal signature that verified: whose certificate it was."""

    sertifikat_serienummer: str
    """Serial number of the certificate, decimal."""
    person: str
    """The subject's serialNumber: what the certificate authority's person service is asked with."""


@dataclass(frozen=True, slots=True)
class Fastlege:
    """Who is a patient's fastlege: the person (HPR number, names) and where it is reached."""

    hpr: str
    fornavn: str
    etternavn: str
    kontor: Aktor


@dataclass(frozen=True, slots=True)
class Person:
    """What the person register, the fastlege register and Helsenorge say of one person.

    `numre`: all national identity numbers the person has or had, the present one first. `foreldre`: of the register's
    mother and father or co-mother the numbers, and whether each has parental responsibility. `sperret`: HPR numbers of
    the health personnel that the person has blocked (rules.md B1).
    """

    numre: tuple[str, ...]
    gradert: bool = False
    """The address is protected, in whichever degree (rules.md N10)."""
    foreldre: tuple[Forelder, ...] = ()
    sperret: frozenset[str] = frozenset()
    fastlege: Fastlege | None = None
    fornavn: str = ""
    mellomnavn: str = ""
    etternavn: str = ""
    """All three empty where the register does not say."""

    @property
    def nummer(self) -> str:
        """The present number."""
        return self.numre[0]


@dataclass(frozen=True, slots=True)
class Forelder:
    """A parent by the person register."""

    nummer: str
    foreldreansvar: bool
    gradert: bool = False
    """The parent's own address is protected: who asks about the child names one parent only (rules.md N10)."""


class M8Til(StrEnum):
    """Who is sent M8: those who subscribe (rules.md M3r), or every fastlege whatever was subscribed (M4r)."""

    ABONNENT = "abonnent"
    FASTLEGE = "fastlege"


LEGEMIDDELVERKET = Aktor("", "Direktoratet for medisinske produkter", Aktortype.LEGEMIDDELVERKET, "974761122")
"""As M14 and M20 are addressed where the registers do not say otherwise."""
KJERNEJOURNAL = Aktor("", "Nasjonal kjernejournal", Aktortype.KJERNEJOURNAL, "994598759")
"""As M8.1 and M25.4 are addressed where the registers do not say otherwise."""


@dataclass(frozen=True, slots=True)
class Facts:
    """All that the registers and the signature check say of one message, fetched before the decision."""

    avsender: Aktor | None = None
    helsepersonell: Helsepersonell | None = None
    """The HPR entry of the person behind the certificate."""
    signatur: Signatur | None = None
    mottaker_ekspanm: Aktor | None = None
    """The utleverer that an ekspederingsanmodning names."""
    personer: Mapping[str, Person] = field(default_factory=dict)
    """Those of `MeldingType.personer` that the registers know, by the number that was asked for."""
    legemiddelverket: Aktor = LEGEMIDDELVERKET
    kjernejournal: Aktor = KJERNEJOURNAL
    m8_til: M8Til = M8Til.ABONNENT

    def numre(self, nummer: str) -> tuple[str, ...]:
        """All numbers of the person with this one, the present one first; this one alone where none is known."""
        person = self.personer.get(nummer)
        return person.numre if person is not None else (nummer,) if nummer else ()
