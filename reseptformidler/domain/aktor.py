"""What the registers say of a sender: organisations (RFAdmin, address register) and health personnel (HPR)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from enum import StrEnum


class Aktortype(StrEnum):
    """What an organisation may be in the service's own register."""

    REKVIRENT = "rekvirent"
    APOTEK = "apotek"
    BANDASJIST = "bandasjist"
    NETTAPOTEK = "nettapotek"


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
class Facts:
    """All that the registers and the signature check say of one message, fetched before the decision."""

    avsender: Aktor | None = None
    helsepersonell: Helsepersonell | None = None
    """The HPR entry of the person behind the certificate."""
    signatur: Signatur | None = None
    mottaker_ekspanm: Aktor | None = None
    """The utleverer that an ekspederingsanmodning names."""
