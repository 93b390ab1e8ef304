"""The messages of the load, written and signed before they are sent, each with the answer it must get.

The mix follows the national figures: M1 1, M9.1 2, M9.3 1.7, M10 1.7, and every tenth message of each type is wrong.
Each prescription is downloaded and dispensed once, seven of ten twice. A message that needs an earlier one comes a
stock's length later: the stock is what was prescribed, or downloaded, before and not used yet.
"""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from itertools import cycle
from uuid import UUID, uuid4

from loadtest.answers import Expected, Message, soap_message
from reseptformidler.client import rekvirent, utleverer
from reseptformidler.client.head import Hode
from reseptformidler.client.parter import Pasient
from reseptformidler.client.rekvirent import Resept
from reseptformidler.client.sign import Card, sign
from reseptformidler.client.utleverer import Rapport, Sok
from reseptformidler.client.varer import Vare
from reseptformidler.domain.aktor import Aktor
from reseptformidler.sandbox.pki import Pki
from reseptformidler.sandbox.population import APOTEK, LEGER, Lege, person, som_utleverer
from reseptformidler.sandbox.varer import LEGEMIDLER

MIX = {"M1": 10, "M9.1": 20, "M9.3": 17, "M10": 17}
"""Messages of each type in a block of 64, which is shuffled."""
BAD_EVERY = 10
DISPENSED_TWICE = 7
"""Of ten prescriptions: 17 dispensings for 10."""


@dataclass(frozen=True, slots=True)
class Prescription:
    """An M1 that was sent: what the later messages about it need to know."""

    resept_id: UUID
    octets: bytes
    person: Pasient
    vare: Vare
    apotek: Aktor
    dispensings: int
    """Still to come."""


