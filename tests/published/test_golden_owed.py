"""The published M5.2, M7 and M24.2: ours say what they say, but for the rows of ALLOWED, each of which is needed."""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator
from datetime import date
from pathlib import Path
from uuid import uuid4

import pytest
from lxml import etree

from reseptformidler.domain.aktor import Facts, Fastlege, Helsepersonell, Person
from reseptformidler.domain.decision import Tilstand
from reseptformidler.domain.pasientkort import Abonnement, Pasientkort
from reseptformidler.meldinger.m241_samtykke import M241
from reseptformidler.meldinger.melding import Mottatt
from reseptformidler.meldinger.rapportering import senere_mottaker
from reseptformidler.sandbox.pki import Pki
from reseptformidler.store.encode import Encoder, Outgoing
from reseptformidler.trust.chain import load_authorities
from reseptformidler.wire import reply
from reseptformidler.wire.msghead import payload, read_head
from reseptformidler.wire.parse import parse
from tests.meldinger.bygg import LEGEKONTOR
from tests.published.standard import (
    EXAMPLES,
    SIGNED,
    Allowed,
    differences,
    unexplained,
    valid_as_published,
    without_added,
)
from tests.system.world import BASE64, Clock, World, running

COSYLAN, M5 = "c2883dc2-8eef-4b8e-a80f-167f858425f7", "097d012e-39a8-470d-836b-1680fc8e9ab6"
RECALL = EXAMPLES / "Rekvirent rekvirerer kun resept og leverer ikke PLL"
SUBSCRIPTION = EXAMPLES / "Registrer informasjon om abonnement"
_PERSON = ".*/Receiver/Organisation/HealthcareProfessional"

_EACH = (
    Allowed("MsgHead/MsgInfo/(MsgId|GenDate)", "our own"),
    Allowed("MsgHead(/Document.*)?/@schemaLocation", "a hint for editors, to files that the receiver does not have"),
)
_AS_SENT = Allowed(f"{_PERSON}/(Sex|Address)(/.*)?", "of the sender's person we keep what names him or her")
ALLOWED = {
    "M5.2": (*_EACH, _AS_SENT, Allowed("MsgHead/MsgInfo/Type/@DN", "as list 8279 has it")),
    "M7": (
        *_EACH,
        Allowed(".*/SlettetReseptRF/Tidspunkt", "the moment at which ours takes effect"),
        Allowed(f"{_PERSON}/(Family|Middle|Given)Name", "as the M1 divides the name, not the register"),
        Allowed(
            r".*/Document\[2\]/DocumentConnection(/.*)?",
            "our attachments are written alike in all messages, as in the published M9.4",
        ),
    ),
    "M242": (
        *_EACH,
        _AS_SENT,
        Allowed(f"{_PERSON}/Ident.*", "a reply names its receiver as the sender did, by all numbers"),
    ),
}


@pytest.fixture
async def world(database_url: str, tmp_path: Path, pki: Pki) -> AsyncIterator[World]:
    """A service that believes the published authorities."""
    async with running(database_url, tmp_path, pki, clock=Clock(), authorities=load_authorities(SIGNED)) as world:
        yield world


def published(folder: Path, name: str) -> etree._Element:
    """A published message, by how its file's name begins."""
    (path,) = folder.glob(f"{name}.xml")
    return etree.parse(path).getroot()


async def accepted(world: World, octets: bytes) -> None:
    """Sent at the time that it bears."""
    world.clock.fixed = read_head(parse(octets)).gen_date
    await world.accepted(octets)


async def recalled(world: World) -> dict[str, etree._Element]:
    """What the signed M5 of another doctor owes, by type, with its attachments."""
    await accepted(world, without_added((SIGNED / f"ERM1-{COSYLAN}.xml").read_bytes()))
    await accepted(world, (SIGNED / f"ERM5-{M5}.xml").read_bytes())
    encoder = Encoder(world.service.sealer)
    found = {}
    for row in await world.service.pool.fetch("SELECT * FROM utboks"):
        outgoing = encoder.open_owed(row["avsender"], row["msg_id"], row["lopenr"], row["innhold"])
        assert isinstance(outgoing, Outgoing)
        sealed = [
            await world.service.pool.fetchval("SELECT dokument FROM resept_dokument WHERE msg_id = $1", one.msg_id)
            for one in outgoing.attachments
        ]
        pairs = zip(outgoing.attachments, sealed, strict=True)
        opened = [encoder.open_dokument(one.resept_id, one.msg_id, octets) for one, octets in pairs]
        found[row["type"]] = parse(reply.with_attachments(outgoing.message, opened))
    return found


@pytest.mark.parametrize("name", ["M5.2", "M7"])
async def test_what_a_recall_owes_is_as_published(world: World, name: str) -> None:
    """Head, payload and attachment."""
    ours, theirs = (await recalled(world))[name], published(RECALL, f"{name} *")
    valid_as_published(ours)
    assert unexplained(differences(theirs, ours), ALLOWED[name]) == []


async def test_T4_the_published_M7_carries_the_same_M5(world: World) -> None:
    """Octet for octet what was signed."""
    carried = [
        base64.b64decode(root.findtext(f".//{BASE64}") or "")
        for root in ((await recalled(world))["M7"], published(RECALL, "M7 *"))
    ]
    signed = (SIGNED / f"ERM5-{M5}.xml").read_bytes()
    assert carried == [signed, signed]


@pytest.mark.parametrize("kind", ["", " avmelding"])
def test_S2_the_published_M242_answers_the_published_M241(kind: str) -> None:
    """Its layout was changed after it was signed, so it is decided without its signature."""
    request = published(SUBSCRIPTION, f"M241 Abonnementsregistrering{kind}")
    head, content = read_head(request), payload(request)
    assert content is not None
    mottatt = Mottatt(b"", head, content, M241.parse(content), head.gen_date)
    patient, person = head.patient, head.professional
    assert patient is not None
    assert person is not None
    hpr, fnr = person.ident("HPR"), patient.ident("FNR")
    facts = Facts(
        avsender=LEGEKONTOR,
        helsepersonell=Helsepersonell(hpr, person.ident("FNR"), person.given_name, person.family_name),
        personer={fnr: Person((fnr,), fastlege=Fastlege(hpr, person.given_name, person.family_name, LEGEKONTOR))},
    )
    assert [found for rule in M241.rules for found in rule.findings(mottatt, facts)] == []
    before = Abonnement(senere_mottaker(head), date(2056, 1, 21))
    kort = Pasientkort(uuid4(), 1, fnr, head.gen_date, abonnement=(before,) if kind else ())
    decision = M241.decide(mottatt, Tilstand(kort=(kort,)), facts, head.gen_date)
    assert decision.kort is not None
    assert decision.kort.abonnement == (() if kind else (before,))
    assert decision.reply is not None
    theirs = published(SUBSCRIPTION, f"M242 Svar Abonnementsregistrering{kind}")
    service = read_head(theirs).sender
    ours = parse(reply.render(msg_id=uuid4(), now=head.gen_date, service=service, head=head, reply=decision.reply))
    valid_as_published(ours)
    assert unexplained(differences(theirs, ours), ALLOWED["M242"]) == []
