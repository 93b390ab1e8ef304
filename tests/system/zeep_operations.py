"""Every operation of the three services as a client system calls it: a message that is accepted, and one that is not.

The story is one patient's: written and dispensed, applied for, packed, looked at, recalled.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

from lxml import etree

from reseptformidler.client import kjernejournal, melding, nettapotek, rekvirent, utleverer
from reseptformidler.client.head import Hode
from reseptformidler.client.lib import Legemiddelliste, Oppforing, Pakkeinfo
from reseptformidler.client.melding import IBruk
from reseptformidler.client.nettapotek import Kunde
from reseptformidler.client.rekvirent import Abonnement, Oppslag, Resept, Tilbakekalling
from reseptformidler.client.utleverer import Rapport, Sok
from reseptformidler.client.varer import resept_dok
from reseptformidler.domain.kalender import norsk_dag
from reseptformidler.registers.fixed import FixedRegisters
from reseptformidler.sandbox.population import (
    APOTEK,
    KJERNEJOURNAL,
    LEGEKONTOR,
    LEGER,
    NETTAPOTEK,
    PERSONER,
    REGISTRERTE,
    SAERLIGE_AKTORER,
    SAERLIGE_LEGER,
    SYSTEM,
    som_utleverer,
    som_virksomhet,
)
from reseptformidler.sandbox.varer import TABLETT, UREGISTRERT_FORHANDSGODKJENT
from reseptformidler.wire.msghead import read_head
from reseptformidler.wire.soap import SERVICES
from tests.meldinger.nettkunder import ASSERTION
from tests.system.world import FEW_REGISTERS, World
from tests.system.zeep_client import Refused, Zeep, codes

EVERYBODY = FEW_REGISTERS.merged(FixedRegisters(personer=REGISTRERTE))
"""The sandbox's few, and whose patient each patient is."""
PERSON, LEGE, LUKKET = PERSONER[0], LEGER[1], SAERLIGE_LEGER["ved deaktivert kontor"]
UNSIGNED = ("M4_1", "M9_21", "Verify")
IN_CONVERSATION = ("M9_3", "M10", "M3", "M9na3")


@dataclass(frozen=True, slots=True)
class Step:
    """One call: an operation, and its message as a sender writes it."""

    service: str
    action: str
    make: Callable[[Hode, Any], bytes]
    msg_id: UUID | None = None

    @property
    def senders(self) -> tuple[Any, Any, str]:
        """Who may send it, who may not, and the code that says so."""
        if self.action.endswith("kj"):
            return som_virksomhet(KJERNEJOURNAL), som_virksomhet(LEGEKONTOR[0]), "160"
        if self.service == "NA" and self.action != "Verify":
            return som_virksomhet(NETTAPOTEK), som_virksomhet(APOTEK[0]), "292"
        closed = SAERLIGE_AKTORER["deaktivert apotek"]
        if self.action == "Verify":
            return som_virksomhet(APOTEK[0]), som_virksomhet(closed), "232"
        if self.service == "Utleverer":
            return som_utleverer(APOTEK[0]), som_utleverer(closed), "232"
        return LEGE.rekvirent, LUKKET.rekvirent, "232"

    def octets(self, world: World, sender: Any) -> bytes:
        """The message of that sender, signed where its type is."""
        talk = str(uuid4()) if self.action in IN_CONVERSATION else ""
        octets = self.make(Hode(self.msg_id or uuid4(), world.clock(), talk, talk), sender)
        if sender not in (LEGE.rekvirent, LUKKET.rekvirent) or self.action in UNSIGNED:
            return octets
        return world.signed(octets, LEGE if sender == LEGE.rekvirent else LUKKET)


def story(world: World) -> Iterator[Step]:
    """All operations, each where it can be accepted."""
    resept_id, soknad_id, now = uuid4(), uuid4(), world.clock()
    yield from written(resept_id, soknad_id)
    yield from dispensed(str(resept_id), str(soknad_id))
    yield from packed(str(resept_id), world)
    spor, kunde, til = IBruk(PERSON.ident), Kunde(PERSON.ident, ASSERTION), norsk_dag(now) + timedelta(days=365)
    for service in ("Rekvirent", "Utleverer"):
        yield Step(service, "M9_11", lambda hode, avsender: melding.m911(hode, avsender, spor))
        yield Step(service, "M9_21", lambda hode, avsender: melding.m921(hode, avsender, now))
    yield Step("Rekvirent", "M9_5", lambda hode, lege: rekvirent.m95(hode, lege, Oppslag(PERSON.ident)))
    yield Step("Rekvirent", "M9_5kj", lambda hode, kj: kjernejournal.m95kj(hode, kj, PERSON.ident))
    yield Step("Rekvirent", "M9_11kj", lambda hode, kj: melding.m911(hode, kj, spor))
    yield Step("Rekvirent", "M24_1", lambda hode, lege: rekvirent.m241(hode, lege, PERSON, Abonnement(til)))
    yield Step("NA", "M9na1", lambda hode, na: nettapotek.m9na1(hode, na, PERSON, kunde))
    yield Step("NA", "M9na3", lambda hode, na: nettapotek.m9na3(hode, na, PERSON, kunde, str(resept_id)))
    recall = Tilbakekalling(str(resept_id))
    yield Step("Rekvirent", "M5", lambda hode, lege: rekvirent.m5(hode, lege, PERSON, recall))
    yield from (Step(name, "Verify", lambda hode, her: melding.mv(hode, her, SYSTEM)) for name in SERVICES)


