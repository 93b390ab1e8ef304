"""The rules about the content of an M1 and about its patient that need no store (rules.md P, D, C, E, L1, L2)."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from reseptformidler.domain import koder
from reseptformidler.domain.aktor import Aktor, Facts
from reseptformidler.domain.decision import Finding
from reseptformidler.domain.hode import Patient
from reseptformidler.domain.ident import is_dnr, is_orgnr, is_person_number, is_refnr
from reseptformidler.domain.kalender import norsk_dag
from reseptformidler.meldinger.krav import krav
from reseptformidler.meldinger.m1_innhold import M1, EkspAnm, Handelsvare, Legemiddel
from reseptformidler.meldinger.melding import Mottatt, Rule
from reseptformidler.reasons import reason

INGEN = Patient()
HJEMLER_LEGEMIDDEL = frozenset({"200", "300", "301", "302", "400", "800", "950"})
"""7419/262."""
HJEMLER_MED_REFUSJONSKODE = frozenset({"200", "300", "301", "302"})
"""§§2 and 3: those that refund for a stated diagnosis. Which ones 277 means is not published."""


def pasient(m: Mottatt) -> Patient:
    """The patient of the head, an empty one where there is none."""
    return m.head.patient or INGEN


def nummer(p: Patient) -> str:
    """The patient's national number, empty without one."""
    return p.ident("FNR") or p.ident("DNR")


def er_dnr(p: Patient) -> bool:
    """Whether the number is a D-number, in whichever of the two it stands (112, 261)."""
    return bool(p.ident("DNR")) or is_dnr(p.ident("FNR"))


def _pas(kode: int, detalj: str, brutt: Callable[[Patient, M1], bool], kilde: str) -> Rule:
    return krav(kode, f"Patient{detalj}", lambda m, _: brutt(pasient(m), m.content), kilde=kilde)


def _uten_fdato(kode: int, brutt: Callable[[Patient, M1], bool], kilde: str) -> Rule:
    """One of the four ways to say that neither a number nor a date of birth is there: they exclude each other."""
    return _pas(kode, "/DateOfBirth", lambda p, r: not nummer(p) and p.date_of_birth is None and brutt(p, r), kilde)


PASIENT: tuple[Rule, ...] = (
    _pas(162, "/GivenName", lambda p, _: not p.given_name, "P7"),
    _pas(163, "/FamilyName", lambda p, _: not p.family_name, "P7"),
    _pas(170, "/Sex", lambda p, _: koder.KJONN.lacks(p.sex), "7419/170"),
    _pas(
        115,
        "/Ident",
        lambda p, _: any(i.type.v in ("FNR", "DNR") and not is_person_number(i.id) for i in p.idents),
        "P8",
    ),
    _pas(275, "/Ident", lambda p, _: bool(p.ident("FNR")) and bool(p.ident("DNR")), "P1"),
    _pas(111, "/DateOfBirth", lambda p, _: bool(nummer(p)) and not er_dnr(p) and p.date_of_birth is not None, "P5"),
    _pas(112, "/DateOfBirth", lambda p, _: er_dnr(p) and p.date_of_birth is None, "P5"),
    _pas(261, "/Sex", lambda p, _: er_dnr(p) and p.sex is None, "P1"),
    _pas(260, "/Sex", lambda p, _: not nummer(p) and (p.sex is None or p.sex.v == "0"), "P1"),
    _uten_fdato(215, lambda _, r: r.i_eget, "P3"),
    _uten_fdato(113, lambda p, r: not r.i_eget and bool(p.idents), "P5"),
    _uten_fdato(114, lambda p, r: not r.i_eget and not p.idents and bool(r.refnr), "P2"),
    _uten_fdato(5, lambda p, r: not r.i_eget and not p.idents and not r.refnr, "P1"),
    _pas(71, "/Ident", lambda p, r: not nummer(p) and p.date_of_birth is not None and not r.refnr, "P6"),
    _pas(269, "/Ident", lambda p, r: r.eget_navn and (bool(nummer(p)) or not r.last), "P3"),
    _pas(270, "/Ident", lambda p, r: r.egen_praksis and (bool(nummer(p)) or not r.last), "P4"),
)


def _resept(kode: int, detalj: str, brutt: Callable[[M1], bool], kilde: str) -> Rule:
    return krav(kode, f"Resept/{detalj}", lambda m, _: brutt(m.content), kilde=kilde)


