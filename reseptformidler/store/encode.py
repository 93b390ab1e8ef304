"""Values of the domain as they are stored: sealed bytes, each bound to its record, and keyed hashes to search by.

A stored value begins with one byte that tells how it is encoded; now 1: JSON in which defaults are left out. Unknown
fields are skipped, so that code of the release before can read what newer code wrote.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, TypeVar
from uuid import UUID

from pydantic import TypeAdapter
from pydantic_core import from_json, to_json

from reseptformidler.domain.decision import Needs, Nodsok, RefNr, Vedlegg
from reseptformidler.domain.pasientkort import Pasientkort
from reseptformidler.domain.resept import Resept, Utlevering
from reseptformidler.store.seal import Sealer, Unsealable

T = TypeVar("T")

_VERSION = b"\x01"
_WHOLE = b"\x02"
"""Of what is owed: the message as it is sent, after a line that names its attachments. Version 1 held facts alone."""
_RESEPT = TypeAdapter(Resept)
_UTLEVERING = TypeAdapter(Utlevering)
_KORT = TypeAdapter(Pasientkort)
_ATTACHMENTS = TypeAdapter(tuple[Vedlegg, ...])


@dataclass(frozen=True, slots=True)
class Outgoing:
    """An asynchronous message as it was recorded: the message without its attachments, and which those are."""

    message: bytes
    attachments: tuple[Vedlegg, ...] = ()


class Encoder:
    """Seals and opens the domain's values, and names what they are searched by."""

    def __init__(self, sealer: Sealer) -> None:
        self._sealer = sealer

    def resept(self, resept: Resept) -> bytes:
        """One version of a prescription."""
        plain = _VERSION + _RESEPT.dump_json(resept, exclude_defaults=True)
        return self._sealer.seal("resept", _version_of(resept.resept_id, resept.versjon), plain)

    def open_resept(self, resept_id: UUID, versjon: int, sealed: bytes) -> Resept:
        """The prescription that stands in a row of that id and version; Unsealable for any other."""
        plain = self._sealer.open("resept", _version_of(resept_id, versjon), sealed)
        return _decode(_RESEPT, plain)

    def utlevering(self, utlevering: Utlevering) -> bytes:
        """A dispensing; that it was annulled is not part of it, but of its row."""
        plain = _VERSION + _UTLEVERING.dump_json(replace(utlevering, annullert_av=None), exclude_defaults=True)
        return self._sealer.seal("utlevering", utlevering.resept_id.bytes + utlevering.msg_id.bytes, plain)

    def open_utlevering(self, resept_id: UUID, msg_id: UUID, sealed: bytes, annullert_av: UUID | None) -> Utlevering:
        """The dispensing that an M10 reported."""
        plain = self._sealer.open("utlevering", resept_id.bytes + msg_id.bytes, sealed)
        return replace(_decode(_UTLEVERING, plain), annullert_av=annullert_av)

    def dokument(self, resept_id: UUID, msg_id: UUID, octets: bytes) -> bytes:
        """A message that belongs to a prescription, byte for byte."""
        return self._sealer.seal("dokument", resept_id.bytes + msg_id.bytes, octets)

    def open_dokument(self, resept_id: UUID, msg_id: UUID, sealed: bytes) -> bytes:
        """The message as it came."""
        return self._sealer.open("dokument", resept_id.bytes + msg_id.bytes, sealed)

    def melding(self, avsender: str, msg_id: UUID, octets: bytes) -> bytes:
        """A message that stands in the inbox, byte for byte."""
        return self._sealer.seal("melding", msg_id.bytes + avsender.encode(), octets)

    def svar(self, avsender: str, msg_id: UUID, octets: bytes) -> bytes:
        """The answer to a message."""
        return self._sealer.seal("svar", msg_id.bytes + avsender.encode(), octets)

    def open_svar(self, avsender: str, msg_id: UUID, sealed: bytes) -> bytes:
        """The answer as it was given first."""
        return self._sealer.open("svar", msg_id.bytes + avsender.encode(), sealed)

    def owed(self, avsender: str, msg_id: UUID, lopenr: int, outgoing: Outgoing) -> bytes:
        """An asynchronous message that the message of that sender and MsgId owes."""
        attachments = _ATTACHMENTS.dump_json(outgoing.attachments)
        plain = b"".join((_WHOLE, attachments, b"\n", outgoing.message))
        return self._sealer.seal("utboks", _owed_by(avsender, msg_id, lopenr), plain)

    def open_owed(self, avsender: str, msg_id: UUID, lopenr: int, sealed: bytes) -> Outgoing | Mapping[str, Any]:
        """The message; of what an older release recorded, its facts."""
        plain = self._sealer.open("utboks", _owed_by(avsender, msg_id, lopenr), sealed)
        if plain[:1] != _WHOLE:
            facts: Mapping[str, Any] = from_json(_json(plain))
            return facts
        attachments, _, message = plain[1:].partition(b"\n")
        return Outgoing(message, _ATTACHMENTS.validate_json(attachments))

    def kort(self, kort: Pasientkort) -> bytes:
        """One version of a patient's card."""
        plain = _VERSION + _KORT.dump_json(kort, exclude_defaults=True)
        return self._sealer.seal("kort", self.pasient_hash(kort.ident) + kort.versjon.to_bytes(4, "big"), plain)

    def open_kort(self, pasient_hash: bytes, versjon: int, sealed: bytes) -> Pasientkort:
        """The card that stands in a row of that hash and version; Unsealable for any other."""
        plain = self._sealer.open("kort", pasient_hash + versjon.to_bytes(4, "big"), sealed)
        return _decode(_KORT, plain)

    def kort_dokument(self, kort_id: UUID, msg_id: UUID, octets: bytes) -> bytes:
        """A message that a patient's card holds, byte for byte."""
        return self._sealer.seal("kortdok", kort_id.bytes + msg_id.bytes, octets)

    def open_kort_dokument(self, kort_id: UUID, msg_id: UUID, sealed: bytes) -> bytes:
        """The message as it came."""
        return self._sealer.open("kortdok", kort_id.bytes + msg_id.bytes, sealed)

    def refnr(self, refnr: RefNr) -> bytes:
        """Whose a reference number is."""
        plain = _VERSION + to_json({"refnr": refnr.refnr, "hpr": refnr.hpr, "pasient": refnr.pasient})
        return self._sealer.seal("refnr", self.refnr_hash(refnr.refnr), plain)

    def open_refnr(self, refnr_hash: bytes, sealed: bytes, *, aktiv: bool) -> RefNr:
        """The reference number that stands under that hash."""
        stored = from_json(_json(self._sealer.open("refnr", refnr_hash, sealed)))
        return RefNr(refnr=stored["refnr"], hpr=stored["hpr"], pasient=stored["pasient"], aktiv=aktiv)

    def pasient_hash(self, ident: str) -> bytes:
        """What a patient's prescriptions are found by; the patient a number is bound to is compared by it too."""
        return self._sealer.key_hash("pasient", ident)

    def refnr_hash(self, refnr: str) -> bytes:
        """What a reference number, and the prescriptions under it, are found by."""
        return self._sealer.key_hash("refnr", refnr)

    def nodsok_hash(self, nodsok: Nodsok) -> bytes:
        """What the emergency search finds by: date of birth, first given name and last family name by their sound."""
        given, family = (nodsok.fornavn.split() or [""])[0], (nodsok.etternavn.split() or [""])[-1]
        return self._sealer.key_hash("nodsok", f"{nodsok.fdato}|{sound(given)}|{sound(family)}")

    def search_keys(self, resept: Resept) -> tuple[bytes | None, bytes | None, bytes | None]:
        """The hashes of the patient, the reference number and the emergency search; None where there is none."""
        pasient = resept.pasient
        born = pasient.fdato.isoformat() if pasient.fdato else None
        return (
            self.pasient_hash(pasient.ident) if pasient.ident else None,
            self.refnr_hash(resept.refnr) if resept.refnr else None,
            self.nodsok_hash(Nodsok(born, pasient.fornavn, pasient.etternavn)) if born else None,
        )

    def needed_keys(self, needs: Needs) -> tuple[set[bytes], set[bytes], set[bytes]]:
        """The hashes of the patients, reference numbers and emergency search that a message asks for."""
        return (
            {self.pasient_hash(ident) for ident in needs.pasienter},
            {self.refnr_hash(refnr) for refnr in needs.refnr},
            {self.nodsok_hash(needs.nodsok)} if needs.nodsok else set(),
        )


