"""The senders: doctors who prescribe and recall, pharmacies that race for the same prescriptions."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from random import Random
from uuid import UUID

from loadtest.crash.answers import Answer
from loadtest.crash.history import Asked
from loadtest.crash.post import Letter, Post, letter
from reseptformidler.client import rekvirent, utleverer
from reseptformidler.client.head import Hode
from reseptformidler.client.rekvirent import Resept, Tilbakekalling
from reseptformidler.client.sign import sign
from reseptformidler.client.utleverer import Rapport, Sok
from reseptformidler.domain.aktor import Aktor
from reseptformidler.sandbox.pki import Pki
from reseptformidler.sandbox.population import APOTEK, LEGER, Lege, person, som_utleverer
from reseptformidler.sandbox.varer import TABLETT

DOCTORS: Sequence[Lege] = LEGER[:4]
PHARMACIES: Sequence[Aktor] = APOTEK[:8]
HOT = 12
"""So many of the newest prescriptions are what everybody is after."""
PRESCRIPTIONS_EACH = 6
"""Of one patient: a list stays short."""
RIGHT = 4
"""Dispensings that each prescription allows."""
KEPT_LETTERS = 25
"""Of each sender, to be repeated at any later time."""


@dataclass(slots=True)
class Scene:
    """What all senders share."""

    post: Post
    pki: Pki
    seed: int
    faint: float = 0.05
    """How probably a sender gives up after a failure, and never knows."""
    prescribed: dict[str, int] = field(default_factory=dict)
    """Every prescription that was ever asked for, with the number of its patient."""
    hot: deque[str] = field(default_factory=lambda: deque(maxlen=HOT))

    def new_patient(self) -> int:
        """The patient of the next prescription."""
        return len(self.prescribed) // PRESCRIPTIONS_EACH


class Sender:
    """One system that sends one message after the other, and now and then repeats an old one."""

    def __init__(self, scene: Scene, name: str, her: str) -> None:
        self.scene = scene
        self.name = name
        self.her = her
        self.random = Random(f"{scene.seed} {name}")
        self.kept: list[Letter] = []
        self._sent = 0

    def hode(self, *, follows: bool = False) -> Hode:
        """The head of a message of now; one that follows another names a conversation (7419/302, 226)."""
        talk = str(self._uuid()) if follows else ""
        return Hode(self._uuid(), datetime.now(UTC), talk, talk)

    def _uuid(self) -> UUID:
        return UUID(int=self.random.getrandbits(128), version=4)

    def choose(self, *weighted: tuple[int, Callable[[], Awaitable[None]]]) -> Awaitable[None]:
        """One of several errands, each as often as its weight says."""
        weights, errands = zip(*weighted, strict=True)
        errand: Callable[[], Awaitable[None]] = self.random.choices(errands, weights)[0]
        return errand()

    async def ask(self, call: tuple[str, str], asked: Asked, octets: bytes) -> Answer | None:
        """Send a new message."""
        sent = letter(replace(asked, her=self.her), call, octets)
        answer = await self.scene.post.send(sent, self.random, faint=self.scene.faint, hasty=0.03)
        if answer is not None:
            self._keep(sent)
        return answer

    async def repeat(self) -> None:
        """Send some message again that was answered already: just now, or before many a crash."""
        if self.kept:
            await self.scene.post.send(self.random.choice(self.kept), self.random)

    def _keep(self, sent: Letter) -> None:
        """Every message ever answered is kept with the same probability."""
        self._sent += 1
        if len(self.kept) < KEPT_LETTERS:
            self.kept.append(sent)
        elif self.random.randrange(self._sent) < KEPT_LETTERS:
            self.kept[self.random.randrange(KEPT_LETTERS)] = sent

    async def work(self) -> None:
        """Errand after errand, until the scene ends."""
        while not self.scene.post.stopped():
            await self.errand()
            await asyncio.sleep(self.random.uniform(0, 0.03))

    async def errand(self) -> None:
        """One thing this kind of sender does."""
        raise AssertionError("each kind of sender has errands of its own")


class Doctor(Sender):
    """Prescribes, recalls its own and others' prescriptions."""

    def __init__(self, scene: Scene, lege: Lege) -> None:
        super().__init__(scene, lege.kontor.navn, lege.kontor.her)
        self._lege = lege
        self._card = scene.pki.card(lege, datetime.now(UTC))

    async def errand(self) -> None:
        """Mostly a new prescription."""
        await self.choose((80, self.consult), (12, self.recall), (8, self.repeat))

    async def prescribe(self) -> None:
        """M1."""
        hode, patient = self.hode(), self.scene.new_patient()
        resept = str(hode.msg_id)
        self.scene.prescribed[resept] = patient
        octets = rekvirent.m1(hode, self._lege.rekvirent, person(patient), Resept(TABLETT, reiterasjon=RIGHT - 1))
        asked = Asked(self.name, "prescribe", resept, resept, patient, right=RIGHT)
        answer = await self.ask(("Rekvirent", "M1"), asked, sign(octets, self._card))
        if answer is not None:
            self.scene.hot.append(resept)

    async def consult(self) -> None:
        """A prescription, and some time with the patient."""
        await self.prescribe()
        await asyncio.sleep(self.random.uniform(0, 0.3))

    async def recall(self) -> None:
        """M5: its own prescription, or another doctor's."""
        if not self.scene.hot:
            return
        hode, resept = self.hode(), self.random.choice(self.scene.hot)
        patient = person(self.scene.prescribed[resept])
        octets = rekvirent.m5(hode, self._lege.rekvirent, patient, Tilbakekalling(resept, "2", "Seponert"))
        asked = Asked(self.name, "recall", str(hode.msg_id), resept)
        await self.ask(("Rekvirent", "M5"), asked, sign(octets, self._card))


