"""The model: what the rules say of one prescription and of one reference number (rules.md).

Each law takes a state and says what the service must answer and which state follows; None is what does not exist. The
laws know nothing of the service's code: they are written from the rules that they name, to be compared with it.
"""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta

SLV, KJ = "9900901", "9900902"
"""HER-ids of the authority and of Kjernejournal in the model's registers."""
KEPT = timedelta(days=30)
"""How long what is finished or recalled stays (K2)."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a message meets: accepted or not, the codes of list 7419, what it owes ("M6>HER"), what the answer shows."""

    ok: bool
    codes: tuple[str, ...] = ()
    owed: tuple[str, ...] = ()
    shown: Hashable = None


def no(*codes: str) -> Outcome:
    """A refusal: nothing changes, nobody is told."""
    return Outcome(ok=False, codes=tuple(sorted(codes)))


@dataclass(frozen=True, eq=False)
class Written:
    """What an M1 says for ever."""

    resept_id: str
    numre: tuple[str, ...]
    """All national numbers of the patient; none of those without (P6)."""
    hpr: str
    her: str
    octets: bytes = field(repr=False)
    utloper: date
    born: datetime
    goods: bool = False
    refnr: str = ""
    last: bool = False
    verge: bool = False
    eget: bool = False
    bound_to: str = ""
    """HER-id of the utleverer of a dispatch request."""
    lar: bool = False
    soknad: str = ""
    """List 7436 at birth."""


@dataclass(frozen=True, slots=True)
class Given:
    """One dispensing."""

    m10: str
    her: str
    closed: bool
    annulled: bool = False


@dataclass(frozen=True, slots=True)
class Recall:
    """A recall, done or waiting."""

    hpr: str
    her: str


@dataclass(frozen=True, slots=True)
class Resept:
    """A prescription."""

    written: Written
    status: str
    """E, B, A, R or T."""
    soknad: str
    holder: str = ""
    recall: Recall | None = None
    given: tuple[Given, ...] = ()
    closed: datetime | None = None
    versions: int = 1
    reports: int = 0
    """Dispensings and annulments: what M9.8 tells of."""

    @property
    def standing(self) -> tuple[Given, ...]:
        """The dispensings that are not annulled."""
        return tuple(one for one in self.given if not one.annulled)

    @property
    def shown(self) -> str:
        """The status of the lists."""
        return "U" if self.status == "E" and self.holder else self.status

    def follows(self, now: datetime, **changes: object) -> Resept:
        """The next version."""
        after = replace(self, versions=self.versions + 1, **changes)  # type: ignore[arg-type]  # fields of Resept
        return replace(after, closed=(self.closed or now) if after.status in "RT" else None)


Life = Resept | None
Met = tuple[Outcome, Life]
_GONE = {"B": "64", "A": "63", "R": "96", "T": "97"}


def _recalled(before: Resept, after: Resept) -> tuple[str, ...]:
    """T3, T4: what a recall owes that takes effect by this step."""
    recall = after.recall
    if recall is None or before.status == "T" or after.status != "T":
        return ()
    m7 = () if recall.hpr == before.written.hpr else (f"M7>{before.written.her}",)
    return (f"M5.2:1>{recall.her}", *m7)


def _met(before: Resept, after: Resept, *owed: str, codes: tuple[str, ...] = (), shown: Hashable = None) -> Met:
    return Outcome(True, codes, tuple(sorted((*owed, *_recalled(before, after)))), shown), after


def _other(r: Resept, her: str, day: date) -> str:
    """Why an utleverer may not take it up: held (69), expired (K3), tied by a request (E5)."""
    w = r.written
    if r.holder:
        return "69" if r.holder != her else ""
    if r.status != "E":
        return ""
    if w.utloper < day:
        return "41"
    return "70" if w.bound_to not in ("", her) and (w.lar or not r.standing) else ""


def write(r: Life, *, written: Written) -> Met:
    """M1 (b.2 #1, #2): G2 owes M14, E1 owes M21."""
    assert r is None
    status = "B" if written.soknad == "2" else "E"
    owed = [f"M14>{SLV}"] * (status == "B") + [f"M21>{written.bound_to}"] * bool(written.bound_to)
    return Outcome(True, (), tuple(sorted(owed))), Resept(written, status, written.soknad)


