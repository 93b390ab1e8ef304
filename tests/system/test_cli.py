"""The command line as a developer meets it: the five minutes of the README, and what a command says when it cannot."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from subprocess import CompletedProcess
from uuid import uuid4

import asyncpg
import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from lxml import etree

from reseptformidler import __version__
from reseptformidler.__main__ import main
from reseptformidler.app import StartError
from reseptformidler.client.utleverer import Sok
from reseptformidler.commands import COMMANDS
from reseptformidler.commands.sandbox import EXAMPLES
from reseptformidler.reasons import ALL
from reseptformidler.sandbox.pki import Pki
from reseptformidler.sandbox.population import PERSONER
from reseptformidler.store.keys import new_kek_line
from reseptformidler.store.migrate import SHIPPED
from tests.conftest import short_folder
from tests.system.process import command, environment, serving
from tests.system.world import FEW_REGISTERS, msg_id_of, running

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(capfdbinary: pytest.CaptureFixture[bytes]) -> Run:
    """A command in this process: its exit status, what it printed, what it complained of."""

    def run(*arguments: str | Path) -> tuple[int, str, str]:
        capfdbinary.readouterr()
        try:
            status = main([str(one) for one in arguments])
        except SystemExit as ended:
            status = int(ended.code or 0)
        captured = capfdbinary.readouterr()
        return status, captured.out.decode(), captured.err.decode()

    return run


@dataclass(frozen=True, slots=True)
class Sandbox:
    """A running service that believes the authority in a data folder."""

    address: str
    data: Path


@pytest.fixture(scope="module")
def sandbox(shared_database_url: str) -> Iterator[Sandbox]:
    """One for the module: each test sends messages of its own."""
    with short_folder() as folder:
        pki = Pki.open(folder / "pki" / "now", datetime.now(UTC))
        with serving(environment(shared_database_url, folder, pki, FEW_REGISTERS), folder / "log") as service:
            yield Sandbox(service.address, folder)


@pytest.mark.parametrize("name", [one.name for one in COMMANDS])
def test_help(run: Run, name: str) -> None:
    """Each command says what it is for, to people, and imports nothing heavy for it."""
    status, told, _ = run(name, "--help")
    assert status == 0
    assert told.startswith(f"usage: reseptformidler {name}")
    assert len(told.splitlines()) > 4


def test_help_of_all(run: Run) -> None:
    """The list has every command; a wrong one is status 2 and names the right ones."""
    status, told, _ = run("--help")
    assert status == 0
    assert all(one.name in told and one.help.split()[0] in told for one in COMMANDS)
    assert run("--version")[:2] == (0, f"{__version__}\n")
    for wrong in ([], ["servee"], ["sandbox"], ["validate"], ["codes", "x"]):
        status, _, said = run(*wrong)
        assert status == 2
        assert "usage: reseptformidler" in said


def test_codes(run: Run) -> None:
    """One JSON object a line, for all 385 codes, each with its state."""
    status, told, _ = run("codes")
    lines = [json.loads(line) for line in told.splitlines()]
    assert (status, len(lines)) == (0, 385)
    assert {line["code"] for line in lines} == {one.code for one in ALL}
    assert {line["state"] for line in lines} <= {"implemented", "planned", "not_applicable"}


@pytest.mark.parametrize("type_", EXAMPLES)
def test_examples_are_valid(run: Run, tmp_path: Path, type_: str) -> None:
    """What `sandbox example` prints is in order by `validate`."""
    status, example, _ = run("sandbox", "example", type_)
    assert status == 0
    file = tmp_path / "m.xml"
    file.write_text(example, "utf-8")
    assert run("validate", file)[:2] == (0, f"{file}: i orden\n")


def test_example_of_a_prescription_that_is_there(run: Run) -> None:
    """--resept-id stands in the message."""
    _, example, _ = run("sandbox", "example", "m93", "--resept-id", "11111111-2222-4333-8444-555555555555")
    assert "<ReseptId>11111111-2222-4333-8444-555555555555</ReseptId>" in example


def test_validate_tells_what_is_wrong(run: Run, tmp_path: Path) -> None:
    """Status 1, and for each problem its line, path, code and Norwegian text, but never a value."""
    _, example, _ = run("sandbox", "example", "m1")
    lines = etree.tostring(etree.fromstring(example.encode()), pretty_print=True).decode()
    schema = tmp_path / "schema.xml"
    schema.write_text(lines.replace("<Antall>1</Antall>", "<Antall>hemmelig</Antall>"))
    status, told, _ = run("validate", schema)
    number = lines.splitlines().index(next(line for line in lines.splitlines() if "<Antall>" in line)) + 1
    assert status == 1
    assert f"linje {number}: Verdien er ikke gyldig" in told
    assert "/ReseptDokLegemiddel/Antall)" in told
    rule = tmp_path / "rule.xml"
    rule.write_text(re.sub(r"(<Patient>.*?<Id>)\d{11}", r"\g<1>12345678901", example, flags=re.DOTALL))
    status, told, _ = run("validate", rule)
    assert status == 1
    assert re.search(r"\[\d+\] .*(fødselsnummer|Fødselsnummer)", told)
    for name, octets in (("dtd", b"<!DOCTYPE x><x/>"), ("none", b"hemmelig"), ("other", b"<x/>"), ("empty", b"")):
        (tmp_path / name).write_bytes(octets)
        status, told, _ = run("validate", tmp_path / name)
        assert (status, len(told.splitlines())) == (1, 2)
        assert "hemmelig" not in told
    status, told, said = run("validate", rule, tmp_path / "absent")
    assert status == 2
    assert "absent: No such file" in told + said


def test_issue(run: Run, tmp_path: Path) -> None:
    """A certificate with its key, for a person or an organisation of the sandbox, or for anybody."""
    data = ("--data-dir", tmp_path)
    for who, name in (
        (["--hpr", "999000001"], "SYVER PRØVE"),
        (["--her", "9900101"], "SANDKASSE APOTEK ALTA"),
        (["--person", "9578-4050-1", "Kari Test"], "KARI TEST"),
    ):
        status, pem, _ = run("sandbox", "issue", *data, *who)
        assert status == 0
        key, certificate = load_pem_private_key(pem.encode(), None), x509.load_pem_x509_certificate(pem.encode())
        assert key.public_key() == certificate.public_key()
        assert f"CN={name}" in certificate.subject.rfc4514_string()
    assert run("sandbox", "issue", *data, "--hpr", "1")[0] == 1


def test_five_minutes(run: Run, tmp_path: Path, sandbox: Sandbox) -> None:
    """The README: example, validate, sign, send; a changed one is refused, one signed again is another message."""
    data, url = ("--data-dir", sandbox.data), ("--url", sandbox.address)
    m1, signed, bad = tmp_path / "m1.xml", tmp_path / "signed.xml", tmp_path / "bad.xml"
    m1.write_text(run("sandbox", "example", "m1")[1], "utf-8")
    assert run("validate", m1)[0] == 0
    status, text, _ = run("sandbox", "sign", *data, "--new", m1)
    assert status == 0
    signed.write_text(text, "utf-8")
    assert msg_id_of(signed.read_bytes()) != msg_id_of(m1.read_bytes())
    status, answer, _ = run("sandbox", "send", *data, *url, signed)
    assert status == 0
    assert '<Status V="1" DN="OK"/>' in answer
    assert run("sandbox", "send", *data, *url, signed)[1] == answer
    changed = text.replace("<Antall>1<", "<Antall>2<").replace(msg_id_of(signed.read_bytes()), str(uuid4()))
    bad.write_text(changed, "utf-8")
    status, answer, _ = run("sandbox", "send", *data, *url, bad)
    assert status == 1
    assert 'V="43"' in answer
    kept = run("sandbox", "sign", *data, m1)[1]
    assert msg_id_of(kept.encode()) == msg_id_of(m1.read_bytes())
    m91 = tmp_path / "m91.xml"
    m91.write_text(run("sandbox", "example", "m91")[1], "utf-8")
    status, answer, _ = run("sandbox", "send", *data, *url, m91)
    assert status == 0
    assert msg_id_of(signed.read_bytes()) in answer


def test_what_cannot_be_signed_or_sent(run: Run, tmp_path: Path, sandbox: Sandbox) -> None:
    """No trace: one line, and the status that scripts look at."""
    strange, broken, m91 = tmp_path / "strange.xml", tmp_path / "broken.xml", tmp_path / "m91.xml"
    strange.write_text("<x/>")
    broken.write_text("<x")
    m91.write_text(run("sandbox", "example", "m91")[1], "utf-8")
    data = ("--data-dir", sandbox.data)
    for arguments, expected in (
        (["sign", *data, strange], 1),
        (["sign", *data, broken], 1),
        (["sign", *data, m91], 1),
        (["sign", *data, tmp_path / "absent"], 2),
        (["send", *data, "--url", sandbox.address, strange], 1),
        (["send", *data, "--url", sandbox.address, broken], 1),
        (["send", *data, "--url", "http://127.0.0.1:1", m91], 2),
    ):
        status, _, said = run("sandbox", *arguments)
        assert (status, len(said.splitlines())) == (expected, 1), arguments


def test_demo(sandbox: Sandbox) -> None:
    """The timeline against a running server; against none it fails, and says so in one line."""
    done = _demo(sandbox, sandbox.address)
    assert done.returncode == 0
    assert "demo passed: 13 messages" in done.stdout
    done = _demo(sandbox, "http://127.0.0.1:1")
    assert done.returncode == 1
    assert "demo FAILED" in done.stdout
    assert "Traceback" not in done.stderr


def _demo(sandbox: Sandbox, url: str) -> CompletedProcess[str]:
    return command(["demo", "--url", url, "--data-dir", sandbox.data])


def test_migrate(empty_database_url: str, tmp_path: Path, pki: Pki) -> None:
    """An empty database gets every migration; a second time there is nothing to do."""
    given = environment(empty_database_url, tmp_path, pki, FEW_REGISTERS)
    done = command(["migrate"], env=given)
    assert (done.returncode, done.stdout.splitlines()) == (0, [f"applied {one.name}" for one in SHIPPED])
    done = command(["migrate", "--post"], env=given)
    assert (done.returncode, done.stdout) == (0, "nothing to do\n")

    async def tables() -> int:
        connection = await asyncpg.connect(empty_database_url)
        try:
            return int(await connection.fetchval("SELECT count(*) FROM pg_tables WHERE tablename = 'resept'"))
        finally:
            await connection.close()

    assert asyncio.run(tables()) == 1


def test_migrate_without_database(tmp_path: Path, pki: Pki) -> None:
    """A database that is not there, or that is no database, is one line and a status, no trace."""
    done = command(
        ["migrate"],
        env=environment("postgresql://u:p@127.0.0.1:1/x", tmp_path, pki, FEW_REGISTERS, RF_ANSWER_SECONDS="1"),
    )
    assert done.returncode == 1
    assert "Traceback" not in done.stderr


async def test_keys_are_exchanged(database_url: str, tmp_path: Path, pki: Pki) -> None:
    """A second key in the file, `keys rotate`, the first one away: what was stored is still read."""
    async with running(database_url, tmp_path, pki) as world:
        resept_id = await world.prescribed()
    kek, given = tmp_path / "kek", environment(database_url, tmp_path, pki, FEW_REGISTERS)
    old, new = kek.read_text(), command(["keys", "new"]).stdout
    kek.write_text(old + new)
    done = command(["keys", "rotate"], env=given)
    assert (done.returncode, done.stdout) == (0, "2 data keys wrapped with the newest key\n")
    kek.write_text(new)
    async with running(database_url, tmp_path, pki) as world:
        listed = await world.listed(Sok(fnr=PERSONER[0].ident))
        assert resept_id in {one.text for one in listed.root.iter("{*}ReseptId")}
    kek.write_text(new_kek_line())
    with pytest.raises(StartError, match="does not fit the database"):
        async with running(database_url, tmp_path, pki):
            pass
    kek.write_text(old + new_kek_line())
    lost = command(["keys", "rotate"], env=given)
    assert (lost.returncode, "KeyProblem" in lost.stderr) == (1, True)
