"""Messages that ask: lists of prescriptions (M9.1, M9.5, M9.5KJ, M9NA1), one in full (M9NA3), reports (M9.7)."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import partial

from reseptformidler.client import kjernejournal, melding, nettapotek, rekvirent, utleverer
from reseptformidler.client.nettapotek import Kunde
from reseptformidler.client.rekvirent import Oppslag
from reseptformidler.client.utleverer import Sok
from reseptformidler.sandbox.population import SYSTEM, som_utleverer, som_virksomhet
from tests.model import laws
from tests.model.draw import Draw, about, always
from tests.model.laws import Look, Outcome, no
from tests.model.life import attached
from tests.model.memory import Claim, Law, Memory, Seen, Sent, Violation
from tests.model.world import DISPENSERS, NET, PEOPLE, RECORD, Person

_ENTRY = re.compile(rb"<(?:Reseptinfo|Listeelement)[ >].*?</(?:Reseptinfo|Listeelement)>", re.DOTALL)
_RESEPT_ID = re.compile(rb"<ReseptId>([^<]+)</ReseptId>")
_STATUS = re.compile(rb'<Status V="(\w)"')
_BEVIS = b"eyJhbGciOiJub25lIn0.eyJzdWIiOiIxIn0.c2lnbmF0dXI"
_CHILD_UNTIL = 16


def shown(octets: bytes) -> dict[str, str]:
    """The prescriptions of a list, with the status of each; "" where the list has none."""
    found = {}
    for entry in _ENTRY.findall(octets):
        name, status = _RESEPT_ID.search(entry), _STATUS.search(entry)
        assert name is not None
        found[name[1].decode()] = status[1].decode() if status else ""
    return found


def on_the_list(memory: Memory, entries: Mapping[str, str], look: Look) -> Iterator[Claim]:
    """That each prescription that there is stands on it or not, as it should."""
    if not entries.keys() <= memory.alive.keys():
        raise Violation(f"listed, and not there: {entries.keys() - memory.alive.keys()}")
    for resept_id in memory.alive:
        known, status = memory.known[resept_id], entries.get(resept_id)
        if status is not None or look.refnr or known.number in look.numre:
            key, law = about("resept", resept_id, laws.listed, look=look)
            if status == "":
                law = partial(_without_status, law=law)
            yield Claim(key, law, Outcome(ok=True, shown=status))


def _without_status(state: object, *, law: Law) -> tuple[Outcome, object]:
    outcome, after = law(state)
    return replace(outcome, shown=None if outcome.shown is None else ""), after


def _refnr(d: Draw, person: Person) -> tuple[str, ...]:
    """One that was used for the person."""
    used = (
        d.memory.life(one) for one, known in ((i, d.memory.known[i]) for i in d.memory.alive) if known.person is person
    )
    found = [life.written.refnr for life in used if life is not None and life.written.refnr]
    return (d.pick(found),) if found else ()


def m91(d: Draw) -> Sent:
    """A dispenser's search."""
    person = PEOPLE[-1] if d.maybe(0.1) else d.person()
    refnr = _refnr(d, person) if d.maybe(0.4) or not person.numre else ()
    fnr = d.pick(person.numre) if person.numre and (d.maybe(0.85) or not refnr) else ""
    if not fnr and not refnr:
        person, fnr = PEOPLE[0], PEOPLE[0].numre[0]
    apotek, hode = d.dispenser(), d.hode()
    sok = Sok(fnr=fnr, refnr=refnr, alle=d.maybe(0.5), vergereserverte=d.maybe(0.5))
    octets = utleverer.m91(hode, som_utleverer(apotek), sok, d.pick(("2013-10-08", "2023-03-20")))
    look = Look(
        person.numre if fnr else (),
        d.day,
        refnr,
        alle=sok.alle,
        verge=sok.vergereserverte,
        goods_only=apotek is DISPENSERS[-1],
    )

    def explain(seen: Seen, memory: Memory) -> Iterator[Claim]:
        yield always("M9.1", Outcome(ok=True), seen.outcome())
        yield from on_the_list(memory, shown(seen.octets), look)

    return d.sent("M9.1", ("Utleverer", "M9_1"), octets, hode, apotek.her, explain)


def m95(d: Draw) -> Sent:
    """A prescriber's search; the M1s come with it, byte for byte."""
    person, lege, hode = d.person(), d.doctor(), d.hode()
    refnr = _refnr(d, person) if d.maybe(0.3) else ()
    oppslag = Oppslag(d.pick(person.numre), refnr, alle=d.maybe(0.5), komprimering=d.pick((0, 1)))
    octets = d.world.signed(rekvirent.m95(hode, lege.rekvirent, oppslag), lege)
    hpr = lege.helsepersonell.hpr
    look = Look(person.numre, d.day, refnr, alle=oppslag.alle, blocked_but=hpr if person.blocks == hpr else None)

    def explain(seen: Seen, memory: Memory) -> Iterator[Claim]:
        entries = shown(seen.octets)
        yield always("M9.5", Outcome(ok=True, shown=tuple(sorted(entries))), seen.outcome(attached(seen, memory)))
        yield from on_the_list(memory, entries, look)

    return d.sent("M9.5", ("Rekvirent", "M9_5"), octets, hode, lege.kontor.her, explain)