def download(r: Life, *, her: str, goods_only: bool, refnr: str, day: date, now: datetime) -> Met:
    """M9.3 (Q8, b.2 #3 and #4)."""
    if r is None:
        return no("1"), r
    w = r.written
    if goods_only and not w.goods:
        return no("387"), r
    if w.last and refnr != w.refnr:
        return no("161" if refnr else "258"), r
    if code := _other(r, her, day) or (not r.holder and _GONE.get(r.status, "")):
        return no(code), r
    attached = tuple(sorted((w.resept_id, *(one.m10 for one in r.standing))))
    return _met(r, r.follows(now, holder=her), shown=attached)


def _stranger(r: Resept, numre: tuple[str, ...], *, must_name: bool) -> bool:
    """271; a person is the same under each of its numbers."""
    return bool(r.written.numre) and (must_name if not numre else numre[0] not in r.written.numre)


def dispense(r: Life, *, m10: str, her: str, numre: tuple[str, ...], close: bool, now: datetime) -> Met:
    """M10 (b.2 #5, #6; U3; M1r, M9r, T2)."""
    if r is None:
        return no("1"), r
    if _stranger(r, numre, must_name=True):
        return no("271"), r
    if r.holder != her:
        return no("69" if r.holder else "357"), r
    if r.status == "B":
        return no("64"), r
    to = "R" if close else "T" if r.recall else "E"
    first = r.soknad and not r.standing
    given = (*r.given, Given(m10, her, close))
    owed = (f"M6>{r.written.her}", f"M8.1>{KJ}", *([f"M20>{SLV}"] if first else ()))
    return _met(r, r.follows(now, status=to, holder="", given=given, reports=r.reports + 1), *owed)


def cancel(r: Life, *, her: str, numre: tuple[str, ...], now: datetime) -> Met:
    """M10 with Kanselleringskode (b.2 #7, U4)."""
    if r is None:
        return no("1"), r
    if _stranger(r, numre, must_name=False):
        return no("271"), r
    if r.holder != her:
        return no("69" if r.holder else "41"), r
    return _met(r, r.follows(now, status="T" if r.recall and r.status == "E" else r.status, holder=""))


def annul(r: Life, *, target: str, her: str, numre: tuple[str, ...], now: datetime) -> Met:
    """M10 with Annullering (b.2 #8, U5): once, by who reported it; what it had closed is open again."""
    if r is None:
        return no("1"), r
    if _stranger(r, numre, must_name=True):
        return no("271"), r
    found = next((one for one in r.standing if (one.m10, one.her) == (target, her)), None)
    if found is None:
        return no("41"), r
    given = tuple(replace(one, annulled=True) if one is found else one for one in r.given)
    to = ("T" if r.recall else "E") if found.closed and r.status == "R" else r.status
    owed = (f"M6>{r.written.her}", f"M8.1>{KJ}")
    return _met(r, r.follows(now, status=to, given=given, reports=r.reports + 1), *owed)


def recall(r: Life, *, hpr: str, her: str, doctor: bool, numre: tuple[str, ...], now: datetime) -> Met:
    """M5 (T, b.2 #9 to #12)."""
    if r is None:
        return no("12"), r
    codes = ["320"] * _stranger(r, numre, must_name=False) + ["323"] * (not doctor and hpr != r.written.hpr)
    if codes:
        return no(*codes), r
    if r.status in "AR":
        return no("15"), r
    if r.recall is not None:
        return no("16"), r
    mark = Recall(hpr, her)
    if r.status == "E" and not r.holder:
        return _met(r, r.follows(now, status="T", recall=mark))
    note = "13" if r.status == "E" else "14"
    return _met(r, r.follows(now, recall=mark), f"M5.2:2>{her}", codes=(note,))


