"""Small synthetic payloads of registrations, reports and notices, each with every element that it may have.

Where there is a choice, both are there, in two places.
"""

from __future__ import annotations

from collections.abc import Mapping

from lxml import etree

from reseptformidler.wire.parse import parse
from tests.wire.eksempler import OID, RESEPT_ID, K, cv, m1, m10


def cut(sample: bytes, name: str) -> str:
    """One element of a sample as it stands there."""
    return etree.tostring(next(parse(sample).iter(f"{{*}}{name}")), encoding="unicode", with_tail=False)


def cs(name: str, value: str, dn: str) -> str:
    return f'<{name} V="{value}" DN="{dn}"/>'


def ident(name: str, number: str, kind: str, list_: str, dn: str) -> str:
    type_id = f'<f:TypeId V="{kind}" S="{OID}{list_}" DN="{dn}"/>'
    return f'<{name} xmlns:f="http://www.kith.no/xmlstds/felleskomponent1"><f:Id>{number}</f:Id>{type_id}</{name}>'


def rolle(value: str, inside: str) -> str:
    return f"<Rolle>{cs('Rolle', value, 'Rolle')}{inside}</Rolle>"


def lib(*more: str, multidose: str = "") -> str:
    """One treatment of a list of drugs in use (legemidler i bruk)."""
    return (
        f"<EnkeltoppforingLIB><Id>{RESEPT_ID}</Id>{cs('Type', 'E', 'Eresept')}<ReseptId>{RESEPT_ID}</ReseptId>"
        "<UtlopsdatoResept>2027-03-01</UtlopsdatoResept><SistEndret>2026-03-02T10:00:00</SistEndret>"
        f"<DatoOppstart>2026-03-02</DatoOppstart>{multidose}<MedEndring>true</MedEndring>{LEGE_ROLLE}"
        f"<ReseptDokLegemiddelB64>QUFB</ReseptDokLegemiddelB64>{''.join(more)}</EnkeltoppforingLIB>"
    )


def payload(namespace: str, root: str, *inside: str) -> tuple[str, bytes]:
    """The token of a namespace, and the payload."""
    return namespace.partition("/")[0], f'<{root} xmlns="{K}{namespace}">{"".join(inside)}</{root}>'.encode()


UTLEVERING = cut(m10(), "Utlevering")
REFERANSE = f"<ReferanseM10>{RESEPT_ID}</ReferanseM10>"
PAPIR = (
    f'<Papirresept>true</Papirresept><RekvirentPapir xmlns="{K}utlevering/2013-10-08"><Inst>Fjell</Inst>'
    "</RekvirentPapir>"
)
KJERNEJOURNAL = (
    "<RefNr>1234567890</RefNr><ReservasjonRapportFastlege>true</ReservasjonRapportFastlege>"
    "<Vergeinnsynsreservasjon>false</Vergeinnsynsreservasjon>"
)
AVSLAG = (
    f"{cs('Innvilget', '2', 'Nei')}<BegrunnelseAvslag>Annet finnes</BegrunnelseAvslag>"
    "<Saksbehandler>123TA</Saksbehandler>"
)
PASIENT = "<RefNr>1234567890</RefNr><Fnr>13116900216</Fnr><Navn>Line Danser</Navn>"
SAMTYKKE = (
    f"{cs('SamtykkeGittAv', '2', 'Pasienten, stiltiende samtykke')}<SamtykkeTil>2099-12-31</SamtykkeTil>"
    f"{cs('TypeSamtykke', '1', 'Abonnement')}{cs('Samtykkeverdi', '1', 'Ja')}"
)
RESEPT = f"<ReseptId>{RESEPT_ID}</ReseptId>"
LEGE = (
    f'<Multidoselege xmlns="{K}m274/2012-06-11"><HprNr>431002737</HprNr><Navn>Anja Eidsvik</Navn><Org>Fjell</Org>'
    f"{ident('HerId', '8095068', 'HER', '9051', 'HER-id')}<AktivTil>2026-03-31</AktivTil></Multidoselege>"
)
APOTEK = (
    f'<Multidoseapotek xmlns="{K}m274/2012-06-11"><Navn>Fjell apotek</Navn>'
    f"{ident('Konsesjonsnr', '1234', 'AKO', '9051', 'Konsesjonsnummer')}</Multidoseapotek>"
)
LEGE_ROLLE = rolle(
    "R",
    f"<Helseperson>{ident('HprId', '431002737', 'HPR', '8116', 'HPR-nummer')}<Fornavn>Anja</Fornavn>"
    f"<Etternavn>Eidsvik</Etternavn>{cv('Spesialitet', '21', '7426', 'Allmennmedisin')}</Helseperson>",
)
HEIM = rolle(
    "P",
    f"<Organisasjon>{ident('HerId', '8095068', 'HER', '9051', 'HER-id')}<Inst>Fjell sykehus</Inst>"
    f"<Dept>Medisin</Dept>{cv('InstitusjonsID', '4001', '3512', 'Fjell sykehus')}</Organisasjon>",
)
ALLERGI = (
    f'<Allergi xmlns="{K}ki/2013-04-25">{cv("Reaksjon", "1", "7497", "Utslett")}<Kommentar>Mild</Kommentar>'
    f"<Oppdatert>2026-03-02T12:00:00</Oppdatert>{cv('Kilde', '1', '7498', 'Pasienten')}"
    f"<Legemiddelreaksjon>{cv('Atc', 'R05DA01', '7180', 'Etylmorfin')}<Virkestoff>Etylmorfin</Virkestoff>"
    "<VirkestoffId>ID_2</VirkestoffId><MerkevareId>ID_1</MerkevareId><Hjelpestoffreaksjon>false</Hjelpestoffreaksjon>"
    "<Varenavn>Cosylan</Varenavn></Legemiddelreaksjon><Avkreftet>true</Avkreftet></Allergi>"
)
PAKKEINFO = (
    "<Pakkeinfo><Bestillingsfrist>2026-03-09T12:00:00</Bestillingsfrist><ForsteDoseringsdato>2026-03-16"
    "</ForsteDoseringsdato><SisteDoseringsdato>2026-03-29</SisteDoseringsdato></Pakkeinfo>"
)
SPORSMAL = (
    f"<Sporsmal>{cv('Kode', '1', '7495', 'Dose')}<Merknad>Riktig?</Merknad><Tidspunkt>2026-03-02T10:00:00</Tidspunkt>"
    f"<Stiller>8090688</Stiller><Mottaker>8095068</Mottaker><Svar>{cv('Kode', '1', '7493', 'Ja')}"
    "<Merknad>Ja</Merknad></Svar></Sporsmal>"
)
SEPONERING = (
    f"<Seponering><Tidspunkt>2026-03-02T10:00:00</Tidspunkt>{cs('Arsak', '1', 'Bivirkning')}"
    "<Merknad>Kvalme</Merknad></Seponering>"
)
PAKKET = (
    f"<SisteUtlevering><RefM10>{RESEPT_ID}</RefM10>{cs('Ompakkingsgrunn', 'T', 'Tap')}"
    "<DatoForsteDose>2026-03-16</DatoForsteDose><DatoSisteDose>2026-03-29</DatoSisteDose>"
    '<Bilderef V="https://example.com/1"/><UtleveringB64>QUFB</UtleveringB64></SisteUtlevering>'
)
MULTIDOSE = cs("InngarMultidose", "1", "Ja")
LISTE = f"{ALLERGI}<Merknad>Ingen</Merknad>"

