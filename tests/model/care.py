"""Messages about a patient's card: M27.1, M24.1, M25.1, M25.2, M25.3, and what asks about it: M9.11, M9.21."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any

from reseptformidler.client import melding, rekvirent, utleverer
from reseptformidler.client.head import Hode
from reseptformidler.client.lib import Legemiddelliste, Oppforing, Pakkeinfo, Utlevering
from reseptformidler.client.melding import IBruk
from reseptformidler.client.rekvirent import Abonnement
from reseptformidler.client.varer import Handelsvare
from reseptformidler.domain.aktor import Aktor
from reseptformidler.sandbox.population import APOTEK, som_utleverer, som_virksomhet
from tests.model import card_laws
from tests.model.asking import on_the_list, shown
from tests.model.card_laws import Reg
from tests.model.draw import Draw, about, always
from tests.model.laws import Look, Outcome, no
from tests.model.life import attached
from tests.model.memory import Claim, Memory, Seen, Sent
from tests.model.world import APART, DISPENSERS, DOCTORS, PEOPLE, RECORD, Person

_HPR = re.compile(rb"<(?:\w+:)?HprNr>([0-9]+)<")
_PHARMACIES = APOTEK[:2]
"""Few, so that they meet."""
_WRONG_TEXT = b" "


def _responsible(octets: bytes) -> tuple[str, bool]:
    """The multidose doctor of an answer, and whether it names a pharmacy."""
    found = _HPR.search(octets)
    return found[1].decode() if found else "", b"Multidoseapotek" in octets


def m271(d: Draw) -> Sent:
    """A doctor or a pharmacy begins or ends its responsibility, today or on a day ahead."""
    person, hode, begins = d.person(), d.hode(), d.maybe(0.65)
    fra = d.day + timedelta(days=0 if d.maybe(0.7) else d.rng.randint(-5, 40))
    pasient = person.under(d.pick(person.numre))
    common = {"msg_id": str(hode.msg_id), "begins": begins, "day": d.day, "now": d.now}
    if d.maybe(0.5):
        lege = d.doctor()
        octets = melding.m271(hode, lege.rekvirent, pasient, fra, registrer=begins)
        octets, operation, her = d.world.signed(octets, lege), ("Rekvirent", "M27_1"), lege.kontor.her
        law = about("kort", person.nr, card_laws.doctor, new=Reg(lege.helsepersonell.hpr, her, fra), **common)
    else:
        apotek = d.pick(_PHARMACIES)
        octets = melding.m271(hode, som_utleverer(apotek), pasient, fra, registrer=begins)
        operation, her = ("Utleverer", "M27_1"), apotek.her
        law = about("kort", person.nr, card_laws.pharmacy, new=Reg(her, her, fra), **common)

    def explain(seen: Seen, _: Memory) -> Iterator[Claim]:
        yield Claim(*law, seen.outcome(_responsible(seen.octets)))

    return d.sent(f"M27.1 {'R' if begins else 'A'}", operation, octets, hode, her, explain)


def m241(d: Draw) -> Sent:
    """A subscription to M8: for the patient's fastlege alone (S1, S2)."""
    person, lege, hode, on = d.person(), d.pick(DOCTORS), d.hode(), d.maybe(0.7)
    if person.fastlege is not None and d.maybe(0.7):
        lege = person.fastlege
    til = d.day + timedelta(days=d.pick((-5, 20, 300)))
    pasient = person.under(d.pick(person.numre))
    octets = d.world.signed(rekvirent.m241(hode, lege.rekvirent, pasient, Abonnement(til, pa=on)), lege)
    law = about(
        "kort",
        person.nr,
        card_laws.subscribe,
        msg_id=str(hode.msg_id),
        hpr=lege.helsepersonell.hpr,
        her=lege.kontor.her,
        til=til,
        on=on,
        refused=lege is not person.fastlege or til < d.day,
    )

    def explain(seen: Seen, _: Memory) -> Iterator[Claim]:
        found = re.search(rb'<Svar [^>]*V="(\w)"', seen.octets)
        yield Claim(*law, seen.outcome(found[1].decode() if found else ""), either=True)

    return d.sent("M24.1", ("Rekvirent", "M24_1"), octets, hode, lege.kontor.her, explain)


