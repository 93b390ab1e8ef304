"""The dictionaries that sealed values were compressed with, for ever: version 0 is none, version n is `n.zdict`.

They are trained on synthetic messages only (loadtest/dictionary.py). A new one is shipped in one release and becomes
CURRENT in the next, when every process that may run can read it.
"""

from __future__ import annotations

from pathlib import Path

import zstandard

CURRENT = 1


def load(version: int) -> zstandard.ZstdCompressionDict | None:
    """The dictionary of a version; FileNotFoundError for one that this code does not have."""
    if version == 0:
        return None
    return zstandard.ZstdCompressionDict((Path(__file__).parent / f"{version}.zdict").read_bytes())