def _leg(kode: int, detalj: str, brutt: Callable[[Legemiddel], bool], kilde: str) -> Rule:
    return _resept(
        kode, f"ReseptDokLegemiddel/{detalj}", lambda r: isinstance(r.vare, Legemiddel) and brutt(r.vare), kilde
    )


def _handel(kode: int, detalj: str, brutt: Callable[[M1, Handelsvare], bool], kilde: str) -> Rule:
    return _resept(
        kode, f"ReseptDokHandelsvare/{detalj}", lambda r: isinstance(r.vare, Handelsvare) and brutt(r, r.vare), kilde
    )


def _ugyldig_dato(m: Mottatt, _: Facts) -> bool:
    r: M1 = m.content
    if r.forskrivningsdato is None:
        return True
    return r.forskrivningsdato > norsk_dag(m.mottatt) or (r.utloper is not None and r.forskrivningsdato > r.utloper)


def _hjemmel_legemiddel(r: M1) -> bool:
    hjemmel = r.ref_hjemmel
    return (
        isinstance(r.vare, Legemiddel)
        and hjemmel is not None
        and hjemmel.v in koder.REFUSJONSHJEMMEL
        and hjemmel.v not in HJEMLER_LEGEMIDDEL
    )


def _hjemmel_handelsvare(r: M1, vare: Handelsvare) -> bool:
    """§5 for consumables, §6 for nutrition (C1, C2)."""
    if vare.form == "Brystprotese" or koder.REFUSJONSHJEMMEL.lacks(r.ref_hjemmel):
        return False
    av_gruppe = vare.prod_gruppe.v[:1] if vare.prod_gruppe is not None else ""
    paragraf = {"MedForbMatr": "5", "Naringsmiddel": "6"}.get(vare.form, av_gruppe)
    tillatt = (paragraf,) if paragraf in ("5", "6") else ("5", "6")
    return r.ref_hjemmel is None or r.ref_hjemmel.v[:1] not in tillatt


def _refusjonskode_ufullstendig(vare: Legemiddel) -> bool:
    kode = vare.ref_kode
    return kode is not None and not (kode.v and kode.dn and kode.s in koder.REFUSJONSKODELISTER)


def _brystprotese(vare: Handelsvare) -> bool:
    return vare.form == "Brystprotese" or (vare.prod_gruppe is not None and vare.prod_gruppe.v.startswith("9"))


INNHOLD: tuple[Rule, ...] = (
    krav(79, "Resept/Forskrivningsdato", _ugyldig_dato, kilde="D12"),
    _resept(161, "RefNr", lambda r: bool(r.refnr) and not is_refnr(r.refnr), "L2"),
    _resept(258, "RefNr", lambda r: r.last and not r.refnr, "L1"),
    _resept(110, "Vergeinnsynsreservasjon", lambda r: r.verge and not r.last, "B3"),
    _resept(24, "Varegruppekode", lambda r: r.varegruppe not in koder.VAREGRUPPE, "C4"),
    _resept(
        274,
        "RefHjemmel",
        lambda r: koder.REFUSJONSHJEMMEL.lacks(r.ref_hjemmel),
        "7419/274",
    ),
    _resept(262, "ReseptDokLegemiddel/RefHjemmel", _hjemmel_legemiddel, "D1"),
    _resept(
        277,
        "ReseptDokLegemiddel/RefKode",
        lambda r: (
            isinstance(r.vare, Legemiddel)
            and r.ref_hjemmel is not None
            and r.ref_hjemmel.v in HJEMLER_MED_REFUSJONSKODE
            and r.vare.ref_kode is None
        ),
        "7419/277",
    ),
    _leg(310, "RefKode", _refusjonskode_ufullstendig, "7419/310"),
    _leg(291, "BytteresRekvirent", lambda v: koder.JA_NEI.lacks(v.bytteres), "D7"),
    _leg(210, "Forskrivning", lambda v: v.forskrivning.reseptgruppe == "K", "D4"),
    _leg(259, "Forskrivning/Legemiddeldose", lambda v: v.forskrivning.form == "Legemiddeldose", "D9"),
    _handel(263, "RefHjemmel", _hjemmel_handelsvare, "C1, C2"),
    _handel(355, "ProdGruppe", lambda _, vare: _brystprotese(vare), "C3"),
    krav(
        205,
        "HealthcareProfessional",
        lambda m, facts: (
            isinstance(m.content.vare, Legemiddel)
            and m.content.vare.forskrivning.reseptgruppe == "A"
            and facts.helsepersonell is not None
            and not facts.helsepersonell.a_preparat
        ),
        kilde="R6",
        needs_facts=True,
    ),
)


