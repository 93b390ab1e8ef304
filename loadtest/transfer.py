"""A whole move at size: `python -m loadtest.transfer --rows 1000000`.

Prescriptions with everything that goes with them are made by SQL, as large as real ones and as little compressible.
While others write, change and delete, a first pass is exported (killed once, and repeated) and imported (likewise);
then a second one; then the writers stop, and the last pass is the stop that a real move has. Status 1 unless both
databases are equal in the end.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import asyncpg
import psutil

from loadtest.world import CHECKOUT, World, world
from reseptformidler.store.keys import FileKek, open_keyring
from reseptformidler.store.retention import TABLES, make_partitions
from reseptformidler.store.transfer import MOVED

BATCH: Final = 20_000
DAYS: Final = 60
RANDOM_BYTES: Final = 8 * 2**20
SEALED: Final = {"innhold": 430, "dokument": 830, "svar": 330}
"""Octets of sealed values, so that a prescription takes 2.2 kB with its indexes, as measured in docs/performance.md."""

_MADE: Final = """
CREATE TEMP TABLE made ON COMMIT DROP AS
SELECT gen_random_uuid() AS id, 1 + (random() * ($1 - 4000))::int AS at,
    now() - random() * interval '{days} days' AS moment, decode(md5('p' || (random() * 200000)::int), 'hex') AS pasient