class Pharmacy(Sender):
    """Lists, downloads, dispenses, cancels, annuls; sometimes reports what it never downloaded."""

    def __init__(self, scene: Scene, aktor: Aktor) -> None:
        super().__init__(scene, aktor.navn, aktor.her)
        self._aktor = aktor
        self._dispensed: deque[tuple[str, str]] = deque(maxlen=10)
        self._at_counter: set[str] = set()
        """One customer at a time with each prescription."""
        self._wanted: set[str] = set()
        """Every prescription it ever tried to download."""

    async def errand(self) -> None:
        """Mostly what a customer at the counter leads to."""
        if not self.scene.hot:
            await asyncio.sleep(0.05)
            return
        await self.choose(
            (50, self.serve), (25, self.grab), (8, self.annul), (5, self.report_unasked), (12, self.repeat)
        )

    async def list_(self, patient: int, *, everything: bool) -> Answer | None:
        """M9.1."""
        hode = self.hode()
        octets = utleverer.m91(hode, som_utleverer(self._aktor), Sok(fnr=person(patient).ident, alle=everything))
        asked = Asked(self.name, "list_all" if everything else "list", str(hode.msg_id), patient=patient)
        return await self.ask(("Utleverer", "M9_1"), asked, octets)

    async def download(self, resept: str) -> Answer | None:
        """M9.3."""
        hode = self.hode(follows=True)
        self._wanted.add(resept)
        asked = Asked(self.name, "download", str(hode.msg_id), resept)
        return await self.ask(("Utleverer", "M9_3"), asked, utleverer.m93(hode, som_utleverer(self._aktor), resept))

    async def serve(self) -> None:
        """What stands free in a patient's list is dispensed."""
        patient = self.scene.prescribed[self.random.choice(self.scene.hot)]
        found = await self.list_(patient, everything=self.random.random() < 0.3)
        free = [resept for resept, one in found.listed if one.status == "E"] if found else []
        if free:
            await self._dispense(self.random.choice(free))

    async def grab(self) -> None:
        """Whatever others are after is dispensed, if it can be had."""
        await self._dispense(self.random.choice(self.scene.hot))

    async def annul(self) -> None:
        """Some dispensing of its own; it may be annulled already."""
        if self._dispensed:
            resept, msg_id = self.random.choice(self._dispensed)
            await self._m10("annul", Rapport(resept, TABLETT, annullerer=msg_id))

    async def report_unasked(self) -> None:
        """What it does not hold: never tried to have."""
        others = [resept for resept in self.scene.hot if resept not in self._wanted]
        if others:
            await self._report(self.random.choice(others), 0)

    async def _dispense(self, resept: str) -> None:
        if resept not in self._at_counter:
            self._at_counter.add(resept)
            try:
                await self._with_a_customer(resept)
            finally:
                self._at_counter.discard(resept)

    async def _with_a_customer(self, resept: str) -> None:
        got = await self.download(resept)
        if got is None or got.kind != "given":
            return
        if self.random.random() < 0.1:
            got = await self.download(resept) or got
        if self.random.random() < 0.03:
            return  # forgotten under the counter: it stays locked
        await asyncio.sleep(self.random.uniform(0, 0.1))
        await self._report(resept, len(got.documents) - 1)

    async def _report(self, resept: str, dispensed: int) -> None:
        """The last dispensing that the prescription allows finishes it; there is none after that."""
        verb = self.random.choices(("dispense", "finish", "cancel"), (60, 15, 25))[0]
        if dispensed >= RIGHT:
            verb = "cancel"
        elif dispensed == RIGHT - 1 and verb == "dispense":
            verb = "finish"
        if verb == "cancel":
            rapport = Rapport(resept, kansellering="1")
        else:
            rapport = Rapport(resept, TABLETT, avsluttet=verb == "finish")
        msg_id, answer = await self._m10(verb, rapport)
        if verb != "cancel" and answer is not None and answer.kind == "accepted":
            self._dispensed.append((resept, msg_id))

    async def _m10(self, verb: str, rapport: Rapport) -> tuple[str, Answer | None]:
        hode = self.hode(follows=True)
        patient = person(self.scene.prescribed[rapport.resept_id])
        octets = utleverer.m10(hode, som_utleverer(self._aktor), patient, rapport)
        asked = Asked(self.name, verb, str(hode.msg_id), rapport.resept_id, annuls=rapport.annullerer)
        return asked.msg_id, await self.ask(("Utleverer", "M10"), asked, octets)


