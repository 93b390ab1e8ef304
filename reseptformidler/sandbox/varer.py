"""What is prescribed in the sandbox, and its place in a message: the same in M1 and M10 (ReseptDok…, schema m1)."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape

from reseptformidler.domain import koder
from reseptformidler.domain.hode import OID, Kode

M1 = "http://www.kith.no/xmlstds/eresept/m1/2013-10-08"
FORSKRIVNING = "http://www.kith.no/xmlstds/eresept/forskrivning/2013-10-08"


@dataclass(frozen=True, slots=True)
class Legemiddel:
    """A package of a drug. `soknad`: unlicensed; True applies to the authority at once, False leaves it to others."""

    varenr: str
    varenavn: str
    navn_form_styrke: str
    atc: Kode
    reseptgruppe: str
    form: Kode
    pakningsstr: str
    enhet: Kode
    bruksomrade: str
    dosering: str
    bruk: Kode
    ref_hjemmel: Kode | None = None
    ref_kode: Kode | None = None
    soknad: bool | None = None


@dataclass(frozen=True, slots=True)
class Handelsvare:
    """A consumable (§5) or, with `naringsmiddel`, nutrition (§6)."""

    nr: str
    navn: str
    prod_gruppe: Kode
    ref_hjemmel: Kode
    bruksveiledning: str
    naringsmiddel: bool = False


@dataclass(frozen=True, slots=True)
class Magistrell:
    """What the pharmacy makes: a name, and parts as (name, amount, unit)."""

    navn: str
    tilberedning: str
    mengde: tuple[str, str]
    form: Kode
    deler: tuple[tuple[str, str, str], ...]
    bruksomrade: str
    dosering: str
    bruk: Kode


Vare = Legemiddel | Handelsvare | Magistrell


def _kode(kodeverk: int, v: str, dn: str) -> Kode:
    """A code of a list that `domain.koder` does not have."""
    return Kode(v, dn, f"{OID}{kodeverk}")


FAST, KUR, VED_BEHOV = (koder.BRUK.cs(bruk) for bruk in "123")
_TABLETT = _kode(7448, "53", "Tablett")
_STK = koder.ENHET_PAKNING.cv("stk")
_PARAGRAF_2 = koder.REFUSJONSHJEMMEL.cv("200")

TABLETT = Legemiddel(
    "990001", "Prøvadol", "Prøvadol Tab 500 mg", _kode(7180, "N02BE01", "Paracetamol"), "C", _TABLETT, "100", _STK,
    "Mot smerter", "1 tablett inntil 3 ganger daglig", VED_BEHOV,
)  # fmt: skip
ALLERGITABLETT = Legemiddel(
    "990002", "Prøvirizin", "Prøvirizin Tab 10 mg", _kode(7180, "R06AE07", "Cetirizin"), "C", _TABLETT, "98", _STK,
    "Mot allergi", "1 tablett daglig", FAST, _PARAGRAF_2, _kode(7170, "R97", "Allergisk rinitt"),
)  # fmt: skip
ANTIBIOTIKUM = Legemiddel(
    "990003", "Prøvicillin", "Prøvicillin Tab 660 mg", _kode(7180, "J01CE02", "Fenoksymetylpenicillin"), "C", _TABLETT,
    "40", _STK, "Mot infeksjon", "2 tabletter 3 ganger daglig i 7 dager", KUR,
)  # fmt: skip
A_PREPARAT = Legemiddel(
    "990004", "Prøvadon", "Prøvadon Tab 20 mg", _kode(7180, "N07BC02", "Metadon"), "A", _TABLETT, "20", _STK,
    "LAR", "1 tablett daglig", FAST,
)  # fmt: skip
HOSTESAFT = Legemiddel(
    "990005", "Prøvylan", "Prøvylan Mikst 1,7 mg/ml", _kode(7180, "R05DA01", "Etylmorfin"), "B",
    _kode(7448, "9", "Mikstur"), "300", koder.ENHET_PAKNING.cv("ml"),
    "Mot hoste", "10 ml 3 ganger daglig", VED_BEHOV,
)  # fmt: skip
UREGISTRERT = Legemiddel(
    "990006", "Prøvetin", "Prøvetin Tab 5 mg", _kode(7180, "N06AX01", "Oksitriptan"), "C", _TABLETT, "50", _STK,
    "Etter avtale", "1 tablett daglig", FAST, soknad=True,
)  # fmt: skip
UREGISTRERT_FORHANDSGODKJENT = Legemiddel(
    "990007", "Prøvetan", "Prøvetan Tab 2 mg", _kode(7180, "N06AX01", "Oksitriptan"), "C", _TABLETT, "50", _STK,
    "Etter avtale", "1 tablett daglig", FAST, soknad=False,
)  # fmt: skip
TESTSTRIMLER = Handelsvare(
    "990101", "Prøve teststrimler", _kode(7403, "5110101", "Blodsukkertester"), koder.REFUSJONSHJEMMEL.cv("504"),
    "Til måling av blodsukker",
)  # fmt: skip
NARINGSDRIKK = Handelsvare(
    "990201", "Prøve næringsdrikk", _kode(7403, "60101", "Næringsdrikker"), koder.REFUSJONSHJEMMEL.cv("601"),
    "1 boks 2 ganger daglig", naringsmiddel=True,
)  # fmt: skip
SALVE = Magistrell(
    "Prøvesalve 5 %", "Til utvortes bruk", ("100", "g"), _kode(7448, "46", "Salve"),
    (("Karbamid", "5", "g"), ("Hvit vaselin", "95", "g")), "Mot tørr hud", "Smøres på morgen og kveld", FAST,
)  # fmt: skip

LEGEMIDLER = (TABLETT, ALLERGITABLETT, ANTIBIOTIKUM, HOSTESAFT)
"""Ordinary drugs; A_PREPARAT and the unlicensed ones stand by themselves."""


def text(name: str, value: str) -> str:
    """An element with text, or nothing where the text is empty."""
    return f"<{name}>{escape(value)}</{name}>" if value else ""


def coded(name: str, kode: Kode | None) -> str:
    """A CS or CV element, or nothing."""
    if kode is None:
        return ""
    system = f' S="{kode.s}"' if kode.s else ""
    return f'<{name} V="{escape(kode.v)}"{system} DN="{escape(kode.dn)}"/>'


def resept_dok(vare: Vare, antall: str, reiterasjon: int) -> str:
    """ReseptDokLegemiddel or ReseptDokHandelsvare, as schema m1/2013-10-08 orders it."""
    if isinstance(vare, Handelsvare):
        return _handelsvare(vare, antall)
    begins = f'<ReseptDokLegemiddel xmlns="{M1}"><Varegruppekode V="L" DN="Legemiddel"/>{text("Antall", antall)}'
    if isinstance(vare, Magistrell):
        content = f"<Reiterasjon>{reiterasjon}</Reiterasjon>{_forskrivning(vare, _blanding(vare))}"
    else:
        content = (
            coded("RefHjemmel", vare.ref_hjemmel)
            + coded("RefKode", vare.ref_kode)
            + f"<Reiterasjon>{reiterasjon}</Reiterasjon>"
            + _soknad(vare)
            + _forskrivning(vare, _pakning(vare))
        )
    return f"{begins}{content}</ReseptDokLegemiddel>"


def _handelsvare(vare: Handelsvare, antall: str) -> str:
    kind = "Naringsmiddel" if vare.naringsmiddel else "MedForbMatr"
    return (
        f'<ReseptDokHandelsvare xmlns="{M1}"><Varegruppekode V="A" DN="Annet"/>{text("Antall", antall)}'
        f"{coded('RefHjemmel', vare.ref_hjemmel)}{text('Bruksveiledning', vare.bruksveiledning)}"
        f"{coded('ProdGruppe', vare.prod_gruppe)}"
        f'<{kind} xmlns="{FORSKRIVNING}">{text("Nr", vare.nr)}{text("Navn", vare.navn)}</{kind}></ReseptDokHandelsvare>'
    )


def _soknad(vare: Legemiddel) -> str:
    if vare.soknad is None:
        return ""
    return (
        "<LegemiddelUtenMt><Begrunnelse>Annen behandling har ikke virket</Begrunnelse>"
        f"<Produsent>Prøvefabrikken</Produsent><DirektesoknadSlv>{bool_text(vare.soknad)}</DirektesoknadSlv>"
        "</LegemiddelUtenMt>"
    )


def _forskrivning(vare: Legemiddel | Magistrell, item: str) -> str:
    return (
        f'<Forskrivning xmlns="{FORSKRIVNING}">{text("Bruksomrade", vare.bruksomrade)}'
        f"{text('DosVeiledEnkel', vare.dosering)}{coded('Bruk', vare.bruk)}{item}</Forskrivning>"
    )


def _pakning(vare: Legemiddel) -> str:
    return (
        f"<Legemiddelpakning>{coded('Atc', vare.atc)}{text('NavnFormStyrke', vare.navn_form_styrke)}"
        f"{coded('Reseptgruppe', koder.RESEPTGRUPPE.cs(vare.reseptgruppe))}"
        f"{coded('LegemiddelformKort', vare.form)}{text('Varenr', vare.varenr)}<PakningsinfoResept>"
        f"{text('Varenavn', vare.varenavn)}{text('Pakningsstr', vare.pakningsstr)}{coded('EnhetPakning', vare.enhet)}"
        "</PakningsinfoResept></Legemiddelpakning>"
    )


def _blanding(vare: Magistrell) -> str:
    amount, unit = vare.mengde
    parts = "".join(
        f"<BestanddelAnnet>{text('NavnFormStyrke', navn)}<MengdeBestanddel>"
        f'<Mengde V="{escape(mengde)}" U="{escape(enhet)}"/></MengdeBestanddel></BestanddelAnnet>'
        for navn, mengde, enhet in vare.deler
    )
    return (
        f"<Legemiddelblanding>{text('Navn', vare.navn)}{text('TilbOppl', vare.tilberedning)}"
        f'<Mengde V="{escape(amount)}" U="{escape(unit)}"/>{coded("Legemiddelform", vare.form)}{parts}'
        "</Legemiddelblanding>"
    )


def bool_text(value: bool) -> str:  # noqa: FBT001  # a value of the schema, not a switch
    """xs:boolean as the published messages write it."""
    return "true" if value else "false"