def _entries(d: Draw, person: Person, *, packed: bool) -> tuple[tuple[Oppforing, ...], tuple[str, ...]]:
    """Some prescriptions for a list, and what speaks against them: locked (239), another's or another text (320)."""
    candidates = [
        resept_id
        for resept_id in dict.fromkeys(d.resept_id() for _ in range(d.rng.randint(0, 4)))
        if resept_id in d.memory.known and not isinstance(d.memory.known[resept_id].vare, Handelsvare)
        if d.memory.known[resept_id].person is person or d.maybe(0.1)
    ]
    faults, entries = [], []
    for resept_id in candidates[:2]:
        dok, wrong = d.memory.known[resept_id].dok, d.maybe(0.05)
        if wrong:
            dok = dok.replace(b">1</Antall>", b">2</Antall>")
            wrong = dok != d.memory.known[resept_id].dok
        life = d.memory.life(resept_id)
        if life is not None and life.written.last:
            faults.append("239")
        elif life is not None and (not set(life.written.numre) & set(person.numre) or wrong):
            faults.append("320")
        extra = _packed(d) if packed else {}
        entries.append(Oppforing(str(d.uuid()), "E", d.now, dok, resept_id, **extra))
    return tuple(entries), tuple(faults)


def _packed(d: Draw) -> Mapping[str, Any]:
    days = Utlevering(d.day, d.day + timedelta(days=14), b"<Utlevering/>", str(d.uuid()))
    return {"i_multidose": True, "utleveringer": (days,)}


def m251(d: Draw) -> Sent:
    """A doctor's list, preferably by who is responsible and after the last one."""
    person, lege, vikar = d.person(), d.doctor(), d.maybe(0.15)
    card = d.memory.card(person)
    if card.doctors and d.maybe(0.7):
        lege = next(one for one in DOCTORS if one.helsepersonell.hpr == card.doctors[-1].who)
    parent = card.lists[-1][1] if card.lists and d.maybe(0.9) else str(d.uuid()) if d.maybe(0.5) else ""
    hode = d.hode(parent)
    entries, faults = _entries(d, person, packed=False)
    liste = Legemiddelliste(entries, merknad="Liste", vikar=vikar)
    octets = d.world.signed(rekvirent.m251(hode, lege.rekvirent, person.under(d.pick(person.numre)), liste), lege)
    law = about(
        "kort",
        person.nr,
        card_laws.doctors_list,
        msg_id=str(hode.msg_id),
        hpr=lege.helsepersonell.hpr,
        vikar=vikar,
        parent=parent,
        faults=faults,
        day=d.day,
        now=d.now,
    )

    def explain(seen: Seen, _: Memory) -> Iterator[Claim]:
        yield Claim(*law, seen.outcome())

    return d.sent("M25.1", ("Rekvirent", "M25_1"), octets, hode, lege.kontor.her, explain)


def _pharmacys(kind: str, operation: str, write: Callable[..., bytes]) -> Callable[[Draw], Sent]:
    def made(d: Draw) -> Sent:
        person, apotek = d.person(), d.pick(_PHARMACIES)
        card = d.memory.card(person)
        if card.pharmacies and d.maybe(0.8):
            apotek = next(one for one in _PHARMACIES if one.her == card.pharmacies[-1].her)
        hode = d.talk()
        entries, faults = _entries(d, person, packed=kind == "M25.3")
        liste = Legemiddelliste(entries, merknad="Liste", pakkeinfo=Pakkeinfo(d.now))
        octets = write(hode, som_utleverer(apotek), person.under(d.pick(person.numre)), liste)
        law = about(
            "kort",
            person.nr,
            card_laws.pharmacys_list,
            kind=kind,
            msg_id=str(hode.msg_id),
            her=apotek.her,
            faults=faults,
            day=d.day,
        )

        def explain(seen: Seen, _: Memory) -> Iterator[Claim]:
            yield Claim(*law, seen.outcome())

        return d.sent(kind, ("Utleverer", operation), octets, hode, apotek.her, explain)

    return made


