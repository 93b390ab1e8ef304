"""`check`: what the service would run with, and whether it could."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from reseptformidler.commands.command import Command, no_arguments

if TYPE_CHECKING:
    from reseptformidler.settings import Settings


def run(_: argparse.Namespace) -> int:
    """Print the effective settings and try each thing they name; status 1 when one fails."""
    import asyncio

    from reseptformidler.commands.environment import settings_or_exit
    from reseptformidler.settings import PREFIX, Settings

    settings = settings_or_exit()
    for name in Settings.model_fields:
        print(f"{PREFIX}{name.upper()}={getattr(settings, name)}")
    print()
    return asyncio.run(_try_all(settings))


async def _try_all(settings: Settings) -> int:
    from reseptformidler import app

    failed = False
    for name, trial in app.TRIALS.items():
        try:
            print(f"ok      {name}: {await trial(settings)}")
        except Exception as error:  # noqa: BLE001  # whatever is wrong, the operator shall see all of it at once
            failed = True
            print(f"FAILED  {name}: {type(error).__name__}: {error}")
    return int(failed)


COMMAND = Command(
    "check",
    "print the effective settings (secrets masked) and try each connection",
    no_arguments,
    run,
    description="""Print every setting in force, secrets masked, then try what they name: the database and its
schema, the key file, the trusted authorities, the register files.

Exit status: 0 all well, 1 something failed, 2 the settings are not complete.""",
)
