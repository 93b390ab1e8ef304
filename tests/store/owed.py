"""What stands in the outbox, opened: the messages as they are sent."""

from __future__ import annotations

from base64 import b64decode
from dataclasses import dataclass

from lxml import etree

from reseptformidler.domain.hode import MsgInfo
from reseptformidler.store.encode import Encoder, Outgoing
from reseptformidler.store.pool import Pool
from reseptformidler.store.seal import Sealer
from reseptformidler.wire.format import findings
from reseptformidler.wire.msghead import payload, read_head
from reseptformidler.wire.parse import parse
from reseptformidler.wire.reply import with_attachments
from reseptformidler.wire.schema import Schemas

SCHEMAS = Schemas()
OWED = "SELECT avsender, msg_id, lopenr, type, mottaker, innhold, melding_id FROM utboks ORDER BY plass"
DOCUMENT = "SELECT dokument FROM resept_dokument WHERE resept_id = $1 AND msg_id = $2"


@dataclass(frozen=True, slots=True)
class Sent:
    """A message that is owed: its type, the receiver's HER-id, and what is in it."""

    type: str
    receiver: str
    head: MsgInfo
    payload: etree._Element
    attachments: tuple[bytes, ...]


async def messages(pool: Pool, sealer: Sealer) -> list[Sent]:
    """All that is owed, in its order; each is right by the schemas and by our own rules of format."""
    encoder = Encoder(sealer)
    found = []
    for row in await pool.fetch(OWED):
        outgoing = encoder.open_owed(row["avsender"], row["msg_id"], row["lopenr"], row["innhold"])
        assert isinstance(outgoing, Outgoing)
        attached = []
        for one in outgoing.attachments:
            sealed = await pool.fetchval(DOCUMENT, one.resept_id, one.msg_id)
            attached.append(encoder.open_dokument(one.resept_id, one.msg_id, sealed))
        root = checked(with_attachments(outgoing.message, attached))
        content = payload(root)
        assert content is not None
        head = read_head(root)
        assert head.msg_id == row["melding_id"]
        containers = root.iter("{http://www.kith.no/xmlstds/base64container}Base64Container")
        carried = tuple(b64decode(one.text or "", validate=True) for one in containers)
        found.append(Sent(row["type"], row["mottaker"], head, content, carried))
    return found


def checked(message: bytes) -> etree._Element:
    """The tree of a right message; AssertionError for another."""
    root = parse(message)
    assert SCHEMAS.errors(root) == []
    assert findings(root) == ()
    return root
