"""What M9NA1 and M9NA3 share: the customer who has logged in at a net pharmacy, and whose prescriptions he may see.

The content of both has `kunde`, the number in IdKunde. A parent with parental responsibility may see those of a child
under 16 (rules.md N8); anybody else but the patient is refused before it is asked whose address is protected, so that
nothing can be learned about strangers (N10).

The business signature of the message (N1) and the proof of login (N6) are not verified: a Signature is accepted as it
is, and of the proof only that there is one. Both need keys that the service does not have yet (7419/55, 56, 282).
"""

from __future__ import annotations

from dataclasses import replace
from datetime import date

from lxml import etree

from reseptformidler.domain.aktor import Aktortype, Facts, Forelder
from reseptformidler.domain.hode import Patient
from reseptformidler.domain.ident import birth_date, is_person_number
from reseptformidler.domain.kalender import norsk_dag
from reseptformidler.domain.resept import Resept
from reseptformidler.meldinger.avsender import UTLEVERER
from reseptformidler.meldinger.krav import krav
from reseptformidler.meldinger.melding import Mottatt, Rule, pasientens_nummer
from reseptformidler.wire import innhold
from reseptformidler.wire.innlogging import has_proof

_KUNDENS_ALDER = 16
"""7419/301 does not say which age. From this one on the parents see no more (290, B4), so the person must."""
_BARN_UNDER = 16


def kunde(payload: etree._Element) -> str:
    """The number in IdKunde; empty where it is neither fødselsnummer nor D-number."""
    ident = innhold.child(payload, "IdKunde")
    kind = innhold.kode(ident, "TypeId")
    return innhold.text(ident, "Id") if kind is not None and kind.v in ("FNR", "DNR") else ""


def pasient(m: Mottatt) -> str:
    """The patient's number in the head; empty where there is none."""
    return next(iter(pasientens_nummer(m)), "")


def personer(m: Mottatt) -> tuple[str, ...]:
    """Whom the registers are asked about: the customer and the patient."""
    return tuple(number for number in dict.fromkeys((m.content.kunde, pasient(m))) if number)


def navngitt(m: Mottatt, facts: Facts) -> Patient | None:
    """The head's patient for the answer, under the register's name: the message gives a number only (HIS 3016 6.1)."""
    found, head = facts.personer.get(pasient(m)), m.head.patient
    if head is None or found is None or not found.etternavn:
        return head
    return replace(head, family_name=found.etternavn, middle_name=found.mellomnavn, given_name=found.fornavn)


def er_skjermet(m: Mottatt, facts: Facts) -> bool:
    """N10: the address of the customer, the patient or, of a child, the other parent is protected."""
    if any(person.gradert for person in facts.personer.values()):
        return True
    return not _er_pasienten(m, facts) and any(forelder.gradert for forelder in _foreldre(m, facts))


def kan_vises(resept: Resept, m: Mottatt, facts: Facts) -> bool:
    """Whether it is the patient's and nobody's secret: guardians may be kept out (N8); without konsesjon, C4."""
    assert facts.avsender is not None
    if resept.vergereservert and not _er_pasienten(m, facts):
        return False
    if facts.avsender.bandasjist and resept.vare.varegruppe != "A":
        return False
    return resept.pasient.ident in facts.numre(pasient(m))


def _er_pasienten(m: Mottatt, facts: Facts) -> bool:
    return pasient(m) in facts.numre(m.content.kunde)


def _foreldre(m: Mottatt, facts: Facts) -> tuple[Forelder, ...]:
    person = facts.personer.get(pasient(m))
    return person.foreldre if person is not None else ()


def _som_forelder(m: Mottatt, facts: Facts) -> Forelder | None:
    numre = facts.numre(m.content.kunde)
    return next((forelder for forelder in _foreldre(m, facts) if forelder.nummer in numre), None)


def _alder(nummer: str, dag: date) -> int | None:
    born = birth_date(nummer)
    return dag.year - born.year - ((dag.month, dag.day) < (born.month, born.day)) if born is not None else None


# ---------------------------------------------------------------------------------------------------------------- rules


def _ikke_nettapotek(_: Mottatt, facts: Facts) -> bool:
    return facts.avsender is not None and facts.avsender.type is not Aktortype.NETTAPOTEK


def _uten_konsesjonsnummer(m: Mottatt, facts: Facts) -> bool:
    aktor = facts.avsender
    konsesjon = aktor is not None and aktor.type is Aktortype.NETTAPOTEK and bool(aktor.ako)
    return konsesjon and not m.head.sender.ident("AKO")


def _for_ung(m: Mottatt, _: Facts) -> bool:
    alder = _alder(m.content.kunde, norsk_dag(m.mottatt))
    return alder is not None and alder < _KUNDENS_ALDER


def _ukjent_kunde(m: Mottatt, facts: Facts) -> bool:
    return is_person_number(m.content.kunde) and m.content.kunde not in facts.personer


def _ukjent_pasient(m: Mottatt, facts: Facts) -> bool:
    return not _er_pasienten(m, facts) and is_person_number(pasient(m)) and pasient(m) not in facts.personer


def _uten_ansvar(m: Mottatt, facts: Facts) -> bool:
    if _er_pasienten(m, facts) or not {m.content.kunde, pasient(m)} <= facts.personer.keys():
        return False
    forelder = _som_forelder(m, facts)
    return forelder is None or not forelder.foreldreansvar


def _ikke_barn(m: Mottatt, facts: Facts) -> bool:
    alder = _alder(pasient(m), norsk_dag(m.mottatt))
    return _som_forelder(m, facts) is not None and alder is not None and alder >= _BARN_UNDER


REGLER: tuple[Rule, ...] = (
    *UTLEVERER,
    krav(292, "Sender/Organisation", _ikke_nettapotek, kilde="N5", needs_facts=True),
    krav(40, "Sender/Organisation/Ident", _uten_konsesjonsnummer, kilde="N4", needs_facts=True),
    krav(295, "Document", lambda m, _: not has_proof(m.payload), kilde="N6"),
    krav(285, "IdKunde", lambda m, _: not is_person_number(m.content.kunde), kilde="P9"),
    krav(115, "Patient/Ident", lambda m, _: not is_person_number(pasient(m)), kilde="P9"),
    krav(275, "Patient/Ident", lambda m, _: len(pasientens_nummer(m)) > 1),
    krav(301, "IdKunde", _for_ung, kilde="B5"),
    krav(288, "IdKunde", _ukjent_kunde, needs_facts=True),
    krav(287, "Patient/Ident", _ukjent_pasient, needs_facts=True),
    krav(289, "IdKunde", _uten_ansvar, kilde="N8", needs_facts=True),
    krav(290, "Patient/Ident", _ikke_barn, kilde="N8", needs_facts=True),
)
"""From a net pharmacy, for a customer who has logged in."""
