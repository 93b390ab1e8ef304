"""The single examples (`Diverse eksempler`) of what the service sends, made up as they are: ours have their shape.

A shape is all elements, attributes and codes in their order, without the texts.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from uuid import uuid4

import pytest
from lxml import etree

from reseptformidler.client import rekvirent, slv, utleverer
from reseptformidler.client.answer import Answer
from reseptformidler.client.rekvirent import Abonnement, EkspAnm, Resept, Tilbakekalling
from reseptformidler.client.slv import SvarSLV
from reseptformidler.client.utleverer import Sok
from reseptformidler.domain.kalender import norsk_dag
from reseptformidler.sandbox.pki import Pki
from reseptformidler.sandbox.population import (
    APOTEK,
    LEGEMIDDELVERKET,
    LEGER,
    PERSONER,
    PUBLISERTE_LEGER,
    refnumre,
    som_utleverer,
    som_virksomhet,
)
from reseptformidler.sandbox.varer import ALLERGITABLETT, TABLETT, UREGISTRERT_FORHANDSGODKJENT
from reseptformidler.wire.msghead import payload, read_head
from tests.published.chain import published, relayed
from tests.published.standard import Allowed, differences, shape, unexplained
from tests.system.world import World, msg_id_of, running
from tests.system.zeep_operations import EVERYBODY

FOLDER = "Diverse eksempler"
THEIRS = {
    name: etree.fromstring(published(FOLDER, f"ER-{file}"))
    for name, file in {
        "M14": "M14-2008-12-12-eksempel1-msghead",
        "M14 payload": "M14-2008-12-12-eksempel1",
        "M15 payload": "M15-2006-10-06-eksempel1-msghead",
        "M21": "M21-2013-10-08-eksempel1-msghead",
        "M42": "M42-2006-10-06-example-msghead",
        "M42 payload": "M42-2006-10-06-example",
        "M242 payload": "M242-2008-10-03-eksempel1",
        "M7 payload": "M7-2008-05-01-eksempel1",
        "M92 payload": "M92-2013-10-08-eksempel1",
        "M94 payload": "M94-2010-07-01-eksempel1",
    }.items()
}
LEGE, KOLLEGA, KOMAN = LEGER[0], LEGER[1], PUBLISERTE_LEGER[-1]
HER, PERSON, ANNEN = som_utleverer(APOTEK[0]), PERSONER[0], PERSONER[1]
_HINT = Allowed("(.*/)?@schemaLocation", "a hint for editors, to files that the receiver does not have")
_CONVERSATION = Allowed(".*/MsgInfo/ConversationRef(/.*)?", "the example stands in none (F7, F8, F11)")
_HER = Allowed(r".*/(Sender|Receiver)/Organisation/Ident(\[\d\])?(/.*)?", "with HER-id, as in the chains")
ALLOWED = dict.fromkeys(THEIRS, (_HINT,)) | {
    "M14": (
        *(_HINT, _CONVERSATION, _HER),
        Allowed(r"MsgHead/Document(\[1\])?(/.*)?", "the same, numbered, as others follow"),
        Allowed(r"MsgHead/Document\[[23]\](/.*)?", "the M1 and the M3 are attached (R1108 4.2)"),
    ),
    "M15 payload": (_HINT, Allowed(".*/Innvilget/@(V|DN)", "N is no value of list 1101, nor is it named")),
    "M21": (_HINT, _CONVERSATION, _HER),
    "M42": (
        *(_HINT, _CONVERSATION, _HER),
        Allowed("MsgHead/MsgInfo/Type/@V", "ERM042 is no value of list 8279"),
        Allowed(".*/Receiver/Organisation/(Address|TeleCom)(/.*)?", "a reply names its receiver as the sender did"),
        Allowed(".*/HealthcareProfessional/TypeHealthcareProfessional(/.*)?", "likewise"),
    ),
    "M92 payload": (
        _HINT,
        Allowed(".*/RefHjemmel/@(DN|OT|S|V)", "the example has words for codes"),
        Allowed(".*/Reseptinfo.*/(Address/(Type|County)|Ident|EnhetPakning)(/.*)?", "what the M1 says besides"),
        Allowed(".*/Reseptinfo.*/(Bruksomrade|Antall|Pakningsstr)", "what the M1 says besides"),
    ),
}


@pytest.fixture
async def world(database_url: str, tmp_path: Path, pki: Pki) -> AsyncIterator[World]:
    """A service of today."""
    async with running(database_url, tmp_path, pki, registers=EVERYBODY) as world:
        yield world


async def applied_for(world: World, folder: Path) -> etree._Element:
    """By a pharmacy, on a prescription of the examples' doctor, and refused: M14, and then M15."""
    resept = Resept(UREGISTRERT_FORHANDSGODKJENT)
    resept_id, talk = await world.prescribed(resept, lege=KOMAN, person=PERSON), str(uuid4())
    await world.accepted(utleverer.m3(replace(world.hode(), parent=talk, conversation=talk), HER, resept_id))
    m14 = (await relayed(world, folder))["ERM14"]
    hode = replace(world.hode(), parent=read_head(m14).msg_id_text, conversation=talk)
    svar = SvarSLV(resept_id, innvilget=False, saksbehandler="BEH123", begrunnelse="Det finnes et annet")
    assert (await world.client.deliver(slv.m15(hode, som_virksomhet(LEGEMIDDELVERKET), svar))).errors == []
    return m14


