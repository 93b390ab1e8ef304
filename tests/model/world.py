"""The model's world: two processes of the service on one real PostgreSQL, and who sends to them."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Iterator
from contextlib import AsyncExitStack, contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import asyncpg
import uvloop
from pydantic import SecretStr

from reseptformidler import app
from reseptformidler.app import Service
from reseptformidler.client.parter import Pasient
from reseptformidler.client.sign import Card, sign
from reseptformidler.domain.aktor import Aktor, Aktortype, Forelder
from reseptformidler.domain.decision import RefNr
from reseptformidler.registers.fixed import FixedRegisters, Registrert
from reseptformidler.sandbox import population
from reseptformidler.sandbox.pki import Pki, Request, p256_key, person_subject
from reseptformidler.sandbox.population import APOTEK, BANDASJISTER, LEGER, NETTAPOTEK, SAERLIGE_LEGER, Lege, refnumre
from reseptformidler.settings import Settings
from reseptformidler.store import refnr
from reseptformidler.store.encode import Encoder
from reseptformidler.store.keys import FileKek
from tests.conftest import migrate_all
from tests.model.laws import KJ, SLV

T = TypeVar("T")

BEGIN = datetime(2026, 3, 2, 9, tzinfo=UTC)
"""When every history begins."""
APART = timedelta(milliseconds=1)
"""The clock of the second process is so much ahead."""
TABLES = (
    "resept, resept_dokument, refnr, krav, innboks, historikk, utboks, utboks_dokument, utboks_strandet, pasientkort, "
    "pasientkort_dokument"
)

DOCTORS = (*LEGER[:4], SAERLIGE_LEGER["tannlege"])
"""The last one may prescribe, but is no doctor."""
DISPENSERS = (*APOTEK[:3], BANDASJISTER[0])
NET = NETTAPOTEK
AUTHORITY = Aktor(SLV, "Direktoratet i modellen", Aktortype.LEGEMIDDELVERKET, "974761122")
RECORD = Aktor(KJ, "Kjernejournal i modellen", Aktortype.KJERNEJOURNAL, "994598759")
NUMBERS_EACH = 6
"""Reference numbers that each prescriber has from the start."""


@dataclass(frozen=True, eq=False)
class Person:
    """A patient: as a prescriber writes it, and what the registers know."""

    nr: int
    pasient: Pasient
    numre: tuple[str, ...]
    fastlege: Lege | None = None
    blocks: str = ""
    """HPR number of somebody whom the patient has blocked."""
    gradert: bool = False
    foreldre: tuple[str, ...] = ()

    def under(self, number: str) -> Pasient:
        """The patient under one of the numbers."""
        return replace(self.pasient, ident=number) if number else self.pasient

    def entry(self) -> Registrert:
        """What the registers hold."""
        lege = self.fastlege
        return Registrert(
            self.numre,
            gradert=self.gradert,
            foreldre=tuple(Forelder(number, foreldreansvar=True) for number in self.foreldre),
            sperret=frozenset({self.blocks} - {""}),
            fastlege=lege.helsepersonell.hpr if lege else "",
            fastlege_her=lege.kontor.her if lege else "",
        )


def _person(nr: int, pasient: Pasient, *formerly: str, **known: Any) -> Person:
    return Person(nr, pasient, (*((pasient.ident,) if pasient.ident else ()), *formerly), **known)


_ADULTS = population.PERSONER
PEOPLE = (
    _person(0, _ADULTS[0], fastlege=LEGER[0]),
    _person(1, _ADULTS[1], fastlege=LEGER[1], blocks=LEGER[2].helsepersonell.hpr),
    _person(2, _ADULTS[2], population.person(700).ident),
    _person(3, population.MED_DNR[0]),
    _person(4, population.BARN[0], foreldre=(_ADULTS[0].ident,)),
    _person(5, _ADULTS[3], gradert=True, fastlege=LEGER[0]),
    _person(6, population.UTEN_NUMMER[0]),
)


def registers() -> FixedRegisters:
    """The registers of this world."""
    return FixedRegisters(
        (*(lege.kontor for lege in DOCTORS), *DISPENSERS, NET, AUTHORITY, RECORD),
        (lege.helsepersonell for lege in DOCTORS),
        {lege.kort: lege.helsepersonell.hpr for lege in DOCTORS},
        personer=(person.entry() for person in PEOPLE if person.numre),
    )


def first_numbers(lege: Lege) -> tuple[str, ...]:
    """Reference numbers that a prescriber has from the start."""
    return refnumre(lege)[:NUMBERS_EACH]


@dataclass
class World:
    """Both processes, a connection of the checker's own, and the clock of all."""

    services: tuple[Service, Service]
    checker: asyncpg.Connection[Any]
    loop: asyncio.AbstractEventLoop
    cards: dict[str, Card]
    now: datetime = BEGIN
    encoder: Encoder = field(init=False)

    def __post_init__(self) -> None:
        self.encoder = Encoder(self.services[0].sealer)

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Do it, in the one loop of this world."""
        return self.loop.run_until_complete(work)

    def clock(self, process: int) -> datetime:
        """What time it is to a process."""
        return self.now + process * APART

    @property
    def day(self) -> date:
        """Today. The clock never stands near midnight, so both processes agree, and Norway with UTC."""
        return self.now.date()

    def signed(self, octets: bytes, lege: Lege) -> bytes:
        """With the prescriber's signature."""
        return sign(octets, self.cards[lege.kort])

    async def begin_anew(self) -> None:
        """Nothing has happened yet."""
        self.now = BEGIN
        await self.checker.execute(f"TRUNCATE {TABLES}")
        numbers = [RefNr(nr, lege.helsepersonell.hpr) for lege in DOCTORS for nr in first_numbers(lege)]
        await refnr.issue(self.checker, self.services[0].sealer, numbers)


@contextmanager
def world(database_url: str, folder: Path) -> Iterator[World]:
    """A world on an empty database; `folder` is for keys and authorities."""
    pki = Pki.open(folder / "pki", BEGIN)
    FileKek.create(folder / "kek")
    ages = (BEGIN - timedelta(days=1), BEGIN + timedelta(days=3650))
    cards = {lege.kort: pki.issue(Request(person_subject(lege.kort, lege.navn), *ages), p256_key()) for lege in DOCTORS}
    settings = Settings.model_validate(
        {
            "database_url": SecretStr(database_url),
            "kek_file": folder / "kek",
            "trust_dir": pki.trust_dir,
            "registers": (),
            "answer_seconds": 300,  # on a busy machine nothing here may fail for want of time
            "server_seconds": 30,
        }
    )
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        stack = AsyncExitStack()
        made = runner.run(_made(stack, settings, pki, cards, runner.get_loop()))
        try:
            yield made
        finally:
            runner.run(stack.aclose())


async def _made(
    stack: AsyncExitStack, settings: Settings, pki: Pki, cards: dict[str, Card], loop: asyncio.AbstractEventLoop
) -> World:
    url = settings.database_url.get_secret_value()
    await migrate_all(url)
    moment = _Moment()
    services = [
        await stack.enter_async_context(
            app.service(settings, registers=registers(), authorities=pki.authorities, clock=partial(moment, process))
        )
        for process in range(2)
    ]
    checker = await asyncpg.connect(url)
    stack.push_async_callback(checker.close)
    moment.world = World((services[0], services[1]), checker, loop, cards)
    return moment.world


@dataclass
class _Moment:
    """The clock that the processes are made with, before there is a world."""

    world: World | None = None

    def __call__(self, process: int) -> datetime:
        return self.world.clock(process) if self.world is not None else BEGIN
