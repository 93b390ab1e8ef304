"""Receipts that others send: both versions, and whose they are."""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import UUID

import pytest
from lxml import etree

from reseptformidler.domain.decision import Finding
from reseptformidler.domain.hode import OID, Ident, Kode, MsgInfo, Organisation
from reseptformidler.domain.kvittering import Kvittering
from reseptformidler.reasons import reason
from reseptformidler.wire import apprec
from reseptformidler.wire.parse import Unreadable
from reseptformidler.wire.receipt import VERSION_1_1, is_receipt, read_receipt
from reseptformidler.wire.schema import Schemas

SCHEMAS = Schemas()
NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
MSG_ID = "6d1a2c0e-97a9-4a35-9f61-4a8a44dd7a8b"
ENH, HER = Kode("ENH", "Organisasjonsnummer", f"{OID}9051"), Kode("HER", "HER-id", f"{OID}9051")
LEGE = Organisation("Legen", (Ident("8091390", HER),))
SYKEHUS = Organisation("Sykehuset", (Ident("988453315", ENH), Ident("7001", HER)), part=LEGE)
HEAD = MsgInfo(
    type=Kode("ERM6", "Utleveringsrapport rekvirent"),
    gen_date=NOW,
    gen_date_text="2026-11-23T13:00:00+01:00",
    msg_id=UUID(MSG_ID),
    msg_id_text=MSG_ID,
    sender=Organisation("Reseptformidleren", (Ident("915933149", ENH),)),
    receiver=SYKEHUS,
    patient=None,
    ref_to_parent="",
    ref_to_conversation="",
)


def receipt(*codes: int, version: str = apprec.NAMESPACE) -> etree._Element:
    findings = [Finding(reason(code)) for code in codes]
    octets = apprec.render(
        apprec_id=UUID(int=1), now=NOW, service=LEGE, head=HEAD, findings=findings, accepted=not findings
    )
    return etree.fromstring(octets.replace(apprec.NAMESPACE.encode(), version.encode()))


@pytest.mark.parametrize("version", [apprec.NAMESPACE, VERSION_1_1])
def test_what_a_receipt_says(version: str) -> None:
    """The message, the status, the codes, and every HER-id of its sender: the institution's and its department's."""
    root = receipt(12, 46, version=version)
    assert is_receipt(root)
    said = read_receipt(root, SCHEMAS)
    assert said == Kvittering(MSG_ID, "2", ("12", "46"), frozenset({"7001", "8091390"}))
    assert said.arsak == "refused 12 46"
    assert read_receipt(receipt(version=version), SCHEMAS).arsak is None


def test_a_receipt_of_no_known_form_is_unreadable() -> None:
    """The schema, and list 8258."""
    missing, status = receipt(), receipt()
    missing.remove(missing[-1])
    status.find("{*}Status").set("V", "4")  # type: ignore[union-attr]
    for root in (missing, status):
        with pytest.raises(Unreadable):
            read_receipt(root, SCHEMAS)
    assert not is_receipt(etree.fromstring(b"<AppRec/>"))