async def play(scene: Scene) -> list[Sender]:
    """Let all senders work until the scene ends; gives them back with what they remember."""
    senders: list[Sender] = [Doctor(scene, lege) for lege in DOCTORS]
    senders += [Pharmacy(scene, aktor) for aktor in PHARMACIES]
    async with asyncio.TaskGroup() as group:
        for sender in senders:
            group.create_task(sender.work())
    return senders


async def look_at_everything(scene: Scene, senders: Sequence[Sender], at_once: int = 8) -> None:
    """At the end: every prescription listed, then downloaded by who may; every kept message repeated."""
    pharmacies = {one.name: one for one in senders if isinstance(one, Pharmacy)}
    gate = asyncio.Semaphore(at_once)
    first = next(iter(pharmacies.values()))

    async def look(patient: int) -> None:
        async with gate:
            found = await first.list_(patient, everything=True)
            listed = dict(found.listed) if found else {}
            for resept in [one for one, whose in scene.prescribed.items() if whose == patient]:
                holder = listed[resept].holder if resept in listed else ""
                await pharmacies.get(holder, first).download(resept)

    async def repeat_kept(sender: Sender) -> None:
        async with gate:
            for one in sender.kept:
                await scene.post.send(one, sender.random)

    async with asyncio.TaskGroup() as group:
        for patient in sorted(set(scene.prescribed.values())):
            group.create_task(look(patient))
        for sender in senders:
            group.create_task(repeat_kept(sender))
