"""The net pharmacy's chain: M9NA2 and M9NA4 of prescriptions that are made of what the published list says of them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import date, datetime, timedelta
from pathlib import Path
from uuid import UUID, uuid4

import pytest
from lxml import etree

from reseptformidler.client import rekvirent, utleverer
from reseptformidler.client.head import Hode
from reseptformidler.client.parter import Pasient
from reseptformidler.client.rekvirent import Resept
from reseptformidler.client.utleverer import Rapport
from reseptformidler.client.varer import Legemiddel
from reseptformidler.domain import koder
from reseptformidler.domain.kalender import NORGE
from reseptformidler.registers.fixed import FixedRegisters, Registrert
from reseptformidler.sandbox.population import APOTEK, LEGER, Lege, som_utleverer
from reseptformidler.sandbox.varer import ALLERGITABLETT, NARINGSDRIKK, TABLETT
from reseptformidler.wire.msghead import read_head
from tests.published.chain import published, sent, standing_at
from tests.published.standard import Allowed, differences, unexplained
from tests.system.world import FEW_REGISTERS, World

CHAIN = "Nettapotek"
M9NA1, M9NA2, M9NA3, M9NA4 = (published(CHAIN, f"M9NA{number}_eks") for number in range(1, 5))
LISTED = list(etree.fromstring(M9NA2).iter("{*}Reseptinfo"))
FNR, HER = "07059616301", som_utleverer(APOTEK[0])
PASIENT = Pasient("GEIR", "HANSEN", date(1996, 5, 7), "1", FNR, "FNR")


def doctor(number: int, one: etree._Element) -> Lege:
    """A doctor of the sandbox with the number and the name in the list."""
    lege, navn = LEGER[number], (one.findtext("{*}NavnRekvirent") or "").rsplit(" ", 1)
    named = replace(lege.helsepersonell, hpr=one.findtext("{*}RekvirentId") or "", fornavn=navn[0], etternavn=navn[1])
    return Lege(named, lege.kort, lege.kontor)


DOCTORS = {lege.helsepersonell.hpr: lege for lege in (doctor(0, LISTED[0]), doctor(1, LISTED[-1]))}
REGISTERS = FEW_REGISTERS.merged(
    FixedRegisters(
        helsepersonell=(lege.helsepersonell for lege in DOCTORS.values()),
        kort={lege.kort: hpr for hpr, lege in DOCTORS.items()},
        personer=(Registrert((FNR,), fornavn="GEIR", etternavn="HANSEN"),),
    )
)
_EACH = (
    Allowed("MsgHead/MsgInfo/(MsgId|GenDate)", "our own"),
    Allowed("MsgHead(/Document.*)?/@schemaLocation", "a hint for editors, to files that the receiver does not have"),
    Allowed("MsgHead/MsgInfo/Sender/.*/Id", "the service's organisation number has changed over the years"),
    Allowed("MsgHead/MsgInfo/Patient/MiddleName", "nothing empty is written (225)"),
)
INSTITUERT = (
    b'<Instituert><Organisasjon><HerId xmlns:f="http://www.kith.no/xmlstds/felleskomponent1"><f:Id>9900001</f:Id>'
    b'<f:TypeId V="HER" DN="HER-id" S="2.16.578.1.12.4.1.1.9051"/></HerId>'
    b'<InstitusjonsID V="0" DN="Ingen" S="2.16.578.1.12.4.1.1.3512"/></Organisasjon></Instituert>'
)
"""What makes the published M9NA4 name an institution."""
ALLOWED = {
    "M9NA2": (*_EACH, Allowed(".*/Reseptinfo.*/ReseptId", "the same UUID, which we write in small letters")),
    "M9NA4": _EACH,
}


@pytest.fixture
async def world(database_url: str, tmp_path: Path) -> AsyncIterator[World]:
    """A service of that winter, which knows the doctors and the customer."""
    begun = datetime(2021, 2, 22, 10, tzinfo=NORGE)
    async with standing_at(begun, database_url, tmp_path, REGISTERS) as world:
        yield world


def vare(one: etree._Element) -> Legemiddel:
    """What the list says of the drug, the rest being the sandbox's."""
    hjemmel = one.find("{*}RefHjemmel")
    return replace(
        TABLETT,
        varenr=one.findtext("{*}Nr") or "",
        navn_form_styrke=one.findtext("{*}NavnFormStyrke") or "",
        bruksomrade=one.findtext("{*}Bruksomrade") or "",
        ref_hjemmel=koder.REFUSJONSHJEMMEL.cv(hjemmel.get("V", "")) if hjemmel is not None else None,
        ref_kode=ALLERGITABLETT.ref_kode if hjemmel is not None else None,
    )


