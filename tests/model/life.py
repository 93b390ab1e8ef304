"""Messages that make and change prescriptions: M1, M9.3, M10, M5, M3, M15, M4.1."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import date, timedelta
from functools import partial
from uuid import UUID

from reseptformidler.client import answer, rekvirent, slv, utleverer
from reseptformidler.client.parter import Pasient
from reseptformidler.client.rekvirent import EkspAnm, Tilbakekalling
from reseptformidler.client.slv import SvarSLV
from reseptformidler.client.utleverer import Rapport
from reseptformidler.client.varer import Handelsvare, resept_dok
from reseptformidler.sandbox import varer
from reseptformidler.sandbox.population import Lege, som_utleverer, som_virksomhet
from tests.model import card_laws, laws
from tests.model.draw import Draw, about, always
from tests.model.laws import KJ, Outcome, RefNr, Written, no
from tests.model.memory import Claim, Known, Memory, Seen, Sent
from tests.model.world import AUTHORITY, DISPENSERS, DOCTORS, PEOPLE, Person

WITHOUT_NUMBER = PEOPLE[-1]
_GOODS = (
    (varer.TABLETT, 8, ""),
    (varer.ALLERGITABLETT, 3, ""),
    (varer.HOSTESAFT, 1, ""),
    (varer.TESTSTRIMLER, 2, ""),
    (varer.SALVE, 1, "1"),
    (varer.UREGISTRERT, 2, "2"),
    (varer.UREGISTRERT_FORHANDSGODKJENT, 2, "1"),
)
"""What is prescribed, how often, and the state of its application at birth (list 7436; G1, G2, C5)."""
_PROTECTION = {"": 12, "shared": 3, "locked": 3, "verge": 1, "eget": 1, "praksis": 1, "foreign": 1, "wrong": 1}
"""How a reference number is used (L4), and two wrong ways."""


@dataclass(frozen=True, slots=True)
class _Plan:
    """What an M1 will say."""

    lege: Lege
    person: Person | None
    number: str
    pasient: Pasient
    key: str
    """Whom a reference number is bound to (L5)."""
    how: str


def _plan(d: Draw) -> _Plan:
    lege, how = d.pick(DOCTORS), d.rng.choices(list(_PROTECTION), list(_PROTECTION.values()))[0]
    if how in ("eget", "praksis"):
        own = lege.som_pasient()
        return _Plan(lege, None, "", own, f"{how} {own.fdato} {own.fornavn}", how)
    person = WITHOUT_NUMBER if d.maybe(0.06) else d.person()
    if person is WITHOUT_NUMBER:
        how = "locked" if d.maybe(0.5) else "shared"
    number = (d.pick(person.numre) if not how else person.numre[0]) if person.numre else ""
    return _Plan(lege, person, number, person.under(number), number or person.pasient.etternavn, how)


def _refnr(d: Draw, plan: _Plan) -> str:
    """Preferably one that this patient may get."""
    if plan.how == "wrong":
        return "1234567890"
    hpr = d.pick([one for one in DOCTORS if one is not plan.lege]) if plan.how == "foreign" else plan.lege
    numbers = d.memory.numbers(hpr.helsepersonell.hpr)
    fits = [name for name, one in numbers if one.patient in ("", plan.key)]
    return d.pick(fits) if fits and d.maybe(0.85) else d.pick(numbers)[0]


def _ekspanm(d: Draw) -> tuple[EkspAnm | None, bool]:
    """A dispatch request, and whether it is to who has no drugs."""
    if d.maybe(0.8):
        return None, False
    to = d.pick(DISPENSERS)
    return EkspAnm(som_virksomhet(to), d.pick("UL"), "Sandkasse"), to is DISPENSERS[-1]


def m1(d: Draw) -> Sent:
    """A prescription of any sort."""
    plan = _plan(d)
    vare, _, soknad = d.rng.choices(_GOODS, [weight for _, weight, _ in _GOODS])[0]
    refnr = _refnr(d, plan) if plan.how else ""
    ekspanm, no_drugs = _ekspanm(d)
    goods = isinstance(vare, Handelsvare)
    utloper = d.day + timedelta(days=d.rng.randint(0, 25) if d.maybe(0.3) else 365)
    resept = rekvirent.Resept(
        vare,
        reiterasjon=0 if goods else d.rng.randint(0, 3),
        refnr=refnr,
        last=plan.how in ("locked", "verge", "eget", "praksis"),
        vergereservert=plan.how == "verge",
        eget_navn=plan.how == "eget",
        egen_praksis=plan.how == "praksis",
        ekspanm=ekspanm,
        utloper=utloper,
    )
    hode, lege = d.hode(), plan.lege
    octets = d.world.signed(rekvirent.m1(hode, lege.rekvirent, plan.pasient, resept), lege)
    written = Written(
        str(hode.msg_id),
        plan.person.numre if plan.person and plan.number else (),
        lege.helsepersonell.hpr,
        lege.kontor.her,
        octets,
        utloper,
        d.now,
        goods=goods,
        refnr=refnr,
        last=resept.last,
        verge=resept.vergereservert,
        eget=resept.eget_navn,
        bound_to=ekspanm.utleverer.her if ekspanm else "",
        lar=ekspanm is not None and ekspanm.metode == "L",
        soknad=soknad,
    )
    faults = ["161"] * (plan.how == "wrong") + ["118"] * (no_drugs and not goods)
    known = Known(plan.person, plan.number, vare, resept_dok(vare, "1", resept.reiterasjon).encode())
    explain = partial(_born, written=written, known=known, key=plan.key, faults=tuple(faults))
    return d.sent(f"M1 {plan.how}", ("Rekvirent", "M1"), octets, hode, lege.kontor.her, explain)


def _born(
    seen: Seen, memory: Memory, *, written: Written, known: Known, key: str, faults: tuple[str, ...]
) -> Iterator[Claim]:
    if faults:
        yield always("M1", no(*faults), seen.outcome())
        return
    if seen.ok:
        former = bool(known.number) and known.number != written.numre[0]
        yield always("M1", Outcome(ok=True, codes=("363",) * former), Outcome(ok=True, codes=seen.codes))
        seen = replace(seen, codes=())
    if written.refnr:
        law = about("refnr", written.refnr, laws.use, hpr=written.hpr, patient=key)
        yield Claim(*law, Outcome(seen.ok, seen.codes))
    elif not seen.ok:
        yield always("M1", Outcome(ok=True), seen.outcome())
    if seen.ok:
        memory.known[written.resept_id] = known
        memory.alive[written.resept_id] = None
        yield Claim(*about("resept", written.resept_id, laws.write, written=written), seen.outcome())


def taken(d: Draw) -> Sent | None:
    """An M1 under a ReseptId that another prescriber's has (10)."""
    life = d.resept()
    if life is None or life.written.resept_id in d.memory.taken:
        return None
    d.memory.taken.add(life.written.resept_id)
    lege = next(one for one in DOCTORS if one.kontor.her != life.written.her)
    hode = replace(d.hode(), msg_id=UUID(life.written.resept_id))
    octets = d.world.signed(
        rekvirent.m1(hode, lege.rekvirent, PEOPLE[0].pasient, rekvirent.Resept(varer.TABLETT)), lege
    )

    def explain(seen: Seen, _: Memory) -> Iterator[Claim]:
        yield always("M1", no("10"), seen.outcome())

    return d.sent("M1 taken", ("Rekvirent", "M1"), octets, hode, lege.kontor.her, explain)


