"""The head of the sandbox's messages (MsgHead v1.2), as text in the schema's order."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from html import escape
from uuid import UUID

from reseptformidler.domain import koder
from reseptformidler.domain.aktor import Aktor
from reseptformidler.domain.hode import Kode
from reseptformidler.sandbox.population import Lege, Person
from reseptformidler.sandbox.varer import coded, text

_MH = "http://www.kith.no/xmlstds/msghead/2006-05-24"


@dataclass(frozen=True, slots=True)
class Hode:
    """What the head of a message says of the message itself. `gen_date` has a time zone.

    Both references or none: the message that is answered or followed, and the one that began the conversation.
    """

    msg_id: UUID
    gen_date: datetime
    parent: str = ""
    conversation: str = ""


def message(hode: Hode, kind: Kode, sender: str, patient: str, payload: str) -> bytes:
    """The whole message, unsigned."""
    conversation = (
        f"<ConversationRef>{text('RefToParent', hode.parent)}{text('RefToConversation', hode.conversation)}"
        "</ConversationRef>"
        if hode.parent
        else ""
    )
    return (
        f'<?xml version="1.0" encoding="utf-8"?>\n<MsgHead xmlns="{_MH}"><MsgInfo>{coded("Type", kind)}'
        f"<MIGversion>v1.2 2006-05-24</MIGversion><GenDate>{hode.gen_date.isoformat()}</GenDate>"
        f"<MsgId>{hode.msg_id}</MsgId>{conversation}<Sender>{sender}</Sender>{_RECEIVER}{patient}</MsgInfo>"
        f'<Document><RefDoc><MsgType V="XML" DN="XML-instans"/><Content>{payload}</Content></RefDoc></Document>'
        "</MsgHead>"
    ).encode()


@lru_cache(maxsize=1024)
def organisation(aktor: Aktor, professional: str = "") -> str:
    """A sending Organisation; `professional` is its HealthcareProfessional."""
    idents = {"ENH": aktor.enh, "LOK": aktor.lok, "AKO": aktor.ako, "HER": aktor.her}
    if aktor.spesialist:
        idents["RSH"] = "999001"
    return (
        f"<Organisation>{text('OrganisationName', aktor.navn)}"
        + "".join(ident(value, koder.ORGANISASJON_ID.cv(kind)) for kind, value in idents.items() if value)
        + '<Address><Type V="RES" DN="Besøksadresse"/><StreetAdr>Sandkasseveien 1</StreetAdr>'
        "<PostalCode>0001</PostalCode><City>Oslo</City></Address>"
        '<TeleCom><TypeTelecom V="HP" DN="Hovedtelefon"/><TeleAddress V="tel:22000000"/></TeleCom>'
        f"{professional}</Organisation>"
    )


@lru_cache(maxsize=1024)
def rekvirent(lege: Lege) -> str:
    """The Organisation of a prescriber, with the person in it."""
    person = lege.helsepersonell
    kategori = person.kategorier[0]
    return organisation(
        lege.kontor,
        f"<HealthcareProfessional>{coded('TypeHealthcareProfessional', koder.HELSEPERSONELL.cs(kategori))}"
        f"{text('FamilyName', person.etternavn)}{text('GivenName', person.fornavn)}"
        f"{ident(person.hpr, koder.PERSON_ID.cv('HPR'))}</HealthcareProfessional>",
    )


def patient(person: Person) -> str:
    """Patient. With a fødselsnummer no date of birth is said (P5)."""
    born = "" if person.ident_type == "FNR" else f"<DateOfBirth>{person.fdato}</DateOfBirth>"
    return (
        f"<Patient>{text('FamilyName', person.etternavn)}{text('GivenName', person.fornavn)}{born}"
        + coded("Sex", koder.KJONN.cs(person.kjonn))
        + (ident(person.ident, koder.PERSON_ID.cv(person.ident_type)) if person.ident else "")
        + '<Address><Type V="H" DN="Bostedsadresse"/><StreetAdr>Prøveveien 2</StreetAdr><PostalCode>0001</PostalCode>'
        '<City>Oslo</City><County V="0301" DN="Oslo"/></Address></Patient>'
    )


def ident(value: str, kind: Kode, namespace: str = "") -> str:
    """An Ident; `namespace` is that of Id and TypeId where it is not the one around."""
    return f"<Ident>{id_and_type(value, kind, namespace)}</Ident>"


def id_and_type(value: str, kind: Kode, namespace: str) -> str:
    """What an Ident holds."""
    xmlns = f' xmlns="{namespace}"' if namespace else ""
    return f"<Id{xmlns}>{escape(value)}</Id>{coded('TypeId' + xmlns, kind)}"


_RECEIVER = (
    "<Receiver><Organisation><OrganisationName>Reseptformidleren</OrganisationName>"
    + ident("915933149", koder.ORGANISASJON_ID.cv("ENH"))
    + ident("80624", koder.ORGANISASJON_ID.cv("HER"))
    + "</Organisation></Receiver>"
)
