"""The schemas of the queries and their answers: each newest version takes what is right, no version takes another's."""

from __future__ import annotations

import pytest

from reseptformidler.wire.parse import parse
from reseptformidler.wire.schema import Schemas
from tests.wire.eksempler import MSG_ID, OID, RESEPT_ID, K, cv

SCHEMAS = Schemas()
E = "http://www.ehelse.no/xmlstds/eresept/"
FNR = "<Fnr>13116900216</Fnr>"
ANDRE = "<AndreFnr>53116900218</AndreFnr>"
ID = f"<ReseptId>{RESEPT_ID}</ReseptId>"
STATUS = '<Status V="E" DN="Ekspederbar"/>'
SAMTYKKE = '<Samtykke V="1" DN="Ja"/>'
ALLE = '<AlleResepter V="2" DN="Nei"/>'
COMPRESS = "<Komprimering>0</Komprimering>"
SINCE = "<EndringerEtter>2026-03-01T00:00:00</EndringerEtter>"
DISPENSED = (
    '<NavnFormStyrke>Cosylan Mikst</NavnFormStyrke><Pakningsstr V="300" U="ml"/><AntallPakningerUtlevertTotalt>2.5'
    "</AntallPakningerUtlevertTotalt><AntallPakningerUtlevertSiste>1</AntallPakningerUtlevertSiste>"
    "<TidspunktSisteUtlevering>2026-03-02T10:00:00</TidspunktSisteUtlevering></Utlevering>"
)
RECALLED = '<Tilbakekalling><Arsak V="2" DN="Seponering"/><Merknad>Feil styrke</Merknad></Tilbakekalling>'
RENEWED = f"<Fornying><NyReseptId>{MSG_ID}</NyReseptId></Fornying>"
STOPPED = '<Seponering><Tidspunkt>2026-03-02T10:00:00</Tidspunkt><Arsak V="M" DN="Manglende effekt"/></Seponering>'
UTLEVERT = f"<Utlevering><Varenr>429076</Varenr>{DISPENSED}"
ELEMENT = f"<Listeelement>{ID}{STATUS}{RECALLED}{RENEWED}{STOPPED}{UTLEVERT}</Listeelement>"
SOK = '<StatusSok V="4" DN="Ingen resept på dette søk"/>'
LEGE = (
    "<Multidoselege><HprNr>431002737</HprNr><Fornavn>Anja</Fornavn><Etternavn>Eidsvik</Etternavn>"
    "<OrgNavn>Fjell legekontor</OrgNavn><HerId>8095068</HerId></Multidoselege>"
)
APOTEK = (
    "<Multidoseapotek><Navn>Fjell apotek</Navn><Herid>8090688</Herid><Konsesjonsnummer>8043</Konsesjonsnummer>"
    "<AktivTil>2026-12-31</AktivTil><Telefon>22222222</Telefon></Multidoseapotek>"
)
BORROWED = (
    f'<Reseptinfo xmlns="{K}m92/2013-10-08"><Forskrivningsdato>2026-03-02</Forskrivningsdato><Fornavn>Line</Fornavn>'
    "<Etternavn>Danser</Etternavn><RekvirentId>431002737</RekvirentId><NavnRekvirent>Anja Eidsvik</NavnRekvirent>"
    f'<EndretFarmasoyt V="2" DN="Nei"/>{ID}{STATUS}<Vergeinnsynsreservasjon>false</Vergeinnsynsreservasjon>'
    "</Reseptinfo>"
)
LIB = "<VarerIBrukB64>PGEvPg==</VarerIBrukB64>"
KUNDE = (
    '<IdKunde xmlns:f="http://www.kith.no/xmlstds/felleskomponent1"><f:Id>13116900216</f:Id>'
    f'<f:TypeId V="FNR" S="{OID}8116" DN="Fødselsnummer"/></IdKunde>'
)
LINE = (
    f"<Reseptinfo><Forskrivningsdato>2026-03-02</Forskrivningsdato>{ID}<Nr>429076</Nr><Antall>2.5</Antall>"
    f"<RekvirentId>431002737</RekvirentId><NavnRekvirent>Anja Eidsvik</NavnRekvirent>{STATUS}"
)
UTLOPER = "<Utloper>2027-03-01</Utloper>"
BRUK = '<Bruk V="3" DN="Ved behov"/>'
EGENANDEL = (
    "<Egenandel><StartEgenandelsperiode>2026-01-01</StartEgenandelsperiode>"
    '<BetaltEgenandel V="100" U="NOK"/></Egenandel>'
)