m252 = _pharmacys("M25.2", "M25_2", utleverer.m252)
m253 = _pharmacys("M25.3", "M25_3", utleverer.m253)


def m911(d: Draw) -> Sent:
    """What is known of a patient: responsible for multidose, the lists, for a pharmacy the prescriptions too."""
    person, hode = d.person(), d.hode()
    number, who = d.pick(person.numre), d.pick(("apotek", "lege", "kj"))
    faults: tuple[str, ...] = ()
    spor = IBruk(number, reseptinfo=who == "apotek" and d.maybe(0.6), komprimering=1)
    if who == "apotek":
        her, octets = _asked_by(d, hode, d.pick(DISPENSERS[:-1]), spor)
        operation = ("Utleverer", "M9_11")
    elif who == "lege":
        lege = d.doctor()
        octets = d.world.signed(melding.m911(hode, lege.rekvirent, spor, "2018-07-01"), lege)
        operation, her = ("Rekvirent", "M9_11"), lege.kontor.her
        faults = ("364",) if person.blocks == lege.helsepersonell.hpr else ()
    else:
        octets = melding.m911(hode, som_virksomhet(RECORD), spor, "2018-07-01")
        operation, her = ("Rekvirent", "M9_11kj"), RECORD.her
    law = about("kort", person.nr, card_laws.in_use, day=d.day)
    look = Look(person.numre, d.day, verge=False)

    def explain(seen: Seen, memory: Memory) -> Iterator[Claim]:
        if faults:
            yield always("M9.11", no(*faults), seen.outcome())
            return
        last = re.search(rb"<RefMsgId>([^<]+)<", seen.octets)
        lists = (_responsible(seen.octets), last[1].decode() if last else "", attached(seen, memory))
        yield Claim(*law, seen.outcome(lists))
        if spor.reseptinfo:
            yield from on_the_list(memory, shown(seen.octets), look)

    return d.sent(f"M9.11 {who}", operation, octets, hode, her, explain)


def _asked_by(d: Draw, hode: Hode, apotek: Aktor, spor: IBruk) -> tuple[str, bytes]:
    return apotek.her, melding.m911(hode, som_utleverer(apotek), spor, "2018-07-01")


def m921(d: Draw) -> Sent:
    """Which multidose patients have something new."""
    hode, etter = d.hode(), d.pick(d.memory.moments[-8:]) + 2 * APART
    if d.maybe(0.5):
        apotek = d.pick(_PHARMACIES)
        octets, operation, her = melding.m921(hode, som_utleverer(apotek), etter), ("Utleverer", "M9_21"), apotek.her
    else:
        lege = d.doctor()
        octets, operation, her = melding.m921(hode, lege.rekvirent, etter), ("Rekvirent", "M9_21"), lege.kontor.her

    def explain(seen: Seen, memory: Memory) -> Iterator[Claim]:
        named = {one.decode() for one in re.findall(rb"<(?:Andre)?Fnr>([0-9]+)<", seen.octets)}
        yield always("M9.21", Outcome(ok=True), seen.outcome())
        for person in PEOPLE[:-1]:
            told, prescribed = bool(named & set(person.numre)), _prescribed(memory, person, etter, d.world.now)
            known = {"her": her, "after": etter, "prescribed": told if prescribed is None else prescribed}
            yield Claim(*about("kort", person.nr, card_laws.changed_since, **known), Outcome(ok=True, shown=told))

    return d.sent("M9.21", operation, octets, hode, her, explain)


def _prescribed(memory: Memory, person: Person, after: datetime, now: datetime) -> bool | None:
    """Whether the patient was given a prescription since then. None: in this round, or under a former number."""
    lives = [memory.life(one) for one in memory.alive if memory.known[one].person is person]
    fresh = [life.written for life in lives if life is not None and life.written.born > after]
    if any(one.born < now and memory.known[one.resept_id].number == person.numre[0] for one in fresh):
        return True
    return None if fresh or any(life is None for life in lives) else False
