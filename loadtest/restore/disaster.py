"""What is done to the original, to its copies and to the archive: rows that were there before, the wrong DELETE,
planted differences, damaged files.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import asyncpg

from loadtest.restore import rows
from loadtest.restore.mark import PAUSE
from loadtest.restore.rows import WRITTEN_ALIKE

CHUNK = 20_000
SEGMENT_BYTES = 16 * 1024 * 1024
DAMAGED_BYTES = 64

_MORE = """
WITH sample AS MATERIALIZED (
    SELECT r.utloper, r.last, r.innhold, d.dokument, now() AS mottatt
    FROM resept r JOIN resept_dokument d ON d.resept_id = r.resept_id AND d.msg_id = r.resept_id LIMIT 1
), created AS (
    INSERT INTO resept (resept_id, mottatt, versjon, utloper, last, status, innhold)
    SELECT gen_random_uuid(), mottatt, 1, utloper, last, 'E', innhold FROM sample, generate_series(1, $1)
    RETURNING resept_id, mottatt
), document AS (
    INSERT INTO resept_dokument (resept_id, msg_id, mottatt, dokument)
    SELECT c.resept_id, c.resept_id, c.mottatt, s.dokument FROM created c, sample s
)
INSERT INTO historikk (tidspunkt, resept_id, versjon, hendelse, fra, til)
SELECT mottatt, resept_id, 1, 'drill', '', 'E' FROM created"""

PLANTED = (
    "UPDATE krav SET gjentatt = gjentatt + 1 WHERE msg_id = (SELECT msg_id FROM krav ORDER BY msg_id LIMIT 1)",
    "DELETE FROM krav WHERE msg_id = (SELECT msg_id FROM krav ORDER BY msg_id DESC LIMIT 1)",
    "INSERT INTO krav SELECT 'planted', gen_random_uuid(), sha256, mottatt FROM krav LIMIT 1",
)


async def add_prescriptions(dsn: dict[str, Any], number: int) -> None:
    """Prescriptions of nobody, with the sealed bytes of one that is there: nobody opens them, all carry them along."""
    connection = await asyncpg.connect(**dsn)
    try:
        for begun in range(0, number, CHUNK):
            await connection.execute(_MORE, min(CHUNK, number - begun))
    finally:
        await connection.close()


async def delete_everything(dsn: dict[str, Any]) -> int:
    """The accident: a DELETE without its WHERE, under load; gives how many prescriptions are gone."""
    connection = await asyncpg.connect(**dsn)
    try:
        while True:
            try:
                return int((await connection.execute("DELETE FROM resept")).rpartition(" ")[2])
            except asyncpg.DeadlockDetectedError:
                await asyncio.sleep(PAUSE)
    finally:
        await connection.close()


async def wait_for_stream(dsn: dict[str, Any], name: str) -> None:
    """From now on a commit is answered when the stream of that name has it on disk."""
    connection = await asyncpg.connect(**dsn)
    try:
        await connection.execute(f"ALTER SYSTEM SET synchronous_standby_names = '{name}'")
        await connection.execute("SELECT pg_reload_conf()")
    finally:
        await connection.close()


async def hashes(dsn: dict[str, Any], folder: Path, *, planted: bool = False) -> int:
    """Write the hashes of all rows; `planted`: after one was changed, one deleted, one added, which is taken back."""
    connection = await asyncpg.connect(**dsn, server_settings=dict(WRITTEN_ALIKE))
    try:
        transaction = connection.transaction(isolation="repeatable_read")
        await transaction.start()
        for statement in PLANTED if planted else ():
            await connection.execute(statement)
        number = await rows.write_hashes(connection, folder)
        await transaction.rollback()
    finally:
        await connection.close()
    return number


async def claimed(dsn: dict[str, Any]) -> set[str]:
    """The MsgId of every message that was committed."""
    connection = await asyncpg.connect(**dsn)
    try:
        return {str(row["msg_id"]) for row in await connection.fetch("SELECT msg_id FROM krav")}
    finally:
        await connection.close()


async def wal_position(dsn: dict[str, Any]) -> str:
    """The LSN that is written next."""
    connection = await asyncpg.connect(**dsn)
    try:
        return str(await connection.fetchval("SELECT pg_current_wal_insert_lsn()::text"))
    finally:
        await connection.close()


def damage_file(path: Path, offset: int) -> None:
    """Invert some bytes."""
    with path.open("r+b") as file:
        file.seek(offset)
        octets = file.read(DAMAGED_BYTES)
        file.seek(offset)
        file.write(bytes(255 - octet for octet in octets))


def segment_of(position: int, folders: Sequence[Path]) -> tuple[Path, int]:
    """The archived file that holds a position of the WAL on the first timeline, and the offset in it."""
    number = position // SEGMENT_BYTES
    name = f"{1:08X}{number >> 8:08X}{number & 0xFF:08X}"
    found = next(path for folder in folders for path in folder.rglob(f"{name}*"))
    return found, position % SEGMENT_BYTES


def size(*folders: Path) -> int:
    """Bytes of all files in them."""
    return sum(path.stat().st_size for folder in folders for path in folder.rglob("*") if path.is_file())
