"""Every message that the client builds, with the sandbox's people, by a name that begins with its type."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime
from typing import Any

from reseptformidler.client import kjernejournal, slv
from reseptformidler.client.head import Hode
from reseptformidler.client.lib import (
    Allergi,
    Helseperson,
    Legemiddelliste,
    Oppforing,
    Organisasjon,
    Pakkeinfo,
    Rolle,
    Seponering,
    Sporsmal,
    Svar,
    Utlevering,
)
from reseptformidler.client.melding import IBruk, m271, m911, m921, mv
from reseptformidler.client.nettapotek import Kunde, m9na1, m9na3
from reseptformidler.client.parter import Pasient
from reseptformidler.client.rekvirent import (
    Abonnement,
    EkspAnm,
    Oppslag,
    Resept,
    Tilbakekalling,
    m1,
    m5,
    m41,
    m95,
    m97,
    m241,
    m251,
)
from reseptformidler.client.utleverer import Rapport, Sok, m3, m10, m91, m93, m252, m253
from reseptformidler.client.varer import Vare, resept_dok
from reseptformidler.sandbox import population, varer
from reseptformidler.sandbox.population import SYSTEM, som_utleverer, som_virksomhet

ID = "22222222-2222-4222-8222-222222222222"
TALK = "33333333-3333-4333-8333-333333333333"
LEGE, APOTEK, PERSON = population.LEGER[0], som_utleverer(population.APOTEK[0]), population.PERSONER[0]
REKVIRENT, REF = LEGE.rekvirent, population.refnumre(LEGE)
DAY = date(2026, 3, 2)
VARER: dict[str, Vare] = {
    "tablett": varer.TABLETT,
    "blå resept": varer.ALLERGITABLETT,
    "antibiotikum": varer.ANTIBIOTIKUM,
    "A-preparat": varer.A_PREPARAT,
    "hostesaft": varer.HOSTESAFT,
    "uregistrert": varer.UREGISTRERT,
    "uregistrert, forhåndsgodkjent": varer.UREGISTRERT_FORHANDSGODKJENT,
    "teststrimler": varer.TESTSTRIMLER,
    "næringsdrikk": varer.NARINGSDRIKK,
    "magistrell": varer.SALVE,
}
EGENANDEL = tuple((date(2026, month, 1), "250.50") for month in range(1, 5))
Build = Callable[[Hode], bytes]


def _of(resept: Resept, person: Pasient = PERSON, lege: population.Lege = LEGE) -> Build:
    return lambda hode: m1(hode, lege.rekvirent, person, resept)


def _report(rapport: Rapport) -> Build:
    return lambda hode: m10(hode, APOTEK, PERSON, rapport)


MESSAGES: dict[str, Build] = {
    **{f"M1 {name}": _of(Resept(vare, reiterasjon=2, antall="2.5")) for name, vare in VARER.items()},
    **{f"M10 {name}": _report(Rapport(ID, vare)) for name, vare in VARER.items()},
    **{f"M1 by {name}": _of(Resept(varer.TABLETT), lege=lege) for name, lege in population.SAERLIGE_LEGER.items()},
    "M1 locked": _of(Resept(varer.TABLETT, refnr=REF[0], last=True, vergereservert=True, tidligste_utlevering=DAY)),
    "M1 own name": _of(Resept(varer.TABLETT, refnr=REF[1], last=True, eget_navn=True), LEGE.som_pasient()),
    "M1 own practice": _of(Resept(varer.TABLETT, refnr=REF[2], last=True, egen_praksis=True), LEGE.som_pasient()),
    "M1 ekspederingsanmodning": _of(Resept(varer.TABLETT, ekspanm=EkspAnm(APOTEK.virksomhet, "U", "Sandkasse"))),
    "M1 D-number": _of(Resept(varer.TABLETT), population.MED_DNR[0]),
    "M1 without number": _of(Resept(varer.TABLETT, refnr=REF[3]), population.UTEN_NUMMER[0]),
    "M5": lambda hode: m5(hode, LEGE.rekvirent, PERSON, Tilbakekalling(ID, "1", "Æ & <b> \"x\" 'y'", TALK)),
    "M9.1": lambda hode: m91(hode, APOTEK, Sok(fnr=PERSON.ident, refnr=REF[:2], alle=True)),
    "M9.1 2023": lambda hode: m91(hode, APOTEK, Sok(refnr=REF[:1], vergereserverte=True), versjon="2023-03-20"),
    "M9.1 emergency": lambda hode: m91(
        hode,
        APOTEK,
        Sok(fdato=PERSON.fdato, fornavn=PERSON.fornavn, etternavn=PERSON.etternavn, arsak="I"),
    ),
    "M9.3": lambda hode: m93(hode, APOTEK, ID, REF[0]),
    "M9.3 cancel": lambda hode: m93(hode, APOTEK, kansellering="1"),
    "M10 closing": _report(Rapport(ID, varer.TABLETT, avsluttet=True, egenandel=EGENANDEL)),
    "M10 cancel": _report(Rapport(ID, kansellering="3")),
    "M10 annulment": _report(Rapport(ID, varer.TABLETT, annullerer=TALK)),
    "M10 paper": _report(Rapport("8043-17", varer.TABLETT, papir=LEGE.rekvirent, dato=DAY)),
    "MV": lambda hode: mv(hode, APOTEK.virksomhet, SYSTEM),
}

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)
KONTOR = som_virksomhet(population.LEGEKONTOR[0])
NETTAPOTEK = som_virksomhet(population.NETTAPOTEK)
KUNDE = Kunde(PERSON.ident, b'<saml:Assertion xmlns:saml="urn:oasis:names:tc:SAML:2.0:assertion"/>')
DOK = resept_dok(varer.TABLETT, "1", 0).encode()
ROLLER = (
    Rolle("L", Helseperson("999000001", "Syver", "Prøve")),
    Rolle("P", Organisasjon("9900001", "Sandkasse Legekontor Alta")),
)
SPORSMAL = Sporsmal("4", NOW, "9900101", "9900001", "Morgen eller kveld?", Svar("7", "Morgen"))
UTLEVERING = Utlevering(DAY, DAY, b"<Utlevering/>", ID, "F")
PAKKEINFO = Pakkeinfo(NOW, DAY, DAY)
ALLERGI = Allergi("19", NOW, "3", varer.TABLETT.atc, ("Paracetamol",), "Prøvadol", "Klør")


def _entry(seponering: Seponering | None = None, **more: Any) -> Oppforing:
    return Oppforing(
        TALK, "E", NOW, DOK, ID, DAY, DAY, med_endring=True, roller=ROLLER[:1], seponering=seponering, **more
    )


def _liste(*oppforinger: Oppforing, **more: Any) -> Legemiddelliste:
    return Legemiddelliste(oppforinger, ROLLER, allergier=(ALLERGI,), merknad="Ny liste", **more)


M251 = _liste(_entry(Seponering(NOW, "A", "Frisk"), sporsmal=(SPORSMAL,)), vikar=False)
M252 = _liste(_entry(sporsmal=(SPORSMAL,)), pakkeinfo=PAKKEINFO)
M253 = _liste(_entry(utleveringer=(UTLEVERING,), i_multidose=True), pakkeinfo=PAKKEINFO)

MESSAGES |= {
    "M3": lambda hode: m3(hode, APOTEK, ID, "Haster"),
    "M4.1": lambda hode: m41(hode, REKVIRENT, 100),
    "M9.5": lambda hode: m95(hode, REKVIRENT, Oppslag(PERSON.ident, REF[:2], alle=True, komprimering=5)),
    "M9.5 2018": lambda hode: m95(hode, REKVIRENT, Oppslag(PERSON.ident), "2018-07-01"),
    "M9.5 2015": lambda hode: m95(hode, REKVIRENT, Oppslag(refnr=REF[:1]), "2015-05-01"),
    "M9.5KJ": lambda hode: kjernejournal.m95kj(hode, KONTOR, PERSON.ident),
    "M9.7": lambda hode: m97(hode, REKVIRENT, ID, 1),
    "M9.7 2015": lambda hode: m97(hode, REKVIRENT, ID, versjon="2015-05-01"),
    "M9.11": lambda hode: m911(hode, REKVIRENT, IBruk(PERSON.ident, m25=True)),
    "M9.11 by a dispenser": lambda hode: m911(hode, APOTEK, IBruk(PERSON.ident, reseptinfo=True, komprimering=1)),
    "M9.11 by Kjernejournal": lambda hode: m911(hode, KONTOR, IBruk(PERSON.ident)),
    "M9.11 2018": lambda hode: m911(hode, REKVIRENT, IBruk(PERSON.ident), "2018-07-01"),
    "M9.11 2014": lambda hode: m911(hode, APOTEK, IBruk(PERSON.ident), "2014-01-21"),
    "M9.21": lambda hode: m921(hode, REKVIRENT, NOW),
    "M9.21 2013": lambda hode: m921(hode, APOTEK, NOW, versjon="2013-10-15"),
    "M24.1": lambda hode: m241(hode, REKVIRENT, PERSON, Abonnement(DAY)),
    "M24.1 end": lambda hode: m241(hode, REKVIRENT, PERSON, Abonnement(DAY, pa=False)),
    "M25.1": lambda hode: m251(hode, REKVIRENT, PERSON, M251),
    "M25.1 short": lambda hode: m251(hode, REKVIRENT, PERSON, Legemiddelliste(merknad="Bruker ingenting fast")),
    "M25.2": lambda hode: m252(hode, APOTEK, PERSON, M252),
    "M25.3": lambda hode: m253(hode, APOTEK, PERSON, M253),
    "M27.1": lambda hode: m271(hode, REKVIRENT, PERSON, DAY),
    "M27.1 by a dispenser": lambda hode: m271(hode, APOTEK, PERSON, DAY, registrer=False),
    "M9NA1": lambda hode: m9na1(hode, NETTAPOTEK, PERSON, KUNDE, REF[:2]),
    "M9NA1 2016": lambda hode: m9na1(hode, NETTAPOTEK, PERSON, KUNDE, versjon="2016-06-06"),
    "M9NA3": lambda hode: m9na3(hode, NETTAPOTEK, PERSON, KUNDE, ID),
    "M15": lambda hode: slv.m15(hode, KONTOR, slv.SvarSLV(ID, innvilget=True, saksbehandler="12AB")),
    "M15 no": lambda hode: slv.m15(
        hode, KONTOR, slv.SvarSLV(ID, innvilget=False, saksbehandler="12AB", begrunnelse="Det finnes et annet")
    ),
}
