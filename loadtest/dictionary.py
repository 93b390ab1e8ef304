"""Trains a dictionary for sealed values (reseptformidler/store/dictionaries) on what the service itself seals.

The sandbox's prescribers and pharmacies talk to a real service on a real database; what it seals is noted. Real
senders write the same messages in other ways, so a part of them is written anew: with prefixes, indented, with
attributes in another order. Nothing in it comes from a real message; what is random in a message (signatures,
certificates, digests) is replaced, so that the dictionary does not learn it.

    python -m loadtest.dictionary VERSION

writes VERSION.zdict and says what it saves on messages it has not seen. A dictionary that was shipped is never written
again: sealed values need it for ever.
"""

from __future__ import annotations

import asyncio
import base64
import os
import random
import re
import sys
import tempfile
from collections import defaultdict
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from unittest.mock import patch
from uuid import uuid4

import zstandard
from lxml import etree
from pydantic import SecretStr

from loadtest.world import World, world
from reseptformidler import app
from reseptformidler.client import rekvirent, utleverer
from reseptformidler.client.head import Hode
from reseptformidler.client.rekvirent import Resept, Tilbakekalling
from reseptformidler.client.sign import sign
from reseptformidler.client.utleverer import Rapport, Sok
from reseptformidler.client.varer import Vare
from reseptformidler.sandbox.pki import Pki
from reseptformidler.sandbox.population import APOTEK, LEGER, person, refnumre, registers, som_utleverer
from reseptformidler.sandbox.varer import (
    A_PREPARAT,
    LEGEMIDLER,
    NARINGSDRIKK,
    SALVE,
    TESTSTRIMLER,
    UREGISTRERT_FORHANDSGODKJENT,
)
from reseptformidler.settings import Settings
from reseptformidler.store import dictionaries
from reseptformidler.store.seal import LEVEL, Sealer

DICTIONARY_BYTES = 112 * 1024
CONVERSATIONS = 400
GOODS: tuple[Vare, ...] = (*LEGEMIDLER, A_PREPARAT, NARINGSDRIKK, TESTSTRIMLER, SALVE, UREGISTRERT_FORHANDSGODKJENT)
RANDOM = re.compile(rb"(?<=>)[A-Za-z0-9+/=\s]{24,}(?=</(?:\w+:)?(?:X509Certificate|SignatureValue|DigestValue)>)")

Samples = dict[str, list[bytes]]


def main() -> None:
    """Train, write, report."""
    version = int(sys.argv[1])
    path = Path(dictionaries.__file__).parent / f"{version}.zdict"
    if path.exists():
        sys.exit(f"{path} exists: a shipped dictionary is never written again")
    trained, unseen = _sealed(seed=1), _sealed(seed=2)
    dictionary = zstandard.train_dictionary(DICTIONARY_BYTES, list(_shapes(trained)), level=LEVEL)
    path.write_bytes(dictionary.as_bytes())
    _report(unseen, dictionary)


def _sealed(seed: int) -> Samples:
    """What a service seals in many conversations, by purpose."""
    samples: Samples = defaultdict(list)

    class Recorder(Sealer):
        def seal(self, purpose: str, record: bytes, plain: bytes) -> bytes:
            samples[purpose].append(plain)
            return super().seal(purpose, record, plain)

    with tempfile.TemporaryDirectory(dir="/tmp") as folder:
        Path(folder).chmod(0o755)
        with world(Path(folder)) as one, patch.object(app, "Sealer", Recorder):
            asyncio.run(_converse(one, random.Random(seed)))
    return samples


async def _converse(one: World, chance: random.Random) -> None:
    url = await one.create_database("dictionary")
    settings = Settings(
        database_url=SecretStr(url), kek_file=one.folder / "kek", trust_dir=one.pki.trust_dir, registers=(Path("/"),)
    )
    async with app.service(settings, registers=registers()) as service:
        for _ in range(CONVERSATIONS):
            await _conversation(service, one.pki, chance)


