"""The model: what the rules say of one patient's card (rules.md X and S)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, datetime

from tests.model.laws import KJ, Outcome, no


@dataclass(frozen=True, slots=True)
class Reg:
    """A registration for multidose: from a day, perhaps until another."""

    who: str
    """HPR number of a doctor, HER-id of a pharmacy."""
    her: str
    begins: date
    ends: date | None = None


@dataclass(frozen=True, slots=True)
class Card:
    """What is registered of one patient. Version 0: nothing."""

    doctors: tuple[Reg, ...] = ()
    pharmacies: tuple[Reg, ...] = ()
    subscribers: tuple[tuple[str, str, date], ...] = ()
    """HPR number, HER-id, last day."""
    lists: tuple[tuple[str, str], ...] = ()
    """Type and MsgId of the M25 messages that are held, oldest first."""
    told: frozenset[str] = frozenset()
    changed: datetime | None = None
    versions: int = 0
    kort_id: str = ""


Held = tuple[Outcome, Card]


def _now(regs: tuple[Reg, ...], day: date) -> Reg | None:
    begun = [one for one in regs if one.begins <= day]
    return begun[-1] if begun and (begun[-1].ends is None or begun[-1].ends > day) else None


def _left(regs: tuple[Reg, ...], day: date) -> tuple[Reg, ...]:
    now = _now(regs, day)
    return tuple(one for one in regs if one is now or one.begins > day)


def _with(regs: tuple[Reg, ...], new: Reg, day: date) -> tuple[Reg, ...]:
    now = _now(regs, day)
    return (now, new) if now is not None and new.begins > day else (new,)


def _without(regs: tuple[Reg, ...], who: str, ends: date, day: date) -> tuple[Reg, ...]:
    kept = (
        one if one.who != who else replace(one, ends=ends) if ends > max(day, one.begins) else None
        for one in _left(regs, day)
    )
    return tuple(one for one in kept if one is not None)


def _hers(card: Card) -> frozenset[str]:
    return frozenset(one.her for one in (*card.doctors, *card.pharmacies))


def _next(card: Card, msg_id: str, **changes: object) -> Card:
    after = replace(card, versions=card.versions + 1, **changes)  # type: ignore[arg-type]  # fields of Card
    return replace(after, kort_id=card.kort_id or msg_id)


def _told(card: Card, after: Card, now: datetime) -> Card:
    return replace(after, told=_hers(card) | _hers(after), changed=now)


def _responsible(card: Card, day: date) -> tuple[str, bool]:
    """As M27.2 and M9.12 show it: the doctor's HPR number, and whether there is a pharmacy."""
    doctor = _now(card.doctors, day)
    return (doctor.who if doctor else "", _now(card.pharmacies, day) is not None)


def doctor(card: Card, *, msg_id: str, new: Reg, begins: bool, day: date, now: datetime) -> Held:
    """M27.1 of a doctor (X13, X14; M28 to the former one)."""
    regs, shown = _left(card.doctors, day), _responsible(card, day)
    if begins:
        if any(one.begins > day and one.who != new.who for one in regs):
            return no("155"), card
        former = _now(card.doctors, day)
        owed = (f"M28>{former.her}",) if former is not None and former.who != new.who else ()
        after = _next(card, msg_id, doctors=_with(regs, new, day))
        return Outcome(True, (), owed, shown), _told(card, after, now)
    if all(one.who != new.who for one in regs):
        return no("152"), card
    after = _next(card, msg_id, doctors=_without(regs, new.who, new.begins, day))
    return Outcome(True, shown=shown), _told(card, after, now)


def pharmacy(card: Card, *, msg_id: str, new: Reg, begins: bool, day: date, now: datetime) -> Held:
    """M27.1 of a pharmacy (X12: 154, 153)."""
    regs, shown = _left(card.pharmacies, day), _responsible(card, day)
    if begins:
        if any(one.who != new.who and (one.ends is None or one.ends > new.begins) for one in regs):
            return no("154"), card
        after = _next(card, msg_id, pharmacies=_with(regs, new, day))
        return Outcome(True, shown=shown), _told(card, after, now)
    if all(one.who != new.who for one in regs):
        return no("153"), card
    after = _next(card, msg_id, pharmacies=_without(regs, new.who, new.begins, day))
    return Outcome(True, shown=shown), _told(card, after, now)


def _hold(card: Card, kind: str, msg_id: str) -> Card:
    lists = (*(one for one in card.lists if one[0] != kind), (kind, msg_id))
    return _next(card, msg_id, lists=lists)


def doctors_list(
    card: Card, *, msg_id: str, hpr: str, vikar: bool, parent: str, faults: tuple[str, ...], day: date, now: datetime
) -> Held:
    """M25.1 (X8, X10); `faults` are those of the prescriptions it names (L10, X5)."""
    responsible = _now(card.doctors, day)
    codes = list(faults)
    if responsible is None and vikar:
        codes.append("359")
    if responsible is not None and responsible.who != hpr and not vikar:
        codes.append("152")
    proposals = [one for one in card.lists if one[0] != "M25.3"]
    if card.lists and parent not in {one[1] for one in (*card.lists[-1:], *proposals[-1:])}:
        codes.append("226")
    if codes:
        return no(*codes), card
    return Outcome(True), _told(card, _hold(card, "M25.1", msg_id), now)


def pharmacys_list(card: Card, *, kind: str, msg_id: str, her: str, faults: tuple[str, ...], day: date) -> Held:
    """M25.2 and M25.3 (X9: 153, 228); on to the doctor, M25.3 as M25.4 to Kjernejournal too."""
    responsible, packs = _now(card.doctors, day), _now(card.pharmacies, day)
    codes = list(faults) + ["153"] * (packs is None or packs.who != her) + ["228"] * (responsible is None)
    if codes or responsible is None:
        return no(*codes), card
    owed = (f"{kind}>{responsible.her}", *([f"M25.4>{KJ}"] if kind == "M25.3" else ()))
    return Outcome(True, (), owed), _hold(card, kind, msg_id)


def subscribe(card: Card, *, msg_id: str, hpr: str, her: str, til: date, on: bool, refused: bool) -> Held:
    """M24.1 (S1 to S3); `refused`: the fastlege register speaks against it."""
    others = tuple(one for one in card.subscribers if one[0] != hpr)
    if on and refused:
        return Outcome(True, shown="2"), card
    if not on and others == card.subscribers:
        return Outcome(True, shown="1"), card
    after = (*others, (hpr, her, til)) if on else others
    return Outcome(True, shown="1"), _next(card, msg_id, subscribers=after)


def told_of(card: Card, *, author: str, fastlege: str, day: date) -> Held:
    """M8 (M3r): the subscribing fastlege, unless it wrote the prescription."""
    found = (her for hpr, her, til in card.subscribers if til >= day and hpr != author and fastlege in ("", hpr))
    return Outcome(True, shown=tuple(sorted(found))), card


def in_use(card: Card, *, day: date) -> Held:
    """M9.12: who is responsible, and the lists that are held, the last one named."""
    last = card.lists[-1][1] if card.lists else ""
    return Outcome(True, shown=(_responsible(card, day), last, tuple(sorted(one[1] for one in card.lists)))), card


def changed_since(card: Card, *, her: str, after: datetime, prescribed: bool) -> Held:
    """M9.22: whether this patient is told of; of what was `prescribed` since, only who is registered still."""
    changed = card.changed is not None and card.changed > after and her in card.told
    return Outcome(True, shown=changed or (prescribed and her in _hers(card))), card
