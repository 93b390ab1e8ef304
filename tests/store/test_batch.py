"""What the batcher promises within one process."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from uuid import uuid4

import pytest

from reseptformidler.domain.decision import Decision, Finding, Needs, Nodsok, Owed, Tilstand, Vedlegg
from reseptformidler.domain.ident import time_of_uuid
from reseptformidler.domain.resept import Resept, Utlevering
from reseptformidler.reasons import reason
from reseptformidler.store.batch import Batcher, Item, OtherBytes, Stored
from reseptformidler.store.encode import Encoder, Outgoing
from reseptformidler.store.pool import Pool
from reseptformidler.store.refnr import issue
from reseptformidler.store.seal import Sealer
from tests.store.build import (
    ANNET_APOTEK,
    APOTEK,
    FNR,
    HPR,
    LEGE,
    NOW,
    item,
    m1,
    m5,
    m10,
    m10_annulment,
    m91,
    m93,
    number,
    resept,
)
from tests.store.owe import virksomhet

Break = Callable[[Decision, Tilstand], Decision]


async def sent(batcher: Batcher, *items: Item) -> list[Stored]:
    """Send them one after the other; each must be stored."""
    answers = [await batcher.submit(one) for one in items]
    assert all(isinstance(answer, Stored) for answer in answers), answers
    return [answer for answer in answers if isinstance(answer, Stored)]


async def until(happened: Callable[[], bool]) -> None:
    """Let the loop turn until something has happened."""
    while not happened():
        await asyncio.sleep(0)


async def seen(batcher: Batcher, needs: Needs) -> Tilstand:
    """What a message with these needs is shown."""
    shown: list[Tilstand] = []
    await sent(batcher, m91(needs, shown))
    return shown[-1]


async def count(pool: Pool, what: str) -> int:
    return int(await pool.fetchval(f"SELECT count(*) FROM {what}"))


async def test_a_whole_life(batcher: Batcher, pool: Pool) -> None:
    """Prescribed, downloaded, dispensed, annulled, finished: each step one version and one row of history."""
    new = resept()
    report = m10(new.resept_id)
    steps = [
        m1(new), m93(new.resept_id), report, m93(new.resept_id, ANNET_APOTEK),
        m10_annulment(new.resept_id, report.msg_id), m10(new.resept_id, ANNET_APOTEK, closes=True),
    ]  # fmt: skip
    answers = await sent(batcher, *steps)
    assert all(answer.accepted and not answer.repeated for answer in answers)
    rows = await pool.fetch("SELECT versjon, fra, til, msg_id FROM historikk ORDER BY versjon")
    assert [(row["versjon"], row["fra"], row["til"]) for row in rows] == [
        (1, "ingen", "E"), (2, "E", "U"), (3, "U", "E"), (4, "E", "U"), (5, "U", "U"), (6, "U", "R"),
    ]  # fmt: skip
    assert [row["msg_id"] for row in rows] == [step.msg_id for step in steps]
    assert await count(pool, "resept_dokument") == 4


async def test_documents_come_back_byte_for_byte(batcher: Batcher) -> None:
    """Who asks for documents gets the M1, every M10 and the dispensings, with the annulled one marked."""
    new = resept()
    report = m10(new.resept_id)
    annulment = m10_annulment(new.resept_id, report.msg_id)
    await sent(batcher, m1(new, octets=b"<M1>\xc3\xb8</M1>\r\n"), m93(new.resept_id), report, annulment)
    shown = await seen(batcher, Needs(resepter=(new.resept_id,), dokumenter=True))
    assert shown.dokumenter == {
        new.resept_id: b"<M1>\xc3\xb8</M1>\r\n", report.msg_id: report.octets, annulment.msg_id: annulment.octets,
    }  # fmt: skip
    assert [(u.msg_id, u.annullert_av) for u in shown.utleveringer] == [(report.msg_id, annulment.msg_id)]


async def test_the_bytes_of_a_prescription_stand_in_one_place(batcher: Batcher, pool: Pool) -> None:
    """The inbox keeps the bytes of every message but those that stand with a prescription."""
    new, refusal = resept(), m93(uuid4())
    await sent(batcher, m1(new), m93(new.resept_id), m10(new.resept_id), m5(new.resept_id), refusal)
    rows = await pool.fetch("SELECT type, melding IS NULL AS elsewhere FROM innboks ORDER BY type")
    assert [(row["type"], row["elsewhere"]) for row in rows] == [
        ("m1", True), ("m10", True), ("m5", False), ("m93", False), ("m93", False),
    ]  # fmt: skip


async def test_a_refusal_is_stored_with_its_reasons(batcher: Batcher, pool: Pool) -> None:
    """A refused message has a claim, an inbox row and its codes, and changes nothing else."""
    (answer,) = await sent(batcher, m93(uuid4()))
    assert (answer.accepted, answer.reasons) == (False, ("1",))
    assert await count(pool, "krav JOIN innboks USING (msg_id) WHERE NOT godtatt AND arsaker = '1'") == 1
    assert await count(pool, "historikk") == await count(pool, "resept") == 0


async def test_lists_by_patient_refnr_and_emergency_search(batcher: Batcher, pool: Pool, sealer: Sealer) -> None:
    """Each key finds what it should; without `alle` only the active ones, by id every state."""
    async with pool.acquire() as connection:
        assert await issue(connection, sealer, [number("1"), number("2")]) == 2
        assert await issue(connection, sealer, [number("1")]) == 0
    open_, closed = resept(), resept()
    locked, nameless = resept(refnr="1", last=True), resept(fnr="", refnr="2")
    await sent(batcher, *(m1(one) for one in (open_, closed, locked, nameless)))
    await sent(batcher, m93(open_.resept_id), m93(closed.resept_id), m10(closed.resept_id, closes=True))

    async def found(needs: Needs) -> set[object]:
        return {one.resept_id for one in (await seen(batcher, needs)).resepter}

    assert await found(Needs(pasienter=(FNR,))) == {open_.resept_id, locked.resept_id}
    assert await found(Needs(pasienter=(FNR,), alle=True)) == {open_.resept_id, locked.resept_id, closed.resept_id}
    assert await found(Needs(refnr=("2", "1"))) == {locked.resept_id, nameless.resept_id}
    search = Nodsok("1969-11-13", "line", "Danzer")
    assert await found(Needs(nodsok=search)) == {open_.resept_id, locked.resept_id, nameless.resept_id}
    assert await found(Needs(nodsok=replace(search, fdato="1969-11-14"))) == set()
    assert await found(Needs(resepter=(closed.resept_id, uuid4()))) == {closed.resept_id}


async def test_each_message_of_a_batch_sees_only_what_it_asked_for(pool: Pool, sealer: Sealer) -> None:
    """Messages share the statements that read, not what was read."""
    batcher = Batcher(pool, sealer, in_flight=1)
    mine, other = resept(), resept(fnr="21058830192")
    await sent(batcher, m1(mine), m1(other))
    shown: list[Tilstand] = []
    both = [m91(Needs(pasienter=(FNR,)), shown), m91(Needs(pasienter=("21058830192",)), shown)]
    await asyncio.gather(batcher.submit(m91(Needs())), *map(batcher.submit, both))
    assert [[one.resept_id for one in t.resepter] for t in shown] == [[mine.resept_id], [other.resept_id]]


async def test_a_reference_number_is_bound_to_one_patient(batcher: Batcher, pool: Pool, sealer: Sealer) -> None:
    """The second prescription of the same patient is accepted, that of another one refused; aktiv follows the rows."""
    async with pool.acquire() as connection:
        await issue(connection, sealer, [number("1")])
    before = (await seen(batcher, Needs(refnr=("1", "unknown")))).refnr
    assert [(n.hpr, n.pasient, n.aktiv) for n in before] == [(HPR, None, False)]
    first, second, other = resept(refnr="1"), resept(refnr="1"), resept(refnr="1", fnr="21058830192")
    assert [one.accepted for one in await sent(batcher, m1(first), m1(second), m1(other))] == [True, True, False]
    (after,) = (await seen(batcher, Needs(refnr=("1",)))).refnr
    assert (after.pasient, after.aktiv) == (FNR, True)


async def test_a_repeat_gets_the_first_answer(batcher: Batcher, pool: Pool) -> None:
    """The same message twice is decided once, and answered with the same bytes."""
    new = resept()
    await sent(batcher, m1(new))
    download = m93(new.resept_id)
    first, again = await sent(batcher, download, download)
    assert again == replace(first, repeated=True)
    assert await count(pool, "historikk") == 2
    assert await count(pool, "krav WHERE gjentatt = 1") == 1


async def test_7419_65_other_bytes_under_a_known_msg_id(batcher: Batcher, pool: Pool) -> None:
    """Another message under a used MsgId is told apart, stores nothing, and the first answer stays."""
    first = m1(resept())
    await sent(batcher, first)
    assert await batcher.submit(m1(resept(first.msg_id), octets=b"<M1>other</M1>")) == OtherBytes()
    assert await count(pool, "innboks") == 1


async def test_7419_10_a_resept_id_of_another_sender(batcher: Batcher, pool: Pool) -> None:
    """A prescription is named by the MsgId of its M1: no second sender can use it, neither later nor at once."""
    new, racing = resept(), resept()
    await sent(batcher, m1(new))
    (second,) = await sent(batcher, m1(new, sender="8090596"))
    assert second.reasons == ("10",)
    pair = await asyncio.gather(*(batcher.submit(m1(racing, sender=her)) for her in ("1", "2")))
    assert sorted(one.reasons for one in pair if isinstance(one, Stored)) == [(), ("10",)]
    assert await count(pool, "resept") == 2


async def test_what_is_owed_has_one_outbox_row_each(batcher: Batcher, pool: Pool, sealer: Sealer) -> None:
    """The row names type, receiver, references and the MsgId, which tells its time; the message is sealed."""
    new = resept()
    document = Vedlegg(new.resept_id, new.resept_id)
    owed = (
        Owed("M21", virksomhet("8100001"), new.resept_id, "parent", "conversation", b"<M21/>"),
        Owed("M8", virksomhet(""), None, "parent", "conversation", b"<M8/>", attachments=(document,)),
    )
    await sent(batcher, m1(new, owed=owed))
    rows = await pool.fetch("SELECT * FROM utboks ORDER BY lopenr")
    assert [(row["type"], row["mottaker"], row["status"], row["resept_id"]) for row in rows] == [
        ("M21", "8100001", "V", new.resept_id), ("M8", "", "V", None),
    ]  # fmt: skip
    assert {time_of_uuid(row["melding_id"]) for row in rows} == {int(NOW.timestamp() * 1000)}
    opened = [Encoder(sealer).open_owed(LEGE, new.resept_id, row["lopenr"], row["innhold"]) for row in rows]
    assert opened == [
        Outgoing(b"<MsgHead><M21/></MsgHead>"), Outgoing(b"<MsgHead><M8/></MsgHead>", (document,)),
    ]  # fmt: skip


async def test_a_bad_neighbour_harms_nobody(pool: Pool, sealer: Sealer) -> None:
    """In one batch: one makes the statement fail, one fails to decide, one to render; the others are stored."""
    batcher = Batcher(pool, sealer, in_flight=1)

    def fails(_: object) -> Decision:
        raise ZeroDivisionError

    good = [m1(resept()) for _ in range(5)]
    breaks = m1(resept(), owed=(Owed("M21", virksomhet("\0"), None, "", "", b""),))
    undecided = item(fails)
    unrendered = replace(item(lambda _: Decision()), render=lambda d: str(1 // len(d.hendelser)).encode())
    batch = [m91(Needs()), *good[:3], breaks, undecided, unrendered, *good[3:]]
    answers = await asyncio.gather(*map(batcher.submit, batch), return_exceptions=True)
    assert [type(answer).__name__ for answer in answers] == [
        *["Stored"] * 4, "CharacterNotInRepertoireError", "ZeroDivisionError", "ZeroDivisionError", *["Stored"] * 2,
    ]  # fmt: skip
    assert await count(pool, "resept") == 5


async def test_messages_that_wait_share_a_commit(pool: Pool, sealer: Sealer) -> None:
    """A lone message goes at once; the sixty that come meanwhile go together."""
    batcher = Batcher(pool, sealer, in_flight=1)
    alone = asyncio.ensure_future(batcher.submit(m1(resept())))
    await until(lambda: not batcher._queue and bool(batcher._running))
    await asyncio.gather(alone, *(batcher.submit(m1(resept())) for _ in range(60)))
    transactions = await pool.fetch("SELECT count(*) FROM resept GROUP BY xmin::text ORDER BY 1")
    assert [row["count"] for row in transactions] == [1, 60]


async def test_one_prescription_changes_once_in_a_batch(pool: Pool, sealer: Sealer) -> None:
    """Messages that find the same prescription by its patient are in one batch, but change it one after the other."""
    batcher = Batcher(pool, sealer, in_flight=1)
    new = resept()
    await sent(batcher, m1(new))
    needs = Needs(pasienter=(FNR,))
    downloads = [replace(m93(new.resept_id, str(her)), needs=needs) for her in range(3)]
    answers = await asyncio.gather(batcher.submit(m91(Needs())), *map(batcher.submit, downloads))
    assert [one.accepted for one in answers[1:] if isinstance(one, Stored)] == [True, False, False]
    assert await count(pool, "historikk") == 2


async def test_a_full_queue_refuses(pool: Pool, sealer: Sealer) -> None:
    """What does not fit is told at once; what fits is stored all the same."""
    batcher = Batcher(pool, sealer, in_flight=1, queue=2)
    sending = [asyncio.ensure_future(batcher.submit(m1(resept()))) for _ in range(4)]
    answers = await asyncio.gather(*sending, return_exceptions=True)
    assert [type(one).__name__ for one in answers] == ["Stored", "Stored", "Full", "Full"]


async def test_who_no_longer_waits_is_dropped(pool: Pool, sealer: Sealer) -> None:
    """A message whose sender gave up while it waited is not stored; `close` waits for the rest."""
    batcher = Batcher(pool, sealer, in_flight=1)
    sending = [asyncio.ensure_future(batcher.submit(m1(resept()))) for _ in range(3)]
    await asyncio.sleep(0)
    sending[2].cancel()
    await batcher.close()
    assert [one.done() and not one.cancelled() for one in sending] == [True, True, False]
    assert await count(pool, "resept") == 2


@pytest.mark.parametrize(
    "broken",
    [
        lambda d, _: replace(d, hendelser=()),
        lambda d, _: replace(d, hendelser=(*d.hendelser, *d.hendelser)),
        lambda d, t: replace(d, changed=(replace(d.changed[0], versjon=t.resepter[0].versjon + 2),)),
        lambda d, t: replace(d, changed=(replace(d.changed[0], refnr="9"),)),
        lambda d, t: replace(d, refusals=(Finding(reason(69)),)),
        lambda d, t: replace(d, new=resept()),
        lambda d, t: replace(d, utlevering=_dispensing(t.resepter[0])),
        lambda d, t: replace(d, annullert=uuid4()),
        lambda d, t: replace(d, refnr=number()),
    ],
    ids=["no-history", "two-rows", "version-skipped", "key-moved", "refused-but-changed", "foreign-id",
         "no-download", "nothing-to-annul", "number-not-issued"],
)  # fmt: skip
async def test_a_wrong_decision_is_not_stored(batcher: Batcher, pool: Pool, broken: Break) -> None:
    """The invariants are asserted where the decision meets the store; the right decision passes."""
    new = resept()
    await sent(batcher, m1(new))
    right = m93(new.resept_id)
    wrong = replace(right, decide=lambda t: broken(right.decide(t), t))
    with pytest.raises(AssertionError):
        await batcher.submit(wrong)
    assert await count(pool, "historikk") == 1
    assert (await sent(batcher, right))[0].accepted


def _dispensing(of: Resept) -> Utlevering:
    return Utlevering(uuid4(), of.resept_id, APOTEK, NOW.date(), Decimal(1), avsluttet=False)


async def test_7419_65_a_report_under_the_msg_id_of_another_report(batcher: Batcher, pool: Pool) -> None:
    """Two pharmacies cannot report the same prescription under one MsgId: the second one is told."""
    new = resept()
    first = m10(new.resept_id)
    second = m10(new.resept_id, ANNET_APOTEK, msg_id=first.msg_id)
    await sent(batcher, m1(new), m93(new.resept_id), first, m93(new.resept_id, ANNET_APOTEK))
    assert await batcher.submit(second) == OtherBytes()
    assert await count(pool, "resept_dokument") == 2
