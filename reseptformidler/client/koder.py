"""Code lists that only messages of the client's use; the others are in `domain.koder`."""

from __future__ import annotations

from types import MappingProxyType

from reseptformidler.domain.koder import Kodeliste


def _liste(nummer: str, **koder: str) -> Kodeliste:
    """`koder`: display name by value; an underscore before a value that is a number."""
    return Kodeliste(nummer, MappingProxyType({kode.removeprefix("_"): navn for kode, navn in koder.items()}))


ROLLE = _liste(
    "7490",
    A="Ansvarlig farmasøyt",
    F="Fastlege",
    I="Instituert av",
    L="LIB-ansvarlig lege",
    M="Multidoseansvarlig lege",
    P="PLO-kontakt",
    R="Rekvirent",
    S="Seponert av",
)
OMPAKKING = _liste("7492", E="Endring", F="Feriepakning", R="Reklamasjon", T="Tap")
SVAR = _liste(
    "7493",
    _1="Varen seponeres",
    _2="Varen seponeres ikke",
    _3="Varen inkluderes i Legemidler i bruk (LIB)",
    _4="Varen inkluderes ikke i Legemidler i bruk (LIB)",
    _5="Resept er fornyet",
    _6="Resept skal ikke fornyes",
    _7="Svar på annet spørsmål",
    _8="Beskjed mottatt",
)
SEPONERING = _liste(
    "7494",
    A="Avsluttet behandling",
    I="Interaksjon med annet legemiddel",
    L="Legemiddelreaksjon",
    M="Manglende effekt",
    S="Pasienten har selv sluttet med legemiddelet",
    X="Annen årsak",
)
SPORSMAL = _liste(
    "7495",
    _1="Skal varen seponeres",
    _2="Skal varen inkluderes i Legemidler i bruk (LIB)",
    _3="Skal resepten fornyes",
    _4="Annet spørsmål",
    _5="Beskjed fra lege",
)
REAKSJON = _liste(
    "7497",
    _1="Anafylaktisk reaksjon",
    _2="Blodtrykksfall",
    _3="Alvorlig arytmi",
    _4="Larynxødem",
    _5="Astma",
    _6="Uspesifisert tung pust",
    _7="Redusert bevissthet/forvirring",
    _8="Generaliserte kramper",
    _9="Angioødem/alvorlig generalisert urticaria",
    _10="Alvorlig hudreaksjon",
    _11="Mindre alvorlig hudreaksjon",
    _12="Irritasjon i slimhinner",
    _13="Oppkast, diaré, magesmerter",
    _14="Nyresvikt/redusert nyrefunksjon",
    _15="Blodaplasier/bloddysplasier",
    _16="Leversvikt/redusert leverfunksjon",
    _17="Rhabdomyolyse",
    _18="Annen alvorlig reaksjon",
    _19="Annen mindre alvorlig reaksjon",
    _20="Ukjent reaksjon",
)
KILDE = _liste(
    "7498",
    _1="Resultat av tester/analyser",
    _2="Observert av behandlende lege",
    _3="Pasientens egne opplysninger",
    _4="Pårørendes opplysninger",
    _5="Hentet fra tidligere journal",
    _6="Annet",
    _7="Opplyst av ansvarlig behandler",
)