def m93(d: Draw) -> Sent:
    """A download."""
    resept_id, apotek = d.resept_id(), d.dispenser()
    life = d.memory.life(resept_id)
    refnr = ""
    if life is not None and life.written.refnr and d.maybe(0.85):
        right = life.written.refnr
        refnr = right if d.maybe(0.85) else next(n for n, _ in d.memory.numbers(life.written.hpr) if n != right)
    hode = d.talk()
    octets = utleverer.m93(hode, som_utleverer(apotek), resept_id, refnr)
    law = about(
        "resept",
        resept_id,
        laws.download,
        her=apotek.her,
        goods_only=apotek is DISPENSERS[-1],
        refnr=refnr,
        day=d.day,
        now=d.now,
    )

    def explain(seen: Seen, memory: Memory) -> Iterator[Claim]:
        yield Claim(*law, seen.outcome(attached(seen, memory)))

    return d.sent("M9.3", ("Utleverer", "M9_3"), octets, hode, apotek.her, explain)


def attached(seen: Seen, memory: Memory) -> tuple[str, ...]:
    """MsgIds of the messages that an answer carries, each byte for byte as it was sent; "?" for what never was."""
    found = answer.read(seen.octets).attachments() if seen.ok else []
    return tuple(sorted(memory.octets.get(one, "?") for one in found))


