"""Who the messages are about stands nowhere in clear: not in logs or metrics, not in the database's tables or files.

The service runs as a process of its own on a PostgreSQL of its own, which logs every statement, so all that either of
them wrote can be searched.
"""

from __future__ import annotations

import asyncio
import base64
import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

import aiohttp
import asyncpg
import pytest
from lxml import etree

from reseptformidler.client import melding, rekvirent, utleverer
from reseptformidler.client.answer import NoAnswer
from reseptformidler.client.head import Hode
from reseptformidler.client.parter import Pasient
from reseptformidler.client.rekvirent import Resept, Tilbakekalling
from reseptformidler.client.sign import sign
from reseptformidler.client.soap import Client, envelope
from reseptformidler.client.utleverer import Rapport, Sok
from reseptformidler.embedded import EmbeddedPostgres
from reseptformidler.sandbox.pki import Pki
from reseptformidler.sandbox.population import (
    APOTEK,
    BARN,
    LEGER,
    MED_DNR,
    PERSONER,
    SYSTEM,
    UTEN_NUMMER,
    Lege,
    refnumre,
    som_utleverer,
    som_virksomhet,
)
from reseptformidler.sandbox.varer import TABLETT, UREGISTRERT
from reseptformidler.wire.soap import SERVICES
from tests.client.meldinger import MESSAGES
from tests.conftest import migrate_all, short_folder
from tests.system.process import Serving, command, environment, serving
from tests.system.world import FEW_REGISTERS, operation_of, texts

LEGE, KOLLEGA = LEGER[:2]
REFNR = refnumre(LEGE)
OTHERS = (
    *("M3", "M4.1", "M9.5", "M9.5KJ", "M9.7", "M9.11", "M9.11 by a dispenser", "M9.21", "M24.1", "M25.1 short"),
    *("M25.2", "M27.1", "M27.1 by a dispenser", "M9NA1", "M9NA3"),
)
"""Of tests/client/meldinger.py: the messages that are not among `kinds` below."""


def _named(person: Pasient, number: int) -> Pasient:
    """With names that stand nowhere else."""
    return replace(person, fornavn=f"Hemmeligine{'abcdef'[number]}", etternavn=f"Skjultesen{'abcdef'[number]}")


PATIENTS = [_named(p, n) for n, p in enumerate((*PERSONER[:2], MED_DNR[0], UTEN_NUMMER[0], BARN[0]))]
FNR = PATIENTS[0].ident
SECRETS = sorted(
    {
        *(text for person in PATIENTS for text in (person.ident, person.fornavn, person.etternavn) if text),
        *(text for lege in (LEGE, KOLLEGA) for text in (lege.helsepersonell.fnr, lege.helsepersonell.hpr)),
        *REFNR[:4],
    }
)


