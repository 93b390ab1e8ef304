"""What must not go on: the wrong key, a changed file, the wrong order, a database that is in use; each is one line."""

from __future__ import annotations

import resource
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from reseptformidler.sandbox.pki import Pki
from reseptformidler.store.keys import FileKek, KeyProblem
from reseptformidler.store.transfer import CannotMove
from reseptformidler.transfer.folder import Folder
from reseptformidler.transfer.inward import verify
from tests.store.build import m1, resept
from tests.system.process import command, environment
from tests.system.world import FEW_REGISTERS
from tests.transfer.conftest import Operator, Serving
from tests.transfer.test_move import busy_day

CHANGES = {
    "refnr": "UPDATE refnr SET innhold = '\\x00' WHERE refnr = (SELECT refnr FROM refnr ORDER BY 1 LIMIT 1)",
    "resept": "UPDATE resept SET versjon = 99 WHERE resept_id = (SELECT resept_id FROM resept ORDER BY 1 LIMIT 1)",
    "resept_dokument": "DELETE FROM resept_dokument WHERE msg_id = (SELECT msg_id FROM resept_dokument LIMIT 1)",
    "krav": "UPDATE krav SET gjentatt = 1 WHERE msg_id = (SELECT msg_id FROM krav ORDER BY 1 LIMIT 1)",
    "innboks": "UPDATE innboks SET svar = '\\x00' WHERE msg_id = (SELECT msg_id FROM innboks ORDER BY 1 LIMIT 1)",
    "historikk": "INSERT INTO historikk VALUES (now(), gen_random_uuid(), 1, 'x', 'x', 'x')",
    "utboks": "UPDATE utboks SET plass = NULL WHERE msg_id = (SELECT msg_id FROM utboks ORDER BY 1 LIMIT 1)",
    "utboks_dokument": "INSERT INTO utboks_dokument VALUES (gen_random_uuid(), gen_random_uuid(), '\\x00')",
    "utboks_strandet": "UPDATE utboks_strandet SET arsak = 'x'",
    "pasientkort": "UPDATE pasientkort SET parter = '{}'",
    "pasientkort_dokument": "DELETE FROM pasientkort_dokument",
    "innholdssok": "INSERT INTO innholdssok OVERRIDING SYSTEM VALUE "
    "VALUES (1, now(), 'x', 'x', 'x', 1, DEFAULT, 0, 0, 0, now())",
    "nokkel": "UPDATE nokkel SET opprettet = now() WHERE nokkel_id = (SELECT nokkel_id FROM nokkel ORDER BY 1 LIMIT 1)",
    "sequences": "SELECT nextval('utboks_plass_seq')",
}


@pytest.fixture
async def exported(source: Operator) -> Operator:
    """Two passes, the second one the last."""
    async with Serving(source) as service:
        await busy_day(service)
        await source.export()
        await service.batcher.submit(m1(resept()))
    await source.export(last=True)
    return source


async def test_every_difference_is_found(exported: Operator) -> None:
    """One changed, missing or further row anywhere, and the table is named."""
    await verify(exported.connection, exported.folder, exported.kek)
    transaction = exported.connection.transaction()
    for name, change in CHANGES.items():
        await transaction.start()
        await exported.connection.execute(change)
        with pytest.raises(CannotMove, match=rf"says: {name}$"):
            await verify(exported.connection, exported.folder, exported.kek)
        await transaction.rollback()
        transaction = exported.connection.transaction()
        if name == "sequences":
            break  # what a sequence gave is not taken back


async def test_a_target_that_was_touched_is_not_proved(exported: Operator, target: Operator) -> None:
    """The import says so, stays unfinished, and repeating it does not help."""
    last = max(exported.folder.path.glob("*.manifest"))
    aside = last.rename(last.with_suffix(".aside"))
    assert not (await target.take_in()).proved
    await target.connection.execute(CHANGES["krav"])
    aside.rename(last)
    for _ in range(2):
        with pytest.raises(CannotMove, match="krav"):
            await target.take_in()


