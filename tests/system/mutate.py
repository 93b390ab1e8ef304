"""Thousands of damaged messages over HTTP: whatever comes, the answer is SOAP, valid, in time, and no failure of ours.

    python -m tests.system.mutate --count 100000 --seed 1

starts a service of its own and says what was answered and how much memory the process had. The messages are the
sandbox's and, where ../shared/standard lies beside the checkout, all published examples. Each is damaged one to three
times, as bytes or as a tree; most prescriptions are signed again afterwards: the damage is behind a good signature.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import io
import random
import re
import sys
from collections import Counter
from collections.abc import Callable, Sequence
from copy import deepcopy
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from time import perf_counter
from uuid import UUID, uuid4

import aiohttp
import psutil
from lxml import etree

from reseptformidler import meldinger
from reseptformidler.client import melding, rekvirent, utleverer
from reseptformidler.client.head import Hode
from reseptformidler.client.rekvirent import EkspAnm, Resept, Tilbakekalling
from reseptformidler.client.sign import Card, sign
from reseptformidler.client.soap import envelope
from reseptformidler.client.utleverer import Rapport, Sok
from reseptformidler.embedded import EmbeddedPostgres
from reseptformidler.sandbox.pki import Pki
from reseptformidler.sandbox.population import (
    APOTEK,
    BANDASJISTER,
    BARN,
    LEGER,
    MED_DNR,
    PERSONER,
    SYSTEM,
    UTEN_NUMMER,
    refnumre,
    som_utleverer,
    som_virksomhet,
)
from reseptformidler.sandbox.varer import ALLERGITABLETT, SALVE, TABLETT, TESTSTRIMLER, UREGISTRERT
from reseptformidler.wire.msghead import payload_namespace, read_head
from reseptformidler.wire.schema import Schemas
from reseptformidler.wire.soap import SERVICES
from tests.client.meldinger import MESSAGES
from tests.conftest import created_database, migrate_all, run, short_folder, with_database
from tests.system.process import environment, serving
from tests.system.world import FEW_REGISTERS

PUBLISHED = Path(__file__).resolve().parents[3] / "shared" / "standard" / "examples"
SECONDS = 10.0
"""Longest time for one answer, among others."""
WARM_UP = 5_000
MOST_GROWTH = 25
"""Megabytes, from the first WARM_UP messages to the last."""
CONCURRENCY = 6
LEGE, LEGE_2 = LEGER[:2]
RESEPT_ID = uuid4()
"""A prescription that is written before the damage begins, for the messages that speak of one."""

_SOAP = "{http://schemas.xmlsoap.org/soap/envelope/}"
_TOKENS = (
    b"", b"\0", b"\xff", b"\xc3\x28", b"<", b">", b"&", b"&amp;", b"]]>", b"<!--", b"<![CDATA[", b"<!DOCTYPE x>",
    b"<?x?>", b"&#0;", b"&#xD800;", b"&lt;", b'"', b"'", b"=", b"/>", b"</", b' xmlns=""', b' xmlns:x="y"', b"%s%n",
    b"-1", b"0", b"9" * 40, b"1e400", b"NaN", b"INF", b"true", b"2026-02-30", b"0000-00-00", b"9999-12-31T24:00:00Z",
    b"\xef\xbb\xbf", b"\xe2\x80\xae", b"\xf0\x9f\x92\x8a", b"\xcc\x81" * 50, b" ", b"\r\n", b"\t", b"A" * 3000,
    b"21014605158",
)  # fmt: skip
_TEXTS = (
    "", " ", "0", "-1", "1.5", "1" * 60, "x" * 5000, "æøå", "\u202e", "😀" * 20, "\x85", "true", "E", "2", "ERM10",
    "2026-13-45", "2026-11-22", "2026-11-22T12:00:00", "00000000-0000-0000-0000-000000000000", str(RESEPT_ID), "'; --",
    "2.16.578.1.12.4.1.1.9051", "HER", "FNR", "9900101", "1e10", "NaN", "\u0660\u0661", "A" * 300, "\n", "\u00a0",
    "21014605158",
)  # fmt: skip
_NAMES = ("Ident", "Organisation", "Document", "Content", "Resept", "Patient", "Utlevering", "x", "MsgId", "Signature")


@dataclass(frozen=True, slots=True)
class Source:
    """A right message, and the operation for it."""

    operation: tuple[str, str]
    octets: bytes
    signed: bool = False


@dataclass(slots=True)
class Tally:
    """What came back."""

    outcomes: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)
    slowest: float = 0.0
    megabytes: list[int] = field(default_factory=list)
    """The service's memory after each WARM_UP messages."""


