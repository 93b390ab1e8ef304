"""The rules about who sends: the organisation, the head of prescriber messages, what HPR says of the person (R).

A tuple of rules for each kind of sender; the message types put them before their own. What the registers do not know
cannot be judged further: an unknown organisation or person is refused once, not for everything that follows from it.
"""

from __future__ import annotations

from collections.abc import Callable

from reseptformidler.domain import koder
from reseptformidler.domain.aktor import Aktor, Aktortype, Facts, Helsepersonell
from reseptformidler.domain.hode import HealthcareProfessional, MsgInfo, Organisation
from reseptformidler.domain.ident import is_hpr, is_orgnr, is_person_number
from reseptformidler.domain.kalender import norsk_dag
from reseptformidler.meldinger.krav import krav
from reseptformidler.meldinger.melding import Mottatt, Rule

REKVIRERENDE = frozenset({"LE", "TL", "VE", "OP", "TP", "JO", "SP"})
"""Categories of list 9060 that can hold a requisition right; public-health nurses have no value of their own (SP)."""
AVGRENSET = frozenset({"JO", "SP"})
"""Those whose right is a limited one: they must say which they act as (R7)."""

_ORG = "Sender/Organisation"
_PERSON = "HealthcareProfessional"
_INGEN = HealthcareProfessional()


def _hode(kode: int, detalj: str, brutt: Callable[[MsgInfo], bool], kilde: str = "") -> Rule:
    return krav(kode, detalj, lambda m, _: brutt(m.head), kilde=kilde)


def _aktor(kode: int, detalj: str, brutt: Callable[[Organisation, Aktor], bool], kilde: str = "") -> Rule:
    def brutt_for(m: Mottatt, facts: Facts) -> bool:
        return facts.avsender is not None and brutt(m.head.sender, facts.avsender)

    return krav(kode, detalj, brutt_for, kilde=kilde, needs_facts=True)


def _hpr(kode: int, detalj: str, brutt: Callable[[Mottatt, Helsepersonell], bool], kilde: str = "") -> Rule:
    def brutt_for(m: Mottatt, facts: Facts) -> bool:
        return facts.helsepersonell is not None and brutt(m, facts.helsepersonell)

    return krav(kode, detalj, brutt_for, kilde=kilde, needs_facts=True)


def _ukjent(kode: int) -> Rule:
    """An organisation that gave a HER-id and is not in the service's own register."""
    return krav(
        kode,
        f"{_ORG}/Ident",
        lambda m, facts: facts.avsender is None and bool(m.head.sender.ident("HER")),
        kilde="O1" if kode == 128 else "Q7",
        needs_facts=True,
    )


def rekvirent(head: MsgInfo) -> HealthcareProfessional:
    """The acting person, an empty one where the head names none."""
    return head.professional or _INGEN


def _enhet(aktor: Aktor, organisasjon: Organisation) -> bool:
    lok = organisasjon.ident("LOK")
    return organisasjon.ident("ENH") == aktor.enh and (not lok or not aktor.lok or lok == aktor.lok)


def _dobbel_telecom(head: MsgInfo) -> bool:
    typer = [tele.type.v for tele in head.sender.telecom if tele.type is not None]
    return len(typer) != len(set(typer))


def _rekursiv(head: MsgInfo) -> bool:
    return head.sender.part is not None and head.sender.part.part is not None


_FELLES = (
    _hode(326, f"{_ORG}/Organisation/Organisation", _rekursiv),
    _hode(319, f"{_ORG}/Organisation/OrganisationName", lambda h: h.sender.part is not None and not h.sender.part.name),
    _hode(
        200,
        f"{_ORG}/Ident",
        lambda h: any(i.type.v in ("ENH", "LOK") and not is_orgnr(i.id) for i in h.sender.idents),
    ),
    _hode(222, f"{_ORG}/TeleCom/TeleAddress", lambda h: any(not tele.address for tele in h.sender.telecom)),
    _hode(223, f"{_ORG}/TeleCom/TypeTelecom", _dobbel_telecom),
    _aktor(232, _ORG, lambda _, aktor: not aktor.aktiv),
    _aktor(360, _ORG, lambda _, aktor: not aktor.godkjent, kilde="O1"),
    _aktor(286, f"{_ORG}/Ident", lambda org, aktor: bool(org.ident("ENH")) and not _enhet(aktor, org), kilde="N3"),
)