@pytest.mark.parametrize("which", ["*.rows", "*.keys", "*.manifest"])
async def test_a_changed_file_is_refused(exported: Operator, target: Operator, which: str) -> None:
    """Nothing of it reaches the database."""
    path = min(exported.folder.path.glob(which))
    octets = path.read_bytes()
    for place in (3, 60, len(octets) // 2, len(octets) - 1):
        path.write_bytes(octets[:place] + bytes([octets[place] ^ 1]) + octets[place + 1 :])
        with pytest.raises((CannotMove, KeyProblem)):
            await target.take_in()
    for shorter in (octets[:-1], octets[:60], b""):
        path.write_bytes(shorter)
        with pytest.raises((CannotMove, KeyProblem)):
            await target.take_in()
    path.unlink()
    with pytest.raises(CannotMove):
        await target.take_in()
    path.write_bytes(octets)
    assert (await target.take_in()).proved, "the whole file again, and it goes on"


async def test_a_file_under_the_name_of_another_is_refused(exported: Operator, target: Operator) -> None:
    """Both are whole and ours, and yet not what the manifest says."""
    one, other = sorted(exported.folder.path.glob("*.rows"))[:2]
    one.write_bytes(other.read_bytes())
    with pytest.raises(CannotMove, match="is damaged"):
        await target.take_in()


async def test_passes_come_in_their_order(exported: Operator, target: Operator) -> None:
    """The second without the first, or as the first, is refused; so is the first under the second's name."""
    first, second = sorted(exported.folder.path.glob("*.manifest"))
    kept = first.read_bytes()
    first.unlink()
    with pytest.raises(CannotMove, match="does not follow"):
        await target.take_in()
    first.write_bytes(second.read_bytes())
    with pytest.raises(CannotMove, match="manifest of another pass"):
        await target.take_in()
    first.write_bytes(kept)
    assert (await target.take_in()).proved


async def test_another_transfer_key_opens_nothing(exported: Operator, target: Operator, tmp_path: Path) -> None:
    """Neither for the import nor for a further pass."""
    other = Folder(exported.folder.path, FileKek.create(tmp_path / "other.key"))
    for operator in (exported, target):
        operator.folder = other
    with pytest.raises(KeyProblem):
        await target.take_in()
    with pytest.raises(KeyProblem):
        await exported.export()


async def test_an_export_does_not_mix_databases(exported: Operator, target: Operator) -> None:
    """A folder belongs to one database and one schema."""
    with pytest.raises(CannotMove, match="another database"):
        await target.export()


async def test_schemas_must_be_the_same(exported: Operator, target: Operator) -> None:
    """Rows of other columns do not fit."""
    await target.connection.execute("UPDATE schema_version SET sha256 = 'x' WHERE number = 1")
    with pytest.raises(CannotMove, match="run migrate"):
        await target.take_in()


async def test_a_database_in_use_is_left_alone(exported: Operator, target: Operator) -> None:
    """With rows, or with a service on it; and the last pass waits until nobody serves."""
    async with Serving(target) as service:
        with pytest.raises(CannotMove, match="stop it first"):
            await target.take_in()
        await service.batcher.submit(m1(resept()))
    with pytest.raises(CannotMove, match="is not empty"):
        await target.take_in()
    async with Serving(exported):
        with pytest.raises(CannotMove, match="still connected"):
            await exported.export(last=True)


async def test_an_empty_folder_says_so(target: Operator) -> None:
    """There is nothing to take in."""
    target.folder.path.mkdir()
    with pytest.raises(CannotMove, match="no finished pass"):
        await target.take_in()


async def test_only_the_last_pass_can_be_compared(source: Operator) -> None:
    """The others have no fingerprints."""
    await source.export()
    with pytest.raises(CannotMove, match="not the last"):
        await verify(source.connection, source.folder, source.kek)


async def test_two_exports_do_not_share_a_folder(source: Operator) -> None:
    """The second one is told."""
    with source.folder.alone(), pytest.raises(CannotMove, match="another export"):
        await source.export()


@pytest.mark.timeout(120)
async def test_a_full_disk_is_one_line(source: Operator, tmp_path: Path, pki: Pki) -> None:
    """The command ends with status 1, leaves whole files only, and goes on when there is room."""
    async with Serving(source) as service:
        await busy_day(service)
    given = environment(source.url, tmp_path, pki, FEW_REGISTERS, RF_KEK_FILE=str(source.kek_file))
    words = ["export", str(source.folder.path), "--key", str(tmp_path / "transfer.key")]
    full = subprocess.run(
        [sys.executable, "-m", "reseptformidler", *words],
        env={**given, "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        check=False,
        preexec_fn=_no_room(4000),
    )
    assert (full.returncode, full.stdout) == (1, "")
    assert full.stderr.startswith("Cannot export: OSError")
    assert len(full.stderr.splitlines()) == 1
    assert not list(source.folder.path.glob("*.part"))
    done = command(words, env=given)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("pass ")


def _no_room(octets: int) -> Callable[[], None]:
    """No file may become larger."""

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (octets, octets))

    return limit
