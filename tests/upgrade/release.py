"""The release before this one, out of the repository's history: its own code in processes of its own.

`previous-release` names its commit. Whoever makes a release writes that release's commit there.
"""

from __future__ import annotations

import subprocess
from contextlib import AbstractContextManager
from pathlib import Path

from reseptformidler.domain.aktor import Aktortype
from reseptformidler.registers.fixed import FixedRegisters
from reseptformidler.sandbox.pki import Pki
from tests.system.process import Serving, environment, serving
from tests.system.world import FEW_REGISTERS
from tests.upgrade.talk import Talk

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
PREVIOUS = (HERE / "previous-release").read_text("utf-8").strip()

SETTINGS = {"RF_DATABASE_URL", "RF_KEK_FILE", "RF_TRUST_DIR", "RF_REGISTERS", "RF_PORT", "RF_LOG_LEVEL"}
"""What the release before knows; it does not start with a setting that is newer than itself."""

REGISTERS = FixedRegisters(
    [one for one in FEW_REGISTERS.aktorer if one.type not in (Aktortype.LEGEMIDDELVERKET, Aktortype.KJERNEJOURNAL)],
    FEW_REGISTERS._helsepersonell.values(),
    FEW_REGISTERS._kort,
    dict(FEW_REGISTERS.refnr),
)
"""Without the kinds of organisations that it does not know."""


class NoHistory(Exception):
    """The code of a commit is not to be had; the text says what to do."""


def export(commit: str, folder: Path, root: Path = ROOT) -> dict[str, str]:
    """Write the service as it was into an empty folder; gives the variables that make Python run that one."""
    done = subprocess.run(
        ["git", "-C", str(root), "archive", "--format=tar", commit, "reseptformidler", "xsd"],
        capture_output=True,
        check=False,
    )
    if done.returncode:
        raise NoHistory(
            f"The tests of upgrades run the release before this one, commit {commit}, but git does not have it here"
            f" ({done.stderr.decode().strip()}). Run them in a clone with its whole history:"
            " git fetch --unshallow, or in CI a checkout of unlimited depth."
        )
    subprocess.run(["tar", "-x", "-C", str(folder)], input=done.stdout, check=True)
    return {"PYTHONPATH": str(folder), "PYTHONSAFEPATH": "1"}


class Both:
    """The old and the new release, with one database, one key file and the same settings."""

    def __init__(self, database_url: str, folder: Path, pki: Pki, old_code: dict[str, str]) -> None:
        self.database_url = database_url
        self.new = environment(database_url, folder, pki, REGISTERS)
        self.old = {name: value for name, value in self.new.items() if name[:3] != "RF_" or name in SETTINGS} | old_code
        self._pki = pki
        self._folder = folder

    def serving(self, release: dict[str, str]) -> AbstractContextManager[Serving]:
        """A process of `old` or `new`."""
        return serving(release, self._folder / ("log.old" if release is self.old else "log.new"))

    def talk(self, process: Serving) -> Talk:
        """Speak to that process."""
        return Talk(process.address, self._pki)