NEWEST = (
    f'<M95 xmlns="{E}m95/2021-02-01">{FNR}{ALLE}<RefNr>1</RefNr><RefNr>2</RefNr>{COMPRESS}</M95>',
    (
        f'<M96 xmlns="{E}m96/2021-02-01"><PasientInfo>{FNR}{ANDRE}</PasientInfo><LastResept>true</LastResept>'
        f"<Pasientreservasjon>false</Pasientreservasjon>{ELEMENT * 2}</M96>"
    ),
    f'<M95KJ xmlns="{K}m95kj/2015-05-01">{FNR}</M95KJ>',
    f'<M96KJ xmlns="{K}m96kj/2015-05-01"><Listeelement>{ID}</Listeelement></M96KJ>',
    f'<M97 xmlns="{E}m97/2018-07-01">{ID}{COMPRESS}</M97>',
    f'<M98 xmlns="{E}m98/2018-07-01"><AntallUtleveringer>2</AntallUtleveringer></M98>',
    (
        f'<M911 xmlns="{E}m911/2021-10-01">{FNR}<InklM25Meldinger>true</InklM25Meldinger>'
        f"<AnstattId>ibj</AnstattId>{COMPRESS}</M911>"
    ),
    (
        f'<M912 xmlns="{E}m912/2021-10-01"><Pasient>{FNR}{ANDRE}<RefMsgId>{MSG_ID}</RefMsgId>{LEGE}{APOTEK}{LIB * 3}'
        "</Pasient></M912>"
    ),
    f'<M921 xmlns="{E}m921/2019-03-01">{SINCE}{COMPRESS}</M921>',
    f'<M922 xmlns="{E}m922/2019-03-01"><Pasient>{FNR}{ANDRE}</Pasient><Pasient>{FNR}</Pasient></M922>',
    f'<M9NA1 xmlns="{K}m9na1/2023-10-01">{KUNDE}<RefNr>1</RefNr></M9NA1>',
    f'<M9NA2 xmlns="{K}m9na2/2023-10-01"><Antall>1</Antall>{LINE}{UTLOPER}{BRUK}</Reseptinfo></M9NA2>',
    f'<M9NA3 xmlns="{K}m9na3/2016-06-06">{KUNDE}{ID}</M9NA3>',
    (
        f'<M9NA4 xmlns="{K}m9na4/2016-06-06">{ID}{STATUS}{cv("RefKode", "R05", "7110", "Hoste")}{EGENANDEL * 4}'
        f"<Utlevering><Nr>429076</Nr>{DISPENSED}</M9NA4>"
    ),
)
BY_NAME = {str(parse(payload.encode()).tag): payload for payload in NEWEST}


def errors(payload: str) -> list[str]:
    """What the schemas say against a payload."""
    return [error.text for error in SCHEMAS.errors(parse(payload.encode()))]


def changed(tag: str, old: str, new: str) -> str:
    """A newest payload with one thing otherwise."""
    assert old in BY_NAME[tag]
    return BY_NAME[tag].replace(old, new, 1)


@pytest.mark.parametrize("tag", BY_NAME)
def test_newest_versions_are_understood(tag: str) -> None:
    """Both validators accept the payload of each newest version."""
    assert errors(BY_NAME[tag]) == []
    assert SCHEMAS.explain(BY_NAME[tag].encode()) == []


@pytest.mark.parametrize(
    "tag, old, new, text",
    [
        (f"{{{E}m95/2021-02-01}}M95", ALLE, "", "Elementet er ikke ventet her. Ventet: AlleResepter."),
        (f"{{{E}m95/2021-02-01}}M95", ">0<", ">nei<", "Verdien er ikke gyldig for typen xs:int."),
        (f"{{{E}m96/2021-02-01}}M96", ELEMENT * 2, SOK + ELEMENT, "Elementet er ikke ventet her."),
        (f"{{{E}m96/2021-02-01}}M96", STATUS, "", "Ventet: NavnUtleverer, SendtSLVDato, Status."),
        (f"{{{K}m95kj/2015-05-01}}M95KJ", FNR, "", "Elementet mangler underelementer. Ventet: Fnr."),
        (f"{{{K}m96kj/2015-05-01}}M96KJ", ID, "", "Elementet mangler underelementer. Ventet: ReseptId."),
        (f"{{{E}m97/2018-07-01}}M97", ID, "", "Elementet er ikke ventet her. Ventet: ReseptId."),
        (
            f"{{{E}m98/2018-07-01}}M98",
            "</M98>",
            "<IngenResept>true</IngenResept></M98>",
            "Elementet er ikke ventet her.",
        ),
        (f"{{{E}m911/2021-10-01}}M911", FNR, FNR * 2, "Elementet er ikke ventet her."),
        (f"{{{E}m912/2021-10-01}}M912", LIB, LIB * 2, "Elementet er ikke ventet her."),
        (f"{{{E}m912/2021-10-01}}M912", "<Herid>8090688</Herid>", "", "Elementet er ikke ventet her. Ventet: Herid."),
        (f"{{{E}m921/2019-03-01}}M921", "-01T00:00:00", "-01", "Verdien er ikke gyldig for typen xs:dateTime."),
        (f"{{{E}m922/2019-03-01}}M922", "</M922>", "<IngenEndring>true</IngenEndring></M922>", "Pasient."),
        (f"{{{K}m9na1/2023-10-01}}M9NA1", KUNDE, "", "Elementet er ikke ventet her. Ventet: IdKunde."),
        (f"{{{K}m9na2/2023-10-01}}M9NA2", UTLOPER, "", "Elementet er ikke ventet her."),
        (f"{{{K}m9na3/2016-06-06}}M9NA3", ID, "", "Elementet mangler underelementer. Ventet: ReseptId."),
        (f"{{{K}m9na4/2016-06-06}}M9NA4", EGENANDEL, EGENANDEL * 2, "Ventet: Utlevering."),
    ],
)
def test_each_refuses_what_it_does_not_have(tag: str, old: str, new: str, text: str) -> None:
    """A missing, superfluous or malformed element is told, and so by the second validator."""
    payload = changed(tag, old, new)
    (found,) = errors(payload)
    assert text in found
    assert SCHEMAS.explain(payload.encode()) != []


