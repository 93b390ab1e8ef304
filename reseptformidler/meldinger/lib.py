"""The list of a patient's medicines (LegemidlerIBruk), as M25.1, M25.2 and M25.3 have it in common (HIS 3014 6.2).

What the list says of prescriptions is compared with those that are here; of one that is gone nothing can be said.
"""

from __future__ import annotations

from base64 import b64decode
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from lxml import etree

from reseptformidler.domain import koder
from reseptformidler.domain.aktor import Facts
from reseptformidler.domain.decision import Finding, Needs, Tilstand
from reseptformidler.domain.hode import Kode
from reseptformidler.domain.ident import is_person_number
from reseptformidler.domain.pasientkort import Libmelding, Pasientkort
from reseptformidler.meldinger.krav import krav
from reseptformidler.meldinger.melding import Mottatt, Rule, pasientens_nummer
from reseptformidler.reasons import reason
from reseptformidler.wire import innhold
from reseptformidler.wire.msghead import payload as innholdet
from reseptformidler.wire.msghead import read_uuid
from reseptformidler.wire.parse import Unreadable
from reseptformidler.wire.parse import parse as les_xml

ROOT = "LegemidlerIBruk"
_ERESEPT, _PAPIRRESEPT, _UTEN_RESEPT = "E", "P", "U"
"""List 7491."""
MAX_TAGS = 50_000
"""Occurrences of `<` in all that stands as base64. Each document has its own bound (wire.parse); a list has many."""
_OPPFORING = "EnkeltoppforingLIB"
_VAKSINE, _KOSTTILSKUDD = "4", "K"
"""Lists 9101 and 7421."""


@dataclass(frozen=True, slots=True)
class Oppforing:
    """One medicine of a list. `type`: list 7491."""

    id: str
    type: str
    resept_id: str
    i_multidose: Kode | None
    seponert: bool
    dok: etree._Element | None
    """ReseptDokLegemiddel; None where the base64 holds something else, or all of them together too much."""


@dataclass(frozen=True, slots=True)
class Legemiddelliste:
    """A whole list."""

    oppforinger: tuple[Oppforing, ...]
    vikar: Kode | None
    """Whether the sender stands in for the multidose doctor; M25.1 only."""

    @property
    def er_vikar(self) -> bool:
        """Whether the sender says so."""
        return self.vikar is not None and self.vikar.v == "1"

    @property
    def eresepter(self) -> tuple[UUID, ...]:
        """The prescriptions that were sent as M1, each once."""
        ids = (read_uuid(one.resept_id) for one in self.oppforinger if one.type == _ERESEPT)
        return tuple(dict.fromkeys(one for one in ids if one is not None))


def parse(payload: etree._Element) -> Legemiddelliste:
    """Read a LegemidlerIBruk that the schema has accepted."""
    entries = [one for one in innhold.children(payload) if innhold.local(one) == _OPPFORING]
    doks = [_decoded(innhold.text(one, "ReseptDokLegemiddelB64")) for one in entries]
    if sum(one.count(b"<") for one in doks) > MAX_TAGS:
        doks = [b""] * len(doks)
    oppforinger = tuple(_oppforing(*one) for one in zip(entries, doks, strict=True))
    return Legemiddelliste(oppforinger, innhold.kode(payload, "Vikar"))


def _decoded(base64: str) -> bytes:
    """Nothing where the text is no base64."""
    try:
        return b64decode(base64)
    except ValueError:
        return b""


def _oppforing(entry: etree._Element, dok: bytes) -> Oppforing:
    type_ = innhold.kode(entry, "Type")
    return Oppforing(
        id=innhold.text(entry, "Id"),
        type=type_.v if type_ is not None else "",
        resept_id=innhold.text(entry, "ReseptId"),
        i_multidose=innhold.kode(entry, "InngarMultidose"),
        seponert=innhold.child(entry, "Seponering") is not None,
        dok=_dok(dok),
    )


def _dok(octets: bytes) -> etree._Element | None:
    try:
        root = les_xml(octets)
    except Unreadable:
        return None
    return root if innhold.local(root) == "ReseptDokLegemiddel" else None


def _resept_id_mangler(one: Oppforing) -> bool:
    """X2: an e-prescription by the M1's MsgId, a paper prescription by any id."""
    if one.type == _ERESEPT:
        return read_uuid(one.resept_id) is None
    return one.type == _PAPIRRESEPT and not one.resept_id


def _samme_resept(liste: Legemiddelliste) -> bool:
    """X3: in two entries, neither of them discontinued."""
    aktive = Counter(one.resept_id.lower() for one in liste.oppforinger if one.resept_id and not one.seponert)
    return any(count > 1 for count in aktive.values())


def _annen_vare(one: Oppforing) -> bool:
    """X4: no drug, or a vaccine."""
    if one.dok is None:
        return True
    gruppe, bruk = innhold.kode(one.dok, "Varegruppekode"), innhold.kode(innhold.child(one.dok, "Forskrivning"), "Bruk")
    return gruppe is None or gruppe.v != "L" or (bruk is not None and bruk.v == _VAKSINE)


