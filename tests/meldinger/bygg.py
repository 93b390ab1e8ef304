"""Builders for the tests of message types: heads, facts and payloads from plain arguments; each default is accepted.

Every payload is real XML that the type's own `parse` reads; persons and organisations are official test ones.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from lxml import etree

from reseptformidler.domain import koder
from reseptformidler.domain.aktor import Aktor, Aktortype, Facts, Helsepersonell
from reseptformidler.domain.decision import Decision, RefNr, Tilstand
from reseptformidler.domain.hode import (
    Address,
    HealthcareProfessional,
    Ident,
    Kode,
    MsgInfo,
    Organisation,
    Patient,
    TeleCom,
)
from reseptformidler.domain.ident import fnr_check_digits, refnr_check_digit
from reseptformidler.domain.livslop import Fase
from reseptformidler.domain.resept import Las, Pasient, Rekvirent, Resept, Status, Tilbakekalt, Vare
from reseptformidler.meldinger.m1_innhold import FS, NS
from reseptformidler.meldinger.melding import MeldingType, Mottatt

NOW = datetime(2026, 3, 2, 10, 0, tzinfo=UTC)
FNR = "21014605158"
DNR = "610146051" + (fnr_check_digits("610146051") or "")
ANNET_FNR = "01015000232"
HPR = "431002737"
ANNEN_HPR = "431001905"
REFNR = "123456789" + (refnr_check_digit("123456789") or "")
ANNET_REFNR = "234567891" + (refnr_check_digit("234567891") or "")
RESEPT_ID = UUID("c2883dc2-8eef-4b8e-a80f-167f858425f7")
MSG_ID = UUID("097d012e-39a8-470d-836b-1680fc8e9ab6")

LEGEKONTOR = Aktor(her="8095068", navn="Virginia Legekontor", type=Aktortype.REKVIRENT, enh="100169444")
APOTEK = Aktor(her="8094999", navn="Fjell apotek", type=Aktortype.APOTEK, enh="982528011", lok="983544622", ako="1234")
BANDASJIST = replace(APOTEK, her="8094998", navn="Bandasje Nord", type=Aktortype.BANDASJIST, ako="")
LEGE = Helsepersonell(hpr=HPR, fnr=FNR, fornavn="Anja Fos", etternavn="Eidsvik")


def person_ident(kind: str, number: str) -> Ident:
    """An identifier of list 8116."""
    return Ident(number, koder.PERSON_ID.cv(kind))


def org_ident(kind: str, number: str) -> Ident:
    """An identifier of list 9051."""
    return Ident(number, koder.ORGANISASJON_ID.cv(kind))


def lege(**changes: Any) -> HealthcareProfessional:
    """The acting doctor as the head shows her."""
    person = HealthcareProfessional(
        type=koder.HELSEPERSONELL.cs("LE"),
        family_name="Eidsvik",
        given_name="Anja Fos",
        idents=(person_ident("HPR", HPR),),
    )
    return replace(person, **changes)


def legekontor(**changes: Any) -> Organisation:
    """A prescriber's organisation as sender."""
    organisation = Organisation(
        name=LEGEKONTOR.navn,
        idents=(org_ident("ENH", LEGEKONTOR.enh), org_ident("HER", LEGEKONTOR.her)),
        address=Address(type=koder.ADRESSETYPE.cs("RES"), street="Verkstedveien 1", postal_code="0102", city="Oslo"),
        telecom=(TeleCom(Kode("HP", "Hovedtelefon"), "tel:22222222"),),
        professional=lege(),
    )
    return replace(organisation, **changes)


def utleverer(aktor: Aktor = APOTEK, **changes: Any) -> Organisation:
    """A pharmacy's or bandasjist's organisation as sender."""
    idents = {"ENH": aktor.enh, "HER": aktor.her, "LOK": aktor.lok, "AKO": aktor.ako}
    organisation = Organisation(
        name=aktor.navn,
        idents=tuple(org_ident(kind, number) for kind, number in idents.items() if number),
        telecom=(TeleCom(Kode("HP", "Hovedtelefon"), "tel:22222222"),),
    )
    return replace(organisation, **changes)


def pasient(**changes: Any) -> Patient:
    """The patient of a head: official test person with fødselsnummer."""
    person = Patient(
        family_name="KNUTSEN",
        given_name="OTTAR",
        sex=koder.KJONN.cs("1"),
        idents=(person_ident("FNR", FNR),),
        address=Address(type=koder.ADRESSETYPE.cs("H"), postal_code="3050", city="MJØNDALEN"),
    )
    return replace(person, **changes)


def uten_nummer(**changes: Any) -> Patient:
    """A patient without national number: date of birth and sex stand instead."""
    return pasient(**{"idents": (), "date_of_birth": date(1946, 1, 21), **changes})


def hode(code: str, sender: Organisation | None = None, **changes: Any) -> MsgInfo:
    """A head of one type, from a prescriber where nothing else is said."""
    head = MsgInfo(
        type=koder.MELDINGSTYPE.cs(code),
        gen_date=NOW,
        gen_date_text=NOW.isoformat(),
        msg_id=MSG_ID,
        msg_id_text=str(MSG_ID),
        sender=legekontor() if sender is None else sender,
        receiver=Organisation(
            name="Reseptformidleren", idents=(org_ident("ENH", "915933149"), org_ident("HER", "80624"))
        ),
    )
    return replace(head, **changes)