async def requested(world: World) -> Answer:
    """With a RefNr, as a parcel to an address, as in the example: M21. What its download is answered with: M9.4."""
    resept = Resept(TABLETT, refnr=refnumre(LEGE)[0], ekspanm=EkspAnm(HER.virksomhet, "F", "Sandkasse"))
    (example,) = THEIRS["M21"].iter("{*}EkspAnm")
    for name, value in (("Utleverer", HER.virksomhet.her), ("OrgNrUtleverer", HER.virksomhet.enh)):
        example.find(f"{{*}}{name}").text = value  # type: ignore[union-attr]
    octets = rekvirent.m1(world.hode(), LEGE.rekvirent, PERSON, resept)
    begin, end = octets.index(b"<EkspAnm>"), octets.index(b"</EkspAnm>") + len(b"</EkspAnm>")
    octets = octets[:begin] + etree.tostring(example, with_tail=False) + octets[end:]
    await world.accepted(world.signed(octets))
    resept_id = msg_id_of(octets)
    hode = replace(world.hode(), parent=resept_id, conversation=resept_id)
    return await world.accepted(utleverer.m93(hode, HER, resept_id, refnumre(LEGE)[0]))


async def listed(world: World) -> Answer:
    """One prescription, and one with a RefNr that another doctor has recalled: M7; M9.2 of both."""
    for refnr in (refnumre(LEGE)[1], ""):
        resept_id = await world.prescribed(Resept(ALLERGITABLETT, refnr=refnr), person=ANNEN)
        if refnr:
            recall = Tilbakekalling(resept_id, merknad="Feil preparat")
            octets = rekvirent.m5(world.hode(), KOLLEGA.rekvirent, ANNEN, recall)
            await world.accepted(world.signed(octets, KOLLEGA))
    return await world.listed(Sok(fnr=ANNEN.ident, alle=True))


async def told(world: World, folder: Path) -> dict[str, etree._Element]:
    """Ours, by the names of THEIRS."""
    m42 = await world.accepted(rekvirent.m41(world.hode(), KOMAN.rekvirent, 5))
    m14 = await applied_for(world, folder)
    m94, m92 = await requested(world), await listed(world)
    til = norsk_dag(world.clock()) + timedelta(days=30)
    stranger = rekvirent.m241(world.hode(), LEGE.rekvirent, PERSON, Abonnement(til))
    m242 = await world.accepted(world.signed(stranger))
    owed = await relayed(world, folder)
    whole = {"M14": m14, "M21": owed["ERM21"], "M42": m42.root}
    answers = {"M42": m42.root, "M242": m242.root, "M92": m92.root, "M94": m94.root}
    messages = answers | {"M14": m14, "M15": owed["ERM15"], "M7": owed["ERM7"]}
    return whole | {f"{name} payload": content(root) for name, root in messages.items()}


def content(root: etree._Element) -> etree._Element:
    """The payload of a message."""
    found = payload(root)
    assert found is not None
    return found


async def test_ours_have_the_shape_of_the_examples(world: World, tmp_path: Path) -> None:
    """But for the rows of ALLOWED, each of which is needed."""
    ours = await told(world, tmp_path)
    assert set(ours) == set(THEIRS)
    theirs = THEIRS | {"M15 payload": content(THEIRS["M15 payload"])}
    found = {name: differences(shape(theirs[name]), shape(root)) for name, root in ours.items()}
    assert [(name, path) for name, paths in found.items() for path in unexplained(paths, ALLOWED[name])] == []


def test_a_shape_shows_codes_and_not_words() -> None:
    """Negative control: another code and a lost element are seen; another text is none of the shape."""
    example = THEIRS["M92 payload"]
    for old, new, seen in ((b'V="T"', b'V="R"', True), (b"<Nr>021069</Nr>", b"", True), (b"PRILIWA", b"X", False)):
        octets = etree.tostring(example)
        assert old in octets
        found = differences(shape(example), shape(etree.fromstring(octets.replace(old, new, 1))))
        assert bool(found) is seen
