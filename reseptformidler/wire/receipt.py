"""Reading the application receipts that others send: AppRec 1.0 and 1.1 (HIS 80415), which name the same things."""

from __future__ import annotations

import re

from lxml import etree

from reseptformidler.domain import koder
from reseptformidler.domain.kvittering import Kvittering
from reseptformidler.wire import innhold
from reseptformidler.wire.apprec import NAMESPACE
from reseptformidler.wire.parse import Unreadable
from reseptformidler.wire.schema import Schemas

RECEIPT = "APPREC"
"""What list 8279 calls it."""
VERSION_1_1 = "http://www.kith.no/xmlstds/apprec/2012-02-15"

_ROOTS = frozenset(f"{{{namespace}}}AppRec" for namespace in (NAMESPACE, VERSION_1_1))
_KODE = re.compile(r"[A-Za-z0-9]{1,8}", re.ASCII)
"""As the lists 7419, 8221 and 8222 have them. What is longer may be anything, and is written down nowhere."""
_MOST_CODES = 10


def is_receipt(root: etree._Element) -> bool:
    """Whether it is an AppRec."""
    return root.tag in _ROOTS


def read_receipt(root: etree._Element, schemas: Schemas) -> Kvittering:
    """What a receipt says. Unreadable: its schema, or list 8258, does not know it."""
    status = innhold.kode(root, "Status")
    if schemas.errors(root) or status is None or status.v not in koder.STATUS_APPREC:
        raise Unreadable(None, "Kvitteringen følger ikke skjemaet for AppRec.")
    return Kvittering(
        original=innhold.text(innhold.child(root, "OriginalMsgId"), "Id"),
        status=status.v,
        koder=_codes(root),
        avsender=frozenset(_her_ids(innhold.child(root, "Sender"))),
    )


def _codes(root: etree._Element) -> tuple[str, ...]:
    given = (error.get("V", "") for error in innhold.children(root) if innhold.local(error) == "Error")
    return tuple(code for code in given if _KODE.fullmatch(code))[:_MOST_CODES]


def _her_ids(sender: etree._Element | None) -> list[str]:
    """Each Id stands beside its kind: TypeId of a main one, Type of an additional one."""
    assert sender is not None, "the schema wants one"
    holders = (one for one in sender.iter("*") if innhold.child(one, "Id") is not None)
    return [
        innhold.text(one, "Id")
        for one in holders
        if any(
            kind is not None and kind.v == "HER" for kind in (innhold.kode(one, "TypeId"), innhold.kode(one, "Type"))
        )
    ]
