"""A doctor at his or her system (EPJ): one method for each thing that a doctor does."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from uuid import uuid4

from reseptformidler.client import melding, rekvirent
from reseptformidler.client.answer import Answer
from reseptformidler.client.head import Hode
from reseptformidler.client.lib import Legemiddelliste, Oppforing
from reseptformidler.client.melding import IBruk
from reseptformidler.client.parter import Pasient
from reseptformidler.client.rekvirent import Abonnement, Oppslag, Resept, Tilbakekalling
from reseptformidler.client.varer import Vare, resept_dok
from reseptformidler.domain.aktor import Aktor
from reseptformidler.domain.kalender import norsk_dag
from reseptformidler.sandbox.population import Lege
from reseptformidler.sandbox.stage import Stage

RENEWED = "1"
DISCONTINUED = "2"
"""Of list 7500."""


@dataclass(frozen=True, slots=True)
class Epj:
    """A doctor. What returns text gives the MsgId, by which the messages that follow from it are waited for."""

    stage: Stage
    lege: Lege

    @property
    def kontor(self) -> Aktor:
        """Where messages to the doctor arrive."""
        return self.lege.kontor

    async def prescribe(
        self, person: Pasient, resept: Resept, what: str = "M1: a prescription, signed", *, expects: str = ""
    ) -> str:
        """M1."""
        hode = self.stage.hode()
        await self._signed("M1", what, rekvirent.m1(hode, self.lege.rekvirent, person, resept), expects=expects)
        return str(hode.msg_id)

    async def recall(
        self,
        person: Pasient,
        resept_id: str,
        what: str = "M5: recalls it",
        *,
        arsak: str = DISCONTINUED,
        ny: str = "",
        expects: str = "",
    ) -> str:
        """M5. `ny`: what replaces it, where the cause is that it is renewed."""
        hode = self.stage.hode()
        recalled = Tilbakekalling(resept_id, arsak, ny_resept_id=ny)
        octets = rekvirent.m5(hode, self.lege.rekvirent, person, recalled)
        await self._signed("M5", what, octets, expects=expects)
        return str(hode.msg_id)

    async def renew(self, person: Pasient, resept_id: str, resept: Resept) -> tuple[str, str]:
        """M1, then M5 for the old one (T1): MsgIds of both."""
        new = await self.prescribe(person, resept, "M1: the same again")
        return new, await self.recall(person, resept_id, "M5: the old one is renewed", arsak=RENEWED, ny=new)

    async def prescriptions(self, person: Pasient, what: str = "M9.5: the patient's prescriptions?") -> Answer:
        """M9.5, ended ones too."""
        asked = Oppslag(fnr=person.ident, alle=True)
        octets = rekvirent.m95(self.stage.hode(), self.lege.rekvirent, asked)
        return await self._signed("M9_5", what, octets, says="M9.6, the list")

    async def dispensings(self, resept_id: str) -> Answer:
        """M9.7."""
        octets = rekvirent.m97(self.stage.hode(), self.lege.rekvirent, resept_id)
        return await self._signed("M9_7", "M9.7: what was dispensed?", octets, says="M9.8, the reports")

    async def reference_numbers(self, antall: int) -> Answer:
        """M4.1, which nobody signs."""
        octets = rekvirent.m41(self.stage.hode(), self.lege.rekvirent, antall)
        what, says = f"M4.1: {antall} reference numbers, please", "M4.2, the numbers"
        return await self.stage.send(self._navn, what, ("Rekvirent", "M4_1"), octets, says=says)

    async def subscribe(self, person: Pasient) -> Answer:
        """M24.1, for a year."""
        abonnement = Abonnement(til=norsk_dag(self.stage.clock()) + timedelta(days=365))
        octets = rekvirent.m241(self.stage.hode(), self.lege.rekvirent, person, abonnement)
        return await self._signed("M24_1", "M24.1: tell me of dispensings", octets, says="M24.2, subscribed")

    async def multidose(self, person: Pasient, *, registrer: bool = True) -> str:
        """M27.1, from today on."""
        hode, dag = self.stage.hode(), norsk_dag(self.stage.clock())
        octets = melding.m271(hode, self.lege.rekvirent, person, dag, registrer=registrer)
        what = "M27.1: multidose doctor from today" if registrer else "M27.1: no longer multidose doctor"
        await self._signed("M27_1", what, octets, says="M27.2, who was responsible until now")
        return str(hode.msg_id)

    async def medicines(self, person: Pasient) -> Answer:
        """M9.11."""
        octets = melding.m911(self.stage.hode(), self.lege.rekvirent, IBruk(person.ident))
        return await self._signed("M9_11", "M9.11: the list of medicines?", octets, says="M9.12, the list")

    async def list_medicines(
        self, person: Pasient, liste: Legemiddelliste, parent: str = "", *, expects: str = ""
    ) -> str:
        """M25.1; `parent` is the last message of the list (X8)."""
        hode = Hode(uuid4(), self.stage.clock(), parent, parent)
        octets = rekvirent.m251(hode, self.lege.rekvirent, person, liste)
        await self._signed("M25_1", "M25.1: the list of medicines", octets, expects=expects)
        return str(hode.msg_id)

    @property
    def _navn(self) -> str:
        return f"{self.lege.navn}, lege"

    async def _signed(self, operation: str, what: str, octets: bytes, *, expects: str = "", says: str = "") -> Answer:
        call, signed = ("Rekvirent", operation), self.stage.signed(octets, self.lege)
        return await self.stage.send(self._navn, what, call, signed, expects=expects, says=says)


def entry(stage: Stage, resept_id: str, vare: Vare) -> Oppforing:
    """What a list says of a prescription of one package."""
    return Oppforing(str(uuid4()), "E", stage.clock(), resept_dok(vare, "1", 0).encode(), resept_id)
