"""What an M1 says, as values (R0908 chapter 4; namespaces m1/2013-10-08 and forskrivning/2013-10-08).

Read in one walk of the tree: prescriptions are most of what is written. Elements of other namespaces, the extension
among them, are left alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from decimal import Decimal, InvalidOperation

from lxml import etree

from reseptformidler.domain.hode import Kode

NS = "http://www.kith.no/xmlstds/eresept/m1/2013-10-08"
FS = "http://www.kith.no/xmlstds/eresept/forskrivning/2013-10-08"

LEGEMIDLER = (
    "LegemiddelMerkevare",
    "Legemiddelpakning",
    "LegemiddelVirkestoff",
    "Legemiddelblanding",
    "Legemiddeldose",
)
HANDELSVARER = ("Brystprotese", "Naringsmiddel", "MedForbMatr")
FRA_FEST = (
    *("Preparatomtaleavsnitt", "Hjelpestoff", "Reseptgyldighet", "ProduktInfo", "Refvirkestoff", "RefVirkestoff"),
    *("SortertVirkestoffMedStyrke", "AdministreringLegemiddel", "PakningByttegruppe", "Refusjon", "Opioidsoknad"),
    *("TypeSoknadSlv", "RefVilkar", "Ean", "IkkeKonservering", "Pakningsinfo", "PrisVare", "Markedsforingsinfo"),
)
"""Parts of the drug register that must not be copied into a prescription (rules.md D3)."""

_Deler = dict[str, etree._Element]  # noqa: SLF001  # the only name lxml has for an element
_ROM = (f"{{{NS}", f"{{{FS}")
_FRA_FEST = tuple(f"{{{FS}}}{navn}" for navn in FRA_FEST)


@dataclass(frozen=True, slots=True)
class Pakning:
    """PakningsinfoResept."""

    pakningsstr: str
    enhet: Kode | None


@dataclass(frozen=True, slots=True)
class Forskrivning:
    """What is prescribed: `form` is the name of the element that says it (one of LEGEMIDLER)."""

    form: str
    navn: str
    """NavnFormStyrke; the name of a Legemiddelblanding."""
    bruksomrade: str = ""
    dosert: bool = False
    """DosVeiledEnkel or Dosering is there."""
    bruk: Kode | None = None
    reseptgruppe: str = ""
    varenr: str = ""
    pakning: Pakning | None = None
    id: str = ""
    """Of the drug register (FEST), where the element has one."""
    atc: str = ""


@dataclass(frozen=True, slots=True)
class Legemiddel:
    """ReseptDokLegemiddel. `direktesoknad` is None without LegemiddelUtenMt."""

    forskrivning: Forskrivning
    reiterasjon: int | None = None
    bytteres: Kode | None = None
    ref_kode: Kode | None = None
    mengde: tuple[str, str] | None = None
    direktesoknad: bool | None = None


@dataclass(frozen=True, slots=True)
class Handelsvare:
    """ReseptDokHandelsvare: `form` names the element that says which, empty where only a product group stands."""

    prod_gruppe: Kode | None
    form: str = ""
    nr: str = ""
    navn: str = ""


@dataclass(frozen=True, slots=True)
class EkspAnm:
    """A dispatch request (rules.md E)."""

    vilkar: bool
    metode: str
    her: str
    orgnr: str
    navn: str


@dataclass(frozen=True, slots=True)
class M1:
    """A prescription as it came. Dates that no calendar has are None."""

    forskrivningsdato: date | None
    utloper: date | None
    vare: Legemiddel | Handelsvare
    varegruppe: str
    antall: Decimal | None = None
    ref_hjemmel: Kode | None = None
    refnr: str = ""
    last: bool = False
    verge: bool = False
    eget_navn: bool = False
    egen_praksis: bool = False
    tidligste: date | None = None
    ekspanm: EkspAnm | None = None
    fra_fest: bool = False
    """Holds a part of the drug register that may not be copied."""

    @property
    def i_eget(self) -> bool:
        """In the prescriber's own name or to the own practice: the patient is then nobody's number (P3, P4)."""
        return self.eget_navn or self.egen_praksis


def parse(payload: etree._Element) -> M1:
    """Read a Resept that the schema has accepted. It never raises: what does not fit a type is absent."""
    deler = _deler(payload)
    legemiddel = deler.get("ReseptDokLegemiddel")
    dok = _deler(legemiddel if legemiddel is not None else deler.get("ReseptDokHandelsvare"))
    ekspanm = deler.get("EkspAnm")
    return M1(
        forskrivningsdato=_dato(deler, "Forskrivningsdato"),
        utloper=_dato(deler, "Utloper"),
        vare=_legemiddel(dok) if legemiddel is not None else _handelsvare(dok),
        varegruppe=_verdi(dok, "Varegruppekode"),
        antall=_desimal(dok, "Antall"),
        ref_hjemmel=_kode(dok, "RefHjemmel"),
        refnr=_tekst(deler, "RefNr"),
        last=_sann(deler, "LastResept"),
        verge=_sann(deler, "Vergeinnsynsreservasjon"),
        eget_navn=_sann(deler, "RekvLegensNavn"),
        egen_praksis=_sann(deler, "TilEgenPraksis"),
        tidligste=_dato(deler, "TidligsteUtlevering"),
        ekspanm=_ekspanm(_deler(ekspanm)) if ekspanm is not None else None,
        fra_fest=next(payload.iter(*_FRA_FEST), None) is not None,
    )


def _legemiddel(dok: _Deler) -> Legemiddel:
    uten_mt, mengde = dok.get("LegemiddelUtenMt"), dok.get("Mengde")
    return Legemiddel(
        forskrivning=_forskrivning(_deler(dok.get("Forskrivning"))),
        reiterasjon=_heltall(dok, "Reiterasjon"),
        bytteres=_kode(dok, "BytteresRekvirent"),
        ref_kode=_kode(dok, "RefKode"),
        mengde=(mengde.get("V", ""), mengde.get("U", "")) if mengde is not None else None,
        direktesoknad=_sann(_deler(uten_mt), "DirektesoknadSlv") if uten_mt is not None else None,
    )


def _forskrivning(deler: _Deler) -> Forskrivning:
    form = next((navn for navn in LEGEMIDLER if navn in deler), "")
    legemiddel = _deler(deler.get(form))
    pakning = legemiddel.get("PakningsinfoResept")
    return Forskrivning(
        form=form,
        navn=_tekst(legemiddel, "Navn" if form == "Legemiddelblanding" else "NavnFormStyrke"),
        bruksomrade=_tekst(deler, "Bruksomrade"),
        dosert="DosVeiledEnkel" in deler or "Dosering" in deler,
        bruk=_kode(deler, "Bruk"),
        reseptgruppe=_verdi(legemiddel, "Reseptgruppe"),
        varenr=_tekst(legemiddel, "Varenr"),
        pakning=_pakning(_deler(pakning)) if pakning is not None else None,
        id=_tekst(legemiddel, "Id"),
        atc=_verdi(legemiddel, "Atc"),
    )


def _pakning(deler: _Deler) -> Pakning:
    return Pakning(_tekst(deler, "Pakningsstr"), _kode(deler, "EnhetPakning"))


def _handelsvare(dok: _Deler) -> Handelsvare:
    form = next((navn for navn in HANDELSVARER if navn in dok), "")
    vare = _deler(dok.get(form))
    return Handelsvare(_kode(dok, "ProdGruppe"), form, _tekst(vare, "Nr"), _tekst(vare, "Navn"))


def _ekspanm(deler: _Deler) -> EkspAnm:
    return EkspAnm(
        vilkar=_sann(deler, "Vilkar"),
        metode=_verdi(deler, "MetodeEkspedering"),
        her=_tekst(deler, "Utleverer"),
        orgnr=_tekst(deler, "OrgNrUtleverer"),
        navn=_tekst(deler, "UtlevererNavn"),
    )


def _deler(element: etree._Element | None) -> _Deler:
    """The children in the namespaces of an M1 by local name; of several with one name the first."""
    deler: _Deler = {}
    for barn in element.iterchildren("*") if element is not None else ():
        ns, _, navn = str(barn.tag).rpartition("}")
        if ns in _ROM:
            deler.setdefault(navn, barn)
    return deler


def _tekst(deler: _Deler, navn: str) -> str:
    element = deler.get(navn)
    return (element.text or "").strip() if element is not None else ""


def _verdi(deler: _Deler, navn: str) -> str:
    element = deler.get(navn)
    return element.get("V", "") if element is not None else ""


def _kode(deler: _Deler, navn: str) -> Kode | None:
    element = deler.get(navn)
    if element is None:
        return None
    get = element.get
    return Kode(get("V", ""), get("DN", ""), get("S", ""), get("OT", ""))


def _sann(deler: _Deler, navn: str) -> bool:
    return _tekst(deler, navn) in ("true", "1")


def _dato(deler: _Deler, navn: str) -> date | None:
    try:
        return date.fromisoformat(_tekst(deler, navn)[:10])
    except ValueError:
        return None


def _desimal(deler: _Deler, navn: str) -> Decimal | None:
    try:
        return Decimal(_tekst(deler, navn))
    except InvalidOperation:
        return None


def _heltall(deler: _Deler, navn: str) -> int | None:
    try:
        return int(_tekst(deler, navn))
    except ValueError:
        return None
