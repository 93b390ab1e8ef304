"""Days and clock of Norway: the service's dates are civil days there, whatever zone its own clock runs in."""

from __future__ import annotations

from datetime import date, datetime
from functools import lru_cache
from zoneinfo import ZoneInfo

NORGE = ZoneInfo("Europe/Oslo")


def norsk_dag(now: datetime) -> date:
    """The civil day in Norway at a moment (an aware datetime)."""
    return now.astimezone(NORGE).date()


@lru_cache(maxsize=4096)
def med_sone(dag: date) -> str:
    """An xs:date with the Norwegian offset of that day, as the published lists write dates: 2019-07-16+02:00."""
    offset = datetime(dag.year, dag.month, dag.day, 12, tzinfo=NORGE).strftime("%z")
    return f"{dag.isoformat()}{offset[:3]}:{offset[3:5]}"
