"""What a net pharmacy sends for a customer who is logged in: signed with the organisation's certificate (N1)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from reseptformidler.client.element import FK1, KITH, id_and_type
from reseptformidler.client.head import Hode, message
from reseptformidler.client.parter import Pasient, Virksomhet
from reseptformidler.domain import koder
from reseptformidler.wire.element import simple


@dataclass(frozen=True, slots=True)
class Kunde:
    """Who is logged in (FNR or DNR), and the proof of it: the SAML assertion or token as ID-porten gave it (N6)."""

    ident: str
    bevis: bytes
    ident_type: str = "FNR"


def m9na1(
    hode: Hode,
    apotek: Virksomhet,
    pasient: Pasient,
    kunde: Kunde,
    refnr: tuple[str, ...] = (),
    versjon: Literal["2016-06-06", "2023-10-01"] = "2023-10-01",
) -> bytes:
    """M9NA1: the patient's prescriptions. The patient is the customer or the customer's child (N8)."""
    payload = (
        f'<M9NA1 xmlns="{KITH}m9na1/{versjon}">{_kunde(kunde)}'
        f"{''.join(simple('RefNr', number) for number in refnr)}</M9NA1>"
    )
    return message(hode, koder.MELDINGSTYPE.cs("ERM9NA1"), apotek, pasient, payload, kunde.bevis)


def m9na3(hode: Hode, apotek: Virksomhet, pasient: Pasient, kunde: Kunde, resept_id: str) -> bytes:
    """M9NA3: one of these prescriptions in full. `hode.parent` is the M9NA2, the conversation began with the M9NA1."""
    payload = f'<M9NA3 xmlns="{KITH}m9na3/2016-06-06">{_kunde(kunde)}{simple("ReseptId", resept_id)}</M9NA3>'
    return message(hode, koder.MELDINGSTYPE.cs("ERM9NA3"), apotek, pasient, payload, kunde.bevis)


def _kunde(kunde: Kunde) -> str:
    return f"<IdKunde>{id_and_type(kunde.ident, koder.PERSON_ID.cv(kunde.ident_type), FK1)}</IdKunde>"