@dataclass(slots=True)
class Traffic:
    """Writes messages. Prescribers, patients and pharmacies take turns; `seed` decides the order of the types."""

    cards: list[tuple[Lege, Card]]
    persons: list[Pasient]
    seed: int = 1
    ready: deque[Prescription] = field(default_factory=deque)
    """Prescribed, may be downloaded."""
    locked: deque[Prescription] = field(default_factory=deque)
    """Downloaded, may be dispensed."""
    _turn: Iterator[int] = field(init=False)
    _order: random.Random = field(init=False)
    _good: dict[str, Callable[[int], Message]] = field(init=False)
    _bad: dict[str, Iterator[Callable[[int], Message]]] = field(init=False)
    _count: dict[str, int] = field(init=False)

    def __post_init__(self) -> None:
        self._turn = iter(range(10**12))
        self._order = random.Random(self.seed)
        self._count = dict.fromkeys(MIX, 0)
        self._good = {"M1": self.m1, "M9.1": self._m91, "M9.3": self.m93, "M10": self._m10}
        self._bad = {
            "M1": cycle((self._m1_changed, self._m1_wrong_code, self._m1_wrong_element, self._m1_cut)),
            "M9.1": cycle((self._m91_empty, self._m91_cut)),
            "M9.3": cycle((self._m93_unknown, self._m93_taken)),
            "M10": cycle((self._m10_unknown, self._m10_wrong_code)),
        }

    @classmethod
    def of(cls, pki: Pki, doctors: int, patients: int, seed: int = 1) -> Traffic:
        """Traffic of so many doctors and patients."""
        now = datetime.now(UTC)
        cards = [(lege, pki.card(lege, now)) for lege in LEGER[:doctors]]
        return cls(cards, [person(number) for number in range(patients)], seed)

    def m1s(self, number: int) -> list[Message]:
        """Correct prescriptions."""
        return [self.m1(next(self._turn)) for _ in range(number)]

    def m93s(self, number: int) -> list[Message]:
        """Correct downloads of what is ready."""
        return [self.m93() for _ in range(number)]

    def mix(self, number: int) -> list[Message]:
        """So many messages in the mix."""
        kinds: list[str] = []
        while len(kinds) < number:
            block = [kind for kind, times in MIX.items() for _ in range(times)]
            self._order.shuffle(block)
            kinds += block
        return [self._next(kind) for kind in kinds[:number]]

    def _next(self, kind: str) -> Message:
        self._count[kind] += 1
        bad = self._count[kind] % BAD_EVERY == 0
        return (next(self._bad[kind]) if bad else self._good[kind])(next(self._turn))

    def m1(self, turn: int) -> Message:
        """A prescription, signed."""
        prescription = self._prescribed(turn)
        self.ready.append(prescription)
        return soap_message("M1", "Rekvirent", prescription.octets, Expected())

    def _prescribed(self, turn: int, change: Callable[[bytes], bytes] = bytes) -> Prescription:
        """`change` is made before the doctor signs."""
        lege, card = self.cards[turn % len(self.cards)]
        who, vare = self.persons[turn % len(self.persons)], LEGEMIDLER[turn % len(LEGEMIDLER)]
        times = 2 if turn % 10 < DISPENSED_TWICE else 1
        hode = _begins()
        octets = sign(
            change(_as_journals_write(rekvirent.m1(hode, lege.rekvirent, who, Resept(vare, reiterasjon=times - 1)))),
            card,
        )
        return Prescription(hode.msg_id, octets, who, vare, APOTEK[turn % len(APOTEK)], times)

    def _m91(self, turn: int) -> Message:
        who = self.persons[turn % len(self.persons)]
        octets = utleverer.m91(_begins(), som_utleverer(APOTEK[turn % len(APOTEK)]), Sok(fnr=who.ident))
        return soap_message("M9.1", "Utleverer", octets, Expected(reply="ERM92"))

    def m93(self, _: int = 0) -> Message:
        """A download of the prescription that was ready first."""
        prescription = self.ready.popleft()
        self.locked.append(prescription)
        octets = utleverer.m93(_goes_on(), som_utleverer(prescription.apotek), str(prescription.resept_id))
        return soap_message("M9.3", "Utleverer", octets, Expected(reply="ERM94", holds=prescription.octets))

    def _m10(self, _: int) -> Message:
        prescription = self.locked.popleft()
        left = prescription.dispensings - 1
        if left:
            self.ready.append(replace(prescription, dispensings=left))
        report = Rapport(str(prescription.resept_id), prescription.vare, avsluttet=not left)
        octets = utleverer.m10(_goes_on(), som_utleverer(prescription.apotek), prescription.person, report)
        return soap_message("M10", "Utleverer", octets, Expected())

    def _bad_m1(self, octets: bytes, expected: Expected) -> Message:
        return soap_message("M1", "Rekvirent", octets, expected)

    def _m1_changed(self, turn: int) -> Message:
        """Changed after it was signed."""
        octets = self._prescribed(turn).octets.replace(b"<Antall>1<", b"<Antall>9<")
        return self._bad_m1(octets, Expected(code="43"))

    def _m1_wrong_code(self, turn: int) -> Message:
        """Signed, of a group of goods that does not exist."""
        wrong = self._prescribed(turn, lambda m1: m1.replace(b'<Varegruppekode V="L"', b'<Varegruppekode V="X"'))
        return self._bad_m1(wrong.octets, Expected(code="24"))

    def _m1_wrong_element(self, turn: int) -> Message:
        """Signed, with an element that no schema knows."""
        wrong = self._prescribed(turn, lambda m1: m1.replace(b"LastResept>", b"SistResept>"))
        return self._bad_m1(wrong.octets, Expected(code="320"))

    def _m1_cut(self, turn: int) -> Message:
        return self._bad_m1(self._prescribed(turn).octets[:-20], Expected(status=400, reply=""))

    def _m91_empty(self, turn: int) -> Message:
        """A search by nothing."""
        octets = utleverer.m91(_begins(), som_utleverer(APOTEK[turn % len(APOTEK)]), Sok())
        return soap_message("M9.1", "Utleverer", octets, Expected(code="60"))

    def _m91_cut(self, turn: int) -> Message:
        octets = utleverer.m91(_begins(), som_utleverer(APOTEK[turn % len(APOTEK)]), Sok())[:-20]
        return soap_message("M9.1", "Utleverer", octets, Expected(status=400, reply=""))

    def _m93_unknown(self, turn: int) -> Message:
        octets = utleverer.m93(_goes_on(), som_utleverer(APOTEK[turn % len(APOTEK)]), str(uuid4()))
        return soap_message("M9.3", "Utleverer", octets, Expected(code="1"))

    def _m93_taken(self, _: int) -> Message:
        """What another pharmacy holds: of the downloaded ones, one that has long been and stays so for long."""
        prescription = self.locked[len(self.locked) // 2]
        other = next(apotek for apotek in APOTEK if apotek != prescription.apotek)
        octets = utleverer.m93(_goes_on(), som_utleverer(other), str(prescription.resept_id))
        return soap_message("M9.3", "Utleverer", octets, Expected(code="69"))

    def _m10_unknown(self, turn: int) -> Message:
        return soap_message("M10", "Utleverer", self._m10_of_nothing(turn), Expected(code="1"))

    def _m10_wrong_code(self, turn: int) -> Message:
        """Neither yes nor no."""
        octets = self._m10_of_nothing(turn).replace(b'<Avsluttet V="1"', b'<Avsluttet V="7"')
        return soap_message("M10", "Utleverer", octets, Expected(code="230"))

    def _m10_of_nothing(self, turn: int) -> bytes:
        report = Rapport(str(uuid4()), LEGEMIDLER[0], avsluttet=True)
        return utleverer.m10(_goes_on(), som_utleverer(APOTEK[turn % len(APOTEK)]), self.persons[0], report)


_WORKPLACE = (
    b'<Address><Type V="WP" DN="Arbeidsadresse"/><StreetAdr>Sandkasseveien 1</StreetAdr><PostalCode>0001</PostalCode>'
    b"<City>Oslo</City></Address>"
)
_TIMES = ((1, b"Morgen"), (2, b"Formiddag"), (3, b"Ettermiddag"), (4, b"Kveld"))
_DOSES = b"".join(
    b'<DoseFastTidspunkt><Mengde V="1" U="tablett"/><Intervall V="1" U="d"/>'
    b'<Tidsomrade V="%d" DN="%s"/><GisEksakt>false</GisEksakt></DoseFastTidspunkt>' % _TIMES[number % len(_TIMES)]
    for number in range(22)
)
_DOSAGE = (
    b'<Kortdose V="93" S="2.16.578.1.12.4.1.1.7478" DN="1 daglig" OT="1 tablett daglig"/>'
    b'<Dosering><Starttidspunkt V="2026-01-01"/>' + _DOSES + b"</Dosering>"
)


def _as_journals_write(m1: bytes) -> bytes:
    """With what journal systems add to the least there must be, and a long plan of doses: some 210 elements, 9 kB.

    The signed messages that were published have 110 to 190 elements and 7 to 29 kB.
    """
    m1 = m1.replace(b"</HealthcareProfessional>", _WORKPLACE + b"</HealthcareProfessional>")
    m1 = m1.replace(b"</Utloper>", b"</Utloper><Frikort>false</Frikort>")
    return m1.replace(b"<Legemiddelpakning>", _DOSAGE + b"<Legemiddelpakning>")


def _begins() -> Hode:
    """The head of a message that begins a conversation."""
    return Hode(uuid4(), datetime.now(UTC))


def _goes_on() -> Hode:
    """The head of a message in a conversation."""
    talk = str(uuid4())
    return Hode(uuid4(), datetime.now(UTC), talk, talk)