def _kosttilskudd_paa_resept(one: Oppforing) -> bool:
    """X4: food supplements are prescribed by nobody."""
    groups = one.dok.iter("{*}Reseptgruppe") if one.dok is not None else ()
    return one.type != _UTEN_RESEPT and any(group.get("V") == _KOSTTILSKUDD for group in groups)


def _like_id(liste: Legemiddelliste) -> bool:
    ids = [one.id.lower() for one in liste.oppforinger]
    return len(ids) != len(set(ids))


def _ja_nei(liste: Legemiddelliste) -> bool:
    svar = (liste.vikar, *(one.i_multidose for one in liste.oppforinger))
    return any(map(koder.JA_NEI.lacks, svar))


def _hver(kode: int, hvor: str, feil: Callable[[Oppforing], bool], kilde: str) -> Rule:
    """A rule of each entry."""
    return krav(kode, f"{_OPPFORING}/{hvor}", lambda m, _: any(map(feil, m.content.oppforinger)), kilde=kilde)


PASIENT: tuple[Rule, ...] = (
    krav(257, "Patient/Ident", lambda m, _: not pasientens_nummer(m), kilde="P10"),
    krav(
        115,
        "Patient/Ident",
        lambda m, _: any(not is_person_number(nummer) for nummer in pasientens_nummer(m)),
        kilde="P10",
    ),
    krav(275, "Patient/Ident", lambda m, _: len(pasientens_nummer(m)) > 1),
)
"""The patient of M25 and M27.1: by fødselsnummer or D-number alone (R1608, change of 2015-05-01)."""

REGLER: tuple[Rule, ...] = (
    *PASIENT,
    _hver(320, "Id", lambda one: read_uuid(one.id) is None, "X1"),
    krav(315, f"{_OPPFORING}/Id", lambda m, _: _like_id(m.content), kilde="X1"),
    _hver(235, "Type", lambda one: one.type not in koder.TYPE_RESEPT, "X2"),
    _hver(320, "ReseptId", _resept_id_mangler, "X2"),
    krav(320, f"{_OPPFORING}/ReseptId", lambda m, _: _samme_resept(m.content), kilde="X3"),
    _hver(320, "ReseptDokLegemiddelB64", _annen_vare, "X4"),
    _hver(320, "Type", _kosttilskudd_paa_resept, "X4"),
    krav(230, ROOT, lambda m, _: _ja_nei(m.content)),
)
"""What every list must keep (rules.md P10, X1–X4)."""


def numre(m: Mottatt, facts: Facts) -> tuple[str, ...]:
    """All national identity numbers of the message's patient, the present one first."""
    return facts.numre(pasientens_nummer(m)[0])


def needs(m: Mottatt, facts: Facts) -> Needs:
    """The patient's card, and the prescriptions that the list names, with their M1."""
    return Needs(resepter=m.content.eresepter, dokumenter=True, kort=numre(m, facts))


def resept_funn(m: Mottatt, tilstand: Tilstand, facts: Facts) -> Iterator[Finding]:
    """What is wrong with the prescriptions that are here: locked (L10), another patient's, not the M1's text (X5)."""
    kjente = numre(m, facts)
    doks = {r.resept_id: _m1_dok(tilstand.dokumenter[r.resept_id]) for r in tilstand.resepter}
    for one in m.content.oppforinger:
        resept_id = read_uuid(one.resept_id) if one.type == _ERESEPT else None
        resept = tilstand.resept(resept_id) if resept_id is not None else None
        if resept is None:
            continue
        if resept.last:
            yield Finding(reason(239), f"{_OPPFORING}/ReseptId")
        elif resept.pasient.ident not in kjente:
            yield Finding(reason(320), f"{_OPPFORING}/ReseptId")
        elif not _lik(one.dok, doks[resept.resept_id]):
            yield Finding(reason(320), f"{_OPPFORING}/ReseptDokLegemiddelB64")


def _m1_dok(m1: bytes) -> etree._Element | None:
    return innhold.child(innholdet(les_xml(m1)), "ReseptDokLegemiddel")


def _lik(one: etree._Element | None, other: etree._Element | None) -> bool:
    """Whether both say the same: prefixes, order of attributes and white space around texts say nothing."""
    if one is None or other is None:
        return False
    return (
        one.tag == other.tag
        and dict(one.attrib) == dict(other.attrib)
        and (one.text or "").strip() == (other.text or "").strip()
        and len(one) == len(other)
        and all(map(_lik, one, other))
    )


def holdt(m: Mottatt, kort: Pasientkort | None, facts: Facts, now: datetime) -> Pasientkort:
    """The card's next version, which holds this list instead of the last of its type (HIS 3010: VarerIBrukB64)."""
    kort = kort or Pasientkort(m.msg_id, 0, numre(m, facts)[0], endret=now)
    andre = (one for one in kort.meldinger if one.type != m.head.type.v)
    meldinger = (*andre, Libmelding(m.msg_id, m.head.type.v, now))
    return replace(kort, versjon=kort.versjon + 1, meldinger=meldinger)


def alt_holdt(m: Mottatt, kort: Pasientkort | None) -> Iterator[Finding]:
    """A MsgId under which the card holds another sender's list."""
    if kort is not None and any(one.msg_id == m.msg_id for one in kort.meldinger):
        yield Finding(reason(65), "MsgInfo/MsgId")