def _mangler_legemiddel(r: M1, vare: Legemiddel) -> Iterator[str]:
    """D2, D5, D6: the minimum content of a drug, as far as no code of its own names it."""
    forskrivning = vare.forskrivning
    dok = "ReseptDokLegemiddel"
    if r.antall is None and vare.mengde is None and forskrivning.form != "Legemiddelblanding":
        yield f"{dok}/Antall"
    if not forskrivning.dosert:
        yield f"{dok}/Forskrivning/DosVeiledEnkel"
    if forskrivning.bruk is None or forskrivning.bruk.v not in koder.BRUK:
        yield f"{dok}/Forskrivning/Bruk"
    if forskrivning.form == "Legemiddelpakning" and forskrivning.pakning is None:
        yield f"{dok}/Forskrivning/Legemiddelpakning/PakningsinfoResept"
    if vare.reiterasjon is None or vare.reiterasjon < 0:
        yield f"{dok}/Reiterasjon"
    if r.varegruppe == "A":
        yield f"{dok}/Varegruppekode"


def _mangler_handelsvare(r: M1, vare: Handelsvare) -> Iterator[str]:
    """C1, C2; and C4: as group L a bandasjist would never see it."""
    if vare.prod_gruppe is None:
        yield "ReseptDokHandelsvare/ProdGruppe"
    if r.varegruppe == "L":
        yield "ReseptDokHandelsvare/Varegruppekode"


def _mangler(r: M1) -> Iterator[str]:
    if r.antall is not None and r.antall <= 0:
        yield "Antall"
    if r.utloper is None:
        yield "Utloper"
    if r.fra_fest:
        yield "Forskrivning"
    if r.ekspanm is not None and r.ekspanm.metode not in koder.METODE_EKSPEDERING:
        yield "EkspAnm/MetodeEkspedering"
    if isinstance(r.vare, Legemiddel):
        yield from _mangler_legemiddel(r, r.vare)
    else:
        yield from _mangler_handelsvare(r, r.vare)


def _minstekrav(m: Mottatt, _: Facts) -> Iterator[Finding]:
    return (Finding(reason(320), f"Resept/{hvor}") for hvor in _mangler(m.content))


MINSTEKRAV = Rule(name=reason(320).rule, source="D2, D3, D5, C1, C2, C4", findings=_minstekrav)
"""What an M1 must hold beyond its schema. That a drug is group L keeps it from a bandasjist (C4)."""


def _anmodning(kode: int, detalj: str, brutt: Callable[[EkspAnm], bool], kilde: str) -> Rule:
    return krav(
        kode, f"EkspAnm/{detalj}", lambda m, _: m.content.ekspanm is not None and brutt(m.content.ekspanm), kilde=kilde
    )


def _mottaker(kode: int, detalj: str, brutt: Callable[[Aktor, M1, EkspAnm], bool], kilde: str) -> Rule:
    def brutt_for(m: Mottatt, facts: Facts) -> bool:
        aktor, ekspanm = facts.mottaker_ekspanm, m.content.ekspanm
        return aktor is not None and ekspanm is not None and brutt(aktor, m.content, ekspanm)

    return krav(kode, f"EkspAnm/{detalj}", brutt_for, kilde=kilde, needs_facts=True)


EKSPANM: tuple[Rule, ...] = (
    _anmodning(122, "Vilkar", lambda e: not e.vilkar, "E4"),
    _anmodning(200, "OrgNrUtleverer", lambda e: not is_orgnr(e.orgnr), "E3"),
    krav(
        30,
        "EkspAnm/Utleverer",
        lambda m, facts: m.content.ekspanm is not None and facts.mottaker_ekspanm is None,
        kilde="E1",
        needs_facts=True,
    ),
    _mottaker(101, "Utleverer", lambda a, _r, _e: not a.cpa, "E1"),
    _mottaker(129, "Utleverer", lambda a, _r, _e: not (a.aktiv and a.godkjent), "E1"),
    _mottaker(304, "Utleverer", lambda a, _r, _e: a.svartelistet, "E1, E9"),
    _mottaker(130, "OrgNrUtleverer", lambda a, _r, e: not a.utleverer or e.orgnr not in (a.enh, a.lok), "E3"),
    _mottaker(118, "Utleverer", lambda a, r, _e: a.bandasjist and isinstance(r.vare, Legemiddel), "E2"),
)

REGLER: tuple[Rule, ...] = (*PASIENT, *INNHOLD, MINSTEKRAV, *EKSPANM)
"""What an M1 must keep besides the rules about its sender."""
