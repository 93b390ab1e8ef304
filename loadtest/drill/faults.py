"""The faults of a drill: how each is made and taken away, what it may cost at most, and which alert must tell of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from random import Random

from loadtest.drill import deploy
from loadtest.drill.rogue import rogue
from loadtest.lab.datacentre import COMPONENTS
from loadtest.lab.lab import Lab
from loadtest.lab.network import CENTRES, CLIENTS, Conditions

Inject = Callable[[Lab, Random], AbstractContextManager[str]]
"""The fault is there as long as the context lasts; it gives the place."""


@dataclass(frozen=True, slots=True)
class Limit:
    """What senders may notice at most."""

    gap: float
    """Seconds between two accepted changes."""
    failures: str
    """`one retry`: none that one retry does not heal. `none`: no failed attempt at all. `any`."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One kind of fault."""

    inject: Inject
    alerts: tuple[str, ...]
    """One of them must fire."""
    seconds: tuple[float, float]
    """How long it lasts at least; and at most, while no alert has fired yet."""
    limit: Limit | None = None


def primary_of(lab: Lab) -> str:
    """Where the primary is; there is one, since a round begins with a healthy lab."""
    place = lab.primary()
    assert place is not None
    return place


def other(lab: Lab, random: Random) -> str:
    """A place of a standby."""
    return random.choice([place for place in CENTRES if place != primary_of(lab)])


def killed(component: str, where: Callable[[Lab, Random], str], *revived: str) -> Inject:
    """`revived`: what does not come back by itself."""

    @contextmanager
    def inject(lab: Lab, random: Random) -> Iterator[str]:
        place = where(lab, random)
        lab.datacentres[place].kill(component)
        yield place
        for one in revived:
            lab.datacentres[place].start(one)

    return inject


def anywhere(_: Lab, random: Random) -> str:
    """Any datacentre."""
    return random.choice(CENTRES)


def at_primary(lab: Lab, _: Random) -> str:
    """The primary's datacentre."""
    return primary_of(lab)


def lost(where: Callable[[Lab, Random], str]) -> Inject:
    """Everything in a datacentre ends at once."""

    @contextmanager
    def inject(lab: Lab, random: Random) -> Iterator[str]:
        place = where(lab, random)
        lab.datacentres[place].kill_all()
        yield place
        for component in COMPONENTS:
            lab.datacentres[place].start(component)

    return inject


def cut(outgoing: Callable[[str], set[str]], incoming: Callable[[str], set[str]]) -> Inject:
    """The primary's datacentre no longer reaches, or is no longer reached by, these places."""

    @contextmanager
    def inject(lab: Lab, _: Random) -> Iterator[str]:
        place = primary_of(lab)
        away = {(place, to) for to in outgoing(place)} | {(other, place) for other in incoming(place)}
        lab.network.set(Conditions(cut=frozenset(away)))
        yield place
        lab.network.set(Conditions())

    return inject


def nobody(_: str) -> set[str]:
    """No place."""
    return set()


def other_centres(place: str) -> set[str]:
    """The other two datacentres."""
    return {*CENTRES} - {place}


def everybody(place: str) -> set[str]:
    """The other two datacentres and the clients."""
    return other_centres(place) | {CLIENTS}


@contextmanager
def slow_network(lab: Lab, _: Random) -> Iterator[str]:
    """As between continents, and lossy."""
    lab.network.set(Conditions(delay_ms=25, jitter_ms=10, loss=0.01))
    yield "everywhere"
    lab.network.set(Conditions())


def clock_off(seconds: float) -> Inject:
    """The wall clock of one datacentre jumps ahead or back by so much; then it is right again."""

    @contextmanager
    def inject(lab: Lab, random: Random) -> Iterator[str]:
        place, jump = random.choice(CENTRES), random.choice((seconds, -seconds))
        lab.datacentres[place].jump_clock(jump)
        yield f"{place} {jump:+g} s"
        lab.datacentres[place].jump_clock(0)

    return inject


def disk_full(where: Callable[[Lab, Random], str]) -> Inject:
    """PostgreSQL's disk in one datacentre takes nothing more."""

    @contextmanager
    def inject(lab: Lab, random: Random) -> Iterator[str]:
        place = where(lab, random)
        lab.datacentres[place].fill_disk()
        yield place
        lab.datacentres[place].free_disk()

    return inject


