"""The overview as a picture, where there is no Grafana: `python -m k8s.monitoring.draw URL overview.svg`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from html import escape
from pathlib import Path

from k8s.monitoring.panels import Panel, rows
from k8s.monitoring.prometheus import Series, series

COLUMNS, WIDTH, HEIGHT, HEAD, MARGIN = 3, 420, 170, 34, 12
NAMES = 4
"""As many series are named in a panel."""
COLOURS = ("#1f77b4", "#ff7f0e", "#2ca02c", "#d62728", "#9467bd", "#8c564b", "#e377c2", "#7f7f7f", "#17becf")
STYLE = "text{font:11px sans-serif}.row{font-size:16px}.title{font-weight:bold}path{fill:none;stroke-width:1.5}"


def picture(url: str, seconds: float) -> str:
    """SVG of every panel over the last seconds."""
    parts, top = [], MARGIN
    for title, panels in rows().items():
        parts.append(f'<text class="row" x="{MARGIN}" y="{top + 18}">{escape(title)}</text>')
        top += HEAD
        for number, panel in enumerate(panels):
            x, y = MARGIN + number % COLUMNS * WIDTH, top + number // COLUMNS * HEIGHT
            parts.append(f'<g transform="translate({x} {y})">{_drawn(panel, url, seconds)}</g>')
        top += -(-len(panels) // COLUMNS) * HEIGHT
    size = f'width="{COLUMNS * WIDTH + 2 * MARGIN}" height="{top + MARGIN}"'
    paper = '<rect width="100%" height="100%" fill="white"/>'
    return f'<svg xmlns="http://www.w3.org/2000/svg" {size}><style>{STYLE}</style>{paper}{"".join(parts)}</svg>\n'


def _drawn(panel: Panel, url: str, seconds: float) -> str:
    found = series(url, panel.expression_for_all, seconds=seconds, step=max(1, seconds / WIDTH))
    points = [point for one in found for point in one.points]
    highest = max((value for _, value in points), default=0)
    width, height, bottom = WIDTH - 2 * MARGIN, HEIGHT - 66, HEIGHT - 42
    end = max((when for when, _ in points), default=0)
    scale = (width / seconds, height / (highest or 1))
    lines = [
        f'<path stroke="{COLOURS[nr % len(COLOURS)]}" d="{_path(one, end - seconds, bottom, scale)}"/>'
        for nr, one in enumerate(found)
    ]
    names = [
        f'<text x="{nr % 2 * width / 2}" y="{bottom + 14 + nr // 2 * 13}" fill="{COLOURS[nr]}">{_name(one)}</text>'
        for nr, one in enumerate(found[:NAMES])
    ]
    frame = f'<rect y="{bottom - height}" width="{width}" height="{height}" fill="none" stroke="#ccc"/>'
    title = f'<text class="title" y="16">{escape(panel.title)}</text>'
    unit = "" if panel.unit == "none" else panel.unit
    top = f'<text x="{width}" y="16" text-anchor="end">{f"{highest:.4g} {unit}" if found else "nothing"}</text>'
    return "".join((title, top, frame, *lines, *names))


def _path(one: Series, start: float, bottom: float, scale: tuple[float, float]) -> str:
    """A step at each value, as states change; what is below zero lies on the ground."""
    places = ((round((when - start) * scale[0], 1), round(bottom - max(0, v) * scale[1], 1)) for when, v in one.points)
    x, y = next(places)
    return f"M{x} {y}" + "".join(f"H{x}V{y}" for x, y in places)


def _name(one: Series) -> str:
    return escape(" ".join(one.labels.values()))[:40]


def main(arguments: Sequence[str]) -> int:
    """Draw it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("url", help="address of the Prometheus")
    parser.add_argument("file", type=Path, help="SVG to write")
    parser.add_argument("--seconds", type=float, default=300, help="how far back to look (default %(default)s)")
    given = parser.parse_args(arguments)
    given.file.write_text(picture(given.url, given.seconds), "utf-8")
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
