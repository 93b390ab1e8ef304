"""Patient cards and issued reference numbers: what the store promises of them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from functools import partial
from uuid import UUID, uuid4

import asyncpg
import pytest

from reseptformidler.domain.decision import Decision, Endret, Hendelse, Needs, RefNr, Tilstand
from reseptformidler.domain.ident import is_refnr
from reseptformidler.domain.pasientkort import Kortsteg, Libmelding, Pasientkort
from reseptformidler.store.apply import Decided, Outcome, apply, rows_of
from reseptformidler.store.batch import Batcher, Item, OtherBytes, Stored
from reseptformidler.store.encode import Encoder
from reseptformidler.store.pool import Pool
from reseptformidler.store.seal import Sealer
from tests.store.build import FNR, LEGE, NOW, item, m1, m5, resept
from tests.store.faults import until_waiting

OTHER_FNR = "01835500191"
Change = Callable[[Pasientkort], Pasientkort]


def card_message(
    ident: str = FNR, change: Change = lambda kort: kort, *, holds: bool = False, msg_id: UUID | None = None
) -> Item:
    """A message that makes or changes the card of a patient; with `holds` the card holds it from then on alone."""
    msg_id = msg_id or uuid4()

    def decide(tilstand: Tilstand) -> Decision:
        before = tilstand.pasientkort((ident,))
        blank = Pasientkort(msg_id, 1, ident, NOW)
        after = change(replace(before, versjon=before.versjon + 1) if before is not None else blank)
        if holds:
            after = replace(after, meldinger=(Libmelding(msg_id, "ERM251", NOW),))
        event = Hendelse(after.kort_id, after.versjon, Kortsteg.LIB_MOTTATT, "", "")
        return Decision(kort=after, hendelser=(event,))

    return item(decide, Needs(kort=(ident,)), sender=LEGE, msg_id=msg_id, type_="m251", octets=msg_id.bytes)


async def seen(batcher: Batcher, needs: Needs) -> Tilstand:
    """What a message with these needs is shown."""
    shown: list[Tilstand] = []

    def decide(tilstand: Tilstand) -> Decision:
        shown.append(tilstand)
        return Decision()

    await batcher.submit(item(decide, needs, type_="m911"))
    return shown[-1]


async def count(pool: Pool, what: str) -> int:
    return int(await pool.fetchval(f"SELECT count(*) FROM {what}"))


async def test_a_card_lives_on_in_versions(batcher: Batcher, pool: Pool) -> None:
    """Made by one message, changed by the next, each with a row of history; nobody else's card is touched."""
    first = card_message()
    await batcher.submit(first)
    await batcher.submit(card_message(change=lambda kort: replace(kort, parter=("8100001",))))
    await batcher.submit(card_message(OTHER_FNR))
    (kort,) = (await seen(batcher, Needs(kort=(FNR,)))).kort
    assert (kort.kort_id, kort.versjon, kort.parter) == (first.msg_id, 2, ("8100001",))
    assert await count(pool, f"historikk WHERE resept_id = '{first.msg_id}'") == 2
    assert (await seen(batcher, Needs(kort=("21014605158",)))).kort == ()


async def test_a_repeated_message_changes_a_card_once(batcher: Batcher) -> None:
    """The claim keeps the second one from being decided again."""
    one = card_message()
    await batcher.submit(one)
    again = await batcher.submit(one)
    assert isinstance(again, Stored)
    assert again.repeated
    (kort,) = (await seen(batcher, Needs(kort=(FNR,)))).kort
    assert kort.versjon == 1


async def test_many_who_change_a_card_at_once_all_count(batcher: Batcher, pool: Pool, sealer: Sealer) -> None:
    """Of two processes, also where the card is not there yet: each message adds its own, none is lost."""
    other = Batcher(pool, sealer)

    def add(name: str) -> Change:
        return lambda kort: replace(kort, parter=(*kort.parter, name))

    names = [str(8_100_000 + n) for n in range(12)]
    senders = (batcher, other)
    await asyncio.gather(*(senders[n % 2].submit(card_message(change=add(name))) for n, name in enumerate(names)))
    await other.close()
    (kort,) = (await seen(batcher, Needs(kort=(FNR,)))).kort
    assert (kort.versjon, sorted(kort.parter)) == (12, names)


async def test_a_card_holds_exactly_its_messages(batcher: Batcher, pool: Pool) -> None:
    """A held message stands with the card, not in the inbox; what the card no longer holds is gone."""
    first, second = card_message(holds=True), card_message(holds=True)
    await batcher.submit(first)
    await batcher.submit(second)
    shown = await seen(batcher, Needs(kort=(FNR,), kort_dokumenter=True))
    assert shown.dokumenter == {second.msg_id: second.octets}
    assert await count(pool, "innboks WHERE type = 'm251' AND melding IS NULL") == 2
    assert (await seen(batcher, Needs(kort=(FNR,)))).dokumenter == {}


