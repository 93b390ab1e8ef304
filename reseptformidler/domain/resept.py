"""A prescription as the service holds it: what it is, and where in its life it stands."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from uuid import UUID

from reseptformidler.domain.aktor import mottaker
from reseptformidler.domain.hode import OID, Address, HealthcareProfessional, Ident, Kode, Organisation
from reseptformidler.domain.kalender import NORGE


class Status(StrEnum):
    """List 7408. `U` is never stored: so is called `E` with a lock (rules.md, section 3: lock and state are apart)."""

    EKSPEDERBAR = "E"
    UNDER_EKSPEDERING = "U"
    UNDER_BEHANDLING_SLV = "B"
    AVSLATT_SLV = "A"
    AVSLUTTET = "R"
    TILBAKEKALT = "T"
    UGYLDIG = "X"


UNDER_BEHANDLING, INNVILGET, AVSLATT = "2", "3", "4"
"""Of list 7436: an application that is with the authority, was granted, was refused."""


@dataclass(frozen=True, slots=True)
class Pasient:
    """Whose prescription it is. `ident` is empty for those without national number (P1–P4)."""

    ident: str
    ident_type: str
    """FNR or DNR (list 8116), empty without ident."""
    fornavn: str
    etternavn: str
    mellomnavn: str = ""
    fdato: date | None = None
    """Always known: taken from the fnr where one is given (P5)."""
    kjonn: str = ""
    adresse: Address | None = None


@dataclass(frozen=True, slots=True)
class Rekvirent:
    """Who wrote it: HPR number and name, and the organisation it came from (the address of M6 and M7)."""

    hpr: str
    navn: str
    her: str
    org_navn: str
    enh: str = ""
    fornavn: str = ""
    mellomnavn: str = ""
    etternavn: str = ""
    """The parts of `navn`; none of them in what was stored before they were kept."""

    def som_mottaker(self) -> Organisation:
        """As the Receiver of a message: M6 and M7 go to where the M1 came from (rules.md M1r, T4)."""
        person = HealthcareProfessional(
            family_name=self.etternavn or self.navn,
            middle_name=self.mellomnavn,
            given_name=self.fornavn,
            idents=(Ident(self.hpr, Kode("HPR", "HPR-nummer", f"{OID}8116")),),
        )
        return mottaker(self.org_navn, self.enh, self.her, person)


@dataclass(frozen=True, slots=True)
class Vare:
    """What the lists show of the item; the source of each field is M9.2 (R1408 4.3.1)."""

    varegruppe: str
    """L drug or A other goods (list 7402)."""
    nr: str = ""
    navn_form_styrke: str = ""
    legemiddelblanding: str = ""
    prod_gruppe: Kode | None = None
    ref_hjemmel: Kode | None = None
    bruksomrade: str = ""
    antall: Decimal | None = None
    pakningsstr: str = ""
    enhet_pakning: Kode | None = None
    mengde: tuple[str, str] | None = None
    """Value and unit as they stood (PQ)."""
    reiterasjon: int | None = None
    bruk: Kode | None = None
    merkevare_id: str = ""
    """Of LegemiddelMerkevare in FEST, where that was prescribed; empty too in what was stored before it was kept."""
    virkestoff_id: str = ""
    """Of LegemiddelVirkestoff in FEST, likewise."""
    atc: str = ""
    """Of a drug that has one; empty too in what was stored before it was kept."""


@dataclass(frozen=True, slots=True)
class Ekspederingsanmodning:
    """Binds the first dispensing, for LAR (`L`) all of them, to one utleverer (rules.md E5)."""

    her: str
    navn: str
    metode: str
    """List 7404: U, F, L, M."""
    oppfylt: bool = False
    """The first dispensing has been made."""

    @property
    def binder(self) -> bool:
        """Whether the next dispensing is tied to the utleverer (E5)."""
        return self.metode == "L" or not self.oppfylt


@dataclass(frozen=True, slots=True)
class Las:
    """Held by one utleverer since a download (M9.3)."""

    her: str
    navn: str
    siden: datetime
    samtale: str
    """MsgId that began the conversation, for RefToConversation."""

    def som_mottaker(self) -> Organisation:
        """As the Receiver of a message: the M15 goes to who holds the prescription (rules.md G4)."""
        return mottaker(self.navn, "", self.her)

    @property
    def beskrivelse(self) -> str:
        """Who holds it and since when by Norwegian clocks, in words for another utleverer's user (7419/69)."""
        siden = self.siden.astimezone(NORGE)
        return f"Under ekspedering hos {self.navn} siden {siden:%d.%m.%Y} kl. {siden:%H.%M}"