_TELECOM = (
    _hode(221, f"{_ORG}/TeleCom", lambda h: not h.sender.telecom),
    _hode(224, f"{_ORG}/TeleCom/TypeTelecom", lambda h: any(tele.type is None for tele in h.sender.telecom)),
)

_HER_MANGLER = _hode(68, f"{_ORG}/Ident", lambda h: not h.sender.ident("HER"))

UTLEVERER: tuple[Rule, ...] = (
    *_FELLES,
    _HER_MANGLER,
    _ukjent(38),
    _hode(77, f"{_ORG}/Ident", lambda h: not h.sender.ident("ENH")),
    _aktor(378, _ORG, lambda _, aktor: not aktor.utleverer, kilde="Q7"),
    _aktor(40, f"{_ORG}/Ident", lambda org, aktor: aktor.type is Aktortype.APOTEK and not org.ident("AKO"), kilde="O5"),
    _aktor(
        236,
        f"{_ORG}/Ident",
        lambda org, aktor: aktor.type is not Aktortype.BANDASJIST and org.ident("AKO") not in ("", aktor.ako),
        kilde="N4",
    ),
    _aktor(390, f"{_ORG}/Ident", lambda org, aktor: aktor.type is Aktortype.BANDASJIST and bool(org.ident("AKO"))),
)
"""M9.1 and M9.3: from an utleverer."""

RAPPORTERENDE_UTLEVERER: tuple[Rule, ...] = (*UTLEVERER, *_TELECOM)
"""M10: from an utleverer, with its telephone."""

REKVIRENT: tuple[Rule, ...] = (
    *_FELLES,
    *_TELECOM,
    _hode(37, f"{_ORG}/Ident", lambda h: not h.sender.ident("HER")),
    _hode(48, f"{_ORG}/Ident", lambda h: not h.sender.ident("ENH")),
    _hode(219, f"{_ORG}/Address", lambda h: h.sender.address is None),
    _hode(227, f"{_ORG}/Address/Type", lambda h: h.sender.address is not None and h.sender.address.type is None),
    _hode(
        318,
        f"{_ORG}/Address/Type",
        lambda h: (
            h.sender.address is not None
            and h.sender.address.type is not None
            and h.sender.address.type.v not in koder.ADRESSETYPE
        ),
    ),
    _hode(6, f"{_PERSON}/Ident", lambda h: not rekvirent(h).ident("HPR")),
    _hode(19, f"{_PERSON}/Ident", lambda h: bool(hpr := rekvirent(h).ident("HPR")) and not is_hpr(hpr)),
    _hode(27, _PERSON, lambda h: not rekvirent(h).family_name and not rekvirent(h).given_name),
    _hode(213, f"{_PERSON}/FamilyName", lambda h: bool(rekvirent(h).given_name) and not rekvirent(h).family_name),
    _hode(214, f"{_PERSON}/GivenName", lambda h: bool(rekvirent(h).family_name) and not rekvirent(h).given_name),
    _hode(
        321,
        f"{_PERSON}/TypeHealthcareProfessional",
        lambda h: (kind := rekvirent(h).type) is not None and kind.v not in koder.HELSEPERSONELL,
        kilde="R7",
    ),
    _hode(
        354,
        f"{_PERSON}/Ident",
        lambda h: any(i.type.v in ("FNR", "DNR") and not is_person_number(i.id) for i in rekvirent(h).idents),
    ),
    _ukjent(128),
    _aktor(377, _ORG, lambda _, aktor: aktor.type is not Aktortype.REKVIRENT),
    _aktor(380, f"{_ORG}/Ident", lambda org, aktor: aktor.spesialist and org.ident("RSH") in ("", "0"), kilde="R8"),
    krav(20, _PERSON, lambda _, facts: facts.helsepersonell is None, kilde="R1", needs_facts=True),
    _hpr(23, f"{_PERSON}/Ident", lambda m, p: rekvirent(m.head).ident("HPR") not in ("", p.hpr.zfill(9)), kilde="R1"),
    _hpr(306, _PERSON, lambda _, p: p.dodsdato is not None, kilde="R1"),
    _hpr(308, _PERSON, lambda _, p: p.suspendert, kilde="R1"),
    _hpr(352, _PERSON, lambda _, p: p.avsluttet, kilde="R1"),
)
"""M5: from a prescriber; whether the person may do it, the type itself decides."""


