"""Running a coroutine on the quick event loop."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


def run_loop(work: Coroutine[Any, Any, T]) -> T:
    """Run to the end; an error of start-up that the operator can mend is one line, not a trace."""
    from reseptformidler.app import StartError

    try:
        if sys.platform == "win32":
            return asyncio.run(work)
        import uvloop

        return uvloop.run(work)
    except StartError as error:
        print(f"Cannot start: {error}", file=sys.stderr)
        raise SystemExit(1) from None