async def _conversation(service: app.Service, pki: Pki, chance: random.Random) -> None:
    """A prescription, and what a patient, a pharmacy and the prescriber do with it."""
    lege, who, vare, apotek = (
        chance.choice(LEGER), person(chance.randrange(10**5)), chance.choice(GOODS), chance.choice(APOTEK),
    )  # fmt: skip
    card, refnr = pki.card(lege, datetime.now(UTC)), chance.choice(["", "", chance.choice(list(refnumre(lege)))])
    ekspanm = (apotek, "U") if chance.random() < 0.2 else None
    resept = Resept(vare, str(chance.randint(1, 5)), chance.randint(0, 3), refnr, last=bool(refnr), ekspanm=ekspanm)
    begun = Hode(uuid4(), datetime.now(UTC))
    resept_id = str(begun.msg_id)

    async def send(service_name: str, operation: str, octets: bytes) -> None:
        await service.spine.receive((service_name, operation), octets)

    def hode() -> Hode:
        return Hode(uuid4(), datetime.now(UTC), str(uuid4()), resept_id)

    await send("Rekvirent", "M1", sign(rekvirent.m1(begun, lege.rekvirent, who, resept), card))
    await send(
        "Utleverer",
        "M9_1",
        utleverer.m91(hode(), som_utleverer(apotek), Sok(who.ident, (refnr,) if refnr else (), alle=True)),
    )
    await send("Utleverer", "M9_3", utleverer.m93(hode(), som_utleverer(apotek), resept_id, refnr))
    report = Rapport(resept_id, vare, "1", avsluttet=chance.random() < 0.5)
    if chance.random() < 0.2:
        report = Rapport(resept_id, kansellering="3")
    await send("Utleverer", "M10", utleverer.m10(hode(), som_utleverer(apotek), who, report))
    if chance.random() < 0.3:
        recall = rekvirent.m5(Hode(uuid4(), datetime.now(UTC)), lege.rekvirent, who, Tilbakekalling(resept_id))
        await send("Rekvirent", "M5", sign(recall, card))


def _shapes(samples: Samples) -> Iterator[bytes]:
    """Every sample; of the messages that others wrote one in two in another way."""
    writings: tuple[Callable[[etree._Element], bytes], ...] = (_prefixed, _indented, _turned)
    for purpose, plains in samples.items():
        for number, plain in enumerate(plains):
            forgotten = RANDOM.sub(lambda found: base64.b64encode(os.urandom(len(found[0]) * 3 // 4)), plain)
            if purpose in ("dokument", "melding") and number % 2:
                forgotten = writings[number // 2 % len(writings)](etree.fromstring(forgotten))
            yield forgotten


def _prefixed(root: etree._Element) -> bytes:
    names = sorted({str(etree.QName(found).namespace) for found in root.iter()})
    etree.cleanup_namespaces(root, top_nsmap={f"ns{number}": name for number, name in enumerate(names)})
    return etree.tostring(root, encoding="utf-8", xml_declaration=True, standalone=True)


def _indented(root: etree._Element) -> bytes:
    etree.indent(root)
    return etree.tostring(root, encoding="utf-8", xml_declaration=True)


def _turned(root: etree._Element) -> bytes:
    for found in root.iter():
        attributes = list(found.items())
        found.attrib.clear()
        for name, value in reversed(attributes):
            found.set(name, value)
    return etree.tostring(root)


def _report(samples: Samples, dictionary: zstandard.ZstdCompressionDict) -> None:
    ways = zstandard.ZstdCompressor(LEVEL), zstandard.ZstdCompressor(LEVEL, dictionary, write_dict_id=False)
    print(f"{'':12} {'number':>7} {'bytes':>8} {'zstd':>8} {'trained':>8}")
    for purpose, values in sorted(samples.items()):
        sizes = [sum(map(len, values)), *(sum(len(way.compress(value)) for value in values) for way in ways)]
        print(f"{purpose:12} {len(values):7}", *(f"{size / len(values):8.0f}" for size in sizes))


if __name__ == "__main__":
    main()
