"""JSON lines on stdout, one canonical line for each message. Only the fields named here can be logged."""

from __future__ import annotations

import logging
from collections.abc import MutableMapping
from typing import Any

import structlog

ALLOWED = frozenset(
    {
        *("event", "level", "timestamp", "service", "operation", "melding", "outcome", "reasons", "milliseconds"),
        *("status", "error", "where", "library", "host", "port", "rows", "pending", "partitions"),
    }
)
"""No payload, identity number, name or MsgId is among them."""


class ForbiddenField(Exception):
    """A log call named a field that is not allowed: an error of ours, found by the first test that runs the line."""


def _only_allowed(_logger: object, _name: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    forbidden = event.keys() - ALLOWED
    if forbidden:
        raise ForbiddenField(", ".join(sorted(forbidden)))
    return event


class _Libraries(logging.Handler):
    """What libraries log, as lines of ours: who and what kind of error. Their texts may hold a sender's data."""

    def emit(self, record: logging.LogRecord) -> None:
        error = record.exc_info[1] if record.exc_info else None
        told = {"error": type(error).__name__, "where": where(error)} if error else {}
        logger.log(record.levelno, "library", library=record.name, **told)


def configure(level: str = "info") -> None:
    """Set up logging for this process, its libraries included."""
    logging.basicConfig(handlers=[_Libraries()], level=logging.WARNING, force=True)
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            _only_allowed,
            structlog.processors.JSONRenderer(ensure_ascii=False),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level.upper()]),
        logger_factory=structlog.PrintLoggerFactory(),
        cache_logger_on_first_use=True,
    )


logger: structlog.typing.FilteringBoundLogger = structlog.get_logger()


def where(error: BaseException) -> str:
    """Where an error of ours arose, as module:line. Its text is left out: it may hold a sender's data."""
    last = error.__traceback__
    while last is not None and last.tb_next is not None:
        last = last.tb_next
    if last is None:
        return "unknown"
    return f"{last.tb_frame.f_globals.get('__name__', '?')}:{last.tb_lineno}"
