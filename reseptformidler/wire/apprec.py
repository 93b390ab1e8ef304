"""The application receipt: AppRec 1.0 (HIS 80415), for each refusal and for what has no reply message of its own."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import reseptformidler
from reseptformidler.domain.decision import Finding
from reseptformidler.domain.hode import HealthcareProfessional, Ident, Kode, MsgInfo, Organisation
from reseptformidler.wire.element import attribute, kode, simple
from reseptformidler.wire.msghead import UNKNOWN_TIME, written_time

NAMESPACE = "http://www.kith.no/xmlstds/apprec/2004-11-21"
UNKNOWN = "ukjent"
"""Stands for the MsgId, or the sender's name, of a message that had none: the elements may not be empty."""

_OPENING = (
    f'<?xml version="1.0" encoding="UTF-8"?><AppRec xmlns="{NAMESPACE}">'
    '<MsgType V="APPREC" DN="Applikasjonskvittering"/>'
    "<MIGversion>1.0 2004-11-21</MIGversion><SoftwareName>Reseptformidler</SoftwareName>"
    f"<SoftwareVersion>{attribute(reseptformidler.__version__)}</SoftwareVersion>"
)
_ACCEPTED, _REFUSED = Kode("1", "OK"), Kode("2", "Avvist")
_ROLE = '<Role V="RECEIVER" DN="Mottaker"/>'
"""Of the receipt's receiver; the sender's is left out, since the service is the only receiver of what it answers."""


def render(
    *, apprec_id: UUID, now: datetime, service: Organisation, head: MsgInfo, findings: Sequence[Finding], accepted: bool
) -> bytes:
    """The receipt for the message with this head, as a UTF-8 document.

    Status 2 with one Error for each finding; or status 1, with an Error only for what is done later (7419/13, 14).
    Its sender is the receiver that the message named (HIS 80415 §3.5), or `service` where it named none. Never for a
    receipt.
    """
    assert head.type.v != "APPREC", "a receipt is never answered with a receipt"
    assert accepted or findings, "a refusal says why"
    named = head.receiver if head.receiver.name.strip() and head.receiver.idents else service
    markup = (
        f"{_OPENING}<GenDate>{written_time(now)}</GenDate><Id>{apprec_id}</Id>"
        f"<Sender>{hcp(named)}</Sender><Receiver>{_ROLE}{hcp(head.sender)}</Receiver>"
        f"{kode('Status', _ACCEPTED if accepted else _REFUSED)}{''.join(map(_error, findings))}"
        f"<OriginalMsgId>{kode('MsgType', Kode(head.type.v, head.type.dn))}"
        f"<IssueDate>{_issued(head, now)}</IssueDate>{simple('Id', head.msg_id_text) or simple('Id', UNKNOWN)}"
        "</OriginalMsgId></AppRec>"
    )
    return markup.encode()


def _issued(head: MsgInfo, now: datetime) -> str:
    """The original's GenDate as it stood; the time of the receipt where that is none, as the element is mandatory."""
    return written_time(now) if head.gen_date == UNKNOWN_TIME else head.gen_date_text


def _error(finding: Finding) -> str:
    reason = finding.reason
    told = ": ".join(part for part in (finding.detail, finding.opplysning) if part)
    return kode("Error", Kode(reason.code, reason.text, reason.system, told))


def hcp(organisation: Organisation) -> str:
    """A party of a receipt, with its departments and people."""
    people = _professionals(organisation)
    main, others = _main_ident(organisation.idents, ("ENH", "HER"))
    inner = (
        f"{simple('Name', organisation.name)}{_main(main)}{''.join(map(_dept, _parts(organisation)))}"
        f"{''.join(map(_additional, others))}{''.join(map(_person, people))}"
    )
    return f"<HCP><Inst>{inner or simple('Name', UNKNOWN)}</Inst></HCP>"


def _dept(part: Organisation) -> str:
    main, others = _main_ident(part.idents, ("HER", "ENH"))
    return f"<Dept>{simple('Name', part.name)}{_main(main)}{''.join(map(_additional, others))}</Dept>"


def _person(professional: HealthcareProfessional) -> str:
    names = (professional.given_name, professional.middle_name, professional.family_name)
    main, others = _main_ident(professional.idents, ("HPR",))
    name = simple("Name", " ".join(name for name in names if name))
    return f"<HCPerson>{name}{_main(main)}{''.join(map(_additional, others))}</HCPerson>"


def _main(ident: Ident | None) -> str:
    """Id and TypeId; in AppRec 1.0 the kind is a CS, so the list's OID is left out."""
    return f"{simple('Id', ident.id)}{kode('TypeId', _cs(ident.type))}" if ident is not None else ""


def _additional(ident: Ident) -> str:
    return f"<AdditionalId>{simple('Id', ident.id)}{kode('Type', _cs(ident.type))}</AdditionalId>"


def _cs(kind: Kode) -> Kode:
    return Kode(kind.v, kind.dn)


def _main_ident(idents: Sequence[Ident], wanted: Sequence[str]) -> tuple[Ident | None, tuple[Ident, ...]]:
    """The identifier of the first kind there is, else the first one; and the others. What is incomplete is left out."""
    complete = tuple(ident for ident in idents if ident.id.strip() and ident.type.v)
    by_kind = {ident.type.v: ident for ident in reversed(complete)}
    main = next((by_kind[kind] for kind in wanted if kind in by_kind), complete[0] if complete else None)
    return main, tuple(ident for ident in complete if ident is not main)


def _parts(organisation: Organisation) -> tuple[Organisation, ...]:
    """The nested unit, and the one in it: a Dept holds no Dept."""
    found = []
    while organisation.part is not None:
        organisation = organisation.part
        found.append(organisation)
    return tuple(part for part in found if part.name.strip() or part.idents)


def _professionals(organisation: Organisation) -> tuple[HealthcareProfessional, ...]:
    units = (organisation, *_parts(organisation))
    people = (unit.professional for unit in units)
    return tuple(one for one in people if one is not None and (one.family_name or one.given_name or one.idents))
