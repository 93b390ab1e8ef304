"""Who sends and whom it is about, and their places in the head: organisation, prescriber, dispenser, patient."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date
from functools import lru_cache

from reseptformidler.domain import koder
from reseptformidler.domain.hode import Address, HealthcareProfessional, Ident, Kode, Organisation, Patient, TeleCom
from reseptformidler.wire import parties


@dataclass(frozen=True, slots=True)
class Adresse:
    """A street address in Norway; `kommune` is a code of list 3402."""

    gate: str
    postnr: str
    sted: str
    kommune: Kode | None = None


@dataclass(frozen=True, slots=True)
class Virksomhet:
    """An organisation that sends. Numbers are digits in text; the service wants address and telephone (7419/219)."""

    navn: str
    her: str
    enh: str
    adresse: Adresse
    telefon: str
    lok: str = ""
    """Number of the unit: dispensers only."""
    ako: str = ""
    """Konsesjonsnummer: pharmacies only."""
    rsh: str = ""
    """RESH-ID: specialist care only (7419/380)."""


@dataclass(frozen=True, slots=True)
class Rekvirent:
    """A person who prescribes, and where. `hpr`: nine digits, padded with zeros; `kategori`: list 9060."""

    virksomhet: Virksomhet
    hpr: str
    fornavn: str
    etternavn: str
    kategori: str = "LE"


@dataclass(frozen=True, slots=True)
class Utleverer:
    """A dispenser and who acts there: a pharmacist's HPR number, or what the dispenser calls its employee (Q6)."""

    virksomhet: Virksomhet
    ansatt: str


@dataclass(frozen=True, slots=True)
class Pasient:
    """A patient. `ident` and `ident_type` (FNR, DNR) are empty for one without national number; sex as in list 3101."""

    fornavn: str
    etternavn: str
    fdato: date
    kjonn: str
    ident: str = ""
    ident_type: str = ""
    adresse: Adresse | None = None


Avsender = Virksomhet | Rekvirent | Utleverer


@lru_cache(maxsize=1024)
def avsender(avsender: Avsender) -> str:
    """The sender's Organisation, with the prescriber in it. A dispenser's employee is named in the payload only."""
    if isinstance(avsender, Rekvirent):
        person = _helsepersonell(avsender)
        return parties.organisation(replace(_organisasjon(avsender.virksomhet), professional=person))
    return parties.organisation(_organisasjon(avsender.virksomhet if isinstance(avsender, Utleverer) else avsender))


def pasient(pasient: Pasient | None) -> str:
    """Patient, or nothing. With a fødselsnummer no date of birth is said (P5)."""
    if pasient is None:
        return ""
    number = Ident(pasient.ident, koder.PERSON_ID.cv(pasient.ident_type)) if pasient.ident else None
    return parties.patient(
        Patient(
            family_name=pasient.etternavn,
            given_name=pasient.fornavn,
            date_of_birth=None if pasient.ident_type == "FNR" else pasient.fdato,
            sex=koder.KJONN.cs(pasient.kjonn),
            idents=(number,) if number else (),
            address=_adresse(pasient.adresse, "H") if pasient.adresse else None,
        )
    )


def _organisasjon(virksomhet: Virksomhet) -> Organisation:
    idents = {
        "ENH": virksomhet.enh,
        "LOK": virksomhet.lok,
        "AKO": virksomhet.ako,
        "HER": virksomhet.her,
        "RSH": virksomhet.rsh,
    }
    return Organisation(
        name=virksomhet.navn,
        idents=tuple(Ident(value, koder.ORGANISASJON_ID.cv(kind)) for kind, value in idents.items() if value),
        address=_adresse(virksomhet.adresse, "RES"),
        telecom=(TeleCom(Kode("HP", "Hovedtelefon"), f"tel:{virksomhet.telefon}"),),
    )


def _helsepersonell(rekvirent: Rekvirent) -> HealthcareProfessional:
    return HealthcareProfessional(
        type=koder.HELSEPERSONELL.cs(rekvirent.kategori),
        family_name=rekvirent.etternavn,
        given_name=rekvirent.fornavn,
        idents=(Ident(rekvirent.hpr, koder.PERSON_ID.cv("HPR")),),
    )


def _adresse(adresse: Adresse, kind: str) -> Address:
    return Address(koder.ADRESSETYPE.cs(kind), adresse.gate, adresse.postnr, adresse.sted, county=adresse.kommune)
