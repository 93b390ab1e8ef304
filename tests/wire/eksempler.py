"""Small synthetic messages for the tests of the wire: each is right; together they hold all that a rule names."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from lxml import etree

from reseptformidler.domain.hode import Ident, Kode, Organisation
from reseptformidler.wire.parse import parse

K = "http://www.kith.no/xmlstds/eresept/"
E = "http://www.ehelse.no/xmlstds/eresept/"
OID = "2.16.578.1.12.4.1.1."
NOW = datetime(2026, 3, 2, 10, 0, 0, tzinfo=UTC)
MSG_ID = "097d012e-39a8-470d-836b-1680fc8e9ab6"
RESEPT_ID = "c2883dc2-8eef-4b8e-a80f-167f858425f7"
PARENT = "644b42a6-86c0-4947-a9a0-8702b7670abb"
CONVERSATION = "9ac162fe-17b4-497a-b4e2-5bb0a6e185df"
SERVICE = Organisation("Reseptformidleren", (Ident("915933149", Kode("ENH", "Organisasjonsnummer", f"{OID}9051")),))

TYPES = {
    "m1": ("ERM1", "Resept"),
    "m5": ("ERM5", "Tilbakekalling av resept"),
    "m91": ("ERM91", "Forespørsel om tilgjengelige resepter på pasient (utleverer)"),
    "m93": ("ERM93", "Forespørsel om nedlasting av resept"),
    "m95": ("ERM95", "Forespørsel om tilgjengelige resepter på pasient (rekvirent)"),
    "m97": ("ERM97", "Forespørsel om utleveringer på resept"),
    "m10": ("ERM10", "Utleveringsrapport reseptbanken"),
    "m9na1": ("ERM9NA1", "Forespørsel om reseptliste fra nettkunde"),
    "m9na3": ("ERM9NA3", "Forespørsel om utvidet informasjon på resept fra nettkunde"),
    "mv": ("ERMV", "Verify"),
    "m41": ("ERM41", "Forespørsel om referansenummere"),
    "m241": ("ERM241", "Samtykkeregistrering"),
    "m251": ("ERM251", "Varer i bruk"),
    "m252": ("ERM252", "Varer i bruk"),
    "m253": ("ERM253", "Varer i bruk"),
    "m271": ("ERM271", "Registrering av multidoseansvarlig"),
    "m911": ("ERM911", "Forespørsel om varer i bruk"),
    "m921": ("ERM921", "Hent endrede multidosepasienter"),
}

ADDRESS = (
    '<Address><Type V="RES" DN="Besøksadresse"/><StreetAdr>Storgata 1</StreetAdr><PostalCode>0102</PostalCode>'
    '<City>Oslo</City><County V="0301" DN="Oslo"/><Country V="NO" DN="Norge"/></Address>'
)
TELECOM = '<TeleCom><TypeTelecom V="HP" DN="Hovedtelefon"/><TeleAddress V="tel:22222222"/></TeleCom>'


def ident(number: str, kind: str, list_: str, dn: str) -> str:
    return f'<Ident><Id>{number}</Id><TypeId V="{kind}" S="{OID}{list_}" DN="{dn}"/></Ident>'


ORGANISATION = ident("100169444", "ENH", "9051", "Organisasjonsnummer") + ident("8095068", "HER", "9051", "HER-id")
PROFESSIONAL = (
    '<HealthcareProfessional><TypeHealthcareProfessional V="LE" DN="Lege"/><FamilyName>Eidsvik</FamilyName>'
    f"<MiddleName>Fos</MiddleName><GivenName>Anja</GivenName>{ident('431002737', 'HPR', '8116', 'HPR-nummer')}"
    "</HealthcareProfessional>"
)
DEPARTMENT = (
    f"<Organisation><OrganisationName>Avdeling</OrganisationName>{ident('22', 'LAV', '9051', 'Lokal')}</Organisation>"
)
PATIENT = (
    "<Patient><FamilyName>Danser</FamilyName><MiddleName>Lett</MiddleName><GivenName>Line</GivenName>"
    f'<Sex V="2" DN="Kvinne"/>{ident("13116900216", "FNR", "8116", "Fødselsnummer")}{ADDRESS}</Patient>'
)
RECEIVER = (
    "<Receiver><Organisation><OrganisationName>Reseptformidleren</OrganisationName>"
    f"{ident('915933149', 'ENH', '9051', 'Organisasjonsnummer')}{ident('80624', 'HER', '9051', 'HER-id')}"
    "</Organisation></Receiver>"
)
REFERENCES = (
    f"<ConversationRef><RefToParent>{PARENT}</RefToParent><RefToConversation>{CONVERSATION}</RefToConversation>"
    "</ConversationRef>"
)


def message(token: str, payload: str) -> bytes:
    """A whole message around a payload, sent now, as the type's senders do."""
    code, name = TYPES[token]
    inside = (
        TELECOM + DEPARTMENT + PROFESSIONAL if token in ("m1", "m5", "m41", "m241", "m95", "m97", "m251") else TELECOM
    )
    return (
        '<?xml version="1.0" encoding="UTF-8"?><MsgHead xmlns="http://www.kith.no/xmlstds/msghead/2006-05-24"><MsgInfo>'
        f'<Type V="{code}" DN="{name}"/><MIGversion>v1.2 2006-05-24</MIGversion>'
        f"<GenDate>2026-03-02T11:00:00.1234567+01:00</GenDate><MsgId>{MSG_ID}</MsgId>"
        f"{REFERENCES if token in ('m93', 'm10', 'm9na3') else ''}"
        f"<Sender><Organisation><OrganisationName>Fjell</OrganisationName>{ORGANISATION}{ADDRESS}{inside}"
        f"</Organisation></Sender>{RECEIVER}{PATIENT if token not in ('mv', 'm41') else ''}</MsgInfo><Document>"
        f'<DocumentConnection V="H" DN="Hoveddokument"/><RefDoc><MsgType V="XML" DN="XML-instans"/>'
        f"<Content>{payload}</Content></RefDoc></Document></MsgHead>"
    ).encode()


