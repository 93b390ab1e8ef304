"""The code lists that the core chain uses: value and display name of each code, and the list's OID.

A list's number is the one of the standard. Of 7403 only the product areas and product groups stand here: the article
groups below them (five and seven digits) begin with the same digits.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from reseptformidler.domain.hode import OID, Kode


@dataclass(frozen=True, slots=True)
class Kodeliste:
    """One code list."""

    nummer: str
    navn: Mapping[str, str]
    """Display name by value."""

    @property
    def oid(self) -> str:
        """The list's OID, as in @S of a CV."""
        return OID + self.nummer

    def __contains__(self, verdi: object) -> bool:
        return verdi in self.navn

    def lacks(self, kode: Kode | None) -> bool:
        """Whether a code was given that the list does not have."""
        return kode is not None and kode.v not in self.navn

    def cs(self, verdi: str) -> Kode:
        """A code as CS (V and DN). KeyError when the list has no such value."""
        return Kode(v=verdi, dn=self.navn[verdi])

    def cv(self, verdi: str) -> Kode:
        """A code as CV (V, DN and S). KeyError when the list has no such value."""
        return Kode(v=verdi, dn=self.navn[verdi], s=self.oid)


def _liste(nummer: str, koder: str) -> Kodeliste:
    """`koder`: "value=display name" separated by " | "."""
    return Kodeliste(nummer, MappingProxyType(dict(kode.split("=", 1) for kode in koder.split(" | "))))


