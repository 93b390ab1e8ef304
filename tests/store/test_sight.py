"""What follows from what is seen of the servers: who is believed, who is cut off, whose clock is wrong."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from reseptformidler.store.servers import urls_of
from reseptformidler.store.sight import SILENT, Role, Sight, clock_offset, is_clock_wrong, is_cut_off, primary_of

STANDBY = Sight(Role.STANDBY)


def primary(timeline: int) -> Sight:
    """A server that says it is the primary."""
    return Sight(Role.PRIMARY, timeline)


def clocks(*offsets: float | None) -> Mapping[str, Sight]:
    """Servers that our clock, whose epoch is 0, is ahead of by so much; None is silent."""
    sights = (SILENT if one is None else Sight(Role.STANDBY, epoch=-one) for one in offsets)
    return {str(number): sight for number, sight in enumerate(sights)}


@pytest.mark.parametrize(
    "sights, newest, believed",
    [
        ((STANDBY, primary(3), STANDBY), 3, 1),
        ((STANDBY, primary(4), SILENT), 3, 1),
        ((primary(3), primary(4), STANDBY), 3, 1),  # the first one does not know yet that it was replaced
        ((primary(3), SILENT, SILENT), 3, 0),
        ((primary(3), SILENT, SILENT), 4, None),  # it was replaced, by one that is silent just now
        ((STANDBY, STANDBY, STANDBY), 3, None),
        ((SILENT,), 0, None),
        ((primary(1),), 0, 0),
    ],
)
def test_the_newest_timeline_is_believed(sights: tuple[Sight, ...], newest: int, believed: int | None) -> None:
    """A server that goes on calling itself primary is not followed once another one was promoted."""
    found = primary_of({str(number): sight for number, sight in enumerate(sights)}, newest)
    assert found == (None if believed is None else str(believed))


@pytest.mark.parametrize(
    "offsets, cut_off",
    [
        ((0.0, 0.0, None), False),
        ((0.0, None, None), True),
        ((None, None, None), True),
        ((0.0, None), True),
        ((None,), False),  # one server that is silent may be down for everybody: waiting helps, leaving does not
    ],
)
def test_cut_off(offsets: tuple[float | None, ...], *, cut_off: bool) -> None:
    """Who sees no majority of several servers is the one in trouble."""
    assert is_cut_off(clocks(*offsets)) is cut_off


@pytest.mark.parametrize(
    "offsets, offset, wrong",
    [
        ((0.1, -0.1, 0.0), 0.0, False),
        ((7200.0, 7200.1, 7200.2), 7200.1, True),
        ((0.0, 7200.0, 7200.0), 7200.0, True),  # our whole datacentre jumped, its server with it
        ((0.0, 0.0, 7200.0), 0.0, False),  # that server's clock is wrong
        ((0.0, 7200.0, None), 3600.0, False),  # one against one: nobody knows
        ((-40.0, -40.0, None), -40.0, True),
        ((29.0, 29.0, 29.0), 29.0, False),
        ((7200.0,), 7200.0, False),  # one server alone may itself be wrong
        ((None, None, None), 0.0, False),
    ],
)
def test_clock(offsets: tuple[float | None, ...], offset: float, *, wrong: bool) -> None:
    """Most of several servers must contradict this machine's clock."""
    assert clock_offset(clocks(*offsets), 0.0) == pytest.approx(offset)
    assert is_clock_wrong(clocks(*offsets), 0.0) is wrong


@pytest.mark.parametrize(
    "url, urls",
    [
        ("postgresql://u:p@h/d", {"h:5432": "postgresql://u:p@h/d"}),
        (
            "postgresql://u:p@a:1,b/d?target_session_attrs=read-write&sslmode=require",
            {"a:1": "postgresql://u:p@a:1/d?sslmode=require", "b:5432": "postgresql://u:p@b/d?sslmode=require"},
        ),
        ("postgresql://u:p%40%2C@[::1]/d", {"[::1]:5432": "postgresql://u:p%40%2C@[::1]/d"}),
        ("postgresql://u:p@/d?host=/run/pg", {"socket": "postgresql://u:p@/d?host=/run/pg"}),
    ],
)
def test_urls(url: str, urls: Mapping[str, str]) -> None:
    """Each server gets a URL of its own; which of them may be written to is for us to find out."""
    assert urls_of(url) == urls