def xml(name: str, namespace: str, parts: Mapping[str, str | None]) -> str:
    """An element from its children in order: text, or whole elements where it begins with `<`; None leaves one out."""
    inner = "".join(
        value if value.startswith("<") else f"<{part}>{value}</{part}>"
        for part, value in parts.items()
        if value is not None
    )
    return f'<{name} xmlns="{namespace}">{inner}</{name}>'


def kode(name: str, verdi: str, dn: str = "dn", liste: str = "") -> str:
    """A coded element: CS, or CV where a list is named (number, or whole OID)."""
    oid = f' S="{liste if "." in liste else "2.16.578.1.12.4.1.1." + liste}"' if liste else ""
    return f'<{name} V="{verdi}" DN="{dn}"{oid}/>'


def forskrivning(form: str = "Legemiddelpakning", inni: Mapping[str, str | None] | None = None, **changes: Any) -> str:
    """Forskrivning of one form; `inni` changes what stands in the form's own element."""
    legemiddel: dict[str, str | None] = {
        "Atc": kode("Atc", "R05DA01", liste="7180"),
        "NavnFormStyrke": "Cosylan Mikst 1,7 mg/ml",
        "Reseptgruppe": kode("Reseptgruppe", "C"),
        "LegemiddelformKort": kode("LegemiddelformKort", "9", liste="7448"),
        "Id": f"<Id>ID_{form}</Id>" if form in ("LegemiddelVirkestoff", "Legemiddeldose") else None,
        "Varenavn": "Cosylan" if form == "LegemiddelMerkevare" else None,
        "Varenr": "429076" if form == "Legemiddelpakning" else None,
        "PakningsinfoResept": xml("PakningsinfoResept", FS, PAKNING) if form == "Legemiddelpakning" else None,
    }
    if form == "Legemiddelblanding":
        legemiddel = {
            "Navn": "Salve 2 %",
            "TilbOppl": "x",
            "Mengde": '<Mengde V="100" U="g"/>',
            "Legemiddelform": kode("Legemiddelform", "84", "Salve", "7448"),
        }
    parts: dict[str, str | None] = {
        "Bruksomrade": "Hoste",
        "DosVeiledEnkel": "10 ml 3 ganger daglig",
        "Bruk": kode("Bruk", "3"),
        "Dosering": None,
        form: xml(form, FS, {**legemiddel, **(inni or {})}),
    }
    return xml("Forskrivning", FS, {**parts, **changes})


PAKNING: dict[str, str | None] = {
    "Varenavn": "Cosylan",
    "Pakningsstr": "300",
    "EnhetPakning": kode("EnhetPakning", "ml", "milliliter", "7452"),
}


def legemiddel(**changes: str | None) -> str:
    """ReseptDokLegemiddel of a package."""
    parts: dict[str, str | None] = {
        "Varegruppekode": kode("Varegruppekode", "L"),
        "Antall": "1",
        "RefHjemmel": None,
        "RefKode": None,
        "Reiterasjon": "0",
        "BytteresRekvirent": None,
        "Mengde": None,
        "LegemiddelUtenMt": None,
        "Forskrivning": forskrivning(),
    }
    return xml("ReseptDokLegemiddel", NS, {**parts, **changes})


def uten_mt(direkte: str) -> str:
    """LegemiddelUtenMt: a drug without marketing authorisation."""
    return xml("LegemiddelUtenMt", NS, {"Begrunnelse": "b", "Produsent": "p", "DirektesoknadSlv": direkte})


def handelsvare(form: str | None = "MedForbMatr", **changes: str | None) -> str:
    """ReseptDokHandelsvare of a consumable."""
    parts: dict[str, str | None] = {
        "Varegruppekode": kode("Varegruppekode", "A"),
        "Antall": "2",
        "RefHjemmel": kode("RefHjemmel", "504", liste="7427"),
        "ProdGruppe": kode("ProdGruppe", "50401", "Blodsukkertester", "7403"),
        "Vare": xml(form, FS, {"Nr": "800123", "Navn": "Teststrimler"}) if form else None,
    }
    return xml("ReseptDokHandelsvare", NS, {**parts, **changes})


def ekspanm(**changes: str | None) -> str:
    """A dispatch request to the pharmacy."""
    parts: dict[str, str | None] = {
        "Vilkar": "true",
        "MetodeEkspedering": kode("MetodeEkspedering", "U"),
        "Utleverer": APOTEK.her,
        "Kontaktperson": "Ottar Knutsen",
        "OrgNrUtleverer": APOTEK.enh,
        "UtlevererNavn": APOTEK.navn,
    }
    return xml("EkspAnm", NS, {**parts, **changes})