def ten_o_clock(day: str) -> datetime:
    """In Norway on that day."""
    return datetime.fromisoformat(day[:10]).replace(hour=10, tzinfo=NORGE)


async def prescribed(world: World, one: etree._Element) -> None:
    """At ten on the day it was written."""
    lege = DOCTORS[one.findtext("{*}RekvirentId") or ""]
    hode = Hode(UUID(one.findtext("{*}ReseptId")), ten_o_clock(one.findtext("{*}Forskrivningsdato") or ""))
    octets = rekvirent.m1(hode, lege.rekvirent, PASIENT, Resept(vare(one)))
    if one is LISTED[0]:
        octets = octets.replace(b"</ReseptDokLegemiddel>", b"</ReseptDokLegemiddel>" + INSTITUERT)
    world.clock.fixed = hode.gen_date
    await sent(world, world.signed(octets, lege))


async def dispensed(world: World, given: etree._Element) -> None:
    """What M9NA4 says was given on the first prescription: the drug, and once something else."""
    resept_id, talk = LISTED[0].findtext("{*}ReseptId") or "", str(uuid4())
    when = ten_o_clock(given.findtext("{*}TidspunktSisteUtlevering") or "") + timedelta(hours=1)
    downloaded = await sent(world, utleverer.m93(Hode(uuid4(), when, talk, talk), HER, resept_id))
    drug = replace(vare(given), pakningsstr="10.0")
    other = replace(NARINGSDRIKK, nr=drug.varenr, navn=drug.navn_form_styrke)
    what = other if given.find("{*}Pakningsstr") is None else drug
    report = Hode(uuid4(), when, downloaded.msg_id, talk)
    await sent(world, utleverer.m10(report, HER, PASIENT, Rapport(resept_id, what)))


async def told(world: World) -> dict[str, etree._Element]:
    """The published questions, and our answers."""
    for one in LISTED:
        await prescribed(world, one)
    for given in reversed(list(etree.fromstring(M9NA4).iter("{*}Utlevering"))):
        await dispensed(world, given)
    m9na2 = await sent(world, M9NA1)
    follows = M9NA3.replace(read_head(etree.fromstring(M9NA2)).msg_id_text.encode(), m9na2.msg_id.encode())
    return {"M9NA2": m9na2.root, "M9NA4": (await sent(world, follows)).root}


def newest_first(octets: bytes) -> etree._Element:
    """The published message with its list in our order; the standard names none."""
    root = etree.fromstring(octets)
    listed = root.findall(".//{*}Reseptinfo")
    for one in sorted(listed, key=lambda one: one.findtext("{*}Forskrivningsdato") or "", reverse=True):
        parent = one.getparent()
        assert parent is not None
        parent.append(one)
    return root


async def test_the_answers_are_the_published_ones(world: World) -> None:
    """But for the rows of ALLOWED, each of which is needed."""
    ours = await told(world)
    theirs = {"M9NA2": newest_first(M9NA2), "M9NA4": etree.fromstring(M9NA4)}
    found = {name: differences(theirs[name], root) for name, root in ours.items()}
    assert [(name, path) for name, paths in found.items() for path in unexplained(paths, ALLOWED[name])] == []