def forms(secret: str) -> set[bytes]:
    """How it would look: as text in two encodings, in hexadecimal, in base64 wherever it begins in it."""
    plain = secret.encode()
    shifted = (base64.b64encode(b"\0" * n + plain)[(n * 4 + 2) // 3 :].rstrip(b"=")[:-1] for n in range(3))
    return {plain, secret.encode("utf-16-le"), plain.hex().encode(), *shifted}


def found(octets: bytes) -> list[str]:
    """Which secrets stand in it."""
    return [secret for secret in SECRETS if any(form in octets for form in forms(secret))]


@dataclass(frozen=True, slots=True)
class Watched:
    """A service, and everything that it and its database write."""

    service: Serving
    url: str
    cluster: Path
    folder: Path
    pki: Pki
    environment: dict[str, str]


@pytest.fixture
def watched(pki: Pki) -> Iterator[Watched]:
    """Its PostgreSQL logs all statements."""
    told = {"log_statement": "all", "log_min_error_statement": "debug5", "log_min_messages": "info"}
    with short_folder() as folder, short_folder() as cluster, EmbeddedPostgres(cluster, settings=told) as server:
        url = server.url()
        asyncio.run(migrate_all(url))
        given = environment(url, folder, pki, FEW_REGISTERS)
        with serving(given, folder / "log") as service:
            yield Watched(service, url, cluster, folder, pki, given)


@pytest.mark.timeout(240)  # some thousand messages, and every file of the database
async def test_no_identity_in_clear(watched: Watched) -> None:
    """After a busy run and many hostile messages; negative control: what is planted is found."""
    async with Client(watched.service.address) as client:
        await _busy(client, watched.pki)
        answered = await _hostile(client, watched.pki)
    assert answered > 100
    figures = await _figures(watched.service.address)
    assert b"reseptformidler_messages_total" in figures
    for periodic in ("sweep", "relay"):
        done = command([periodic, "--once"], env=watched.environment | {"RF_METRICS_PORT": "0"})
        assert (done.returncode, found(f"{done.stdout}{done.stderr}".encode())) == (0, [])
    tables = await _tables(watched.url)
    assert {name for name, _ in tables} >= {"resept", "krav", "innboks", "utboks", "historikk", "refnr"}
    assert all(octets for name, octets in tables if name in ("resept", "krav", "innboks_default", "refnr"))
    assert {name: found(octets) for name, octets in tables if found(octets)} == {}
    assert found(figures) == []
    assert found(watched.service.log.read_bytes()) == []
    assert watched.service.text.count('"event": "message"') > 100
    assert "Traceback" not in watched.service.text
    await _statement(watched.url, "CHECKPOINT")
    assert _found_in_files(watched.cluster) == {}

    await _statement(watched.url, f"INSERT INTO krav VALUES ('{FNR}', '{uuid4()}', '\\x00', now())")
    await _statement(watched.url, "CHECKPOINT")
    assert [name for name, octets in await _tables(watched.url) if FNR in found(octets)] == ["krav"]
    places = {
        path.parent.name if path.parent.name == "pg_wal" else path.name for path in _found_in_files(watched.cluster)
    }
    assert {"postgres.log", "pg_wal"} < places
    assert len(places) > 3


def test_the_searcher_sees() -> None:
    """Negative control: each form of each secret, in the middle of other octets."""
    for secret in SECRETS:
        for form in forms(secret):
            assert secret in found(b"\1\2" + form + b"\3")
        for before in (b"", b"x", b"xy", b"xyz"):
            assert secret in found(base64.b64encode(before + secret.encode() + b"tail"))
    assert found(b"nobody") == []


async def _busy(client: Client, pki: Pki) -> None:
    """Every message, accepted and refused."""
    for number, person in enumerate(PATIENTS):
        locked = bool(number % 2)
        resept = Resept(
            UREGISTRERT if number == 2 else TABLETT,
            refnr=REFNR[number % 4] if locked or not person.ident else "",
            last=locked,
            reiterasjon=2,
        )
        m1 = _signed(pki, rekvirent.m1(_hode(), LEGE.rekvirent, person, resept))
        await _send(client, m1)
        await _send(client, m1)
        await _send(client, m1.replace(b"<Antall>1", b"<Antall>2"))
        await _dispense(client, person, utleverer.Sok(fnr=person.ident, refnr=REFNR[:4], alle=True), pki)
        sok = Sok(fdato=person.fdato, fornavn=person.fornavn, etternavn=person.etternavn, arsak="U")
        await _send(client, utleverer.m91(_hode(), som_utleverer(APOTEK[1]), sok))
    await _send(
        client,
        utleverer.m10(
            _hode(), som_utleverer(APOTEK[0]), PATIENTS[0], Rapport(str(uuid4()), TABLETT, papir=LEGE.rekvirent)
        ),
    )


async def _dispense(client: Client, person: Pasient, sok: Sok, pki: Pki) -> None:
    listed = await client.call("Utleverer", "M9_1", utleverer.m91(_hode(), som_utleverer(APOTEK[0]), sok))
    talk = texts(listed, "RefToConversation")[0]
    ids, numbers = texts(listed, "ReseptId"), [*texts(listed, "RefNr"), ""]
    for resept_id in ids:
        m93 = utleverer.m93(_hode(listed.msg_id, talk), som_utleverer(APOTEK[0]), resept_id, refnr=numbers[0])
        await _send(client, m93)
        m10 = _hode(str(uuid4()), talk)
        await _send(client, utleverer.m10(m10, som_utleverer(APOTEK[0]), person, Rapport(resept_id, TABLETT)))
        await _send(
            client,
            utleverer.m10(
                _hode(str(m10.msg_id), talk), som_utleverer(APOTEK[0]), PATIENTS[1], Rapport(resept_id, TABLETT)
            ),
        )
        m5 = rekvirent.m5(_hode(), KOLLEGA.rekvirent, person, Tilbakekalling(resept_id, "4", f"{person.fornavn} døde"))
        await _send(client, _signed(pki, m5, KOLLEGA))


def _hode(parent: str = "", conversation: str = "") -> Hode:
    return Hode(uuid4(), datetime.now(UTC), parent, conversation)


def _signed(pki: Pki, octets: bytes, lege: Lege = LEGE) -> bytes:
    with suppress(etree.C14NError):  # with a number as the name of a namespace it cannot be signed
        return sign(octets, pki.card(lege, datetime.now(UTC)))
    return octets


async def _send(client: Client, octets: bytes, operation: tuple[str, str] | None = None) -> None:
    with suppress(NoAnswer):
        await client.call(*(operation or operation_of(octets)), octets)


async def _hostile(client: Client, pki: Pki) -> int:
    """Identity numbers in every text and attribute of every message, one place at a time, and around the message."""
    talk = str(uuid4())
    kinds = (
        rekvirent.m1(_hode(), LEGE.rekvirent, PATIENTS[0], Resept(TABLETT)),
        rekvirent.m5(_hode(), LEGE.rekvirent, PATIENTS[0], Tilbakekalling(str(uuid4()), "2", "x")),
        utleverer.m91(_hode(), som_utleverer(APOTEK[0]), Sok(fnr=FNR)),
        utleverer.m93(_hode(talk, talk), som_utleverer(APOTEK[0]), str(uuid4())),
        utleverer.m10(_hode(talk, talk), som_utleverer(APOTEK[0]), PATIENTS[0], Rapport(str(uuid4()), TABLETT)),
        utleverer.m10(
            _hode(talk, talk),
            som_utleverer(APOTEK[0]),
            PATIENTS[0],
            Rapport(str(uuid4()), TABLETT, papir=LEGE.rekvirent),
        ),
        melding.mv(_hode(), som_virksomhet(APOTEK[0]), SYSTEM),
    )
    sent = 0
    for octets in kinds:
        operation = operation_of(octets)
        changed = list(_with_a_number(octets, b"<MsgInfo>"))
        if operation[1] in ("M1", "M5"):
            changed = [_signed(pki, one) for one in changed]
        for some in (changed[n : n + 16] for n in range(0, len(changed), 16)):
            await asyncio.gather(*(_send(client, one, operation) for one in some))
        await _around(client, operation, octets)
        sent += len(changed)
    return sent + await _hostile_payloads(client, pki)


async def _hostile_payloads(client: Client, pki: Pki) -> int:
    """The same in the payload alone of every other message there is, each accepted or refused before that."""
    sent = 0
    for name in OTHERS:
        octets = MESSAGES[name](_hode(str(uuid4()), str(uuid4())))
        operation = operation_of(octets)
        for one in (octets, *_with_a_number(octets, b"<Document>")):
            await _send(client, _signed(pki, one) if operation[0] == "Rekvirent" else one, operation)
            sent += 1
    return sent


def _with_a_number(octets: bytes, after: bytes) -> Iterator[bytes]:
    """The message with an identity number in place of one text or attribute after that one, each in turn."""
    body = octets.index(after)
    for place in re.finditer(rb'(?<=>)[^<>]+(?=</)|(?<==")[^"<>]+(?=")', octets[body:]):
        changed = octets[: body + place.start()] + FNR.encode() + octets[body + place.end() :]
        yield re.sub(rb"(<MsgId>)[0-9a-f-]{36}", rb"\g<1>%s" % str(uuid4()).encode(), changed)


async def _around(client: Client, operation: tuple[str, str], octets: bytes) -> None:
    """In the request line, the headers, the envelope; as names and as what cannot be read."""
    path, body = SERVICES[operation[0]].path, envelope(*operation, octets)
    requests: tuple[tuple[str, dict[str, str], bytes], ...] = (
        (path, {"SOAPAction": FNR}, body),
        (f"{path}?{FNR}={FNR}", {}, body),
        (f"/{FNR}", {}, body),
        (path, {"X-Patient": FNR, "User-Agent": FNR, "Content-Type": FNR, "Cookie": f"a={FNR}"}, body),
        (path, {"Content-Encoding": FNR}, body),
        (path, {}, body.replace(b"<soap:Body>", f"<soap:Body><f{FNR}/>".encode())),
        (path, {}, FNR.encode()),
        (path, {}, f"<f{FNR}>".encode()),
        (path, {}, envelope(*operation, FNR.encode())),
        (path, {}, envelope(*operation, octets.replace(b"</Document>", f"</Document><f{FNR}/>".encode()))),
        (path, {}, envelope(*operation, octets.replace(b"<Document>", f'<Document xmlns:a="urn:{FNR}">'.encode()))),
        (path, {}, envelope(*operation, octets + f"<!--{FNR}-->".encode())),
    )
    address = client._address
    async with aiohttp.ClientSession() as session:
        for place, headers, sent in requests:
            async with session.post(address + place, data=sent, headers=headers) as response:
                assert response.status < 500
    host, port = address.removeprefix("http://").split(":")
    for line in (f"POST {path} HTTP/1.1\r\nHost: x\r\nSOAPAction: \1{FNR}\r\n\r\n", f"{FNR}\r\n\r\n"):
        reader, writer = await asyncio.open_connection(host, int(port))
        writer.write(line.encode())
        assert b" 400 " in await reader.readline()
        writer.close()


async def _figures(address: str) -> bytes:
    async with aiohttp.ClientSession() as session, session.get(address + "/metrics") as response:
        return await response.read()


async def _statement(url: str, sql: str) -> None:
    connection = await asyncpg.connect(url)
    try:
        await connection.execute(sql)
    finally:
        await connection.close()


async def _tables(url: str) -> list[tuple[str, bytes]]:
    """Every table of ours with all its values, as the octets that they are or as text."""
    connection = await asyncpg.connect(url)
    try:
        names = await connection.fetch(
            "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p', 'm')"
        )
        contents = {row["relname"]: await connection.fetch(f'SELECT * FROM "{row["relname"]}"') for row in names}
    finally:
        await connection.close()
    return [
        (name, b"\n".join(value if isinstance(value, bytes) else str(value).encode() for row in rows for value in row))
        for name, rows in contents.items()
    ]


def _found_in_files(folder: Path) -> dict[Path, list[str]]:
    """Tables, indexes, write-ahead log, statistics and server log, as they lie on the disk."""
    files = [path for path in folder.rglob("*") if path.is_file() and "pgsql-" not in str(path)]
    assert any(path.parent.name == "pg_wal" for path in files)
    assert any(path.name == "postgres.log" for path in files)
    return {path: secrets for path in files if (secrets := found(path.read_bytes()))}
