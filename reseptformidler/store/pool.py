"""Connections to PostgreSQL."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

import asyncpg

Pool: TypeAlias = "asyncpg.Pool[Any]"
Connect: TypeAlias = Callable[..., Any]
"""Like asyncpg.connect."""

SETTINGS = {
    "application_name": "reseptformidler",
    "timezone": "UTC",
    # Every statement has one good plan, made once: planning a batch anew would cost more than running it. Each row is
    # reached by an index, and that must not depend on how empty a table was when the plan was made.
    "plan_cache_mode": "force_generic_plan",
    **dict.fromkeys(("enable_seqscan", "enable_bitmapscan", "enable_hashjoin", "enable_mergejoin", "jit"), "off"),
    "lock_timeout": "5s",
    "idle_in_transaction_session_timeout": "30s",
}
SECONDS_TO_CONNECT = 5.0
SECONDS_A_STATEMENT = 10.0
"""Longer means that something is wrong; the outcome is then unknown, and repeating is safe."""


async def _keep_session(_: asyncpg.Connection[Any]) -> None:
    """Not asyncpg's reset, which is a round trip each time: nothing of ours leaves anything behind in a session."""


async def open_pool(url: str, *, size: int, connect: Connect | None = None, ready: int = 1) -> Pool:
    """A pool of at most `size` connections; `ready` of them are made here, so a wrong URL shows at once.

    `connect` makes them instead of asyncpg's own way: it may choose the server, and gets the same options.
    """
    return await asyncpg.create_pool(
        url,
        connect=connect,
        min_size=ready,
        max_size=size,
        timeout=SECONDS_TO_CONNECT,
        command_timeout=SECONDS_A_STATEMENT,
        max_inactive_connection_lifetime=300,
        reset=_keep_session,
        server_settings=SETTINGS,
    )
