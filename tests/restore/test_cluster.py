"""What is said of a restored cluster: a sound one passes, a damaged page does not."""

from __future__ import annotations

from pathlib import Path

import asyncpg
import pytest

from loadtest.restore.barman import ToolFailed
from loadtest.restore.cluster import Cluster
from loadtest.restore.disaster import damage_file
from reseptformidler.embedded import EmbeddedPostgres
from reseptformidler.embedded.binaries import programs_for
from tests.conftest import run

PAGE = 8192


async def make_index(server: EmbeddedPostgres) -> str:
    """The file of an index of many pages."""
    connection = await asyncpg.connect(**server.dsn())
    try:
        await connection.execute("CREATE TABLE numbers AS SELECT n FROM generate_series(1, 5000) n")
        await connection.execute("CREATE INDEX numbers_n ON numbers (n)")
        return str(await connection.fetchval("SELECT pg_relation_filepath('numbers_n')"))
    finally:
        await connection.close()


def test_a_damaged_page_of_an_index_is_seen(folder: Path) -> None:
    server = EmbeddedPostgres(folder, fsync=False)
    with server:
        path = run(make_index(server))
    cluster = Cluster(server, programs_for(folder), folder / "data-18", folder / "password")
    cluster.check_pages()
    with cluster.running():
        cluster.check_indexes()
    damage_file(folder / "data-18" / path, 3 * PAGE + 4000)
    with pytest.raises(ToolFailed, match="pg_checksums"):
        cluster.check_pages()
    with cluster.running(), pytest.raises(ToolFailed, match="pg_amcheck"):
        cluster.check_indexes()