async def test_changes_are_found_by_who_is_concerned(batcher: Batcher) -> None:
    """M9.21: the cards of an organisation that changed after a moment, no others."""
    later = NOW + timedelta(hours=1)
    await batcher.submit(card_message(change=lambda kort: replace(kort, parter=("8100001", "8100002"))))
    await batcher.submit(card_message(OTHER_FNR, lambda kort: replace(kort, parter=("8100001",), endret=later)))
    found = {
        (her, etter): {kort.ident for kort in (await seen(batcher, Needs(endret=Endret(her, etter)))).kort}
        for her, etter in (("8100001", NOW - timedelta(1)), ("8100002", NOW - timedelta(1)), ("8100001", NOW))
    }
    assert found == {
        ("8100001", NOW - timedelta(1)): {FNR, OTHER_FNR},
        ("8100002", NOW - timedelta(1)): {FNR},
        ("8100001", NOW): {OTHER_FNR},
    }


async def test_nothing_of_a_patient_stands_in_clear(batcher: Batcher, pool: Pool) -> None:
    """The number is a keyed hash, all else is sealed."""
    await batcher.submit(card_message(holds=True))
    tables = "pasientkort JOIN pasientkort_dokument USING (kort_id)"
    (row,) = await pool.fetch(f"SELECT pasient, innhold, dokument FROM {tables}")
    assert not any(FNR.encode() in row[name] for name in ("pasient", "innhold", "dokument"))
    assert len(row["pasient"]) == 16


def order(count: int) -> Item:
    """A message that is issued so many numbers."""

    def decide(tilstand: Tilstand) -> Decision:
        return Decision(issued=tuple(RefNr(number, "9144889") for number in tilstand.ledige_refnr))

    return item(decide, Needs(nye_refnr=count), type_="m41")


async def test_issued_numbers_are_new_and_right(batcher: Batcher, pool: Pool) -> None:
    """As many as were asked for, each with its check digit, none twice; then they are known."""
    await asyncio.gather(*(batcher.submit(order(100)) for _ in range(5)))
    assert await count(pool, "refnr") == 500
    (number,) = (await seen(batcher, Needs(nye_refnr=1))).ledige_refnr
    assert is_refnr(number)


def _always(decision: Decision, _: Tilstand) -> Decision:
    return decision


async def test_a_wrong_decision_about_a_card_is_found(batcher: Batcher) -> None:
    """A skipped version, a card under another's name, a message never held, an invented number: ours to mend."""
    wrong: list[Decision] = [
        Decision(kort=Pasientkort(uuid4(), 2, FNR, NOW)),
        Decision(kort=Pasientkort(uuid4(), 1, FNR, NOW, meldinger=(Libmelding(uuid4(), "ERM251", NOW),))),
        Decision(issued=(RefNr("0000100005", "9144889"),)),
    ]
    for decision in wrong:
        kort = decision.kort
        events = (Hendelse(kort.kort_id, kort.versjon, "", "", ""),) if kort is not None else ()
        decided = replace(decision, hendelser=events)
        with pytest.raises(AssertionError):
            await batcher.submit(item(partial(_always, decided), Needs(kort=(FNR,))))


async def test_the_database_keeps_one_card_a_patient(pool: Pool, batcher: Batcher) -> None:
    """Negative control: without the guard a second card would be a unique violation, not a second truth."""
    await batcher.submit(card_message())
    with pytest.raises(asyncpg.UniqueViolationError):
        await pool.execute(
            "INSERT INTO pasientkort SELECT gen_random_uuid(), pasient, 1, endret, parter, innhold FROM pasientkort"
        )


async def test_a_new_prescription_is_a_change_too(batcher: Batcher) -> None:
    """HIS 3014 6.1.2: whose patient is prescribed something is told so, whatever became of it since."""
    await batcher.submit(card_message(change=lambda kort: replace(kort, parter=("8100001",))))
    later = Needs(endret=Endret("8100001", NOW))
    assert (await seen(batcher, later)).kort == ()
    new = replace(resept(), mottatt=NOW + timedelta(minutes=1))
    await batcher.submit(m1(new))
    assert [kort.ident for kort in (await seen(batcher, later)).kort] == [FNR]
    await batcher.submit(m5(new.resept_id))
    assert [kort.ident for kort in (await seen(batcher, later)).kort] == [FNR]


async def test_another_senders_msg_id_makes_no_card(batcher: Batcher) -> None:
    """A card is named by its message: the same MsgId from another sender is refused, whatever it is about (7419/65)."""
    first = card_message()
    await batcher.submit(first)
    other = replace(card_message(OTHER_FNR, msg_id=first.msg_id), sender="8100009", sha256=b"other")
    assert isinstance(await batcher.submit(other), OtherBytes)
    assert (await seen(batcher, Needs(kort=(OTHER_FNR,)))).kort == ()


async def test_a_list_that_is_replaced_between_two_reads(batcher: Batcher, pool: Pool, sealer: Sealer) -> None:
    """Who asks is shown a card and the messages that this card holds, never those of another version."""
    second, encoder = card_message(holds=True), Encoder(sealer)
    await batcher.submit(card_message(holds=True))
    before = await seen(batcher, second.needs)
    decided = Decided(second, before, second.decide(before), b"svar")
    async with pool.acquire() as connection, connection.transaction():
        await connection.execute("LOCK TABLE pasientkort_dokument")  # the card can be read, its messages cannot
        reading = asyncio.create_task(seen(batcher, Needs(kort=(FNR,), kort_dokumenter=True)))
        await until_waiting(pool, 1)
        assert await apply(connection, [rows_of(encoder, 0, decided)]) == [Outcome.APPLIED]
    shown = await reading
    assert [one.msg_id for one in shown.kort[0].meldinger] == list(shown.dokumenter) == [second.msg_id]