@dataclass(frozen=True, slots=True)
class Tilbakekalt:
    """A recall: done where the status is T, else it waits for the dispensing to end (7419/13) or the authority (14)."""

    msg_id: UUID
    tidspunkt: datetime
    hpr: str
    her: str
    arsak: Kode
    merknad: str = ""
    ny_resept_id: str = ""
    samtale: str = ""
    avsender: Organisation | None = None
    """The Sender of the M5, whom the M5.2 goes back to; None in what was stored before it was kept."""

    @property
    def mottaker(self) -> Organisation:
        """Who is told what became of the recall."""
        return self.avsender or mottaker(self.her, "", self.her)


@dataclass(frozen=True, slots=True)
class Utlevering:
    """One dispensing (an M10 that was neither a cancel nor an annulment), kept with the prescription."""

    msg_id: UUID
    """MsgId of the M10: what a later AnnulleringsId names."""
    resept_id: UUID
    her: str
    dato: date
    antall: Decimal
    avsluttet: bool
    annullert_av: UUID | None = None
    egenandel: tuple[tuple[date, Decimal], ...] = ()
    """None or four: start of the period and amount paid (NOK)."""
    endret: bool = False
    """It differed from what was prescribed: the M10 had an Intervensjon (rules.md U10)."""
    varenr: str = ""
    """Varenr of a package, Nr of other goods; empty for a mixture."""
    navn: str = ""
    """NavnFormStyrke of a package, else Navn; empty in what was stored before it was kept."""
    pakningsstr: tuple[str, str] | None = None
    """Value and unit as they stood, where there is one size (PQ)."""


@dataclass(frozen=True, slots=True)
class Resept:
    """One prescription in one version. `resept_id` is the MsgId of its M1."""

    resept_id: UUID
    versjon: int
    """1 at birth, one more with each change; each version has one row of history."""
    status: Status
    mottatt: datetime
    forskrivningsdato: date
    utloper: date
    pasient: Pasient
    rekvirent: Rekvirent
    vare: Vare
    refnr: str = ""
    last: bool = False
    """LastResept: invisible without its RefNr."""
    vergereservert: bool = False
    eget_navn: bool = False
    egen_praksis: bool = False
    tidligste_utlevering: date | None = None
    soknad_slv: str = ""
    """List 7436, empty where no application is needed."""
    ekspanm: Ekspederingsanmodning | None = None
    las: Las | None = None
    tilbakekalt: Tilbakekalt | None = None
    lukket: datetime | None = None
    """When it became R or T; deletion counts from here."""
    samtale: str = ""
    """The conversation the M1 stood in (its own MsgId where it began one)."""
    siste_utlevering: date | None = None
    """Date of the newest dispensing that is not annulled: kept here so that a list needs nothing but prescriptions."""
    endret_farmasoyt: bool = False
    """Some dispensing that is not annulled differed from what was prescribed."""
    soknad_sendt: date | None = None
    """The day in Norway on which the application went to the authority (M9.4, DatoSoknadSendtSLV)."""
    svar_slv: date | None = None
    """The day in Norway on which the authority's answer came (SvarSLVDato); `soknad_slv` says what it was."""

    @property
    def vist_status(self) -> Status:
        """The status as the lists show it: E under a lock is U."""
        if self.las is not None and self.status is Status.EKSPEDERBAR:
            return Status.UNDER_EKSPEDERING
        return self.status
