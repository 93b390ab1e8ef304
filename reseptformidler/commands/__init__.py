"""The commands, in the order of `--help`."""

from __future__ import annotations

from reseptformidler.commands import check, codes, demo, dev, migrate, periodic, sandbox, serve, validate

COMMANDS = (
    dev.COMMAND,
    serve.COMMAND,
    periodic.RELAY,
    periodic.SWEEP,
    migrate.COMMAND,
    check.COMMAND,
    demo.COMMAND,
    validate.COMMAND,
    codes.COMMAND,
    sandbox.COMMAND,
)