def stopped(d: Draw) -> Sent:
    """M9.3 with Kansellering: nothing was locked, nothing changes (Q9)."""
    apotek, hode = d.dispenser(), d.talk()
    octets = utleverer.m93(hode, som_utleverer(apotek), d.resept_id(), kansellering="6")

    def explain(seen: Seen, _: Memory) -> Iterator[Claim]:
        yield always("M9.3", Outcome(ok=True), seen.outcome())

    return d.sent("M9.3 stop", ("Utleverer", "M9_3"), octets, hode, apotek.her, explain)


def m10(d: Draw, what: str) -> Sent | None:
    """A report of what is held: dispensed, closed, cancelled; or an annulment of what was dispensed."""
    life = d.resept(lambda r: bool(r.standing) if what == "annul" else bool(r.holder))
    if life is None:
        return None
    resept_id = life.written.resept_id
    known = d.memory.known[resept_id]
    person = d.pick(PEOPLE[:-1]) if known.number and d.maybe(0.03) else known.person
    number = d.pick(person.numre) if person is not None and person.numre else ""
    given = d.pick(life.standing) if life.standing else None
    likely = (given.her if given else "") if what == "annul" else life.holder
    apotek = next((one for one in DISPENSERS if one.her == likely and d.maybe(0.85)), None) or d.dispenser()
    target = given.m10 if given and d.maybe(0.9) else str(d.uuid())
    rapport = Rapport(
        resept_id,
        known.vare,
        avsluttet=what == "close",
        annullerer=target if what == "annul" else "",
        kansellering="6" if what == "cancel" else "",
        reservert_fastlege=d.maybe(0.15),
    )
    if what == "cancel":
        rapport = replace(rapport, vare=None)
    pasient = person.under(number) if person is not None else DOCTORS[0].som_pasient()
    hode = d.talk()
    octets = utleverer.m10(hode, som_utleverer(apotek), pasient, rapport)
    numre = (number,) if number else ()
    known_law: dict[str, tuple[Callable[..., laws.Met], dict[str, object]]] = {
        "dispense": (laws.dispense, {"m10": str(hode.msg_id), "close": False}),
        "close": (laws.dispense, {"m10": str(hode.msg_id), "close": True}),
        "cancel": (laws.cancel, {}),
        "annul": (laws.annul, {"target": target}),
    }
    by, more = known_law[what]
    law = about("resept", resept_id, by, her=apotek.her, numre=numre, now=d.now, **more)
    quiet = what == "cancel" or rapport.reservert_fastlege or life.written.eget or life.written.last
    readers = None if quiet else person

    def explain(seen: Seen, _: Memory) -> Iterator[Claim]:
        yield Claim(*law, seen.outcome())
        if seen.ok:
            yield _m8(seen, readers, life.written.hpr, d.day)

    return d.sent(f"M10 {what}", ("Utleverer", "M10"), octets, hode, apotek.her, explain)


def _m8(seen: Seen, person: Person | None, author: str, day: date) -> Claim:
    """Who was told by M8; nobody of a patient without number, or where nobody may be."""
    if person is None or not person.numre:
        return always("M8", Outcome(ok=True, shown=()), Outcome(ok=True, shown=seen.m8))
    fastlege = person.fastlege.helsepersonell.hpr if person.fastlege else ""
    law = about("kort", person.nr, card_laws.told_of, author=author, fastlege=fastlege, day=day)
    return Claim(*law, Outcome(ok=True, shown=seen.m8))


def paper(d: Draw) -> Sent:
    """A report of a paper prescription (U7): M8.1, and M8 even where the fastlege wrote it (M3r)."""
    person, lege = d.person(), d.doctor()
    apotek, hode, reserved = d.pick(DISPENSERS[:-1]), d.talk(), d.maybe(0.2)
    rapport = Rapport(str(d.uuid()), varer.TABLETT, papir=lege.rekvirent, reservert_fastlege=reserved)
    octets = utleverer.m10(hode, som_utleverer(apotek), person.under(d.pick(person.numre)), rapport)

    def explain(seen: Seen, _: Memory) -> Iterator[Claim]:
        yield always("M10", Outcome(ok=True, owed=(f"M8.1>{KJ}",)), seen.outcome())
        yield _m8(seen, None if reserved else person, "", d.day)

    return d.sent("M10 paper", ("Utleverer", "M10"), octets, hode, apotek.her, explain)