def apply(r: Life, *, her: str, goods_only: bool, day: date, now: datetime) -> Met:
    """M3 (G1, G3, b.2 #13)."""
    if r is None:
        return no("1"), r
    if goods_only:
        return no("387"), r
    if code := _other(r, her, day):
        return no(code), r
    if r.status != "E":
        return no("98" if r.status == "B" else _GONE[r.status]), r
    if r.recall is not None and r.holder:
        return no("97"), r
    if r.soknad in ("", "3"):
        return no("98" if r.soknad else "41"), r
    return _met(r, r.follows(now, status="B", soknad="2"), f"M14>{SLV}")


def decide(r: Life, *, granted: bool, now: datetime) -> Met:
    """M15 (G4, T7, b.2 #14 and #15)."""
    if r is None:
        return no("1"), r
    if r.status != "B":
        return no("41" if r.status == "E" else _GONE[r.status]), r
    told = (f"M15>{r.written.her}", *([f"M15>{r.holder}"] if r.holder else ()))
    if granted:
        waits = r.recall is not None and not r.holder
        return _met(r, r.follows(now, status="T" if waits else "E", soknad="3"), *told)
    return _met(r, r.follows(now, status="T" if r.recall else "A", soknad="4", holder=""), *told)


def swept(r: Resept, *, day: date, now: datetime) -> bool:
    """K2, K3: whether it is over."""
    if r.status in "EA":
        return not r.holder and r.written.utloper < day
    return r.closed is not None and r.closed < now - KEPT


def reports(r: Life, *, hpr: str, day: date) -> Met:
    """M9.7: how many reports; of another's the head must name the patient, which these messages do not."""
    if r is None or (r.shown == "E" and r.written.utloper < day):
        return Outcome(True, shown="ingen"), r
    if r.written.hpr != hpr and r.written.numre:
        return no("115"), r
    return Outcome(True, shown=r.reports), r


@dataclass(frozen=True, slots=True)
class Look:
    """Who looks at a list, for whom, and what is asked for."""

    numre: tuple[str, ...]
    day: date
    refnr: tuple[str, ...] = ()
    alle: bool = False
    verge: bool = True
    goods_only: bool = False
    refnr_finds: bool = True
    """Whether a reference number leads to a prescription, or only opens those of the patient (N9)."""
    blocked_but: str | None = None
    """The patient blocked this HPR number: only its own are shown (Q16)."""


def listed(r: Life, *, look: Look) -> tuple[Outcome, Life]:
    """Q1, Q4, L7, C4, B1, B2: how a list shows it; the shown status, or None."""
    return Outcome(True, shown=r.shown if r is not None and _visible(r, look) else None), r


def _visible(r: Resept, look: Look) -> bool:
    w = r.written
    mine = bool(set(w.numre) & set(look.numre))
    if not mine and not (look.refnr_finds and w.refnr in look.refnr):
        return False
    if look.blocked_but is not None and mine and w.hpr != look.blocked_but:
        return False
    if (w.last and w.refnr not in look.refnr) or (w.verge and not look.verge) or (look.goods_only and not w.goods):
        return False
    return (bool(r.holder) or w.utloper >= look.day) if r.status == "E" else look.alle


def in_full(r: Life, *, look: Look) -> Met:
    """M9NA3: what may not be seen is not there (1), what is neither E nor U cannot be had (41); locked ones too."""
    if r is None or not set(r.written.numre) & set(look.numre) or (r.written.verge and not look.verge):
        return no("1"), r
    return (Outcome(True) if r.status == "E" and (r.holder or r.written.utloper >= look.day) else no("41")), r


# ---------------------------------------------------------------------------------------------------- reference numbers


@dataclass(frozen=True, slots=True)
class RefNr:
    """A number: whose it is, which patient it is bound to, whether a prescription is left under it."""

    hpr: str
    patient: str = ""
    alive: bool = False


def use(n: RefNr | None, *, hpr: str, patient: str) -> tuple[Outcome, RefNr | None]:
    """L5, L6: one prescriber (52), one patient (75), not after all under it are gone (51)."""
    if n is None or n.hpr != hpr:
        return no("52"), n
    if n.patient not in ("", patient):
        return no("75"), n
    if n.patient and not n.alive:
        return no("51"), n
    return Outcome(True), RefNr(hpr, patient, alive=True)
