"""What is prescribed, and its place in a message: the same in M1 and M10 (ReseptDok…, schema m1)."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from reseptformidler.client.element import boolean
from reseptformidler.domain import koder
from reseptformidler.domain.hode import Kode
from reseptformidler.wire.element import attribute, kode, simple

M1 = "http://www.kith.no/xmlstds/eresept/m1/2013-10-08"
FORSKRIVNING = "http://www.kith.no/xmlstds/eresept/forskrivning/2013-10-08"


@dataclass(frozen=True, slots=True)
class LegemiddelUtenMt:
    """Why a drug without marketing authorisation; `direkte` applies to the authority at once (DirektesoknadSlv)."""

    begrunnelse: str
    produsent: str
    direkte: bool


@dataclass(frozen=True, slots=True)
class Legemiddel:
    """A package of a drug."""

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
    uten_mt: LegemiddelUtenMt | None = None


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


@lru_cache(maxsize=1024)
def resept_dok(vare: Vare, antall: str, reiterasjon: int) -> str:
    """ReseptDokLegemiddel or ReseptDokHandelsvare, as schema m1/2013-10-08 orders it."""
    if isinstance(vare, Handelsvare):
        return _handelsvare(vare, antall)
    begins = f'<ReseptDokLegemiddel xmlns="{M1}"><Varegruppekode V="L" DN="Legemiddel"/>{simple("Antall", antall)}'
    if isinstance(vare, Magistrell):
        content = f"<Reiterasjon>{reiterasjon}</Reiterasjon>{_forskrivning(vare, _blanding(vare))}"
    else:
        content = (
            kode("RefHjemmel", vare.ref_hjemmel)
            + kode("RefKode", vare.ref_kode)
            + f"<Reiterasjon>{reiterasjon}</Reiterasjon>"
            + _uten_mt(vare.uten_mt)
            + _forskrivning(vare, _pakning(vare))
        )
    return f"{begins}{content}</ReseptDokLegemiddel>"


def _handelsvare(vare: Handelsvare, antall: str) -> str:
    kind = "Naringsmiddel" if vare.naringsmiddel else "MedForbMatr"
    return (
        f'<ReseptDokHandelsvare xmlns="{M1}"><Varegruppekode V="A" DN="Annet"/>{simple("Antall", antall)}'
        f"{kode('RefHjemmel', vare.ref_hjemmel)}{simple('Bruksveiledning', vare.bruksveiledning)}"
        f"{kode('ProdGruppe', vare.prod_gruppe)}"
        f'<{kind} xmlns="{FORSKRIVNING}">{simple("Nr", vare.nr)}{simple("Navn", vare.navn)}</{kind}>'
        "</ReseptDokHandelsvare>"
    )


def _uten_mt(given: LegemiddelUtenMt | None) -> str:
    if given is None:
        return ""
    return (
        f"<LegemiddelUtenMt>{simple('Begrunnelse', given.begrunnelse)}{simple('Produsent', given.produsent)}"
        f"<DirektesoknadSlv>{boolean(given.direkte)}</DirektesoknadSlv></LegemiddelUtenMt>"
    )


def _forskrivning(vare: Legemiddel | Magistrell, item: str) -> str:
    return (
        f'<Forskrivning xmlns="{FORSKRIVNING}">{simple("Bruksomrade", vare.bruksomrade)}'
        f"{simple('DosVeiledEnkel', vare.dosering)}{kode('Bruk', vare.bruk)}{item}</Forskrivning>"
    )


def _pakning(vare: Legemiddel) -> str:
    return (
        f"<Legemiddelpakning>{kode('Atc', vare.atc)}{simple('NavnFormStyrke', vare.navn_form_styrke)}"
        f"{kode('Reseptgruppe', koder.RESEPTGRUPPE.cs(vare.reseptgruppe))}"
        f"{kode('LegemiddelformKort', vare.form)}{simple('Varenr', vare.varenr)}<PakningsinfoResept>"
        f"{simple('Varenavn', vare.varenavn)}{simple('Pakningsstr', vare.pakningsstr)}"
        f"{kode('EnhetPakning', vare.enhet)}</PakningsinfoResept></Legemiddelpakning>"
    )


def _blanding(vare: Magistrell) -> str:
    amount, unit = vare.mengde
    parts = "".join(
        f"<BestanddelAnnet>{simple('NavnFormStyrke', navn)}<MengdeBestanddel>"
        f'<Mengde V="{attribute(mengde)}" U="{attribute(enhet)}"/></MengdeBestanddel></BestanddelAnnet>'
        for navn, mengde, enhet in vare.deler
    )
    return (
        f"<Legemiddelblanding>{simple('Navn', vare.navn)}{simple('TilbOppl', vare.tilberedning)}"
        f'<Mengde V="{attribute(amount)}" U="{attribute(unit)}"/>{kode("Legemiddelform", vare.form)}{parts}'
        "</Legemiddelblanding>"
    )