# One spelling for what sounds alike in Norwegian names.
_SOUNDS = {
    "aa": "a", "å": "a", "æ": "e", "ae": "e", "ø": "o", "oe": "o", "hj": "i", "gj": "i", "y": "i", "j": "i",
    "ch": "k", "ck": "k", "c": "k", "q": "k", "x": "ks", "ph": "f", "th": "t", "dt": "t", "gh": "g", "w": "v", "z": "s",
}  # fmt: skip
_SPELLING = re.compile("|".join(sorted(_SOUNDS, key=len, reverse=True)))
_SILENT = re.compile(r"[^\w]|[_0-9]")
_DOUBLED = re.compile(r"(.)\1+")


def sound(name: str) -> str:
    """A name as it is compared in the emergency search: Åse and Aase, Kristin and Christin are one."""
    heard = _SPELLING.sub(lambda spelling: _SOUNDS[spelling[0]], unicodedata.normalize("NFC", name).casefold())
    plain = heard if heard.isascii() else unicodedata.normalize("NFKD", heard)
    return _DOUBLED.sub(r"\1", _SILENT.sub("", plain))


def _owed_by(avsender: str, msg_id: UUID, lopenr: int) -> bytes:
    return msg_id.bytes + lopenr.to_bytes(2, "big") + avsender.encode()


def _version_of(resept_id: UUID, versjon: int) -> bytes:
    return resept_id.bytes + versjon.to_bytes(4, "big")


def _json(plain: bytes) -> bytes:
    if plain[:1] != _VERSION:
        raise Unsealable("a stored value was written by newer code")
    return plain[1:]


def _decode(adapter: TypeAdapter[T], plain: bytes) -> T:
    return adapter.validate_json(_json(plain))
