"""Multidose over HTTP: registration, lists, what is sent on, change of doctor, what is asked, deregistration."""

from __future__ import annotations

import asyncio
import gzip
from base64 import b64decode
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from lxml import etree

from reseptformidler.client import melding, rekvirent, utleverer
from reseptformidler.client.answer import Answer
from reseptformidler.client.lib import Legemiddelliste, Oppforing, Pakkeinfo, Utlevering
from reseptformidler.client.melding import IBruk
from reseptformidler.client.parter import Utleverer
from reseptformidler.client.rekvirent import Resept
from reseptformidler.client.varer import resept_dok
from reseptformidler.domain.kalender import norsk_dag
from reseptformidler.sandbox.population import (
    APOTEK,
    KJERNEJOURNAL,
    LEGER,
    PERSONER,
    Lege,
    refnumre,
    som_utleverer,
)
from reseptformidler.sandbox.varer import TABLETT
from reseptformidler.store.encode import Encoder, Outgoing
from reseptformidler.wire.msghead import read_head
from tests.system.world import World, msg_id_of, texts

LEGE, KOLLEGA = LEGER[:2]
HER, DER = (som_utleverer(one) for one in APOTEK[:2])
PERSON = PERSONER[0]
Operation = tuple[str, str]
FRA_APOTEK: Mapping[str, Operation] = {
    name: ("Utleverer", operation) for name, operation in (("M27", "M27_1"), ("M911", "M9_11"), ("M921", "M9_21"))
}


async def sent(world: World, octets: bytes, operation: Operation | None = None) -> Answer:
    """What must be accepted."""
    answer = await world.send(octets, operation)
    assert answer.errors == []
    return answer


async def refused(world: World, octets: bytes, operation: Operation | None = None) -> list[str]:
    """The codes of a refusal."""
    answer = await world.send(octets, operation)
    return [code for code, _, _ in answer.errors]


def fra_lege(world: World, lege: Lege = LEGE, *, registrer: bool = True) -> bytes:
    """A doctor's M27.1 from today."""
    dag = norsk_dag(world.clock())
    return world.signed(melding.m271(world.hode(), lege.rekvirent, PERSON, dag, registrer=registrer), lege)


def fra_apotek(world: World, apotek: Utleverer = HER, *, registrer: bool = True) -> bytes:
    """A pharmacy's M27.1 from today."""
    return melding.m271(world.hode(), apotek, PERSON, norsk_dag(world.clock()), registrer=registrer)


def oppforing(resept_id: str, now: datetime, **changes: object) -> Oppforing:
    """The entry of a prescription of one package."""
    dok = resept_dok(TABLETT, "1", 0).encode()
    found = Oppforing(str(uuid4()), "E", now, dok, resept_id)
    return replace(found, **changes)  # type: ignore[arg-type]  # fields of Oppforing


def m251(world: World, *entries: Oppforing, lege: Lege = LEGE, parent: str = "") -> bytes:
    """A doctor's list."""
    hode = replace(world.hode(), parent=parent, conversation=parent)
    return world.signed(rekvirent.m251(hode, lege.rekvirent, PERSON, Legemiddelliste(entries)), lege)


async def owed(world: World) -> list[tuple[str, str, etree._Element]]:
    """What is owed to others: type, HER-id, the message as it will be sent; each is valid against the schemas."""
    async with world.service.pool.acquire() as connection:
        rows = await connection.fetch(
            "SELECT avsender, msg_id, lopenr, type, mottaker, innhold FROM utboks ORDER BY opprettet, msg_id, lopenr"
        )
    encoder, found = Encoder(world.service.sealer), []
    for row in rows:
        outgoing = encoder.open_owed(row["avsender"], row["msg_id"], row["lopenr"], row["innhold"])
        assert isinstance(outgoing, Outgoing)
        root = etree.fromstring(outgoing.message)
        assert [str(error) for error in world.schemas.errors(root)] == []
        found.append((row["type"], row["mottaker"], root))
    return found


async def answered(world: World, spor: IBruk, versjon: str = "2018-07-01") -> Answer:
    """The pharmacy's M9.11."""
    return await sent(world, melding.m911(world.hode(), HER, spor, versjon), FRA_APOTEK["M911"])  # type: ignore[arg-type]


async def changed(world: World, etter: datetime, apotek: Utleverer = HER) -> list[str]:
    """The patients of the pharmacy that have changed."""
    answer = await sent(world, melding.m921(world.hode(), apotek, etter), FRA_APOTEK["M921"])
    return texts(answer, "Fnr")


async def multidose(world: World) -> tuple[str, str]:
    """Doctor and pharmacy are registered and the doctor has sent a list: MsgId of it, and the ReseptId in it."""
    await sent(world, fra_lege(world))
    await sent(world, fra_apotek(world), FRA_APOTEK["M27"])
    resept_id = await world.prescribed(Resept(TABLETT))
    lists = m251(world, oppforing(resept_id, world.clock()))
    await sent(world, lists)
    return msg_id_of(lists), resept_id


