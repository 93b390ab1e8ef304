"""The commands, in the order of `--help`."""

from __future__ import annotations

from reseptformidler.commands import (
    check,
    codes,
    demo,
    dev,
    keys,
    migrate,
    periodic,
    sandbox,
    serve,
    transfer,
    validate,
)

COMMANDS = (
    dev.COMMAND,
    serve.COMMAND,
    periodic.RELAY,
    periodic.SWEEP,
    migrate.COMMAND,
    keys.COMMAND,
    transfer.EXPORT,
    transfer.IMPORT,
    check.COMMAND,
    demo.COMMAND,
    validate.COMMAND,
    codes.COMMAND,
    sandbox.COMMAND,
)