def m5(d: Draw) -> Sent | None:
    """A recall, by who wrote it or by another."""
    life = d.resept(lambda r: r.recall is None and r.status in "EB")
    resept_id = life.written.resept_id if life is not None and d.maybe(0.95) else str(d.uuid())
    lege = d.pick(DOCTORS)
    if life is not None and d.maybe(0.5):
        lege = next(one for one in DOCTORS if one.helsepersonell.hpr == life.written.hpr)
    known = d.memory.known.get(resept_id)
    person = d.person() if known is None or d.maybe(0.05) else known.person
    number = d.pick(person.numre) if person is not None and person.numre else ""
    pasient = person.under(number) if person is not None else lege.som_pasient()
    hode = d.hode()
    octets = d.world.signed(rekvirent.m5(hode, lege.rekvirent, pasient, Tilbakekalling(resept_id)), lege)
    law = about(
        "resept",
        resept_id,
        laws.recall,
        hpr=lege.helsepersonell.hpr,
        her=lege.kontor.her,
        doctor="LE" in lege.helsepersonell.kategorier,
        numre=(number,) if number else (),
        now=d.now,
    )

    def explain(seen: Seen, _: Memory) -> Iterator[Claim]:
        yield Claim(*law, seen.outcome())

    return d.sent("M5", ("Rekvirent", "M5"), octets, hode, lege.kontor.her, explain)


def m3(d: Draw) -> Sent:
    """An application by a pharmacy, preferably by who holds what needs one."""
    life = d.resept(lambda r: r.soknad == "1" and r.status == "E")
    resept_id = life.written.resept_id if life is not None else str(d.uuid())
    holder = life.holder if life is not None else ""
    apotek = next((one for one in DISPENSERS if one.her == holder and d.maybe(0.85)), None) or d.dispenser()
    hode = d.talk()
    octets = utleverer.m3(hode, som_utleverer(apotek), resept_id, "Kun dette virker")
    goods_only = apotek is DISPENSERS[-1]
    law = about("resept", resept_id, laws.apply, her=apotek.her, goods_only=goods_only, day=d.day, now=d.now)

    def explain(seen: Seen, _: Memory) -> Iterator[Claim]:
        yield Claim(*law, seen.outcome())

    return d.sent("M3", ("Utleverer", "M3"), octets, hode, apotek.her, explain)


def m15(d: Draw) -> Sent:
    """The authority's answer, preferably to what waits for one."""
    life = d.resept(lambda r: r.status == "B")
    resept_id = life.written.resept_id if life is not None else str(d.uuid())
    granted, hode = d.maybe(0.6), d.talk()
    svar = SvarSLV(resept_id, granted, "123TA", "" if granted else "På lista")
    octets = slv.m15(hode, som_virksomhet(AUTHORITY), svar)
    law = about("resept", resept_id, laws.decide, granted=granted, now=d.now)

    def explain(seen: Seen, _: Memory) -> Iterator[Claim]:
        yield Claim(*law, seen.outcome())

    return d.sent("M15", ("Asynkron", "M15"), octets, hode, AUTHORITY.her, explain)


def m41(d: Draw) -> Sent:
    """New reference numbers (L3): nobody had them before."""
    lege, hode, count = d.pick(DOCTORS), d.hode(), d.rng.randint(1, 2)
    octets = rekvirent.m41(hode, lege.rekvirent, count)

    def explain(seen: Seen, memory: Memory) -> Iterator[Claim]:
        numbers = {one.decode() for one in re.findall(rb"<RefNr>([0-9]+)</RefNr>", seen.octets)}
        fresh = {number for number in numbers if ("refnr", number) not in memory.states}
        yield always("M4.1", Outcome(ok=True, shown=count), seen.outcome(len(fresh)))
        for number in fresh:
            memory.states["refnr", number] = frozenset({RefNr(lege.helsepersonell.hpr)})

    return d.sent("M4.1", ("Rekvirent", "M4_1"), octets, hode, lege.kontor.her, explain)