JA_NEI = _liste("1101", "1=Ja | 2=Nei")
KJONN = _liste("3101", "0=Ikke kjent | 1=Mann | 2=Kvinne | 9=Ikke spesifisert")
ADRESSETYPE = _liste(
    "3401",
    "BAD=Ubrukelig adresse | H=Bostedsadresse | HP=Folkeregisteradresse | HV=Ferieadresse | INV=Faktureringsadresse | "
    "PST=Postadresse | RES=Besøksadresse | TMP=Midlertidig adresse | WP=Arbeidsadresse",
)
VAREGRUPPE = _liste("7402", "A=Annet | L=Legemiddel")
PRODUKTGRUPPE = _liste(
    "7403",
    "5=Medisinsk forbruksmateriell | 6=Næringsmidler | 9=Brystproteser | 501=Forbruksmateriell ved inkontinens | "
    "502=Forbruksmateriell ved urinretensjon | 503=Forbruksmateriell til laryngektomerte | "
    "504=Forbruksmateriell ved diabetes | 505=Forbruksmateriell ved stomi | 506=Forbruksmateriell til blødere | "
    "507=Forbruksmateriell til lungesyke | 508=Forbruksmateriell ved veksthormonforstyrrelser | "
    "509=Forbruksmateriell til nyretransplanterte | 510=Hoftebeskyttere | "
    "511=Forbruksmateriell til glukosemåling v/intravenøs ernæring | "
    "512=Forbruksmateriell ved tuberkulosebehandling | 513=Forbruksmateriell ved epidermolysis bullosa | "
    "514=Forbruksmateriell til måling og administrasjon av legemidler | 601=Næringsmidler ved diverse tilstander | "
    "602=Næringsmidler ved melkeproteinallergi med mer | 603=Næringsmidler ved Fenylketonuri (Føllings sykdom) | "
    "604=Næringsmidler ved kreft/immunsvikt/sykdom som krever næringstilskudd | 900=Brystproteser",
)
METODE_EKSPEDERING = _liste("7404", "F=Forsendelse | L=LAR | M=Utlevering magistrell resept | U=Utlevering")
NODSOK_ARSAK = _liste(
    "7406",
    "F=Fødselsnummer ikke tilgjengelig | I=Ikke medbrakt legitimasjon | K=Kjent av utlevererpersonalet | "
    "U=Utenlandsk statsborger",
)
STATUS_SOK = _liste(
    "7407",
    "1=Ugyldig referansenummer | 2=Ugyldig fødselsnummer | 3=Ugyldig nødsøk | 4=Ingen resept på dette søk",
)
STATUS_RESEPT = _liste(
    "7408",
    "A=Avslått søknad fra SLV | B=Under behandling av SLV | E=Ekspederbar | F=Foreldet | H=HPR mangler fødselsnummer | "
    "R=Resept avsluttet | T=Tilbakekalt | U=Under ekspedering | X=Ugyldig",
)
KANSELLERING = _liste(
    "7411",
    "1=Ikke ønsket vare | 2=Utgått resept | 3=Uavhentet vare | 4=Annen årsak | 5=Utskrift til kunde | "
    "6=Apotek mangler vare | 7=Forespurt resept finnes ikke i RF | 8=Multidosepakking | 9=Utskrift til PLO | "
    "10=Informasjon til kunde | 11=Informasjon til helsepersonell | 15=Multidose | 16=Teknisk svikt | "
    "17=Resept låst til annet apotek | 18=Farmasøytisk tjeneste",
)
INTERVENSJON = _liste(
    "7412",
    "100=For lav dose | 101=For høy dose | 102=Bivirkning | 103=Interaksjon | 104=Doseringstidpunkt/intervall | "
    "105=Endret legemiddelform  (dosering) | 106=Annet problem med dosering | 200=Feil virkestoff | 201=Feil styrke | "
    "202=Feil mengde | 203=Salgsstopp | 204=Avregistrert | 205=Ikke i markedet | 206=Utsolgt | 207=Dobbeltdosering | "
    "208=Kontraindikasjon | 209=Forsiktighetsregel | 210=Bivirkning | 211=Interaksjon | 212=Generisk bytte | "
    "213=Utleveringsbestemmelse | 214=Praktisk/teknisk problem | 215=Annet | 216=Endret legemiddelform (vare) | "
    "301=Feil hjemmel | 401=Feil etternavn | 402=Feil fornavn | 403=Feil fødselsnummer",
)
ENDRINGSTYPE = _liste(
    "7413", "D=Endret dosering | P=Endret personopplysninger | R=Endret refusjonshjemmel | V=Valgt annen vare"
)
RESEPTGRUPPE = _liste(
    "7421",
    "A=Reseptgruppe A | B=Reseptgruppe B | C=Reseptgruppe C | CF=Reseptgruppe CF | F=Reseptgruppe F | K=Kosttilskudd",
)
REFUSJONSHJEMMEL = _liste(
    "7427",
    "100=§5-14 | 200=§5-14 §2 | 300=§5-14 §3 | 301=§5-14 §3a | 302=§5-14 §3b | 400=§5-14 §4 | 500=§5-14 §5 | "
    "501=§5-14 §5.1 | 502=§5-14 §5.2 | 503=§5-14 §5.3 | 504=§5-14 §5.4 | 505=§5-14 §5.5 | 506=§5-14 §5.6 | "
    "507=§5-14 §5.7 | 508=§5-14 §5.8 | 509=§5-14 §5.9 | 510=§5-14 §5.10 | 511=§5-14 §5.11 | 512=§5-14 §5.12 | "
    "513=§5-14 §5.13 | 514=§5-14 §5.14 | 600=§5-14 §6 | 601=§5-14 §6.1 | 602=§5-14 §6.2 | 603=§5-14 §6.3 | "
    "604=§5-14 §6.4 | 700=§5-22 | 703=§5-22P | 800=§5-25 | 900=§10-7i | 950=H-resept | 990=Inhalasjonsveiledning | "
    "991=Oppstartsveiledning",
)
SOKNAD_SLV = _liste(
    "7436",
    "1=Må vurderes hos apotek | 2=Under behandling av SLV | 3=Søknad innvilget av SLV | 4=Søknad avslått av SLV | "
    "5=Forhåndsgodkjent - skal notifiseres",
)
ENHET_PAKNING = _liste(
    "7452",
    "cm=centimeter | cm2=kvadratcentimeter | dose=dose | dosebeholder=dosebeholder | doser=doser | dråpe=dråpe | "
    "E=enheter | g=gram | GBq=gigabequerel | IE=internationale enheter | IU=international units | kg=kilogram | "
    "klyster=klyster | kule=kule | kuler=kuler | L=liter | m=meter (kun handelsvarer og kjemikalier) | "
    "MBq=megabequerel | mg=milligram | mikrog=mikrogram | mikroliter=mikroliter | "
    "mill IE=millioner internationale enheter | ml=milliliter | mol=mol | OMEQ=orale morfinekvivalenter | "
    "par=par (kun handelsvarer) | penn=penn | S=sett | spray=spray | sprøyte=sprøyte | "
    "SQ-E/ml=standardiserte kvalitetsenheter pr milliliter | SQ-T=standardiserte kvalitetsenheter for tablett | "
    "stk=stykk | time=time | timer=timer",
)
ENHET_PAKNING_APOTEK = _liste(
    "7484",
    "AMP=stk ampulle(r ) | BULK=bulk | CM=centimeter | DATOP=stk i blister, datopakning | "
    "DISK=diskstativ/diskdisplay | DOSE=dose | DOSEP=dose i dosepose(r) | DOSER=doser | DUSIN=dusin | "
    "ENDOS=stk i blister, endose | "
    "ENP=stk i blister | ENPAC=stk i blister | G=gram | G SPR=gram (i) sprøyte | GULV=stk gulvstativ/gulvdisplay | "
    "HGL=hetteglass | KG=kilogram | KOMBP=kombinasjonspakning | KOMBPK=kombinasjonspakning | KULER=kuler | L=liter | "
    "L PL=liter (i) plast(beholder) | M=meter | MCG=mikrogram | MCL=mikroliter | MG=milligram | ML=milliliter | "
    "MLAMP=milliliter (i) ampulle | MLGL=milliliter (i) glass(beholder) | MLHGL=milliliter (i) hetteglass | "
    "MLPEN=milliliter (i) penn | MLPIP=milliliter (i) pipette | MLPL=milliliter (i) plastbeholder | "
    "MLSETT=milliliter (i) sett | MLSL=milliliter sleep safe | MLSPR=milliliter (i) sprøyte | "
    "MLST=milliliter stay safe | MLSTART=milliliter (i) startpakning | MLSYL=milliliter (i) sylinderampulle | "
    "PAR=par | PENN=ferdigfylt penn | "
    "PLATE=plate | POSER=poser | SERIE=serie | SETT=sett | SPR=sprøyte | SPRAY=spray | START=startpakning | STK=stk | "
    "STRT=startpakning | SYL=sylindretter | SYLAMP=sylinderampulle(r) | TOKAM=tokammerpose/amp/spr",
)
ARSAK_TILBAKEKALLING = _liste(
    "7500", "1=Fornying | 2=Seponering | 3=Fornying med endring | 4=Annen | 5=Administrativ sletting"
)
STATUS_TILBAKEKALLING = _liste(
    "7503",
    "1=Resept tilbakekalt | 2=Resepten er under ekspedering, blir tilbakekalt når ekspedering avsluttes",
)
PERSON_ID = _liste(
    "8116",
    "DKF=Dansk 'personnummer' | DNR=D-nummer | DUF=DUF-nummer | FHN=Felles hjelpenummer | FNR=Fødselsnummer | "
    "FPN=Forsikringspolise nummer | HER=HER-id | HNR=H-nummer | HPR=HPR-nummer | PNR=Passnummer | "
    "SEF=Svensk 'personnummer' | SSN=Sosial security number | UID=Utenlandsk identifikasjon | XXX=Annet",
)
STATUS_APPREC = _liste("8258", "1=OK | 2=Avvist | 3=OK, feil i delmelding")
MELDINGSTYPE = _liste(
    "8279",
    "ERM1=Resept | ERM3=Grunnlag for søknad Legemiddelverket | ERM41=Forespørsel om referansenummere | "
    "ERM42=Referansenummer | ERM5=Tilbakekalling av resept | ERM52=Kvittering på tilbakekalt resept | "
    "ERM6=Utleveringsrapport rekvirent | ERM7=Slettet resept i RF | ERM8=Utleveringsrapport fastlege | "
    "ERM81=Utleveringsrapport kjernejournal | "
    "ERM91=Forespørsel om tilgjengelige resepter på pasient (utleverer) | ERM92=Reseptliste (utleverer) | "
    "ERM93=Forespørsel om nedlasting av resept | ERM94=Nedlasting av resept | "
    "ERM95=Forespørsel om tilgjengelige resepter på pasient (rekvirent) | ERM96=Reseptliste (rekvirent) | "
    "ERM97=Forespørsel om utleveringer på resept | ERM98=Utleveringer på resept | "
    "ERM911=Forespørsel om varer i bruk | ERM912=Nedlasting av varer i bruk | "
    "ERM921=Hent endrede multidosepasienter | ERM922=Endrede multidosepasienter | "
    "ERM9NA1=Forespørsel om reseptliste fra nettkunde | ERM9NA2=Reseptliste nettkunde | "
    "ERM9NA3=Forespørsel om utvidet informasjon på resept fra nettkunde | "
    "ERM9NA4=Utvidet informasjon om resept nettkunde | ERM10=Utleveringsrapport reseptbanken | "
    "ERM14=Søknad til Legemiddelverket | ERM15=Søknadssvar fra Legemiddelverket | ERM20=Notifiseringsmelding | "
    "ERM21=Ekspederingsanmodning | ERM241=Samtykkeregistrering | ERM242=Svar samtykke | ERM251=Varer i bruk | "
    "ERM252=Varer i bruk | ERM253=Varer i bruk | ERM254=Varer i bruk | ERM271=Registrering av multidoseansvarlig | "
    "ERM272=Svar på registrering av multidoseansvarlig | ERM28=Endring av multidoseansvarlig lege | "
    "ERMV=Eresept verify | APPREC=Applikasjonskvittering",
)
"""ERM254 stands in HIS 3014 6.1.1 alone; its name is that of the other three."""
ORGANISASJON_ID = _liste(
    "9051",
    "AKO=Apotekets konsesjonsnummer | APO=Apotekets identifikasjonsnummer | AVD=Off. identifikator for avdelinger | "
    "ENH=Organisasjonsnummeret i Enhetsregister | HER=HER-id | LAV=Lokal identifikator for avdelinger | "
    "LIN=Lokal identifikator for institusjoner | LOK=Lokal identifikator uten nærmere angivelse | "
    "NPR=NPR avdelingsnummer | RSH=Nasjonalt register over enheter i spesialisthelsetjenesten (RESH-ID) | "
    "SYS=SYSVAK institusjonsnummer",
)
HELSEPERSONELL = _liste(
    "9060",
    "AA=Ambulansearbeider | AT=Apotektekniker | AU=Audiograf | BI=Bioingeniør | ET=Ergoterapeut | "
    "FA1=Provisorfarmasøyt | FA2=Reseptarfarmasøyt | FO=Fotterapeut | FT=Fysioterapeut | HE=Helsesekretær | "
    "HF=Helsefagarbeider | HP=Hjelpepleier | JO=Jordmor | KE=Klinisk ernæringsfysiolog | KI=Kiropraktor | LE=Lege | "
    "MT=Manuellterapeut | OA=Omsorgsarbeider | OI=Ortopedingeniør | OP=Optiker | OR=Ortoptist | PE=Perfusjonist | "
    "PS=Psykolog | RA=Radiograf | SP=Sykepleier | TH=Tannhelsesekretær | TL=Tannlege | TP=Tannpleier | "
    "TT=Tanntekniker | VE=Veterinær | VP=Vernepleier | XX=Ukjent/uspesifisert",
)
SAMTYKKE = _liste("7455", "1=Samtykke for utleveringsmelding")
SAMTYKKE_GITT_AV = _liste(
    "7456",
    "1=Pasienten, utrykkelig samtykke | 2=Pasienten, stiltiende samtykke | 3=Forelder med foreldreansvar alene | "
    "4=Foreldre med felles ansvar | 5=Andre med foreldreansvar | 6=Representant for barnevernet | "
    "7=Verge som kan samtykke for umyndiggjort person | "
    "8=Nærmeste pårørende til pasient uten samtykkekompetanse | "
    "9=Helsepersonell på vegne av pasient uten samtykkekompetanse som ikke har nærmeste pårørende",
)
SVAR_SAMTYKKE = _liste("7457", "1=Registrert | 2=Avvist")
BEGRUNNELSE_SAMTYKKE = _liste(
    "7458",
    "1=Rekvirent finnes ikke i fastlegeregisteret | 2=Rekvirent er ikke pasientens fastlege | 3=Annen begrunnelse",
)
TYPE_RESEPT = _liste("7491", "E=Eresept | P=Papirresept | U=Uten resept")
REGISTRERING = _liste("7496", "A=Avregistrering | R=Registrering")
BRUK = _liste("9101", "1=Fast | 2=Kur | 3=Ved behov | 4=Vaksine | 5=Næringsmiddel/vitaminer")

REFUSJONSKODELISTER = frozenset(OID + nummer for nummer in ("7110", "7170", "7434", "7435"))
"""The lists that a RefKode may come from (R0908 4.2.4)."""

ALLE: tuple[Kodeliste, ...] = (
    *(
        JA_NEI,
        KJONN,
        ADRESSETYPE,
        VAREGRUPPE,
        PRODUKTGRUPPE,
        METODE_EKSPEDERING,
        NODSOK_ARSAK,
        STATUS_SOK,
        STATUS_RESEPT,
    ),
    *(KANSELLERING, INTERVENSJON, ENDRINGSTYPE, RESEPTGRUPPE, REFUSJONSHJEMMEL, SOKNAD_SLV, ENHET_PAKNING),
    *(ENHET_PAKNING_APOTEK, ARSAK_TILBAKEKALLING, STATUS_TILBAKEKALLING, PERSON_ID, STATUS_APPREC, MELDINGSTYPE),
    *(SAMTYKKE, SAMTYKKE_GITT_AV, SVAR_SAMTYKKE, BEGRUNNELSE_SAMTYKKE, TYPE_RESEPT, REGISTRERING),
    *(ORGANISASJON_ID, HELSEPERSONELL, BRUK),
)
