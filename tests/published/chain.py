"""A service that stands at the time of a published chain, and what it sends, as it comes to a receiver over HTTP."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from pathlib import Path

from lxml import etree

from reseptformidler import app
from reseptformidler.client.answer import Answer
from reseptformidler.registers.fixed import FixedRegisters
from reseptformidler.sandbox.pki import Pki
from reseptformidler.sandbox.population import PUBLISERTE_LEGER
from reseptformidler.trust.chain import load_authorities
from reseptformidler.wire.msghead import read_head
from reseptformidler.wire.parse import parse
from tests.published.standard import EXAMPLES, SIGNED, valid_as_published
from tests.receiver import Receiver
from tests.system.world import FEW_REGISTERS, Clock, World, running

_SIGNATURE = re.compile(rb"<(?:ds:)?Signature .*</(?:ds:)?Signature>", re.DOTALL)


def published(folder: str, name: str) -> bytes:
    """A published message, by how its file's name begins."""
    (path,) = (EXAMPLES / folder).glob(f"{name}.xml")
    return path.read_bytes()


@asynccontextmanager
async def standing_at(
    when: datetime, database_url: str, folder: Path, registers: FixedRegisters = FEW_REGISTERS
) -> AsyncIterator[World]:
    """A service of that time, which believes the published authorities and a sandbox's; all its answers are valid."""
    pki = Pki.open(folder / "pki", when)
    trusted = folder / "trust"
    trusted.mkdir()
    for number, file in enumerate([*SIGNED.glob("*.pem"), *pki.trust_dir.glob("*.pem")]):
        (trusted / f"{number}.pem").write_bytes(file.read_bytes())
    authorities = load_authorities(trusted)
    async with running(
        database_url, folder, pki, clock=Clock(when), authorities=authorities, registers=registers
    ) as world:
        world.extra_checks.append(valid_as_published)
        yield world


async def sent(world: World, octets: bytes, operation: tuple[str, str] | None = None) -> Answer:
    """Sent at the time that it bears; it must be accepted."""
    world.clock.fixed = read_head(parse(octets)).gen_date
    answer = await world.send(octets, operation)
    assert (answer.status or "1", answer.errors) == ("1", [])
    return answer


def signed_anew(world: World, octets: bytes) -> bytes:
    """With the sandbox's card of its prescriber in place of a signature that reformatting has broken."""
    head = read_head(parse(octets))
    assert head.professional is not None
    hpr = head.professional.ident("HPR")
    world.clock.fixed = head.gen_date
    (lege,) = (one for one in PUBLISERTE_LEGER if one.helsepersonell.hpr == hpr)
    return world.signed(_SIGNATURE.sub(b"", octets), lege)


async def relayed(world: World, folder: Path) -> dict[str, etree._Element]:
    """What the relay brings to its receiver, by MsgInfo/Type, each with its attachments and valid as published."""
    file = folder / "receivers.toml"
    async with Receiver().listening() as receiver:
        file.write_text(f"[[mottaker]]\nurl = '{receiver.url}'\n")
        settings = world.service.settings.model_copy(update={"receivers": file})
        async with app.relaying(world.service.pool, settings, world.clock) as relay:
            await relay.once()
    roots = [parse(one.octets) for one in receiver.arrived]
    for root in roots:
        valid_as_published(root)
    return {read_head(root).type.v: root for root in roots}