def m95kj(d: Draw) -> Sent:
    """Kjernejournal's search: neither locked ones nor what has ended."""
    person, hode = d.person(), d.hode()
    octets = kjernejournal.m95kj(hode, som_virksomhet(RECORD), d.pick(person.numre))
    look = Look(person.numre, d.day)

    def explain(seen: Seen, memory: Memory) -> Iterator[Claim]:
        entries = shown(seen.octets)
        yield always("M9.5KJ", Outcome(ok=True, shown=tuple(sorted(entries))), seen.outcome(attached(seen, memory)))
        yield from on_the_list(memory, entries, look)

    return d.sent("M9.5KJ", ("Rekvirent", "M9_5kj"), octets, hode, RECORD.her, explain)


def _kunde(d: Draw, person: Person) -> tuple[Person, Kunde, tuple[str, ...]]:
    """Who is logged in for a patient, the parent for a child, and what speaks against it (290, 301)."""
    who = PEOPLE[0] if person.foreldre else person
    born = person.pasient.fdato
    age = d.day.year - born.year - ((d.day.month, d.day.day) < (born.month, born.day))
    kunde = Kunde(who.numre[0], _BEVIS, who.pasient.ident_type)
    return who, kunde, ("290",) if person.foreldre and age >= _CHILD_UNTIL else ()


def m9na1(d: Draw) -> Sent:
    """A net pharmacy's search: nothing where an address is protected (N10)."""
    person, hode = d.person(), d.hode()
    who, kunde, faults = _kunde(d, person)
    refnr = _refnr(d, person) if d.maybe(0.4) else ()
    number = d.pick(person.numre) if who is not person else person.numre[0]
    octets = nettapotek.m9na1(hode, som_virksomhet(NET), person.under(number), kunde, refnr)
    look = Look(person.numre, d.day, refnr, verge=who is person, refnr_finds=False)

    def explain(seen: Seen, memory: Memory) -> Iterator[Claim]:
        entries = shown(seen.octets)
        yield always("M9NA1", no(*faults) if faults else Outcome(ok=True), seen.outcome())
        if person.gradert or faults:
            yield always("N10", Outcome(ok=True, shown=()), Outcome(ok=True, shown=tuple(entries)))
        else:
            yield from on_the_list(memory, entries, look)

    return d.sent("M9NA1", ("NA", "M9na1"), octets, hode, NET.her, explain)


def m9na3(d: Draw) -> Sent:
    """One prescription in full."""
    resept_id = d.resept_id()
    known = d.memory.known.get(resept_id)
    person = known.person if known is not None and known.person is not None and known.number else d.person()
    if d.maybe(0.1):
        person = d.person()
    who, kunde, faults = _kunde(d, person)
    hode = d.talk()
    octets = nettapotek.m9na3(hode, som_virksomhet(NET), person.under(person.numre[0]), kunde, resept_id)
    law = about("resept", resept_id, laws.in_full, look=Look(person.numre, d.day, verge=who is person))

    def explain(seen: Seen, _: Memory) -> Iterator[Claim]:
        if faults or person.gradert:
            yield always("M9NA3", no(*(faults or ("1",))), seen.outcome())
        else:
            yield Claim(*law, seen.outcome())

    return d.sent("M9NA3", ("NA", "M9na3"), octets, hode, NET.her, explain)


def m97(d: Draw) -> Sent:
    """A prescriber asks what was dispensed."""
    resept_id, lege, hode = d.resept_id(), d.doctor(), d.hode()
    octets = d.world.signed(rekvirent.m97(hode, lege.rekvirent, resept_id), lege)
    law = about("resept", resept_id, laws.reports, hpr=lege.helsepersonell.hpr, day=d.day)

    def explain(seen: Seen, _: Memory) -> Iterator[Claim]:
        count = re.search(rb"<AntallUtleveringer>([0-9]+)<", seen.octets)
        yield Claim(*law, seen.outcome(int(count[1]) if count else "ingen"))

    return d.sent("M9.7", ("Rekvirent", "M9_7"), octets, hode, lege.kontor.her, explain)


def mv(d: Draw) -> Sent:
    """The test of a connection."""
    apotek, hode = d.dispenser(), d.hode()
    octets = melding.mv(hode, som_virksomhet(apotek), SYSTEM)

    def explain(seen: Seen, _: Memory) -> Iterator[Claim]:
        yield always("MV", Outcome(ok=True), seen.outcome())

    return d.sent("MV", ("Utleverer", "Verify"), octets, hode, apotek.her, explain)
