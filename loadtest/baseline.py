"""The plain build that the service is compared with: what one would write first, and correct as far as it goes.

An aiohttp handler that validates an M1 with xmlschema, verifies its signature with signxml (PLAIN_SIGNATURES=no leaves
that out) by the certificate it brings along, and stores it in one transaction of four statements; every request has its
line in the access log. It has no rules, no registers, no chains of certificates and no encryption, so every comparison
with it is in its favour.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import logging
import os
from collections.abc import Sequence
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any, Final, cast
from uuid import UUID, uuid4

import asyncpg
import xmlschema
from aiohttp import web
from cryptography import x509
from lxml import etree
from signxml.verifier import XMLVerifier

from reseptformidler.wire.schema import folder

TABLES: Final = """
CREATE TABLE plain_claim (sender text, msg_id uuid, sha256 bytea NOT NULL, PRIMARY KEY (msg_id, sender));
CREATE TABLE plain_prescription (
    resept_id uuid PRIMARY KEY, patient text NOT NULL, status text NOT NULL, received timestamptz NOT NULL,
    message text NOT NULL
);
CREATE INDEX ON plain_prescription (patient);
CREATE TABLE plain_event (resept_id uuid, version int, event text NOT NULL, PRIMARY KEY (resept_id, version));
CREATE TABLE plain_outbox (msg_id uuid PRIMARY KEY, receiver text NOT NULL, answer text NOT NULL);
"""
_DS: Final = "{http://www.w3.org/2000/09/xmldsig#}"
_HEAD: Final = "{http://www.kith.no/xmlstds/msghead/2006-05-24}"
_ANSWER: Final = """<?xml version="1.0" encoding="UTF-8"?>
<AppRec xmlns="http://www.kith.no/xmlstds/apprec/2004-11-21"><MsgType V="APPREC"/>
<MIGversion>1.0 2004-11-21</MIGversion><GenDate>{now}</GenDate><Id>{id}</Id><Status V="1" DN="OK"/>
<OriginalMsgId><Id>{original}</Id></OriginalMsgId></AppRec>"""
_SOAP: Final = """<soap:Envelope xmlns:soap="http://schemas.xmlsoap.org/soap/envelope/"><soap:Body>
<M1Response><dokument>{dokument}</dokument></M1Response></soap:Body></soap:Envelope>"""

Pool = asyncpg.Pool


async def livez(_: web.Request) -> web.Response:
    """For the one who waits until it listens."""
    return web.Response(text="ok\n")


async def m1(pool: Pool[Any], schema: xmlschema.XMLSchema10, signatures: str, request: web.Request) -> web.Response:
    """Answer one M1."""
    envelope = etree.fromstring(await request.read())
    octets = base64.b64decode(envelope.findtext(".//{*}dokument") or "")
    root = etree.fromstring(octets)
    if not schema.is_valid(cast("Any", root)):
        return web.Response(status=400, text="invalid\n")
    if signatures == "yes":
        certificate = base64.b64decode(root.findtext(f".//{_DS}X509Certificate") or "")
        XMLVerifier().verify(root, x509_cert=x509.load_der_x509_certificate(certificate))
    answer = await _store(pool, octets, root)
    body = _SOAP.format(dokument=base64.b64encode(answer.encode()).decode())
    return web.Response(text=body, content_type="text/xml")


async def _store(pool: Pool[Any], octets: bytes, root: etree._Element) -> str:
    msg_id = UUID(root.findtext(f"{_HEAD}MsgInfo/{_HEAD}MsgId"))
    sender = root.findtext(f"{_HEAD}MsgInfo/{_HEAD}Sender/{_HEAD}Organisation/{_HEAD}Ident/{_HEAD}Id") or ""
    patient = root.findtext(f"{_HEAD}MsgInfo/{_HEAD}Patient/{_HEAD}Ident/{_HEAD}Id") or ""
    now = datetime.now().astimezone()
    answer = _ANSWER.format(now=now.isoformat(timespec="seconds"), id=uuid4(), original=msg_id)
    async with pool.acquire() as connection, connection.transaction():
        digest = hashlib.sha256(octets).digest()
        await connection.execute("INSERT INTO plain_claim VALUES ($1, $2, $3)", sender, msg_id, digest)
        await connection.execute(
            "INSERT INTO plain_prescription VALUES ($1, $2, 'E', $3, $4)", msg_id, patient, now, octets.decode()
        )
        await connection.execute("INSERT INTO plain_event VALUES ($1, 1, 'prescribed')", msg_id)
        await connection.execute("INSERT INTO plain_outbox VALUES ($1, $2, $3)", msg_id, sender, answer)
    return answer


def _schema(files: Sequence[Path]) -> xmlschema.XMLSchema10:
    """All files in one schema: a driver that imports each under its target namespace."""
    namespaces = {file: etree.parse(file).getroot().get("targetNamespace", "") for file in files}
    imports = "".join(
        f'<xs:import namespace="{name}" schemaLocation="{file.as_uri()}"/>' for file, name in namespaces.items()
    )
    return xmlschema.XMLSchema10(f'<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema">{imports}</xs:schema>')


async def serve() -> None:
    """Listen on PLAIN_PORT until the process is ended."""
    schema = _schema(sorted(folder().glob("*.xsd")))
    signatures = os.environ["PLAIN_SIGNATURES"]
    async with asyncpg.create_pool(os.environ["PLAIN_DATABASE_URL"], min_size=1, max_size=16) as pool:
        app = web.Application()
        app.add_routes([web.get("/livez", livez), web.post("/{path:.*}", partial(m1, pool, schema, signatures))])
        runner = web.AppRunner(app)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", int(os.environ["PLAIN_PORT"])).start()
        await asyncio.Event().wait()


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO)
    asyncio.run(serve())
