"""The settings from the environment, or a clear end of the program."""

from __future__ import annotations

import sys

from reseptformidler.settings import ConfigurationError, Settings, load


def settings_or_exit() -> Settings:
    """The settings; without them the program ends with status 2 and says what is missing."""
    try:
        return load()
    except ConfigurationError as error:
        print(f"The settings are not complete (docs/configuration.md):\n{error}", file=sys.stderr)
        raise SystemExit(2) from None
