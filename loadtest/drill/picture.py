"""Accepted changes a second over time, with the faults behind them: an SVG image."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from html import escape
from xml.sax.saxutils import quoteattr

from loadtest.crash.record import Record
from loadtest.drill.figures import accepted

WIDTH, HEIGHT, LEFT, TOP = 1600, 260, 40, 20
COLOURS = ("#f4cccc", "#d9ead3", "#fff2cc", "#cfe2f3", "#ead1dc", "#d9d2e9")


def svg(record: Record) -> str:
    """The image. A fault's name shows when the mouse rests on it."""
    seconds = max(1.0, record.ended)
    counts = Counter(int(at) for at in accepted(record))
    most = max(counts.values(), default=1)
    across, up = (WIDTH - LEFT) / seconds, (HEIGHT - 2 * TOP) / most
    return "\n".join(
        (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" font-family="sans-serif">',
            f'<rect width="{WIDTH}" height="{HEIGHT}" fill="white"/>',
            *_faults(record, across),
            *_columns(counts, across, up),
            f'<text x="2" y="{TOP + 10}" font-size="12">{most}/s</text>',
            f'<text x="{LEFT}" y="{HEIGHT - 4}" font-size="12">0 s</text>',
            f'<text x="{WIDTH - 50}" y="{HEIGHT - 4}" font-size="12">{seconds:.0f} s</text>',
            "</svg>",
        )
    )


def _faults(record: Record, across: float) -> Iterator[str]:
    kinds = sorted({spell.what for spell in record.spells})
    for spell in record.spells:
        width = max(1.0, (min(spell.ended, record.ended) - spell.begun) * across)
        colour = COLOURS[kinds.index(spell.what) % len(COLOURS)]
        yield (
            f'<rect x="{LEFT + spell.begun * across:.1f}" y="{TOP}" width="{width:.1f}" height="{HEIGHT - 2 * TOP}"'
            f" fill={quoteattr(colour)}><title>{escape(spell.what)}</title></rect>"
        )


def _columns(counts: Counter[int], across: float, up: float) -> Iterator[str]:
    """One for each second in which something was accepted."""
    for second, count in sorted(counts.items()):
        x, y = LEFT + second * across, HEIGHT - TOP - count * up
        yield f'<rect x="{x:.1f}" y="{y:.1f}" width="{across:.2f}" height="{count * up:.1f}" fill="#333"/>'