PAYLOADS: Mapping[str, bytes] = dict(
    (
        payload("m3/2010-05-01", "AnmodningSLV", RESEPT, "<Kommentar>Haster</Kommentar>"),
        payload("m41/2006-10-06", "M41", "<Antall>10</Antall>"),
        payload("m42/2006-10-06", "M42", "<RefNr>1234567890</RefNr><RefNr>1234567891</RefNr>"),
        payload("m52/2013-12-01", "KvitteringTilbakekalling", RESEPT, cv("Status", "1", "7503", "Resept tilbakekalt")),
        payload("m6/2013-10-08", "UtleveringsrapportRekvirent", UTLEVERING, REFERANSE),
        payload("m7/2008-05-01", "SlettetReseptRF", "<Tidspunkt>2026-03-02T10:00:00</Tidspunkt>"),
        payload("m8/2013-10-08", "UtleveringsrapportFastlege", UTLEVERING, REFERANSE, PAPIR),
        payload("m81/2013-10-08", "UtleveringsrapportKjernejournal", UTLEVERING, REFERANSE, PAPIR, KJERNEJOURNAL),
        payload("m14/2008-12-12", "SoknadSLV", RESEPT, f"<AnmodningSLVId>{RESEPT_ID}</AnmodningSLVId>"),
        payload("m15/2006-10-06", "SvarSLV", RESEPT, AVSLAG),
        payload("m20/2013-10-08", "Notifisering", UTLEVERING, '<PrisLegemiddelUtenMt V="99.50" U="NOK"/>'),
        payload("m21/2013-10-08", "Ekspederingsanmodning", RESEPT, PASIENT, cut(m1(), "EkspAnm")),
        payload("m241/2009-02-20", "Samtykke", SAMTYKKE),
        payload(
            "m242/2008-10-03", "SvarSamtykke", cs("Svar", "2", "Avvist"), cs("Begrunnelse", "3", "Annen begrunnelse")
        ),
        payload("m251/2013-10-08", "LegemidlerIBruk", HEIM, lib(SEPONERING, SPORSMAL), LISTE, cs("Vikar", "2", "Nei")),
        payload("m252/2013-10-08", "LegemidlerIBruk", HEIM, lib(SPORSMAL), PAKKEINFO, LISTE),
        payload("m253/2013-10-08", "LegemidlerIBruk", HEIM, lib(PAKKET, multidose=MULTIDOSE), PAKKEINFO, LISTE),
        payload("m254/2013-10-08", "LegemidlerIBruk", HEIM, lib(), LISTE),
        payload("m271/2013-04-16", "M271", cs("Status", "R", "Registrering"), "<GjelderFra>2026-03-02</GjelderFra>"),
        payload("m272/2013-04-16", "M272", "<RegistrertEndring>true</RegistrertEndring>", LEGE, APOTEK),
        payload("m28/2012-06-11", "M28", "<AktivFra>2026-04-01</AktivFra>", LEGE),
        payload("ki/2013-04-25", "KritiskInformasjon", ALLERGI),
    )
)
"""By token."""
