"""A net pharmacy: what it asks for a customer who has logged in."""

from __future__ import annotations

from dataclasses import dataclass

from reseptformidler.client import nettapotek
from reseptformidler.client.answer import Answer
from reseptformidler.client.nettapotek import Kunde
from reseptformidler.client.parter import Pasient, Virksomhet
from reseptformidler.sandbox.population import NETTAPOTEK, som_virksomhet
from reseptformidler.sandbox.stage import Stage

_PROOF = b'<saml:Assertion xmlns:saml="urn:oasis:names:tc:SAML:2.0:assertion" ID="sandbox" Version="2.0"/>'
"""In the place of what ID-porten gives; the service does not verify it yet."""


@dataclass(frozen=True, slots=True)
class Nettapotek:
    """The sandbox's net pharmacy, with one customer logged in."""

    stage: Stage
    kunde: Pasient

    async def prescriptions(self, person: Pasient, *, expects: str = "") -> Answer:
        """M9NA1: those of the customer, or of the customer's child."""
        octets = nettapotek.m9na1(self.stage.hode(), _sender(), person, self._kunde)
        what = f"M9NA1: prescriptions of {person.fornavn} {person.etternavn}?"
        return await self._send("M9na1", what, octets, expects=expects, says="M9NA2, the list")

    async def prescription(self, listed: Answer, person: Pasient, resept_id: str) -> Answer:
        """M9NA3: one of the list."""
        octets = nettapotek.m9na3(self.stage.hode(listed), _sender(), person, self._kunde, resept_id)
        return await self._send("M9na3", "M9NA3: this one in full?", octets, says="M9NA4, all about it")

    @property
    def _kunde(self) -> Kunde:
        return Kunde(self.kunde.ident, _PROOF, self.kunde.ident_type)

    async def _send(self, operation: str, what: str, octets: bytes, *, expects: str = "", says: str = "") -> Answer:
        return await self.stage.send(NETTAPOTEK.navn, what, ("NA", operation), octets, expects=expects, says=says)


def _sender() -> Virksomhet:
    return som_virksomhet(NETTAPOTEK)
