"""The receipt for a message that the service delivered (M5.2, M6, M21 …): AppRec 1.0 (HIS 80415)."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from lxml import etree

from reseptformidler.client.parter import Virksomhet
from reseptformidler.domain import koder
from reseptformidler.domain.hode import Ident, Kode, Organisation
from reseptformidler.wire.apprec import NAMESPACE, hcp
from reseptformidler.wire.element import kode, simple
from reseptformidler.wire.msghead import read_head

_PARSER = etree.XMLParser(resolve_entities=False, no_network=True)


def apprec(
    apprec_id: UUID, gen_date: datetime, mottaker: Virksomhet | None, original: bytes, feil: tuple[Kode, ...] = ()
) -> bytes:
    """The receipt of whom the message came to: accepted, or refused for `feil` (CV, of list 8221 say; `ot` tells more).

    `mottaker` None: as the message names its receiver. `gen_date` has a time zone. Raises wire.parse.Unreadable: the
    original is no MsgHead, and so has no receipt.
    """
    head = read_head(etree.fromstring(original, _PARSER))
    ours = head.receiver
    if mottaker is not None:
        ours = Organisation(mottaker.navn, (_ident(mottaker.enh, "ENH"), _ident(mottaker.her, "HER")))
    return (
        f'<?xml version="1.0" encoding="utf-8"?>\n<AppRec xmlns="{NAMESPACE}">'
        f"{kode('MsgType', koder.MELDINGSTYPE.cs('APPREC'))}<MIGversion>1.0 2004-11-21</MIGversion>"
        f"<GenDate>{gen_date.isoformat()}</GenDate><Id>{apprec_id}</Id>"
        f"<Sender>{hcp(ours)}</Sender>"
        f"<Receiver>{hcp(head.sender)}</Receiver>"
        f"{kode('Status', koder.STATUS_APPREC.cs('2' if feil else '1'))}{''.join(kode('Error', one) for one in feil)}"
        f"<OriginalMsgId>{kode('MsgType', head.type)}<IssueDate>{head.gen_date_text}</IssueDate>"
        f"{simple('Id', head.msg_id_text)}</OriginalMsgId></AppRec>"
    ).encode()


def _ident(value: str, kind: str) -> Ident:
    return Ident(value, koder.ORGANISASJON_ID.cs(kind))