def cv(name: str, value: str, list_: str, dn: str) -> str:
    return f'<{name} V="{value}" S="{OID}{list_}" DN="{dn}"/>'


_LEGEMIDDEL = (
    f"{cv('Atc', 'R05DA01', '7180', 'Etylmorfin')}<NavnFormStyrke>Cosylan Mikst</NavnFormStyrke>"
    '<Reseptgruppe V="B" DN="Reseptgruppe B"/>'
)
PAKNING = (
    f"<Legemiddelpakning>{_LEGEMIDDEL}<Varenr>429076</Varenr><PakningsinfoResept><Varenavn>Cosylan</Varenavn>"
    f"<Pakningsstr>300</Pakningsstr>{cv('EnhetPakning', 'ml', '7452', 'milliliter')}</PakningsinfoResept>"
    "</Legemiddelpakning>"
)
MERKEVARE = f"<LegemiddelMerkevare>{_LEGEMIDDEL}<Id>ID_1</Id><Varenavn>Cosylan</Varenavn></LegemiddelMerkevare>"
VIRKESTOFF = f"<LegemiddelVirkestoff>{_LEGEMIDDEL}<Id>ID_2</Id></LegemiddelVirkestoff>"
BLANDING = (
    '<Legemiddelblanding><Navn>Salve</Navn><TilbOppl>Bland</TilbOppl><Mengde V="100" U="g"/>'
    f"{cv('Legemiddelform', '9', '7448', 'Salve')}</Legemiddelblanding>"
)


def legemiddel(vare: str) -> str:
    return (
        f'<ReseptDokLegemiddel xmlns="{K}m1/2013-10-08"><Varegruppekode V="L" DN="Legemiddel"/><Antall>1</Antall>'
        f"{cv('RefHjemmel', '200', '7427', '§5-14 §2')}{cv('RefKode', 'R05', '7110', 'Hoste')}"
        '<Reiterasjon>0</Reiterasjon><BytteresRekvirent V="1" DN="Ja"/><Mengde V="10" U="ml"/>'
        f'<Forskrivning xmlns="{K}forskrivning/2013-10-08"><Bruksomrade>Mot hoste</Bruksomrade>'
        f'<DosVeiledEnkel>10 ml ved behov</DosVeiledEnkel><Bruk V="3" DN="Ved behov"/>{vare}</Forskrivning>'
        "</ReseptDokLegemiddel>"
    )


def handelsvare(name: str) -> str:
    vare = f'<{name} xmlns="{K}forskrivning/2013-10-08"><Nr>832145</Nr><Navn>Et navn</Navn></{name}>'
    return (
        f'<ReseptDokHandelsvare xmlns="{K}m1/2013-10-08"><Varegruppekode V="A" DN="Annet"/><Antall>1</Antall>'
        f"<Bruksveiledning>Etter behov</Bruksveiledning>{cv('ProdGruppe', '501', '7403', 'Inkontinens')}"
        f"{vare}</ReseptDokHandelsvare>"
    )


