"""`search` as an operator uses it: what it finds, what it prints, what it survives, and the rule it becomes."""

from __future__ import annotations

import asyncio
import csv
import io
import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import asyncpg
import pytest

from reseptformidler.__main__ import main
from reseptformidler.client import rekvirent, utleverer
from reseptformidler.client.rekvirent import Resept
from reseptformidler.sandbox.pki import Pki
from reseptformidler.sandbox.population import APOTEK, LEGER, PERSONER, som_utleverer
from reseptformidler.sandbox.varer import TABLETT
from reseptformidler.store.content import PAGE
from tests.store.build import m1, resept
from tests.system.process import SECONDS, command, environment
from tests.system.world import FEW_REGISTERS, World, running

WEEKLY = Resept(replace(TABLETT, dosering="1 tablett ukentlig"))
PLAIN = Resept(TABLETT)
PATTERN = ".//fs:DosVeiledEnkel[contains(., 'ukentlig')]"
TEXT = "Resepten er avvist fordi doseringen er oppgitt per uke."
LEGE, KOLLEGA = LEGER[:2]
SECRETS = {
    *(text for person in PERSONER for text in (person.ident, person.fornavn, person.etternavn)),
    *(text for lege in LEGER for text in (lege.helsepersonell.fnr, lege.helsepersonell.hpr)),
    *("ukentlig", "Prøvadol", "Mot smerter"),
}
PATTERN_ITSELF = {"ukentlig"}


