"""The named statements of this package, and the one way to run them.

A statement stands in a `.sql` file beside the module that runs it: `-- name: area.what`, a comment that says what it
is for, the statement. Its name is the label of the metric.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from time import perf_counter
from types import MappingProxyType
from typing import Any, TypeAlias

import asyncpg
from asyncpg.pool import PoolConnectionProxy

from reseptformidler import metrics

Connection: TypeAlias = "asyncpg.Connection[Any] | PoolConnectionProxy[Any]"

_NAME = re.compile(r"^-- name: (?P<name>[a-z_]+\.[a-z_]+)$", re.MULTILINE)


class NotReplicated(Exception):
    """A commit was reported although the wait for its replication was cancelled: it may be lost in a failover."""


def read_queries(folder: Path) -> Mapping[str, str]:
    """Every statement of the `.sql` files of a folder by its name; ValueError for a name that stands twice."""
    queries: dict[str, str] = {}
    for path in sorted(folder.glob("*.sql")):
        parts = _NAME.split(path.read_text("utf-8"))
        for name, text in zip(parts[1::2], parts[2::2], strict=True):
            if name in queries:
                raise ValueError(f"{path.name}: {name} stands twice")
            queries[name] = text.strip().removesuffix(";")
    return MappingProxyType(queries)


QUERIES = read_queries(Path(__file__).parent)


async def fetch(connection: Connection, name: str, *arguments: object) -> list[asyncpg.Record]:
    """Run a named statement. Raises what asyncpg raises, after which nothing is known of its outcome."""
    begun = perf_counter()
    try:
        return await connection.fetch(QUERIES[name], *arguments)
    finally:
        metrics.db_query_duration.labels(name).observe(perf_counter() - begun)


async def commit(connection: Connection, name: str, *arguments: object) -> list[asyncpg.Record]:
    """Like `fetch`, for a statement whose commit an answer relies on: NotReplicated if the standby was not waited for.

    PostgreSQL reports such a commit as a success with a warning; no statement of ours warns of anything else.
    """
    warnings: list[asyncpg.PostgresLogMessage] = []

    def listen(_: Connection, message: asyncpg.PostgresLogMessage) -> None:
        if getattr(message, "severity_en", "") == "WARNING":
            warnings.append(message)

    connection.add_log_listener(listen)
    try:
        rows = await fetch(connection, name, *arguments)
    finally:
        connection.remove_log_listener(listen)
    if warnings:
        metrics.db_unreplicated_commits.inc()
        raise NotReplicated(name)
    return rows