VARER = (
    *map(legemiddel, (PAKNING, MERKEVARE, VIRKESTOFF, BLANDING)),
    *map(handelsvare, ("MedForbMatr", "Naringsmiddel")),
)


def m1(vare: str = VARER[0]) -> bytes:
    return message(
        "m1",
        f'<Resept xmlns="{K}m1/2013-10-08"><Forskrivningsdato>2026-03-02</Forskrivningsdato>'
        f"<Utloper>2027-03-01</Utloper>{cv('Spesialitet', '21', '7426', 'Allmennmedisin')}{vare}"
        '<EkspAnm><Vilkar>true</Vilkar><MetodeEkspedering V="U" DN="Utlevering"/><Utleverer>8094999</Utleverer>'
        "<Kontaktperson>Kari</Kontaktperson><OrgNrUtleverer>982528011</OrgNrUtleverer>"
        "<UtlevererNavn>Fjell apotek</UtlevererNavn></EkspAnm>"
        "<OppdatertFest>2026-03-01T00:00:00</OppdatertFest></Resept>",
    )


def m5() -> bytes:
    return message(
        "m5",
        f'<Tilbakekalling xmlns="{K}m5/2013-04-16"><ReseptId>{RESEPT_ID}</ReseptId><Merknad>Feil styrke</Merknad>'
        f"{cv('Arsak', '2', '7500', 'Seponering')}</Tilbakekalling>",
    )


def m91() -> bytes:
    return message(
        "m91",
        f'<ForesporselReseptUtleverer xmlns="{K}m91/2013-10-08"><Fnr>13116900216</Fnr><AlleResepter V="2" DN="Nei"/>'
        '<AnsattId>ibj</AnsattId><InkluderVergeinnsynsreservasjon V="2" DN="Nei"/></ForesporselReseptUtleverer>',
    )


def m93() -> bytes:
    return message(
        "m93",
        f'<M93 xmlns="{K}m93/2010-06-04"><ReseptId>{RESEPT_ID}</ReseptId>'
        '<Kansellering V="1" DN="Ikke ønsket vare"/><AnsattId>ibj</AnsattId></M93>',
    )


def m95() -> bytes:
    return message(
        "m95",
        f'<M95 xmlns="{E}m95/2021-02-01"><Fnr>13116900216</Fnr><AlleResepter V="1" DN="Ja"/><RefNr>1234567890</RefNr>'
        "<Komprimering>1</Komprimering></M95>",
    )


def m97() -> bytes:
    return message(
        "m97",
        f'<M97 xmlns="{E}m97/2018-07-01"><ReseptId>{RESEPT_ID}</ReseptId><Komprimering>1</Komprimering></M97>',
    )


def m10(vare: str = VARER[0], more: str = "") -> bytes:
    return message(
        "m10",
        f'<Utleveringsrapport xmlns="{K}m10/2013-10-08"><Utlevering xmlns="{K}utlevering/2013-10-08">'
        f"<ReseptId>{RESEPT_ID}</ReseptId><Utleveringsdato>2026-03-02</Utleveringsdato>"
        f'<Annullering>false</Annullering><Avsluttet V="2" DN="Nei"/>{vare}<Utleverer><HerId>'
        '<Id xmlns="http://www.kith.no/xmlstds/felleskomponent1">8090688</Id>'
        f'<TypeId xmlns="http://www.kith.no/xmlstds/felleskomponent1" V="HER" S="{OID}9051" DN="HER-id"/></HerId>'
        '<Navn>Fjell apotek</Navn></Utleverer></Utlevering><Kanselleringskode V="1" DN="Ikke ønsket vare"/>'
        f"<ReservasjonRapportFastlege>false</ReservasjonRapportFastlege><AnsattId>ibj</AnsattId>{more}</Utleveringsrapport>",
    )


ID_KUNDE = (
    '<IdKunde><Id xmlns="http://www.kith.no/xmlstds/felleskomponent1">13116900216</Id>'
    f'<TypeId xmlns="http://www.kith.no/xmlstds/felleskomponent1" V="FNR" S="{OID}8116" DN="Fødselsnummer"/></IdKunde>'
)


def m9na1() -> bytes:
    return message("m9na1", f'<M9NA1 xmlns="{K}m9na1/2016-06-06">{ID_KUNDE}<RefNr>1234567890</RefNr></M9NA1>')