FROM generate_series(1, $2)"""
_FILL: Final = (
    """INSERT INTO refnr
    SELECT decode(md5(id::text), 'hex'), pasient, substr($1::bytea, at, 120) FROM made WHERE at % 10 = 0""",
    """INSERT INTO resept (resept_id, versjon, pasient, nodsok, mottatt, utloper, last, status, innhold)
    SELECT id, 1, pasient, pasient, moment, '2027-10-01', false, 'E', substr($1::bytea, at + 1, {innhold}) FROM made""",
    """INSERT INTO resept_dokument (resept_id, msg_id, mottatt, dokument)
    SELECT id, id, moment, substr($1::bytea, at + 2, {dokument}) FROM made""",
    """INSERT INTO krav (avsender, msg_id, sha256, mottatt)
    SELECT '8090595', id, substr($1::bytea, at + 3, 32), moment FROM made""",
    """INSERT INTO innboks (mottatt, avsender, msg_id, type, godtatt, arsaker, svar)
    SELECT moment, '8090595', id, 'm1', true, '', substr($1::bytea, at + 4, {svar}) FROM made""",
    """INSERT INTO historikk SELECT moment, id, 1, 'rekvirert', 'ingen', 'E', '8090595', id FROM made""",
    """INSERT INTO utboks (opprettet, avsender, msg_id, lopenr, type, mottaker, resept_id, ref_to_parent,
        ref_to_conversation, neste, innhold)
    SELECT moment, '8090595', id, 0, 'M21', '8100001', id, '', '', moment, substr($1::bytea, at + 5, 250)
    FROM made WHERE at % 10 = 1""",
)
_INDEXES: Final = """
SELECT indexname AS name, indexdef AS definition FROM pg_indexes
WHERE tablename IN ('resept', 'krav') AND indexname NOT LIKE '%_pkey'"""
_CHANGE: Final = """
UPDATE resept SET versjon = versjon + 1, las_her = '8100001', las_siden = now() WHERE resept_id IN
    (SELECT resept_id FROM resept WHERE resept_id >= gen_random_uuid() ORDER BY resept_id LIMIT 20)"""
_DELETE: Final = """
DELETE FROM resept WHERE resept_id IN
    (SELECT resept_id FROM resept WHERE resept_id >= gen_random_uuid() ORDER BY resept_id LIMIT 5)"""


async def fill(connection: asyncpg.Connection[Any], rows: int, batch: int = BATCH) -> None:
    """So many prescriptions, spread over the last weeks; what would be sealed is random octets."""
    octets = os.urandom(RANDOM_BYTES)
    for start in range(0, rows, batch):
        async with connection.transaction():
            made = _MADE.format(days=DAYS).replace("$1", str(RANDOM_BYTES)).replace("$2", str(min(batch, rows - start)))
            await connection.execute(made)
            for statement in _FILL:
                await connection.execute(statement.format(**SEALED), *([octets] if "$1" in statement else []))


async def prepare(url: str, kek: Path, rows: int) -> None:
    """Partitions, keys and prescriptions. Indexes are made afterwards: nobody wants to wait for the filling."""
    connection = await asyncpg.connect(url)
    now = datetime.now(UTC)
    for table in TABLES:
        await make_partitions(connection, table, now - timedelta(days=DAYS), now + timedelta(weeks=8))
    await open_keyring(connection, FileKek(kek), now)
    indexes = await connection.fetch(_INDEXES)
    for index in indexes:
        await connection.execute(f"DROP INDEX {index['name']}")
    await fill(connection, rows)
    for index in indexes:
        await connection.execute(index["definition"])
    await connection.close()


async def write_on(url: str, stopped: asyncio.Event) -> int:
    """New, changed and deleted prescriptions until told to stop; how many were new."""
    connection = await asyncpg.connect(url)
    new = 0
    while not stopped.is_set():
        await fill(connection, 20)
        await connection.execute(_CHANGE)
        await connection.execute(_DELETE)
        new += 20
        await asyncio.sleep(0.1)
    await connection.close()
    return new


@dataclass(frozen=True, slots=True)
class Ran:
    """One run of a command."""

    seconds: float
    peak: int
    """Most resident octets."""
    text: str


@dataclass(frozen=True, slots=True)
class Operator:
    """A database and its key file."""

    world: World
    database: str
    kek: Path

    def run(self, *words: str | Path, kill_when: Callable[[], bool] | None = None) -> Ran:
        """Run a command to its end, or kill it at that moment."""
        given = {**os.environ, **self.world.settings(self.database), "RF_KEK_FILE": str(self.kek)}
        begun = time.perf_counter()
        process = subprocess.Popen(
            [sys.executable, "-m", "reseptformidler", *map(str, words)],
            cwd=CHECKOUT, env=given, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        if kill_when:
            while process.poll() is None and not kill_when():
                time.sleep(0.02)
            process.kill()
        peak = _peak(process)
        text = process.stdout.read() if process.stdout else ""
        if process.returncode not in ((0,) if kill_when is None else (0, -signal.SIGKILL)):
            raise SystemExit(f"{words[0]} failed: {process.returncode}")
        return Ran(time.perf_counter() - begun, peak, text.strip().replace("\n", "; "))


def _peak(process: subprocess.Popen[str]) -> int:
    """Wait for the end; the most memory that was seen."""
    peak = 0
    while process.poll() is None:
        try:
            peak = max(peak, psutil.Process(process.pid).memory_info().rss)
        except psutil.NoSuchProcess:
            break
        time.sleep(0.05)
    process.wait()
    return peak


def show(what: str, ran: Ran, rows: int = 0) -> None:
    """One line of the report."""
    rate = f"{rows / ran.seconds:>9,.0f} prescriptions/s" if rows else ""
    peak = f"{ran.peak / 1e6:>6.0f} MB peak" if ran.peak else ""
    print(f"{what:<28}{ran.seconds:>8.1f} s {peak} {rate}  {ran.text}", flush=True)


async def move(source: Operator, target: Operator, folder: Path, rows: int) -> None:
    """All of it, in the order of docs/moving.md."""
    key = folder / "transfer.key"
    FileKek.create(key)
    out, into = ("export", folder / "moving", "--key", key), ("import", folder / "moving", "--key", key)
    stopped = asyncio.Event()
    writing = asyncio.create_task(write_on(source.world.postgres.url(source.database), stopped))

    async def ran(what: str, operator: Operator, *words: str | Path, of: int = 0, **how: Any) -> float:
        done = await asyncio.to_thread(operator.run, *words, **how)
        show(what, done, of)
        return done.seconds

    await ran("export, killed", source, *out, kill_when=lambda: _files(folder) > max(3, rows // 4000))
    await ran("export again", source, *out, of=rows)
    sizes = sum(path.stat().st_size for path in (folder / "moving").iterdir())
    print(f"{_files(folder)} files, {sizes / 1e6:,.0f} MB", flush=True)
    taken = _Taken(target.world.postgres.url(target.database))
    await ran("import, killed", target, *into, kill_when=lambda: asyncio.run(taken()) > max(2, rows // 8000))
    await ran("import again", target, *into, of=rows)
    await ran("second export", source, *out)
    await ran("second import", target, *into)
    stopped.set()
    print(f"{await writing} prescriptions were written meanwhile; now the stop", flush=True)
    stop = await ran("last export", source, *out, "--last", of=rows)
    stop += await ran("last import", target, *into, of=rows)
    print(f"the stop: {stop:.1f} s", flush=True)
    await ran("export --verify", source, *out, "--verify")
    await ran("import --verify", target, *into, "--verify")


@dataclass(frozen=True, slots=True)
class _Taken:
    """How many files an import has taken in."""

    url: str

    async def __call__(self) -> int:
        connection = await asyncpg.connect(self.url)
        try:
            return int(await connection.fetchval("SELECT count(*) FROM overforing.fil"))
        except asyncpg.UndefinedTableError:
            return 0
        finally:
            await connection.close()


def _files(folder: Path) -> int:
    return sum(1 for _ in (folder / "moving").glob("pass-*"))


async def compare(source: Operator, target: Operator) -> bool:
    """Once more, without any code of ours that moves: rows in every table, and all of `resept` as text."""
    found = []
    for one in (source, target):
        connection = await asyncpg.connect(one.world.postgres.url(one.database))
        counts = [await connection.fetchval(f"SELECT count(*) FROM {table}") for table in MOVED]  # noqa: S608
        found.append((counts, await connection.fetchval("SELECT sum(hashtextextended(r::text, 0)) FROM resept r")))
        await connection.close()
    return found[0] == found[1] and min(found[0][0][1:3]) > 0


async def _run(made: World, rows: int) -> bool:
    other_kek = made.folder / "kek-b"
    FileKek.create(other_kek)
    source, target = Operator(made, "a", made.folder / "kek"), Operator(made, "b", other_kek)
    url = await made.create_database("a")
    await made.create_database("b")
    begun = time.perf_counter()
    await prepare(url, source.kek, rows)
    connection = await asyncpg.connect(url)
    size = await connection.fetchval("SELECT pg_database_size('a')")
    await connection.close()
    print(f"{rows:,} prescriptions in {time.perf_counter() - begun:.0f} s, {size / rows / 1e3:.2f} kB each", flush=True)
    await move(source, target, made.folder, rows)
    return await compare(source, target)


@contextmanager
def _short_folder() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="rf-move-", dir="/tmp"))
    folder.chmod(0o755)  # the account that runs PostgreSQL for root must come through
    try:
        yield folder
    finally:
        shutil.rmtree(folder)


def main() -> int:
    """Move, and say whether both are equal."""
    parser = argparse.ArgumentParser(prog="python -m loadtest.transfer", description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000, help="prescriptions (1,000,000)")
    given = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))  # so that everything started is ended
    with _short_folder() as folder, world(folder) as made:
        equal = asyncio.run(_run(made, given.rows))
    print("equal" if equal else "NOT EQUAL")
    return 0 if equal else 1


if __name__ == "__main__":
    sys.exit(main())
