"""Run a program and bury at once what it orphans, as an init system does: `reaper.py PROGRAM ARGUMENT…`.

Patroni asks whether PostgreSQL, which is nobody's child, still runs; a dead process that is not buried says yes. The
first process of a sandbox may take seconds to bury it, and so a switchover would take seconds longer than it does.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1
PR_SET_CHILD_SUBREAPER = 36


def main() -> int:
    """The program's exit status. It ends when this process does, and gets its SIGTERM."""
    libc = ctypes.CDLL(None)
    libc.prctl(PR_SET_CHILD_SUBREAPER, 1)
    child = os.fork()
    if child == 0:
        libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        os.execvp(sys.argv[1], sys.argv[1:])  # noqa: S606  # the lab says what
    signal.signal(signal.SIGTERM, lambda *_: os.kill(child, signal.SIGTERM))
    while True:
        pid, status = os.wait()
        if pid == child:
            return os.waitstatus_to_exitcode(status)


if __name__ == "__main__":
    sys.exit(main())
