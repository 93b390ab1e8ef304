"""The embedded PostgreSQL of `dev` and of the tests: a real server, started and stopped by the program itself."""

from __future__ import annotations

from reseptformidler.embedded.binaries import EmbeddedPostgresError
from reseptformidler.embedded.postgres import EmbeddedPostgres, default_base

__all__ = ["EmbeddedPostgres", "EmbeddedPostgresError", "default_base"]
