"""A pharmacy and its system: one method for each thing that is done there."""

from __future__ import annotations

from dataclasses import dataclass

from reseptformidler.client import melding, utleverer
from reseptformidler.client.answer import Answer
from reseptformidler.client.head import Hode
from reseptformidler.client.lib import Legemiddelliste
from reseptformidler.client.parter import Pasient, Utleverer
from reseptformidler.client.utleverer import Rapport, Sok
from reseptformidler.domain.aktor import Aktor
from reseptformidler.domain.kalender import norsk_dag
from reseptformidler.sandbox.population import som_utleverer
from reseptformidler.sandbox.stage import Stage


@dataclass(frozen=True, slots=True)
class Apotek:
    """A pharmacy. What returns text gives the MsgId, by which the messages that follow from it are waited for."""

    stage: Stage
    aktor: Aktor

    @property
    def sender(self) -> Utleverer:
        """As messages name it."""
        return som_utleverer(self.aktor)

    async def search(
        self, sok: Sok, what: str = "M9.1: the patient's prescriptions?", says: str = "M9.2, the list"
    ) -> Answer:
        """M9.1: a conversation begins."""
        return await self._send("M9_1", what, utleverer.m91(self.stage.hode(), self.sender, sok), says=says)

    async def download(
        self,
        listed: Answer,
        resept_id: str,
        what: str = "M9.3: this one, please",
        *,
        refnr: str = "",
        expects: str = "",
    ) -> Answer:
        """M9.3, in the conversation of a list or of a request (M21)."""
        octets = utleverer.m93(self.stage.hode(listed), self.sender, resept_id, refnr)
        return await self._send("M9_3", what, octets, expects=expects, says="M9.4, the M1 as signed; locked")

    async def fetch(self, person: Pasient, resept_id: str) -> Answer:
        """M9.1 and M9.3; DemoFailed if it is not in the list."""
        listed = await self.search(Sok(fnr=person.ident))
        self.stage.check(resept_id in shown(listed), "the prescription is not in the list")
        return await self.download(listed, resept_id)

    async def report(
        self, m94: Answer, person: Pasient, rapport: Rapport, what: str = "M10: dispensed", *, expects: str = ""
    ) -> str:
        """M10 in the conversation of a download: a dispensing, a cancel or an annulment."""
        hode = self.stage.hode(m94)
        await self._send("M10", what, utleverer.m10(hode, self.sender, person, rapport), expects=expects)
        return str(hode.msg_id)

    async def report_paper(self, person: Pasient, rapport: Rapport) -> str:
        """M10 of a prescription on paper: there was no conversation before."""
        hode = self.stage.hode()
        octets = utleverer.m10(hode, self.sender, person, rapport)
        await self._send("M10", "M10: dispensed on paper", octets)
        return str(hode.msg_id)

    async def apply(self, m94: Answer, resept_id: str) -> str:
        """M3: that the service applies for the use of an unlicensed drug."""
        hode = self.stage.hode(m94)
        octets = utleverer.m3(hode, self.sender, resept_id, "Ingen annen behandling har virket")
        await self._send("M3", "M3: apply for its use", octets)
        return str(hode.msg_id)

    async def multidose(self, person: Pasient, *, registrer: bool = True) -> str:
        """M27.1, from today on."""
        hode, dag = self.stage.hode(), norsk_dag(self.stage.clock())
        octets = melding.m271(hode, self.sender, person, dag, registrer=registrer)
        what = "M27.1: multidose pharmacy from today" if registrer else "M27.1: no longer multidose pharmacy"
        await self._send("M27_1", what, octets, says="M27.2, who was responsible until now")
        return str(hode.msg_id)

    async def propose(self, person: Pasient, liste: Legemiddelliste, after: str) -> str:
        """M25.2, which answers the list with that MsgId."""
        hode = self._in_answer_to(after)
        await self._send("M25_2", "M25.2: a question about it", utleverer.m252(hode, self.sender, person, liste))
        return str(hode.msg_id)

    async def packed(self, person: Pasient, liste: Legemiddelliste, after: str) -> str:
        """M25.3, which answers the list with that MsgId."""
        hode = self._in_answer_to(after)
        await self._send("M25_3", "M25.3: what was packed", utleverer.m253(hode, self.sender, person, liste))
        return str(hode.msg_id)

    def _in_answer_to(self, msg_id: str) -> Hode:
        new = self.stage.hode()
        return Hode(new.msg_id, new.gen_date, msg_id, msg_id)

    async def _send(self, operation: str, what: str, octets: bytes, *, expects: str = "", says: str = "") -> Answer:
        call = ("Utleverer", operation)
        return await self.stage.send(self.aktor.navn, what, call, octets, expects=expects, says=says)


def shown(listed: Answer) -> set[str]:
    """The ReseptId of all that stands in a list."""
    return {element.text or "" for element in listed.root.iter("{*}ReseptId")}