VERSIONS = (
    (f"{K}m95/2015-05-01", "M95", f"{FNR}{ALLE}{SAMTYKKE}{COMPRESS}"),
    (f"{E}m95/2018-07-01", "M95", f"{FNR}{ALLE}{COMPRESS}"),
    (f"{K}m96/2015-05-01", "M96", f"<Listeelement>{ID}{STATUS}{cv('Arsak', '2', '7500', 'Seponering')}</Listeelement>"),
    (f"{E}m96/2018-07-01", "M96", f"<LastResept>true</LastResept><Listeelement>{ID}{STATUS}</Listeelement>"),
    (f"{K}m97/2015-05-01", "M97", f"{SAMTYKKE}{ID}{COMPRESS}"),
    (f"{K}m98/2015-10-15", "M98", "<AntallUteveringer>2</AntallUteveringer>"),
    (f"{K}m911/2014-01-21", "M911", f"{FNR}{SAMTYKKE}<AnstattId>ibj</AnstattId>"),
    (f"{E}m911/2018-07-01", "M911", f"{FNR}<InklReseptinfo>true</InklReseptinfo>{COMPRESS}"),
    (f"{K}m912/2014-01-21", "M912", f"<Multidosepasient>{FNR}{LIB}</Multidosepasient>"),
    (f"{E}m912/2018-07-01", "M912", f"<Pasient>{FNR}{ANDRE}{BORROWED * 2}{LIB}</Pasient>"),
    (f"{K}m921/2013-10-15", "M921", SINCE),
    (f"{K}m922/2013-10-15", "M922", FNR * 2),
    (f"{K}m9na1/2016-06-06", "M9NA1", KUNDE),
    (f"{K}m9na2/2016-10-26", "M9NA2", f"<Antall>1</Antall>{LINE}</Reseptinfo>"),
)


@pytest.mark.parametrize("namespace, name, children", VERSIONS)
def test_older_versions_are_understood(namespace: str, name: str, children: str) -> None:
    """Each older version takes what it had, and nothing under another version's host."""
    payload = f'<{name} xmlns="{namespace}">{children}</{name}>'
    assert errors(payload) == []
    host, other = (K, E) if namespace.startswith(K) else (E, K)
    assert errors(payload.replace(host, other)) == ["Elementet finnes ikke i noe kjent skjema."]


@pytest.mark.parametrize(
    "namespace, name, children",
    [
        (f"{E}m95/2018-07-01", "M95", f"{FNR}{ALLE}{SAMTYKKE}{COMPRESS}"),
        (f"{K}m95/2015-05-01", "M95", f"{FNR}{ALLE}{COMPRESS}"),
        (f"{K}m96/2015-05-01", "M96", "<LastResept>true</LastResept>"),
        (f"{E}m96/2018-07-01", "M96", f"<Listeelement>{ID}{STATUS}{RECALLED}</Listeelement>"),
        (f"{E}m97/2018-07-01", "M97", f"{SAMTYKKE}{ID}{COMPRESS}"),
        (f"{K}m98/2015-10-15", "M98", "<AntallUtleveringer>2</AntallUtleveringer>"),
        (f"{K}m911/2014-01-21", "M911", f"{FNR}{COMPRESS}"),
        (f"{E}m911/2018-07-01", "M911", f"{FNR}<InklM25Meldinger>true</InklM25Meldinger>{COMPRESS}"),
        (f"{K}m912/2014-01-21", "M912", f"<Multidosepasient>{FNR}{ANDRE}</Multidosepasient>"),
        (f"{E}m912/2018-07-01", "M912", f"<Pasient>{FNR}{LEGE}</Pasient>"),
        (f"{E}m912/2021-10-01", "M912", f"<Pasient>{FNR}{BORROWED}</Pasient>"),
        (f"{K}m921/2013-10-15", "M921", f"{SINCE}{COMPRESS}"),
        (f"{K}m922/2013-10-15", "M922", f"<Pasient>{FNR}</Pasient>"),
        (f"{K}m9na2/2016-10-26", "M9NA2", f"<Antall>1</Antall>{LINE}{UTLOPER}</Reseptinfo>"),
    ],
)
def test_no_version_takes_what_another_has(namespace: str, name: str, children: str) -> None:
    """What a version added or dropped is refused on the other side of the change."""
    assert len(errors(f'<{name} xmlns="{namespace}">{children}</{name}>')) == 1
