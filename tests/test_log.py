"""Only allowed fields reach a log line, from us and from libraries."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator

import pytest
import structlog

from reseptformidler import log


@pytest.fixture(autouse=True)
def _restored() -> Iterator[None]:
    handlers, level = logging.root.handlers[:], logging.root.level
    yield
    logging.basicConfig(handlers=handlers, level=level, force=True)
    structlog.reset_defaults()


def test_a_field_that_is_not_allowed_cannot_be_logged() -> None:
    """The line is not written, and the mistake shows in the first test that runs it."""
    log.configure("info")
    with pytest.raises(log.ForbiddenField, match="fnr"):
        structlog.get_logger().info("message", fnr="21014605158")


def test_libraries_log_as_one_line_without_their_texts(capsys: pytest.CaptureFixture[str]) -> None:
    """Who and what kind of error, never the text, which may hold a row or a message."""
    log.configure("info")
    try:
        int("21014605158 already exists")
    except ValueError:
        logging.getLogger("asyncpg.pool").exception("failed on 21014605158")
    (line,) = capsys.readouterr().out.splitlines()
    told = json.loads(line)
    assert (told["event"], told["library"], told["error"]) == ("library", "asyncpg.pool", "ValueError")
    assert told["where"].startswith("tests.test_log:")
    assert "21014605158" not in line