async def test_from_registration_to_deregistration(world: World) -> None:
    """The whole chain; each step is seen in what M9.12 and M9.22 answer, and in what is owed."""
    begun = world.clock() - timedelta(seconds=1)
    assert texts(await sent(world, fra_lege(world)), "HprNr") == []
    m272 = await sent(world, fra_apotek(world), FRA_APOTEK["M27"])
    assert texts(m272, "HprNr") == [LEGE.helsepersonell.hpr]
    assert await changed(world, begun) == [PERSON.ident]

    resept_id = await world.prescribed(Resept(TABLETT))
    entry = oppforing(resept_id, world.clock())
    first = m251(world, entry)
    await sent(world, first)
    assert await refused(world, m251(world, entry)) == ["226"]

    sporsmal = utleverer.m252(world.hode(), HER, PERSON, Legemiddelliste((entry,)))
    await sent(world, sporsmal)
    pakket = replace(entry, i_multidose=True, utleveringer=(_utlevering(world.clock()),))
    liste = Legemiddelliste((pakket,), pakkeinfo=Pakkeinfo(world.clock()))
    packed = utleverer.m253(world.hode(), HER, PERSON, liste)
    await sent(world, packed)
    til_lege = [(kind, her) for kind, her, _ in await owed(world)]
    assert til_lege == [("M25.2", LEGE.kontor.her), ("M25.3", LEGE.kontor.her), ("M25.4", KJERNEJOURNAL.her)]

    m912 = await answered(world, IBruk(PERSON.ident, reseptinfo=True))
    assert texts(m912, "RefMsgId") == [msg_id_of(packed)]
    assert [b64decode(one) for one in texts(m912, "VarerIBrukB64")] == [first, sporsmal, packed]
    assert texts(m912, "Reseptinfo")
    assert texts(m912, "Konsesjonsnr")

    await sent(world, fra_lege(world, KOLLEGA))
    kind, her, m28 = (await owed(world))[-1]
    assert (kind, her) == ("M28", LEGE.kontor.her)
    assert m28.findtext(".//{*}M28/{*}Multidoselege/{*}HprNr") == KOLLEGA.helsepersonell.hpr
    assert await refused(world, m251(world, entry, parent=msg_id_of(packed))) == ["152"]
    await sent(world, m251(world, entry, lege=KOLLEGA, parent=msg_id_of(packed)))

    await sent(world, fra_lege(world, KOLLEGA, registrer=False))
    assert await refused(world, utleverer.m252(world.hode(), HER, PERSON, Legemiddelliste((entry,)))) == ["228"]
    await sent(world, fra_apotek(world, registrer=False), FRA_APOTEK["M27"])
    assert await changed(world, begun) == [PERSON.ident]
    assert await changed(world, world.clock() + timedelta(minutes=1)) == []
    assert texts(await answered(world, IBruk(PERSON.ident)), "HprNr") == []


def _utlevering(now: datetime) -> Utlevering:
    dag = norsk_dag(now)
    return Utlevering(dag, dag + timedelta(days=14), b"<Utlevering/>", str(uuid4()))


async def test_what_goes_on_says_what_came(world: World) -> None:
    """M25.2 under a head of the service's, with the references of the one that came; M25.4 holds the same entries."""
    _, resept_id = await multidose(world)
    entry = oppforing(resept_id, world.clock(), i_multidose=True, utleveringer=(_utlevering(world.clock()),))
    samtale = str(uuid4())
    hode = replace(world.hode(), parent=samtale, conversation=samtale)
    packed = utleverer.m253(
        hode, HER, PERSON, Legemiddelliste((entry,), merknad="Pakket", pakkeinfo=Pakkeinfo(world.clock()))
    )
    await sent(world, packed)
    (_, _, m253), (_, _, m254) = await owed(world)
    head = read_head(m253)
    assert (head.type.v, head.ref_to_parent, head.ref_to_conversation) == ("ERM253", msg_id_of(packed), samtale)
    assert head.receiver.professional is not None
    assert head.receiver.professional.ident("HPR") == LEGE.helsepersonell.hpr
    assert head.patient is not None
    assert head.patient.ident("FNR") == PERSON.ident
    came, goes = (one.find(".//{*}LegemidlerIBruk") for one in (etree.fromstring(packed), m253))
    assert came is not None
    assert goes is not None
    assert etree.tostring(came, method="c14n", exclusive=True) == etree.tostring(goes, method="c14n", exclusive=True)
    assert read_head(m254).type.v == "ERM254"
    assert m254.findtext(".//{*}EnkeltoppforingLIB/{*}Id") == entry.id
    assert m254.findtext(".//{*}LegemidlerIBruk/{*}Merknad") == "Pakket"