def m1(dok: str | None = None, **changes: str | None) -> str:
    """The payload of an M1: a package of a group C drug for an ordinary patient."""
    parts: dict[str, str | None] = {
        "Forskrivningsdato": "2026-03-02",
        "Utloper": "2027-03-01",
        "Vergeinnsynsreservasjon": None,
        "TilEgenPraksis": None,
        "RekvLegensNavn": None,
        "RefNr": None,
        "ReseptDok": legemiddel() if dok is None else dok,
        "EkspAnm": None,
        "OppdatertFest": "2026-03-01T05:00:00",
        "TidligsteUtlevering": None,
        "LastResept": "false",
    }
    return xml("Resept", NS, {**parts, **changes})


@dataclass(frozen=True)
class Sak:
    """A message of one type with what the registers say of it."""

    type: MeldingType
    mottatt: Mottatt
    facts: Facts

    @property
    def koder(self) -> list[str]:
        """The codes that all the type's rules find, sorted."""
        return sorted(f.reason.code for regel in self.type.rules for f in regel.findings(self.mottatt, self.facts))

    def avgjor(self, tilstand: Tilstand | None = None, now: datetime = NOW) -> Decision:
        """The decision; the rules must have found nothing."""
        assert self.koder == []
        return self.type.decide(self.mottatt, tilstand or Tilstand(), self.facts, now)


def sak(type_: MeldingType, payload: str, head: MsgInfo, facts: Facts | None = None, *, now: datetime = NOW) -> Sak:
    """A message as the spine hands it to a type: read by the type's own parser."""
    element = etree.fromstring(payload)
    octets = etree.tostring(element)
    mottatt = Mottatt(octets=octets, head=head, payload=element, content=type_.parse(element), mottatt=now)
    return Sak(type_, mottatt, Facts() if facts is None else facts)


def skiller(kode: int, godtatt: Sak | Iterable[Sak], avvist: Sak | Iterable[Sak], *ogsaa: int) -> None:
    """Shows one rule: it is silent on the accepted cases, and is all that speaks (with `ogsaa`) on the refused ones."""
    for god in (godtatt,) if isinstance(godtatt, Sak) else godtatt:
        assert god.koder == []
    for darlig in (avvist,) if isinstance(avvist, Sak) else avvist:
        assert darlig.koder == sorted(map(str, (kode, *ogsaa)))


def avslag(decision: Decision) -> list[str]:
    """The codes of a refusal."""
    return [finding.reason.code for finding in decision.refusals]


def resept(**changes: Any) -> Resept:
    """A stored prescription in state E, by the doctor and for the patient above."""
    stored = Resept(
        resept_id=RESEPT_ID,
        versjon=1,
        status=Status.EKSPEDERBAR,
        mottatt=NOW - timedelta(days=1),
        forskrivningsdato=date(2026, 3, 1),
        utloper=date(2027, 2, 28),
        pasient=Pasient(ident=FNR, ident_type="FNR", fornavn="OTTAR", etternavn="KNUTSEN", fdato=date(1946, 1, 21)),
        rekvirent=Rekvirent(hpr=HPR, navn="Anja Fos Eidsvik", her=LEGEKONTOR.her, org_navn=LEGEKONTOR.navn),
        vare=Vare(
            varegruppe="L", nr="429076", navn_form_styrke="Cosylan Mikst 1,7 mg/ml", antall=Decimal(1), reiterasjon=0
        ),
        samtale=str(RESEPT_ID),
    )
    return replace(stored, **changes)


LAS = Las(her=APOTEK.her, navn=APOTEK.navn, siden=NOW - timedelta(hours=1), samtale="m91")
TILBAKEKALT = Tilbakekalt(
    msg_id=UUID("11111111-1111-4111-8111-111111111111"),
    tidspunkt=NOW - timedelta(minutes=5),
    hpr=HPR,
    her=LEGEKONTOR.her,
    arsak=koder.ARSAK_TILBAKEKALLING.cv("4"),
)
I_FASE: Mapping[Fase, Callable[[], Resept]] = {
    Fase.E: resept,
    Fase.U: lambda: resept(las=LAS),
    Fase.U_T: lambda: resept(las=LAS, tilbakekalt=TILBAKEKALT),
    Fase.B: lambda: resept(status=Status.UNDER_BEHANDLING_SLV, soknad_slv="2"),
    Fase.B_T: lambda: resept(status=Status.UNDER_BEHANDLING_SLV, soknad_slv="2", tilbakekalt=TILBAKEKALT),
    Fase.A: lambda: resept(status=Status.AVSLATT_SLV, soknad_slv="4"),
    Fase.R: lambda: resept(status=Status.AVSLUTTET, lukket=NOW - timedelta(days=1)),
    Fase.R_T: lambda: resept(status=Status.AVSLUTTET, lukket=NOW - timedelta(days=1), tilbakekalt=TILBAKEKALT),
    Fase.T: lambda: resept(status=Status.TILBAKEKALT, lukket=NOW - timedelta(days=1), tilbakekalt=TILBAKEKALT),
    Fase.X: lambda: resept(status=Status.UGYLDIG),
}
"""A stored prescription in each phase."""


def utstedt(**changes: Any) -> RefNr:
    """A reference number issued to the doctor and not used."""
    return replace(RefNr(refnr=REFNR, hpr=HPR), **changes)
