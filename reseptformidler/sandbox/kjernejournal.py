"""The sandbox's Kjernejournal: what it asks. What it is sent (M8.1, M25.4) comes to `mottak`, as everybody's."""

from __future__ import annotations

from dataclasses import dataclass

from reseptformidler.client import kjernejournal, melding
from reseptformidler.client.answer import Answer
from reseptformidler.client.melding import IBruk
from reseptformidler.client.parter import Pasient
from reseptformidler.sandbox.population import KJERNEJOURNAL, som_virksomhet
from reseptformidler.sandbox.stage import Stage


@dataclass(frozen=True, slots=True)
class Kjernejournal:
    """The national summary record."""

    stage: Stage

    async def prescriptions(self, person: Pasient) -> Answer:
        """M9.5KJ."""
        octets = kjernejournal.m95kj(self.stage.hode(), som_virksomhet(KJERNEJOURNAL), person.ident)
        return await self._send("M9_5kj", "M9.5KJ: the patient's prescriptions?", octets, "M9.6KJ, the list")

    async def medicines(self, person: Pasient) -> Answer:
        """M9.11, in its own operation."""
        octets = melding.m911(self.stage.hode(), som_virksomhet(KJERNEJOURNAL), IBruk(person.ident))
        return await self._send("M9_11kj", "M9.11: the list of medicines?", octets, "M9.12, the list")

    async def _send(self, operation: str, what: str, octets: bytes, says: str) -> Answer:
        return await self.stage.send(KJERNEJOURNAL.navn, what, ("Rekvirent", operation), octets, says=says)