def written(resept_id: UUID, soknad_id: UUID) -> Iterator[Step]:
    """Reference numbers, a prescription, and one of an unlicensed drug."""
    yield Step("Rekvirent", "M4_1", lambda hode, lege: rekvirent.m41(hode, lege, 2))
    yield Step("Rekvirent", "M1", lambda hode, lege: rekvirent.m1(hode, lege, PERSON, Resept(TABLETT)), resept_id)
    soknad = Resept(UREGISTRERT_FORHANDSGODKJENT)
    yield Step("Rekvirent", "M1", lambda hode, lege: rekvirent.m1(hode, lege, PERSON, soknad), soknad_id)


def dispensed(resept_id: str, soknad_id: str) -> Iterator[Step]:
    """Found, downloaded, reported, not finished; the other one is applied for."""
    rapport = Rapport(resept_id, TABLETT)
    yield Step("Utleverer", "M9_1", lambda hode, her: utleverer.m91(hode, her, Sok(fnr=PERSON.ident)))
    yield Step("Utleverer", "M9_3", lambda hode, her: utleverer.m93(hode, her, resept_id))
    yield Step("Utleverer", "M10", lambda hode, her: utleverer.m10(hode, her, PERSON, rapport))
    yield Step("Utleverer", "M3", lambda hode, her: utleverer.m3(hode, her, soknad_id))
    yield Step("Rekvirent", "M9_7", lambda hode, lege: rekvirent.m97(hode, lege, resept_id))


def packed(resept_id: str, world: World) -> Iterator[Step]:
    """Doctor and pharmacy register for multidose; the list, a question, what was packed."""
    now = world.clock()
    entry = Oppforing(str(uuid4()), "E", now, resept_dok(TABLETT, "1", 0).encode(), resept_id)
    liste, pakket = Legemiddelliste((entry,)), Legemiddelliste((entry,), pakkeinfo=Pakkeinfo(now))
    for service in ("Rekvirent", "Utleverer"):
        yield Step(service, "M27_1", lambda hode, avsender: melding.m271(hode, avsender, PERSON, norsk_dag(now)))
    yield Step("Rekvirent", "M25_1", lambda hode, lege: rekvirent.m251(hode, lege, PERSON, liste))
    yield Step("Utleverer", "M25_2", lambda hode, her: utleverer.m252(hode, her, PERSON, liste))
    yield Step("Utleverer", "M25_3", lambda hode, her: utleverer.m253(hode, her, PERSON, pakket))


def play_all(client: Zeep, world: World) -> None:
    """Each operation accepts one message and refuses another: in an AppRec, or a fault with one where that is no reply.

    A reply stands in the conversation of its question, M4.1, M24.1 and M9.5 being the first and last of theirs (F11).
    """
    called = set()
    for step in story(world):
        operation = SERVICES[step.service].operations[step.action]
        right, wrong, code = step.senders
        octets = step.octets(world, right)
        answer = client.call(step.service, step.action, octets)
        if operation.reply_is_apprec:
            assert codes(answer) == [], step.action
        else:
            head, asked = read_head(answer), read_head(etree.fromstring(octets))
            assert head.ref_to_parent == asked.msg_id_text
            assert head.ref_to_conversation == (asked.ref_to_conversation or asked.msg_id_text)
        found, faulted = refused(client, step, step.octets(world, wrong))
        assert code in found, step.action
        assert faulted is not operation.reply_is_apprec, step.action
        called.add((step.service, step.action))
    assert called == set(client.operations)
    assert len(called) == 26


def refused(client: Zeep, step: Step, octets: bytes) -> tuple[list[str], bool]:
    """The codes of the AppRec that answers, and whether it came in a fault."""
    try:
        return codes(client.call(step.service, step.action, octets)), False
    except Refused as fault:
        return codes(fault.apprec), True
