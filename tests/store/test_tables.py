"""What stands in the tables, and what must not."""

from __future__ import annotations

from dataclasses import replace

import asyncpg
import pytest

from reseptformidler.domain.decision import Needs, Nodsok, Owed
from reseptformidler.store.batch import Batcher
from reseptformidler.store.pool import Pool
from reseptformidler.store.refnr import issue
from reseptformidler.store.seal import Sealer
from tests.store.build import FNR, HPR, LEGE, m1, m5, m10, m91, m93, number, resept
from tests.store.owe import virksomhet

SECRETS = (FNR, HPR, "Line", "Danser", "1969-11-13", "Rita", "Paralgin", "2468013579", "Lillegata", "melding")
EVERY_TABLE = "SELECT relname AS name FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace"


async def secrets_in_clear(pool: Pool) -> set[str]:
    """Which of the secrets stand in some row of some table: as text, or as bytes in a bytea."""
    found = set()
    for table in await pool.fetch(EVERY_TABLE):
        rows = await pool.fetch(f"SELECT t::text AS text FROM {table['name']} t")
        text = "\n".join(row["text"] for row in rows)
        found |= {secret for secret in SECRETS if secret in text or secret.encode().hex() in text}
    return found


async def test_no_identity_in_clear(batcher: Batcher, pool: Pool, sealer: Sealer) -> None:
    """No number, name, birth date, drug or message can be read in any table after a whole life of a prescription."""
    new = replace(resept(refnr="2468013579", last=True))
    async with pool.acquire() as connection:
        await issue(connection, sealer, [number("2468013579")])
    payload = f"<M21><Fnr>{FNR}</Fnr><Navn>Line Danser</Navn></M21>".encode()
    owed = (Owed("M21", virksomhet("8100001"), new.resept_id, "", "", payload),)
    messages = [
        m1(new, octets=f"<M1>melding om Line Danser {FNR}</M1>".encode(), owed=owed),
        m91(Needs(pasienter=(FNR,), nodsok=Nodsok("1969-11-13", "Line", "Danser"), refnr=("2468013579",))),
        m93(new.resept_id), m10(new.resept_id), m93(new.resept_id), m5(new.resept_id),
    ]  # fmt: skip
    for message in messages:
        answer = replace(message, render=lambda _: f"svar: melding om Line Danser {FNR}".encode())
        await batcher.submit(answer)
    assert await pool.fetchval("SELECT count(*) FROM historikk") == 5
    assert await secrets_in_clear(pool) == set()


async def test_control_an_identity_in_clear_is_found(batcher: Batcher, pool: Pool) -> None:
    """The search above sees text and bytes, in any table."""
    await batcher.submit(m1(resept()))
    await pool.execute("UPDATE krav SET avsender = $1, sha256 = $2", f"x{FNR}", b"..Line..")
    await pool.execute("UPDATE resept SET innhold = $1", HPR.encode())
    assert await secrets_in_clear(pool) == {FNR, "Line", HPR}


@pytest.mark.parametrize(
    "change",
    ["lukket = now()", "status = 'R'", "las_her = '1'", "las_siden = now()", "versjon = 0", "status = 'U'"],
)
async def test_a_prescription_that_makes_no_sense_is_not_stored(batcher: Batcher, pool: Pool, change: str) -> None:
    """What the domain promises of a row, the table holds too."""
    await batcher.submit(m1(resept()))
    with pytest.raises(asyncpg.CheckViolationError):
        await pool.execute(f"UPDATE resept SET {change}")


async def test_an_operator_who_deletes_a_prescription_deletes_its_documents(batcher: Batcher, pool: Pool) -> None:
    """The copies go by the foreign key, whoever deletes."""
    new = resept()
    for message in (m1(new), m93(new.resept_id), m10(new.resept_id)):
        await batcher.submit(message)
    assert await pool.fetchval("SELECT count(*) FROM resept_dokument") == 2
    await pool.execute("DELETE FROM resept")
    assert await pool.fetchval("SELECT count(*) FROM resept_dokument") == 0
    rows = await pool.fetch("SELECT avsender FROM innboks WHERE melding IS NULL ORDER BY 1")
    assert [row["avsender"] for row in rows] == [LEGE, "8100001"]
