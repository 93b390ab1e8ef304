"""Run a Python module with a wall clock that is wrong by what a file says: `clock.py FILE MODULE ARGUMENT…`.

For Patroni. The service runs under libfaketime instead, since its event loop asks the C library for the time; but
libfaketime (0.9.10) makes `time.sleep` of Python 3.11 fail, which Patroni cannot do without.
"""

from __future__ import annotations

import runpy
import sys
import time
from collections.abc import Callable
from pathlib import Path

SECONDS_BETWEEN_LOOKS = 0.5


def shifted(real: Callable[[], float], path: Path) -> Callable[[], float]:
    """A clock that runs beside the real one."""
    known = [0.0, 0.0]

    def now() -> float:
        if time.monotonic() >= known[0]:
            known[:] = time.monotonic() + SECONDS_BETWEEN_LOOKS, float(path.read_text())
        return real() + known[1]

    return now


def main() -> None:
    """Shift the clock, then become the module."""
    path, module = sys.argv[1:3]
    sys.argv[0:3] = [module]
    time.time = shifted(time.time, Path(path))
    runpy.run_module(module, run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
