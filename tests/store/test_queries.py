"""Every named statement on the migrated database, and the plans of the hot ones on a table that is not empty."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, TypeAlias

import asyncpg
import pytest

from reseptformidler import metrics
from reseptformidler.store.apply import WIDTHS
from reseptformidler.store.pool import SETTINGS
from reseptformidler.store.queries import QUERIES, fetch, read_queries

Connection: TypeAlias = "asyncpg.Connection[Any]"

FILL = """
INSERT INTO resept (resept_id, pasient, refnr, nodsok, mottatt, lukket, versjon, utloper, last, status, innhold)
SELECT gen_random_uuid(), decode(md5((n % 2000)::text), 'hex'),
    CASE WHEN n % 50 = 0 THEN decode(md5('r' || n % 500), 'hex') END, decode(md5('n' || n % 2000), 'hex'),
    '2026-01-01', CASE WHEN n % 4 = 0 THEN timestamptz '2026-06-01' + n * interval '1 minute' END, 1,
    date '2026-01-01' + n % 700, false, CASE WHEN n % 4 = 0 THEN 'R' ELSE 'E' END, '\\x00'
FROM generate_series(1, 20000) n;
INSERT INTO resept_dokument (resept_id, msg_id, mottatt, dokument)
SELECT resept_id, resept_id, mottatt, '\\x00' FROM resept;
INSERT INTO krav (avsender, msg_id, sha256, mottatt)
SELECT '1', resept_id, '\\x00', timestamptz '2026-01-01' + row_number() OVER () * interval '1 minute' FROM resept;
INSERT INTO innboks SELECT mottatt, avsender, msg_id, 'm1', true, '', NULL, '\\x00' FROM krav;
INSERT INTO refnr SELECT decode(md5(n::text), 'hex'), NULL, '\\x00' FROM generate_series(1, 5000) n;
INSERT INTO utboks SELECT mottatt, avsender, msg_id, 0, 'M6', '1', msg_id, '', '', 'S', 1, mottatt, '\\x00' FROM krav;
"""
TABLES = "resept|resept_dokument|krav|innboks|innboks_default|refnr|utboks|utboks_default"
READS_A_TABLE = re.compile(rf"(?:Seq Scan|Index (?:Only )?Scan using \w+) on ({TABLES})\b.*\n(?!.*Index Cond)")
"""From end to end: without an index, or without a condition on one."""

# The indexes that the plan of a statement must use.
HOT = {
    "load.resepter": {"resept_pkey", "resept_aktiv", "resept_inaktiv", "resept_refnr", "resept_nodsok"},
    "load.dokumenter": {"resept_dokument_pkey"},
    "load.refnr": {"refnr_pkey", "resept_refnr"},
    "load.repeats": {"krav_pkey", "innboks_default_pkey"},
    "apply.batch": {"resept_pkey", "resept_dokument_pkey", "refnr_pkey", "krav_pkey"},
    "retention.delete_expired": {"resept_utloper"},
    "retention.delete_closed": {"resept_lukket"},
    "retention.delete_claims": {"krav_mottatt", "krav_pkey"},
}


@pytest.fixture
async def filled(database_url: str) -> AsyncIterator[Connection]:
    """20,000 prescriptions of 2,000 patients, analysed, on a connection with the settings of the pool."""
    connection = await asyncpg.connect(database_url, server_settings=SETTINGS)
    await connection.execute(FILL)
    await connection.execute("VACUUM ANALYZE")
    yield connection
    await connection.close()


async def plan(connection: Connection, name: str) -> str:
    """The generic plan of a statement, which is what the pool runs."""
    statement = await connection.prepare(QUERIES[name])
    types = ", ".join(parameter.name.replace("[]", "") + "[]" * parameter.name.endswith("[]")
                      for parameter in statement.get_parameters())  # fmt: skip
    await connection.execute(f"PREPARE explained ({types}) AS {QUERIES[name]}")
    nulls = ", ".join(["NULL"] * len(statement.get_parameters()))
    rows = await connection.fetch(f"EXPLAIN EXECUTE explained ({nulls})")
    return "\n".join(row[0] for row in rows)


@pytest.mark.parametrize("name", QUERIES)
async def test_every_statement_prepares(connection: Connection, name: str) -> None:
    """The migrated database knows every table, column and type that a statement names."""
    await connection.prepare(QUERIES[name])


@pytest.mark.parametrize("name", HOT)
async def test_hot_statements_use_their_indexes(filled: Connection, name: str) -> None:
    """Each of the expected indexes is in the plan, and no table is read from end to end."""
    text = await plan(filled, name)
    assert {index for index in HOT[name] if index in text} == HOT[name], text
    assert not READS_A_TABLE.findall(text), text


@pytest.mark.parametrize("name", HOT)
async def test_plans_made_on_empty_tables_are_good_on_full_ones(database_url: str, name: str) -> None:
    """A service that starts on an empty database keeps its plans: they must be the right ones already."""
    connection = await asyncpg.connect(database_url, server_settings=SETTINGS)
    text = await plan(connection, name)
    await connection.close()
    assert {index for index in HOT[name] if index in text} == HOT[name], text
    assert not READS_A_TABLE.findall(text), text


async def test_an_active_list_is_found_in_the_index_alone(filled: Connection) -> None:
    """Which rows a patient's list has is answered without a visit to the table."""
    text = await plan(filled, "load.resepter")
    assert "Index Only Scan using resept_aktiv" in text
    assert "Index Only Scan using resept_inaktiv" in text