def sources(published: bool) -> list[Source]:
    """The messages to damage. Their MsgId and GenDate are renewed each time."""
    now, refnr = datetime.now(UTC), refnumre(LEGE)
    talk = str(uuid4())
    first, later = Hode(uuid4(), now), Hode(uuid4(), now, talk, talk)
    resepter = (
        (PERSONER[0], Resept(TABLETT)),
        (PERSONER[1], Resept(ALLERGITABLETT, reiterasjon=3)),
        (PERSONER[2], Resept(SALVE)),
        (PERSONER[3], Resept(TESTSTRIMLER, ekspanm=EkspAnm(som_virksomhet(BANDASJISTER[0]), "U", "Sandkasse"))),
        (MED_DNR[0], Resept(UREGISTRERT, refnr=refnr[0])),
        (UTEN_NUMMER[0], Resept(TABLETT, refnr=refnr[1], last=True)),
        (BARN[0], Resept(TABLETT, refnr=refnr[2], last=True, vergereservert=True)),
    )
    rapporter = (
        Rapport(str(RESEPT_ID), TABLETT),
        Rapport(str(RESEPT_ID), kansellering="1"),
        Rapport(str(RESEPT_ID), TABLETT, annullerer=talk),
        Rapport(str(uuid4()), TABLETT, papir=LEGE.rekvirent),
    )
    ours = [rekvirent.m1(first, LEGE.rekvirent, person, resept) for person, resept in resepter]
    ours.append(rekvirent.m5(first, LEGE.rekvirent, PERSONER[0], Tilbakekalling(str(uuid4()), "2", "x")))
    ours += [
        utleverer.m91(first, som_utleverer(APOTEK[0]), sok)
        for sok in (Sok(fnr=PERSONER[0].ident), Sok(refnr=refnr[:2], alle=True))
    ]
    ours.append(
        utleverer.m91(
            first,
            som_utleverer(APOTEK[0]),
            Sok(fdato=BARN[0].fdato, fornavn="A", etternavn="B", arsak="U"),
            versjon="2023-03-20",
        )
    )
    ours += [
        utleverer.m93(later, som_utleverer(APOTEK[0]), str(RESEPT_ID)),
        utleverer.m93(later, som_utleverer(APOTEK[1]), kansellering="1"),
    ]
    ours += [utleverer.m10(later, som_utleverer(APOTEK[0]), PERSONER[0], rapport) for rapport in rapporter]
    ours.append(melding.mv(first, som_virksomhet(APOTEK[0]), SYSTEM))
    ours += [build(later) for name, build in MESSAGES.items() if not name.startswith(("M1 ", "M10 ", "M15"))]
    theirs = [path.read_bytes() for path in sorted(PUBLISHED.rglob("*.xml"))] if published else []
    # Ours come to four in five: those reach the rules.
    return [_source(octets, own=True) for octets in ours] * (1 + 4 * len(theirs) // len(ours)) + [
        _source(octets, own=False) for octets in theirs
    ]


def _source(octets: bytes, *, own: bool) -> Source:
    root = etree.fromstring(octets)
    known = etree.QName(root).localname == "MsgHead"  # some published files are payloads alone
    type_ = meldinger.meant(read_head(root), payload_namespace(root)) if known else None
    operations = type_.operations if type_ is not None else ()
    operation = next((one for one in operations if one[0] in SERVICES), ("Rekvirent", "M1"))
    return Source(operation, octets, signed=own and type_ is not None and type_.signed)


# ------------------------------------------------------------------------------------------------------------ damage


def damaged(source: Source, lots: random.Random, card: Card) -> tuple[tuple[str, str], bytes]:
    """An operation and the body of a request to it."""
    octets = _renewed(source.octets, lots)
    for _ in range(lots.choice((1, 1, 1, 2, 3))):
        octets = lots.choice((_tree, _tree, _tree, _bytes))(octets, lots)
    if source.signed and lots.random() < 0.7:
        octets = _signed(octets, card)
        octets = _bytes(octets, lots) if lots.random() < 0.1 else octets
    operation = source.operation
    if lots.random() < 0.05:
        service = lots.choice(list(SERVICES))
        operation = service, lots.choice(list(SERVICES[service].operations))
    body = envelope(*operation, octets)
    return operation, _bytes(body, lots) if lots.random() < 0.1 else body


def _renewed(octets: bytes, lots: random.Random) -> bytes:
    """As if written now. The MsgId is drawn, so that a seed gives the same messages again."""
    msg_id = str(UUID(int=lots.getrandbits(128), version=4)).encode()
    now = datetime.now(UTC).isoformat(timespec="milliseconds").encode()
    octets = re.sub(rb"(<MsgId>)[^<]*", rb"\g<1>" + msg_id, octets, count=1)
    return re.sub(rb"(<GenDate>)[^<]*", rb"\g<1>" + now, octets, count=1)


