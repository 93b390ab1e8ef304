"""The goods of the sandbox: drugs, consumables, nutrition, and what a pharmacy makes."""

from __future__ import annotations

from reseptformidler.client.varer import Handelsvare, Legemiddel, LegemiddelUtenMt, Magistrell
from reseptformidler.domain import koder
from reseptformidler.domain.hode import OID, Kode


def _kode(kodeverk: int, v: str, dn: str) -> Kode:
    """A code of a list that `domain.koder` does not have."""
    return Kode(v, dn, f"{OID}{kodeverk}")


FAST, KUR, VED_BEHOV = (koder.BRUK.cs(bruk) for bruk in "123")
_TABLETT = _kode(7448, "53", "Tablett")
_STK = koder.ENHET_PAKNING.cv("stk")
_UTEN_MT = ("Annen behandling har ikke virket", "Prøvefabrikken")
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
    "Etter avtale", "1 tablett daglig", FAST, uten_mt=LegemiddelUtenMt(*_UTEN_MT, direkte=True),
)  # fmt: skip
UREGISTRERT_FORHANDSGODKJENT = Legemiddel(
    "990007", "Prøvetan", "Prøvetan Tab 2 mg", _kode(7180, "N06AX01", "Oksitriptan"), "C", _TABLETT, "50", _STK,
    "Etter avtale", "1 tablett daglig", FAST, uten_mt=LegemiddelUtenMt(*_UTEN_MT, direkte=False),
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