async def test_control_without_the_index_the_plan_shows_it(filled: Connection) -> None:
    """The checks above see a plan that reads the table."""
    await filled.execute("DROP INDEX resept_aktiv")
    assert READS_A_TABLE.findall(await plan(filled, "load.resepter")) == ["resept"]


async def test_a_download_moves_no_index_entry(filled: Connection) -> None:
    """The lock is set within the page: a HOT update, as long as the page has room."""
    await filled.execute("UPDATE resept SET las_her = '1', las_siden = now(), versjon = 2 WHERE utloper = '2026-03-01'")
    await filled.execute("SELECT pg_stat_force_next_flush()")
    row = await filled.fetchrow("SELECT n_tup_upd, n_tup_hot_upd FROM pg_stat_user_tables WHERE relname = 'resept'")
    assert row is not None
    assert row["n_tup_hot_upd"] == row["n_tup_upd"] > 20


def test_the_columns_of_a_batch_are_as_many_as_its_parameters() -> None:
    """apply.py and apply.sql agree on the width of every set."""
    sets = re.findall(r"unnest\(([^)]*)\)", QUERIES["apply.batch"])
    assert tuple(len(re.findall(r"\$\d+", one)) for one in sets) == WIDTHS
    assert [int(n) for n in re.findall(r"\$(\d+)", "".join(sets))] == list(range(1, sum(WIDTHS) + 1))


async def test_the_name_is_the_label_of_the_metric(connection: Connection) -> None:
    """Each run is measured under the name of its statement."""

    def count() -> float:
        label = {"query": "keys.search"}
        return metrics.REGISTRY.get_sample_value("reseptformidler_db_query_duration_seconds_count", label) or 0

    before = count()
    await fetch(connection, "keys.search")
    assert count() == before + 1


def test_a_name_that_stands_twice_is_refused(tmp_path: Path) -> None:
    """Otherwise one of the statements would silently be the other one."""
    (tmp_path / "a.sql").write_text("-- name: a.one\nSELECT 1;\n\n-- name: a.two\n-- why\nSELECT 2;\n")
    assert read_queries(tmp_path) == {"a.one": "SELECT 1", "a.two": "-- why\nSELECT 2"}
    (tmp_path / "b.sql").write_text("-- name: a.one\nSELECT 3;\n")
    with pytest.raises(ValueError, match=r"a\.one stands twice"):
        read_queries(tmp_path)


@pytest.mark.parametrize("name", QUERIES)
def test_every_statement_says_what_it_is_for(name: str) -> None:
    """Its first line is a comment."""
    assert QUERIES[name].startswith("-- ")
