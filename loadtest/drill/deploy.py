"""A rolling deploy: a migration, then every datacentre in turn to another release, while senders send."""

from __future__ import annotations

import shutil
import subprocess
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from loadtest.drill.controls import PARTS
from loadtest.drill.database import at_primary, url_at
from loadtest.lab.datacentre import PORTS, SERVICE
from loadtest.lab.lab import CHECKOUT, Lab
from loadtest.lab.network import CENTRES, LabError, address
from reseptformidler.store.migrate import migrate, read_migrations

BEFORE = "55de9b6"
"""The commit of the release before this one. It knows one database server only: no failover while it runs."""
UNKNOWN_BEFORE = ("RF_NEAR_SERVER", "RF_RECEIVERS", "RF_LEAVE_SECONDS", "RF_RELAY_SECONDS")
"""Settings that came after it."""
MIGRATIONS = "reseptformidler/store/migrations"
SECONDS_TO_START = 30.0


@dataclass(frozen=True, slots=True)
class Release:
    """Some code, and what it is told."""

    code: Path
    environment: Mapping[str, Mapping[str, str]]
    """By datacentre."""


def to_the_next(lab: Lab) -> None:
    """A release with a migration of its own, like the one that runs in all else."""
    _roll(lab, _after(lab, lab.datacentres[CENTRES[0]].code))


def from_the_one_before(lab: Lab) -> None:
    """Back to the release before this one, which must run on the schema of this one; then on to the next."""
    current = lab.datacentres[CENTRES[0]].code
    _roll(lab, _before(lab))
    _roll(lab, _after(lab, current))


def _after(lab: Lab, current: Path) -> Release:
    """Its migration is applied already: it is safe while the code before it runs."""
    number = len(read_migrations(current / MIGRATIONS)) + 1
    code = lab.folder / f"release-{number}"
    for part in PARTS:
        shutil.copytree(current / part, code / part, ignore=shutil.ignore_patterns("__pycache__"))
    column = f"ALTER TABLE resept ADD COLUMN drill_{number} integer;\n"
    (code / MIGRATIONS / f"{number:04}_pre_drill_{number}.sql").write_text(column, "utf-8")
    shipped = read_migrations(code / MIGRATIONS)
    at_primary(lab, lambda connection: migrate(connection, include_post=False, shipped=shipped))
    return Release(code, {place: lab.environment(place) for place in CENTRES})


def _before(lab: Lab) -> Release:
    place = lab.primary()
    assert place is not None
    code = lab.folder / "before"
    if not code.exists():
        code.mkdir(mode=0o755)
        git, tar = shutil.which("git"), shutil.which("tar")
        assert git, "the release before this one comes out of the repository: git is needed"
        assert tar, "and tar"
        archived = subprocess.run([git, "archive", BEFORE], cwd=CHECKOUT, check=True, capture_output=True)
        subprocess.run([tar, "-x", "-C", str(code)], input=archived.stdout, check=True)
    settings = {}
    for centre in CENTRES:
        known = {name: value for name, value in lab.environment(centre).items() if name not in UNKNOWN_BEFORE}
        settings[centre] = known | {"RF_DATABASE_URL": url_at(lab, place)}
    return Release(code, settings)


def _roll(lab: Lab, release: Release) -> None:
    for place in CENTRES:
        _replace(lab, place, release)


def _replace(lab: Lab, place: str, release: Release) -> None:
    """As an orchestrator does it: ready again before the next one is touched."""
    centre = lab.datacentres[place]
    with ThreadPoolExecutor(len(SERVICE)) as threads:
        list(threads.map(centre.terminate, SERVICE))
    centre.code, centre.environment = release.code, release.environment[place]
    for component in SERVICE:
        centre.start(component)
    until = time.monotonic() + SECONDS_TO_START
    while lab.ask(address(place), PORTS["web"], "/readyz")[0] != 200:
        if time.monotonic() > until:
            raise LabError(f"the web of {place} is not ready: {centre.last_line('web')}")
        time.sleep(0.1)