def kan_rekvirere(person: Helsepersonell) -> bool:
    """Whether a category of the person can hold a requisition right."""
    return not REKVIRERENDE.isdisjoint(person.kategorier)


def har_rett_i_dag(person: Helsepersonell, m: Mottatt) -> bool:
    """Whether the requisition right, if there is one, covers the day of reception in Norway."""
    dag = norsk_dag(m.mottatt)
    return (person.rett_fra is None or person.rett_fra <= dag) and (person.rett_til is None or dag <= person.rett_til)


def _bare_avgrenset(person: Helsepersonell) -> bool:
    return kan_rekvirere(person) and AVGRENSET.issuperset(REKVIRERENDE.intersection(person.kategorier))


def _annen_kategori(m: Mottatt, person: Helsepersonell) -> bool:
    kind = rekvirent(m.head).type
    return (
        kind is not None
        and kind.v in koder.HELSEPERSONELL
        and kind.v not in REKVIRERENDE.intersection(person.kategorier)
    )


FORSKRIVER: tuple[Rule, ...] = (
    *REKVIRENT,
    _hpr(21, _PERSON, lambda _, p: not p.autorisert, kilde="R1"),
    _hpr(22, _PERSON, lambda _, p: kan_rekvirere(p) and not p.rekvisisjonsrett, kilde="R6"),
    _hpr(324, _PERSON, lambda _, p: not kan_rekvirere(p), kilde="R6"),
    _hpr(307, _PERSON, lambda m, p: p.rekvisisjonsrett and not har_rett_i_dag(p, m), kilde="R1"),
    _hpr(309, _PERSON, lambda _, p: p.rett_suspendert, kilde="R1"),
    _hpr(353, _PERSON, lambda _, p: p.rett_avsluttet, kilde="R1"),
    _hpr(322, f"{_PERSON}/TypeHealthcareProfessional", _annen_kategori, kilde="R6"),
    _hpr(
        350,
        f"{_PERSON}/TypeHealthcareProfessional",
        lambda m, p: _bare_avgrenset(p) and rekvirent(m.head).type is None,
        kilde="R7",
    ),
)
"""M1: from a person who may prescribe."""

FORESPORRENDE: tuple[Rule, ...] = (*REKVIRENT, _hpr(389, _PERSON, lambda _, p: not p.autorisert, kilde="R1"))
"""M9.5 and M9.7: from a prescriber's system, for a person with authorisation; no requisition right is asked for."""

KJERNEJOURNAL: tuple[Rule, ...] = (
    *_FELLES,
    _hode(159, f"{_ORG}/Ident", lambda h: not h.sender.ident("HER"), kilde="V6"),
    krav(
        160,
        f"{_ORG}/Ident",
        lambda m, facts: (
            bool(m.head.sender.ident("HER"))
            and (facts.avsender is None or facts.avsender.type is not Aktortype.KJERNEJOURNAL)
        ),
        kilde="V6",
        needs_facts=True,
    ),
)
"""M9.5KJ: from the national summary record, unsigned. Its certificate (156 to 158) is WS-Security's to judge."""

ALLE: tuple[Rule, ...] = (
    *_FELLES,
    _HER_MANGLER,
    _ukjent(128),
    _hode(317, f"{_ORG}/Ident", lambda h: not h.sender.ident("ENH")),
)
"""MV: from anybody the service knows."""
