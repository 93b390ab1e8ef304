"""The account that runs what runs in a datacentre: PostgreSQL refuses to run as root."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from reseptformidler.embedded.binaries import Programs


@dataclass(frozen=True, slots=True)
class Account:
    """An account without privileges, except that it may read everything: Python may stand in root's closed home."""

    programs: Programs

    def command(self, *argv: str) -> list[str]:
        """The same command, run by the account."""
        who = self.programs.account
        assert who
        only = "-all,+dac_read_search"
        switch = ["setpriv", f"--reuid={who.pw_uid}", f"--regid={who.pw_gid}", "--clear-groups"]
        return [*switch, f"--inh-caps={only}", f"--ambient-caps={only}", *argv]

    def folder(self, path: Path) -> Path:
        """A folder of the account, made if there is none."""
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        path.chmod(0o700)  # whatever a mount or the umask made of it
        self.programs.give(path)
        return path

    def file(self, path: Path, text: str) -> Path:
        """A file of the account that nobody else may read."""
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
            file.write(text)
        self.programs.give(path)
        return path