def _signed(octets: bytes, card: Card) -> bytes:
    """With a good signature, where the damage has left a document to be signed."""
    try:
        return sign(octets, card)
    except (etree.LxmlError, ValueError):
        return octets


def _bytes(octets: bytes, lots: random.Random) -> bytes:
    at, length = lots.randrange(len(octets) + 1), lots.choice((0, 1, 1, 2, 8, 64, 1000))
    before, cut, after = octets[:at], octets[at : at + length], octets[at + length :]
    other = lots.randrange(len(octets) + 1)
    return lots.choice(
        (
            before + lots.choice(_TOKENS) + after,
            before + lots.choice(_TOKENS) + cut + after,
            before + lots.randbytes(length) + after,
            before + bytes(byte ^ 1 << lots.randrange(8) for byte in cut) + after,
            before + cut * lots.choice((2, 3, 50)) + after,
            before + octets[other : other + length] + after,
            before,
        )
    )


def _tree(octets: bytes, lots: random.Random) -> bytes:
    try:
        root = etree.fromstring(octets, etree.XMLParser(resolve_entities=False, no_network=True))
    except (etree.XMLSyntaxError, ValueError):
        return _bytes(octets, lots)
    elements = [element for element in root.iter() if isinstance(element.tag, str)]
    element = lots.choice(elements)
    lots.choice(_CHANGES)(element, lots.choice(elements), lots)
    return etree.tostring(root, xml_declaration=lots.random() < 0.5, encoding="utf-8")


def _remove(element: etree._Element, _: etree._Element, __: random.Random) -> None:
    parent = element.getparent()
    if parent is not None:
        parent.remove(element)


def _repeat(element: etree._Element, _: etree._Element, lots: random.Random) -> None:
    for _time in range(lots.choice((1, 1, 2, 30))):
        element.addnext(deepcopy(element)) if element.getparent() is not None else None


def _move(element: etree._Element, other: etree._Element, _: random.Random) -> None:
    """Somewhere else, unless that is inside itself."""
    if element not in (other, *other.iterancestors()):
        other.append(element)


def _copy_into(element: etree._Element, other: etree._Element, lots: random.Random) -> None:
    other.insert(lots.randrange(len(other) + 1), deepcopy(element))


def _rename(element: etree._Element, other: etree._Element, lots: random.Random) -> None:
    namespace, name = etree.QName(element).namespace, lots.choice((*_NAMES, etree.QName(other).localname))
    element.tag = f"{{{namespace}}}{name}" if namespace else name


def _other_namespace(element: etree._Element, other: etree._Element, lots: random.Random) -> None:
    namespace = lots.choice((etree.QName(other).namespace, "urn:x", None))
    name = etree.QName(element).localname
    element.tag = f"{{{namespace}}}{name}" if namespace else name


def _text(element: etree._Element, other: etree._Element, lots: random.Random) -> None:
    element.text = lots.choice((*_TEXTS, other.text))


def _attribute(element: etree._Element, other: etree._Element, lots: random.Random) -> None:
    name = lots.choice((*element.keys(), "V", "S", "DN", "OT", "U", "x"))
    element.set(name, lots.choice((*_TEXTS, *map(str, other.values()))))


def _no_attribute(element: etree._Element, _: etree._Element, lots: random.Random) -> None:
    if element.keys():
        del element.attrib[lots.choice(list(element.keys()))]


def _wrap(element: etree._Element, _: etree._Element, lots: random.Random) -> None:
    """In a chain of copies of its own start tag."""
    parent = element.getparent()
    if parent is not None:
        outer = inner = etree.Element(element.tag)
        for _time in range(lots.choice((0, 1, 5, 80))):
            inner = etree.SubElement(inner, element.tag)
        parent.replace(element, outer)
        inner.append(element)


Change = Callable[[etree._Element, etree._Element, random.Random], None]
_CHANGES: tuple[Change, ...] = (
    *(_remove, _repeat, _move, _copy_into, _rename, _other_namespace, _wrap, _no_attribute),
    *(_text, _text, _text, _attribute, _attribute, _attribute),
)


# ------------------------------------------------------------------------------------------------------------ judging