def m9na3() -> bytes:
    inner = f"{ID_KUNDE}<ReseptId>{RESEPT_ID}</ReseptId>"
    return message("m9na3", f'<M9NA3 xmlns="{K}m9na3/2016-06-06">{inner}</M9NA3>')


def mv() -> bytes:
    return message(
        "mv",
        '<Verify xmlns="http://ehelse.no/xmlstds/eresept/mv/2017-01-01"><SystemInfo><SystemCode>1</SystemCode>'
        "<SystemName>Journal</SystemName><Version>1</Version><TimeLastUpdated>2026-03-01T00:00:00</TimeLastUpdated>"
        "</SystemInfo><OperationSupplierInfo><ServiceVendorName>Drift</ServiceVendorName><ContactName>Kari</ContactName>"
        "<ContactMail>kari@example.org</ContactMail><ContactPhone>22222222</ContactPhone></OperationSupplierInfo></Verify>",
    )


def m41() -> bytes:
    return message("m41", f'<M41 xmlns="{K}m41/2006-10-06"><Antall>10</Antall></M41>')


def m241() -> bytes:
    return message(
        "m241",
        f'<Samtykke xmlns="{K}m241/2009-02-20"><SamtykkeGittAv V="2" DN="Pasienten, stiltiende samtykke"/>'
        '<SamtykkeTil>2027-03-01</SamtykkeTil><TypeSamtykke V="1" DN="Samtykke for utleveringsmelding"/>'
        '<Samtykkeverdi V="1" DN="Ja"/></Samtykke>',
    )


def legemidler_i_bruk(token: str) -> bytes:
    """M25.1, M25.2 or M25.3 with one entry; its base64 is longer than a text may be."""
    entry = (
        f'<EnkeltoppforingLIB><Id>{RESEPT_ID}</Id><Type V="E" DN="Eresept"/><ReseptId>{RESEPT_ID}</ReseptId>'
        f"<SistEndret>2026-03-02T10:00:00</SistEndret><ReseptDokLegemiddelB64>{'QUFB' * 1100}</ReseptDokLegemiddelB64>"
        "</EnkeltoppforingLIB>"
    )
    inner = f"{entry}<Merknad>Ingen</Merknad>"
    return message(token, f'<LegemidlerIBruk xmlns="{K}{token}/2013-10-08">{inner}</LegemidlerIBruk>')


def m271() -> bytes:
    inner = '<Status V="R" DN="Registrering"/><GjelderFra>2026-03-02</GjelderFra>'
    return message("m271", f'<M271 xmlns="{K}m271/2013-04-16">{inner}</M271>')


def m911() -> bytes:
    return message("m911", f'<M911 xmlns="{K}m911/2014-01-21"><Fnr>13116900216</Fnr></M911>')


def m921() -> bytes:
    inner = "<EndringerEtter>2026-03-02T10:00:00</EndringerEtter>"
    return message("m921", f'<M921 xmlns="{K}m921/2013-10-15">{inner}</M921>')


SAMPLES: Sequence[tuple[str, bytes]] = (
    *(("m1", m1(vare)) for vare in VARER),
    ("m5", m5()),
    ("m91", m91()),
    ("m93", m93()),
    ("m95", m95()),
    ("m97", m97()),
    *(("m10", m10(vare)) for vare in VARER),
    ("m9na1", m9na1()),
    ("m9na3", m9na3()),
    ("mv", mv()),
    ("m41", m41()),
    ("m241", m241()),
    *((token, legemidler_i_bruk(token)) for token in ("m251", "m252", "m253")),
    ("m271", m271()),
    ("m911", m911()),
    ("m921", m921()),
)


def changed(sample: bytes, old: str, new: str) -> etree._Element:
    """The tree of a sample in which the first occurrence of a text is another."""
    assert old.encode() in sample, old
    return parse(sample.replace(old.encode(), new.encode(), 1))


def elements_at(root: etree._Element, path: str) -> list[etree._Element]:
    """The elements whose path ends in these local names; `*` is any, and a last `@name` names the owner's attribute."""
    steps = [step for step in path.split("/") if not step.startswith("@")]
    tests = ["*" if step == "*" else f"*[local-name() = '{step}']" for step in steps]
    found = root.xpath("//" + "/".join(tests))
    assert isinstance(found, list)
    return [one for one in found if etree.iselement(one)]
