"""No migration holds a long lock or takes away what the release before still uses: squawk says so, and our config.

squawk reads one file and knows no database. What it cannot see is looked at in a real one: tests/upgrade/test_locks.py.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from reseptformidler.store.migrate import SHIPPED, Kind, Migration

ROOT = Path(__file__).parents[2]
TAKES_AWAY = {
    "ban-disable-trigger",
    "ban-drop-column",
    "ban-drop-constraint",
    "ban-drop-default",
    "ban-drop-function",
    "ban-drop-not-null",
    "ban-drop-sequence",
    "ban-drop-table",
    "ban-drop-trigger",
    "ban-drop-type",
    "ban-drop-view",
    "ban-revoke",
}
"""Refused in a `pre` only: a `post` runs when no code is left that uses it."""
REASON = re.compile(r"^-- .*\bbecause \S.*\n-- squawk-ignore [a-z-]+(, [a-z-]+)*$", re.MULTILINE)
"""A comment of its own that says why a rule does not hold here, and the rules by name: for one statement."""


def complaints(kind: Kind, sql: str) -> set[str]:
    """The rules that a migration breaks."""
    squawk = [str(Path(sys.executable).with_name("squawk")), "--config", str(ROOT / ".squawk.toml")]
    how = ["--reporter", "json", "--stdin-filepath", "x.sql"]
    done = subprocess.run([*squawk, *how], input=sql, capture_output=True, text=True, check=False)
    assert done.stderr == "", done.stderr
    broken = {one["rule_name"] for one in json.loads(done.stdout)}
    if len(REASON.findall(sql)) < sql.count("squawk-ignore"):
        broken.add("an exception without a reason")
    return broken - TAKES_AWAY if kind == "post" else broken


@pytest.mark.parametrize("migration", SHIPPED, ids=lambda one: one.name)
def test_migrations_are_harmless(migration: Migration) -> None:
    """What we ship breaks no rule."""
    assert complaints(migration.kind, migration.sql) == set()


@pytest.mark.parametrize(
    "sql, rule",
    [
        ("ALTER TABLE krav ALTER COLUMN gjentatt TYPE bigint;", "changing-column-type"),
        ("CREATE INDEX krav_sha256 ON krav (sha256);", "require-concurrent-index-creation"),
        ("DROP INDEX krav_mottatt;", "require-concurrent-index-deletion"),
        ("ALTER TABLE resept ALTER COLUMN pasient SET NOT NULL;", "adding-not-nullable-field"),
        ("ALTER TABLE krav ADD COLUMN kanal text NOT NULL;", "adding-required-field"),
        ("ALTER TABLE krav ADD COLUMN id uuid DEFAULT gen_random_uuid();", "adding-field-with-default"),
        ("ALTER TABLE krav ADD COLUMN id bigint GENERATED ALWAYS AS IDENTITY;", "adding-field-with-default"),
        ("ALTER TABLE krav ADD COLUMN hex text GENERATED ALWAYS AS (avsender) STORED;", "adding-field-with-default"),
        ("ALTER TABLE krav ADD COLUMN id bigserial;", "prefer-identity"),
        ("ALTER TABLE krav ADD CONSTRAINT c CHECK (gjentatt >= 0);", "constraint-missing-not-valid"),
        ("ALTER TABLE krav ADD CONSTRAINT f FOREIGN KEY (msg_id) REFERENCES resept;", "adding-foreign-key-constraint"),
        ("ALTER TABLE krav ADD COLUMN resept_id uuid REFERENCES resept;", "adding-foreign-key-constraint"),
        ("ALTER TABLE krav ADD CONSTRAINT u UNIQUE (sha256);", "disallowed-unique-constraint"),
        ("REINDEX TABLE krav;", "require-concurrent-reindex"),
        ("ALTER TABLE innboks DETACH PARTITION innboks_default;", "require-concurrent-partition-detach"),
        ("ALTER TABLE krav RENAME COLUMN sha256 TO hash;", "renaming-column"),
        ("ALTER TABLE krav RENAME TO melding;", "renaming-table"),
        ("COMMENT ON krav;", "syntax-error"),
    ],
)
def test_what_is_never_harmless(sql: str, rule: str) -> None:
    """Negative controls: a long lock, or a name that some running code uses, is refused before and after a roll-out."""
    assert rule in complaints("pre", sql)
    assert rule in complaints("post", sql)


@pytest.mark.parametrize(
    "sql, rule",
    [
        ("ALTER TABLE krav DROP COLUMN gjentatt;", "ban-drop-column"),
        ("ALTER TABLE krav ALTER COLUMN gjentatt DROP DEFAULT;", "ban-drop-default"),
        ("ALTER TABLE resept DROP CONSTRAINT las_er_hel;", "ban-drop-constraint"),
        ("ALTER TABLE krav ALTER COLUMN sha256 DROP NOT NULL;", "ban-drop-not-null"),
        ("DROP TABLE utboks_dokument;", "ban-drop-table"),
        ("DROP FUNCTION historikk_er_uforanderlig;", "ban-drop-function"),
        ("DROP TRIGGER historikk_er_uforanderlig ON historikk;", "ban-drop-trigger"),
    ],
)
def test_what_waits_for_post(sql: str, rule: str) -> None:
    """Negative controls: what is taken away is refused while the release before may run, and allowed after it."""
    assert complaints("pre", sql) == {rule}
    assert complaints("post", sql) == set()


@pytest.mark.parametrize(
    "sql",
    [
        "CREATE TABLE ny (a uuid PRIMARY KEY REFERENCES resept, b text NOT NULL); CREATE INDEX ny_b ON ny (b);",
        "ALTER TABLE krav ADD COLUMN kanal text; ALTER TABLE krav ALTER COLUMN kanal SET DEFAULT gen_random_uuid();",
        "ALTER TABLE krav ADD COLUMN forsok integer NOT NULL DEFAULT 0;",
        "ALTER TABLE krav ADD CONSTRAINT c CHECK (gjentatt >= 0) NOT VALID;",
        "ALTER TABLE krav VALIDATE CONSTRAINT c;",
        "CREATE INDEX CONCURRENTLY IF NOT EXISTS krav_sha256 ON krav (sha256);",
        "DROP INDEX CONCURRENTLY IF EXISTS krav_mottatt;",
    ],
)
def test_what_passes(sql: str) -> None:
    """What the table in docs/upgrading.md says to write instead; also everything on a table of the same file."""
    assert complaints("pre", sql) == set()


def test_an_exception_has_a_reason() -> None:
    """A rule is set aside for one statement and by name, under a comment that says why."""
    rule, statement = (
        "-- squawk-ignore adding-not-nullable-field\n",
        "ALTER TABLE krav ALTER COLUMN kanal SET NOT NULL;",
    )
    reason = "-- No scan, because 0007 validated the same as a CHECK.\n"
    assert complaints("pre", reason + rule + statement) == set()
    assert complaints("pre", reason + statement) == {"adding-not-nullable-field"}
    for unexplained in (rule, "-- squawk-ignore-file\n", reason + "-- squawk-ignore-file adding-not-nullable-field\n"):
        assert "an exception without a reason" in complaints("pre", unexplained + statement)