def judged(status: int, body: bytes, schemas: Schemas) -> str:
    """What kind of answer it is. AssertionError when it is none that the service may give."""
    assert status < 500, status
    assert b"Traceback" not in body
    root = etree.fromstring(body)
    assert root.tag == f"{_SOAP}Envelope"
    text = root.findtext(".//{*}dokument")
    if not text:
        assert status in (400, 408, 413, 415), status
        return f"{status} {re.sub('[0-9]+', '…', root.findtext('.//faultstring') or '')}"
    assert status == 200, status
    answer = etree.fromstring(base64.b64decode(text))
    errors = schemas.errors(answer)
    assert not errors, errors
    if etree.QName(answer).localname == "MsgHead":
        return "200 reply"
    state = answer.find("{*}Status")
    codes = [error.get("V", "") for error in answer.iterfind("{*}Error")]
    assert state is not None
    return f"200 AppRec {state.get('V')} {codes[0] if codes else ''}".strip()


async def bombard(
    address: str, work: Sequence[Source], card: Card, *, count: int, seed: int, tally: Tally, schemas: Schemas
) -> None:
    """Send so many; the n-th message of a seed is the same each time, but for its GenDate and signature."""
    numbers = iter(range(count))

    async def sender(session: aiohttp.ClientSession) -> None:
        for number in numbers:
            lots = random.Random(f"{seed}/{number}")
            operation, body = damaged(lots.choice(work), lots, card)
            headers = {"SOAPAction": f'"{operation[1]}"', "Content-Type": "text/xml; charset=utf-8"}
            begun = perf_counter()
            url = address + SERVICES[operation[0]].path
            async with session.post(url, data=io.BytesIO(body), headers=headers) as response:
                status, answer = response.status, await response.read()
            seconds = perf_counter() - begun
            tally.slowest = max(tally.slowest, seconds)
            try:
                assert seconds < SECONDS, seconds
                tally.outcomes[judged(status, answer, schemas)] += 1
            except (AssertionError, etree.XMLSyntaxError, ValueError) as error:
                tally.wrong.append(f"--seed {seed}, message {number} to {operation}: {error}")

    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=60)) as session:
        await asyncio.gather(*(sender(session) for _ in range(CONCURRENCY)))


# ------------------------------------------------------------------------------------------------------- the long run


def main() -> int:
    """The long run. Status 1 when an answer was wrong or the process grew."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=100_000, help="how many messages (100000)")
    parser.add_argument("--seed", type=int, default=random.randrange(10**6), help="the same seed, the same messages")
    given = parser.parse_args()
    with (
        short_folder() as folder,
        short_folder() as own,
        EmbeddedPostgres(own, fsync=False) as server,
        created_database(server.url()) as name,
    ):
        url = with_database(server.url(), name)
        run(migrate_all(url))
        pki = Pki.open(folder / "pki", datetime.now(UTC))
        with serving(environment(url, folder, pki, FEW_REGISTERS), folder / "log") as service:
            tally = run(_long_run(service.address, service.process.pid, pki, given.count, given.seed))
            log = service.text
    for outcome, number in tally.outcomes.most_common():
        _say(f"{number:>8}  {outcome}")
    _say(f"wrong: {len(tally.wrong)}; slowest answer {tally.slowest * 1000:.0f} ms")
    _say("\n".join(tally.wrong[:20]))
    _say("\n".join(line for line in log.splitlines() if not line.startswith("{") or '"error"' in line)[-3000:])
    return int(bool(tally.wrong) or tally.megabytes[-1] - tally.megabytes[0] > MOST_GROWTH)


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


async def _long_run(address: str, pid: int, pki: Pki, count: int, seed: int) -> Tally:
    card, work, schemas, tally = pki.card(LEGE, datetime.now(UTC)), sources(PUBLISHED.is_dir()), Schemas(), Tally()
    m1 = rekvirent.m1(Hode(RESEPT_ID, datetime.now(UTC)), LEGE.rekvirent, PERSONER[0], Resept(TABLETT, reiterasjon=90))
    async with aiohttp.ClientSession() as session:
        path = SERVICES["Rekvirent"].path
        async with session.post(address + path, data=envelope("Rekvirent", "M1", sign(m1, card))) as response:
            assert judged(response.status, await response.read(), schemas) == "200 AppRec 1"
    _say(f"seed {seed}, {len({source.octets for source in work})} messages to damage")
    process, begun, done = psutil.Process(pid), perf_counter(), 0
    while done < count:
        some = min(WARM_UP, count - done)
        await bombard(address, work, card, count=some, seed=seed + done, tally=tally, schemas=schemas)
        done += some
        tally.megabytes.append(process.memory_info().rss // 1024**2)
        _say(f"{done:>8} after {perf_counter() - begun:5.0f} s: {tally.megabytes[-1]} MB, {len(tally.wrong)} wrong")
    return tally


if __name__ == "__main__":
    sys.exit(main())