@dataclass
class Desk:
    """Where the operator sits."""

    environment: dict[str, str]

    def __call__(self, *words: str | Path, status: int = 0) -> tuple[str, str]:
        """A subcommand: what it printed, what it complained of."""
        done = command(["search", *words], env=self.environment)
        assert done.returncode == status, done.stderr
        assert "Traceback" not in done.stderr
        return done.stdout, done.stderr

    def start(self, *words: str | Path, pattern: str = PATTERN, status: int = 0) -> tuple[str, str]:
        who = ("--reason", "Feil i dosering", "--operator", "Vakt 1", "--pause", "0")
        return self("start", *who, "--pattern", pattern, *words, status=status)

    @contextmanager
    def going(self, *words: str) -> Iterator[subprocess.Popen[bytes]]:
        """A subcommand that has not come to its end."""
        arguments = [sys.executable, "-m", "reseptformidler", "search", *words]
        process = subprocess.Popen(
            arguments, env=self.environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        try:
            yield process
        finally:
            process.kill()
            process.wait()


@pytest.fixture
def desk(database_url: str, tmp_path: Path, pki: Pki) -> Desk:
    """On the database and the key file of `world`."""
    return Desk(environment(database_url, tmp_path, pki, FEW_REGISTERS))


def secrets_in(text: str) -> set[str]:
    return {secret for secret in SECRETS if secret in text}


@pytest.mark.timeout(180)  # as below
async def test_what_an_operator_is_shown(world: World, desk: Desk) -> None:
    """The planted ones, one of them under dispensing, by organisation; nothing of a patient or of the content."""
    first, locked = [await world.prescribed(WEEKLY) for _ in range(2)]
    other = await world.prescribed(WEEKLY, lege=KOLLEGA)
    await world.prescribed()
    await _download(world, locked)
    out, said = desk.start()
    told = [json.loads(line) for line in out.splitlines()]
    assert [(line["event"], line["outcome"]) for line in told] == [
        ("content_search", "started"), ("content_search", "finished"),
    ]  # fmt: skip
    assert "search 1 finished: 4 of about" in said
    assert "3 hits, 0 unreadable" in said
    table, _ = desk("show", "1", "--format", "csv")
    rows = list(csv.DictReader(io.StringIO(table)))
    assert {row["ReseptId"]: row["Status"] for row in rows} == {first: "E", locked: "U", other: "E"}
    assert [row["HerId"] for row in rows] == sorted(row["HerId"] for row in rows)
    assert {row["Forskrivningsdato"] for row in rows} == {f"{world.clock():%Y-%m-%d}"}
    whole, _ = desk("show", "1", "--format", "json")
    groups = json.loads(whole)
    names = {aktor.her: aktor.navn for aktor in FEW_REGISTERS.aktorer}
    assert {one["HerId"]: one["Organisasjon"] for one in groups} == {row["HerId"]: names[row["HerId"]] for row in rows}
    assert sum(len(one["Resepter"]) for one in groups) == 3
    listed, status = desk("list")[0], desk("status", "1")[0]
    assert "by Vakt 1" in listed
    assert all(text in status for text in ("Vakt 1", "Feil i dosering", PATTERN))
    assert secrets_in(out + said + table + whole + listed) == set()
    assert secrets_in(status) == PATTERN_ITSELF
    assert secrets_in(table + PERSONER[0].ident) == {PERSONER[0].ident}, "negative control"


async def _download(world: World, resept_id: str) -> None:
    talk = await world.listed(utleverer.Sok(fnr=PERSONER[0].ident))
    head = world.hode(talk, str(talk.root.findtext(".//{*}RefToConversation")))
    await world.accepted(utleverer.m93(head, som_utleverer(APOTEK[0]), resept_id))


@pytest.mark.timeout(180)  # as below
async def test_7419_330_what_was_searched_for_is_refused(
    database_url: str, tmp_path: Path, pki: Pki, desk: Desk
) -> None:
    """The printed rule, put into the file, refuses the same content with the operator's text, and nothing else."""
    async with running(database_url, tmp_path, pki) as world:
        await world.prescribed(WEEKLY)
    desk.start()
    rule, _ = desk("rule", "1", "--name", "ukedosering", "--text", TEXT)
    safety = tmp_path / "safety.toml"
    safety.write_text(rule, "utf-8")
    async with running(database_url, tmp_path, pki, safety_rules=safety) as world:
        answer = await world.refused(world.m1(WEEKLY), "330")
        assert TEXT in "".join(answer.errors[0])
        await world.prescribed()
    desk.start()
    assert len(desk("show", "2")[0].splitlines()) == 2


NOT_BEGUN = {
    "--pattern": {
        ".//fs:[": "no XPath",
        ".//fs:Bruk[document('x')]": "there is no function document",
        "string(.)": "a boolean or a set of nodes",
        ".//head:Patient": "there is no prefix head",
    },
    "--reason": {f"gjelder {PERSONER[0].ident}": "eleven digits"},
    "--operator": {PERSONER[0].ident: "eleven digits", " ": "one line of printable text"},
}


def test_what_is_not_begun(desk: Desk, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """Status 1, and one line that says why, for whatever is wrong; no search stands in the list."""
    for name, value in desk.environment.items():
        monkeypatch.setenv(name, value)
    fine = {"--pattern": PATTERN, "--reason": "Feil i dosering", "--operator": "Vakt 1"}
    wrong = [({**fine, name: text}, why) for name, texts in NOT_BEGUN.items() for text, why in texts.items()]
    for given, why in wrong:
        assert main(["search", "start", *(word for pair in given.items() for word in pair)]) == 1
        complaint = capsys.readouterr().err
        assert why in complaint
        assert len(complaint.splitlines()) == 1
        assert PERSONER[0].ident not in complaint
    for words in (["show", "9"], ["status", "9"], ["resume", "9"], ["rule", "9", "--name", "x", "--text", "x"]):
        assert main(["search", *words]) == 1
        assert capsys.readouterr().err == "Cannot search: there is no search 9\n"
    assert main(["search", "list"]) == 0
    assert capsys.readouterr() == ("", "")


@pytest.mark.timeout(180)  # a whole life of eight processes, each started anew
async def test_killed_and_resumed(world: World, desk: Desk, database_url: str) -> None:
    """A kill -9 after a page, and again: `resume` finds all of it, and counts nothing twice."""
    planted = {await world.prescribed(WEEKLY) for _ in range(3)}
    await _prescribe_more(world, 2 * PAGE + 50)
    who = ("--reason", "Feil i dosering", "--operator", "Vakt 1", "--pattern", PATTERN)
    for words, seen in ((("start", *who), PAGE), (("resume", "1"), 2 * PAGE)):
        with desk.going(*words, "--pause", "600") as process:
            await _until_seen(database_url, seen)
            process.kill()
        assert "not the whole: search 1 at" in desk("show", "1")[1]
    _, said = desk("resume", "1", "--pause", "0")
    assert f"search 1 finished: {3 + 2 * PAGE + 50} of about" in said
    found = [row["ReseptId"] for row in csv.DictReader(io.StringIO(desk("show", "1")[0]))]
    assert len(found) == 3
    assert set(found) == planted


async def _prescribe_more(world: World, number: int) -> None:
    """Prescriptions that do not match, past the wire."""
    stored = [resept() for _ in range(number)]
    await asyncio.gather(
        *(
            world.service.spine.batcher.submit(
                m1(one, octets=rekvirent.m1(world.hode(msg_id=one.resept_id), LEGE.rekvirent, PERSONER[0], PLAIN))
            )
            for one in stored
        )
    )


async def _until_seen(url: str, number: int) -> None:
    connection = await asyncpg.connect(url)
    try:
        async with asyncio.timeout(SECONDS):
            while (await connection.fetchval("SELECT max(sett) FROM innholdssok") or 0) < number:
                await asyncio.sleep(0.05)
    finally:
        await connection.close()
