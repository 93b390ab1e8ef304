"""PostgreSQL: what is kept, and the one transaction of each message. Rows never leave this package."""

from __future__ import annotations
