"""The commands, in the order of `--help`."""

from __future__ import annotations

from reseptformidler.commands import (
    check,
    codes,
    demo,
    dev,
    keys,
    migrate,
    outbox,
    periodic,
    sandbox,
    search,
    serve,
    transfer,
    validate,
)

COMMANDS = (
    dev.COMMAND,
    serve.COMMAND,
    periodic.RELAY,
    periodic.SWEEP,
    outbox.COMMAND,
    migrate.COMMAND,
    keys.COMMAND,
    transfer.EXPORT,
    transfer.IMPORT,
    search.COMMAND,
    check.COMMAND,
    demo.COMMAND,
    validate.COMMAND,
    codes.COMMAND,
    sandbox.COMMAND,
)
