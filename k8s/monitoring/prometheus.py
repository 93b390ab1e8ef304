"""Asking a Prometheus."""

from __future__ import annotations

import json
import math
import time
from dataclasses import dataclass
from typing import Any
from urllib.error import HTTPError
from urllib.parse import urlencode, urlsplit
from urllib.request import urlopen

SECONDS = 30


class Refused(Exception):
    """What Prometheus has against a query."""


@dataclass(frozen=True, slots=True)
class Series:
    """Labels, and the values that are numbers, with their times."""

    labels: dict[str, str]
    points: list[tuple[float, float]]


def series(url: str, query: str, *, seconds: float, step: float = 1) -> list[Series]:
    """What a query gives over the last seconds; series that have no number in them are left out."""
    now = time.time()
    asked = {"query": query, "start": now - seconds, "end": now, "step": step}
    result = _result(f"{url.rstrip('/')}/api/v1/query_range?{urlencode(asked)}")
    found = (Series(one["metric"], _numbers(one["values"])) for one in result)
    return [one for one in found if one.points]


def _numbers(values: list[tuple[float, str]]) -> list[tuple[float, float]]:
    points = ((when, float(value)) for when, value in values)
    return [(when, value) for when, value in points if math.isfinite(value)]


def _result(url: str) -> list[dict[str, Any]]:
    if urlsplit(url).scheme not in ("http", "https"):
        raise Refused(f"{url}: is no http address")
    try:
        with urlopen(url, timeout=SECONDS) as response:  # noqa: S310  # the scheme is looked at above
            return list(json.load(response)["data"]["result"])
    except HTTPError as error:
        raise Refused(json.load(error)["error"]) from None
