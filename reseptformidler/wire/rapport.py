"""How the messages that the service sends on its own are written: M5.2, M6, M7, M8, M8.1, M14, M20, M21, M15.

Payloads only, in the schema's order (R1108, R1208, R1308, R0908 chapter 5). Parts of a received message (Utlevering,
RekvirentPapir, EkspAnm) are carried over as they stood there.
"""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from lxml import etree

from reseptformidler.domain import koder
from reseptformidler.domain.resept import Resept
from reseptformidler.wire import innhold
from reseptformidler.wire.element import attribute, kode, simple
from reseptformidler.wire.msghead import written_time

_K = "http://www.kith.no/xmlstds/eresept/"


def m52(resept_id: str, status: str) -> bytes:
    """KvitteringTilbakekalling; `status` of list 7503."""
    state = kode("Status", koder.STATUS_TILBAKEKALLING.cv(status))
    inner = f"{simple('ReseptId', resept_id)}{state}"
    return f'<KvitteringTilbakekalling xmlns="{_K}m52/2013-12-01">{inner}</KvitteringTilbakekalling>'.encode()


def m7(tidspunkt: datetime) -> bytes:
    """SlettetReseptRF: when the recall by another took effect."""
    when = f"<Tidspunkt>{written_time(tidspunkt)}</Tidspunkt>"
    return f'<SlettetReseptRF xmlns="{_K}m7/2008-05-01">{when}</SlettetReseptRF>'.encode()


def m6(m10: etree._Element, m10_id: str) -> bytes:
    """UtleveringsrapportRekvirent, of the M10's payload and MsgId."""
    return _of_m10("UtleveringsrapportRekvirent", "m6", _part(m10, "Utlevering"), _reference(m10_id))


def m8(m10: etree._Element, m10_id: str) -> bytes:
    """UtleveringsrapportFastlege."""
    return _of_m10("UtleveringsrapportFastlege", "m8", _part(m10, "Utlevering"), _reference(m10_id), _paper(m10))


def m81(m10: etree._Element, m10_id: str, resept: Resept | None) -> bytes:
    """UtleveringsrapportKjernejournal; `resept` is None for paper."""
    reserved = innhold.text(m10, "ReservasjonRapportFastlege")
    verge = "true" if resept is not None and resept.vergereservert else ""
    last = (
        simple("RefNr", resept.refnr if resept is not None else "")
        + simple("ReservasjonRapportFastlege", reserved)
        + simple("Vergeinnsynsreservasjon", verge)
    ).encode()
    parts = _part(m10, "Utlevering"), _reference(m10_id), _paper(m10), last
    return _of_m10("UtleveringsrapportKjernejournal", "m81", *parts)


def m20(m10: etree._Element) -> bytes:
    """Notifisering."""
    return _of_m10("Notifisering", "m20", _part(m10, "Utlevering"), _price(m10))


def m14(resept_id: UUID, anmodning_id: UUID | None = None) -> bytes:
    """SoknadSLV; `anmodning_id` is the MsgId of the M3 that asked for it, None for a direct application."""
    inner = simple("ReseptId", str(resept_id)) + simple("AnmodningSLVId", str(anmodning_id or ""))
    return f'<SoknadSLV xmlns="{_K}m14/2008-12-12">{inner}</SoknadSLV>'.encode()


def m15(svar: etree._Element) -> bytes:
    """SvarSLV as the authority wrote it: the payload of the M15 that came."""
    return etree.tostring(svar, with_tail=False)


def m21(m1: etree._Element, resept: Resept) -> bytes:
    """Ekspederingsanmodning, of the M1's payload."""
    p = resept.pasient
    navn = " ".join(part for part in (p.fornavn, p.mellomnavn, p.etternavn) if part)
    inner = (
        simple("ReseptId", str(resept.resept_id))
        + simple("RefNr", resept.refnr)
        + simple("Fnr", p.ident)
        + simple("Navn", navn)
    ).encode()
    name = b"Ekspederingsanmodning"
    opening = b'<%b xmlns="%bm21/2013-10-08">' % (name, _K.encode())
    return b"".join((opening, inner, _part(m1, "EkspAnm"), b"</%b>" % name))


def _of_m10(name: str, token: str, *parts: bytes) -> bytes:
    return b"".join((f'<{name} xmlns="{_K}{token}/2013-10-08">'.encode(), *parts, f"</{name}>".encode()))


def _reference(m10_id: str) -> bytes:
    return simple("ReferanseM10", m10_id).encode()


def _paper(m10: etree._Element) -> bytes:
    if innhold.sann(m10, "Papirresept") is not True:
        return b""
    return b"<Papirresept>true</Papirresept>" + _part(m10, "RekvirentPapir")


def _price(m10: etree._Element) -> bytes:
    price = innhold.child(m10, "PrisLegemiddelUtenMt")
    if price is None:
        return b""
    attributes = "".join(f' {name}="{attribute(price.get(name, ""))}"' for name in ("V", "U") if price.get(name))
    return f"<PrisLegemiddelUtenMt{attributes}/>".encode()


def _part(payload: etree._Element, name: str) -> bytes:
    """A child as it stood, with the namespaces around it; nothing where there is none."""
    part = innhold.child(payload, name)
    return etree.tostring(part, with_tail=False) if part is not None else b""