@contextmanager
def switchover(lab: Lab, _: Random) -> Iterator[str]:
    """Planned: another server becomes the primary."""
    place = primary_of(lab)
    lab.switchover()
    yield f"from {place}"


@contextmanager
def rolling_deploy(lab: Lab, _: Random) -> Iterator[str]:
    """To a release with a migration."""
    deploy.to_the_next(lab)
    yield "everywhere"


@contextmanager
def upgrade(lab: Lab, _: Random) -> Iterator[str]:
    """From the release before this one, which runs on this one's schema."""
    deploy.from_the_one_before(lab)
    yield "everywhere"


_DOWN = ("ReseptformidlerProcessDown", "ReseptformidlerDatacentreDown")
_LOST = ("ReseptformidlerDatacentreDown",)
_CLOCK = ("ReseptformidlerClockOff",)
_NO_PRIMARY = ("ReseptformidlerNoPrimary", "ReseptformidlerFailover")
_STANDBY = ("ReseptformidlerStandbyMissing", "ReseptformidlerNoSynchronousStandby", "ReseptformidlerReplicationLag")
_CUT = ("ReseptformidlerCutOff", "ReseptformidlerStandbyMissing", *_NO_PRIMARY)
_ERRORS = ("ReseptformidlerDatabaseErrors",)
_BUSY = ("ReseptformidlerMessagesWaiting", "ReseptformidlerShedding")

_ONE_RETRY = Limit(10, "one retry")
_HALF_A_MINUTE = Limit(30, "any")
_UNSEEN = Limit(3, "none")

FAULTS: dict[str, Fault] = {
    "web killed": Fault(killed("web", anywhere, "web"), _DOWN, (3, 8)),
    "relay killed": Fault(killed("relay", anywhere, "relay"), _DOWN, (3, 8)),
    "postgres of the primary killed": Fault(killed("postgres", at_primary), _NO_PRIMARY, (1, 5), _ONE_RETRY),
    "postgres of a standby killed": Fault(killed("postgres", other), (), (2, 2)),
    "patroni of the primary killed": Fault(killed("patroni", at_primary, "patroni"), _NO_PRIMARY, (25, 40)),
    "agents of the primary killed": Fault(killed("agents", at_primary, "patroni"), _NO_PRIMARY, (3, 30)),
    "agents of a standby killed": Fault(killed("agents", other, "patroni"), _STANDBY, (3, 12)),
    "etcd killed": Fault(killed("etcd", anywhere, "etcd"), (), (5, 5)),
    "datacentre of the primary lost": Fault(lost(at_primary), _LOST, (3, 30), _HALF_A_MINUTE),
    "another datacentre lost": Fault(lost(other), _LOST, (3, 12), _HALF_A_MINUTE),
    "datacentre of the primary cut off": Fault(cut(everybody, everybody), (*_LOST, *_CUT), (25, 35), _HALF_A_MINUTE),
    "primary cut off but not from clients": Fault(cut(other_centres, other_centres), _CUT, (25, 35)),
    "nothing leaves the datacentre of the primary": Fault(cut(everybody, nobody), (*_LOST, *_CUT), (25, 35)),
    "nothing reaches the datacentre of the primary": Fault(cut(nobody, everybody), (*_LOST, *_CUT), (25, 35)),
    "slow and lossy network": Fault(slow_network, (), (8, 8)),
    "clock two hours off": Fault(clock_off(7200), _CLOCK, (4, 10)),
    "clock 90 seconds off": Fault(clock_off(90), _CLOCK, (4, 10)),
    "disk of the primary full": Fault(disk_full(at_primary), (*_NO_PRIMARY, *_ERRORS), (6, 30)),
    "disk of a standby full": Fault(disk_full(other), _STANDBY, (6, 20)),
    "connections exhausted": Fault(rogue, (*_ERRORS, *_BUSY), (5, 12)),
    "switchover": Fault(switchover, ("ReseptformidlerFailover",), (1, 10), _UNSEEN),
    "rolling deploy": Fault(rolling_deploy, (), (1, 1), _UNSEEN),
    # The release before this one lets go of its port at once when it ends: a call that is just coming may be lost.
    "upgrade from the release before": Fault(upgrade, (), (1, 1), Limit(3, "one retry")),
}
"""No alert must fire for what mends itself at once, nor for a planned deploy."""