async def test_a_locked_prescription_is_in_no_list(world: World) -> None:
    """L10 (239), and a text that is not the M1's (X5, 320); one that nobody has is accepted: it may be gone."""
    now = world.clock()
    locked = await world.prescribed(Resept(TABLETT, refnr=refnumre(LEGE)[0], last=True))
    assert await refused(world, m251(world, oppforing(locked, now))) == ["239"]
    resept_id = await world.prescribed(Resept(TABLETT))
    other = resept_dok(TABLETT, "2", 0).encode()
    assert await refused(world, m251(world, oppforing(resept_id, now, resept_dok=other))) == ["320"]
    await sent(world, m251(world, oppforing(resept_id, now), oppforing(str(uuid4()), now, resept_dok=other)))


@pytest.mark.parametrize("versjon", ["2014-01-21", "2018-07-01", "2021-10-01"])
async def test_each_version_and_each_asker(world: World, versjon: str) -> None:
    """A prescriber signs and may not have prescriptions (388); each is answered in its own version."""
    newest, _ = await multidose(world)
    spor = IBruk(PERSON.ident, m25=versjon == "2021-10-01")
    m911 = world.signed(melding.m911(world.hode(), LEGE.rekvirent, spor, versjon))  # type: ignore[arg-type]
    answer = await sent(world, m911, ("Rekvirent", "M9_11"))
    assert answer.payload is not None
    assert etree.QName(answer.payload).namespace == m911.split(b'<M911 xmlns="')[1].split(b'"')[0].decode().replace(
        "m911", "m912"
    )
    assert texts(answer, "RefMsgId") == texts(await answered(world, spor, versjon), "RefMsgId") == [newest]
    assert len(texts(answer, "VarerIBrukB64")) == 1
    assert texts(answer, "Multidoselege")
    assert texts(answer, "Multidoseapotek")
    med_resepter = melding.m911(world.hode(), LEGE.rekvirent, replace(spor, reseptinfo=True), versjon)  # type: ignore[arg-type]
    assert await refused(world, world.signed(med_resepter), ("Rekvirent", "M9_11")) == ["388"]


async def test_compressed(world: World) -> None:
    """Lists come as gzipped attachments where compression is asked for."""
    newest, _ = await multidose(world)
    answer = await answered(world, IBruk(PERSON.ident, komprimering=1))
    (attached,) = answer.attachments()
    assert msg_id_of(attached) == newest
    container = answer.root.find(".//{*}Base64Container")
    assert container is not None
    assert gzip.decompress(b64decode(container.text or "")) == attached


async def test_one_pharmacy_and_one_list_at_a_time(world: World) -> None:
    """A second pharmacy is refused (154, 153); who is not registered does not deregister (152, 153)."""
    _, resept_id = await multidose(world)
    assert await refused(world, fra_apotek(world, DER), FRA_APOTEK["M27"]) == ["154"]
    assert await refused(world, fra_apotek(world, DER, registrer=False), FRA_APOTEK["M27"]) == ["153"]
    assert await refused(world, fra_lege(world, KOLLEGA, registrer=False)) == ["152"]
    liste = Legemiddelliste((oppforing(resept_id, world.clock()),))
    assert await refused(world, utleverer.m252(world.hode(), DER, PERSON, liste)) == ["153"]
    assert await changed(world, datetime(2020, 1, 1, tzinfo=UTC), DER) == []
    nobody = rekvirent.m251(
        world.hode(), LEGE.rekvirent, PERSONER[1], replace(liste, oppforinger=(), vikar=True, merknad="x")
    )
    assert await refused(world, world.signed(nobody)) == ["359"]


async def test_two_at_the_same_moment(world: World) -> None:
    """Of two pharmacies one is registered; the other one is refused, as if it had come later."""
    answers = await asyncio.gather(*(refused(world, fra_apotek(world, one), FRA_APOTEK["M27"]) for one in (HER, DER)))
    assert sorted(answers) == [[], ["154"]]
    assert len(texts(await answered(world, IBruk(PERSON.ident)), "Konsesjonsnr")) == 1


async def test_the_same_message_has_the_same_answer(world: World) -> None:
    """A list that is sent again is held once, and goes on once."""
    _, resept_id = await multidose(world)
    liste = Legemiddelliste((oppforing(resept_id, world.clock()),))
    octets = utleverer.m252(world.hode(), HER, PERSON, liste)
    first, second = await sent(world, octets), await sent(world, octets)
    assert first.octets == second.octets
    assert [kind for kind, _, _ in await owed(world)] == ["M25.2"]


async def test_a_long_entry_is_no_long_text(world: World) -> None:
    """Base64 of more than 4,000 characters is accepted (7419/351 is about text)."""
    dok = resept_dok(replace(TABLETT, dosering="1 " * 200), "1", 0).encode() + b" " * 4000
    await sent(world, m251(world, oppforing(str(uuid4()), world.clock(), resept_dok=dok)))
