"""Issuing reference numbers to prescribers (rules.md L3)."""

from __future__ import annotations

import secrets
from collections.abc import Sequence

from reseptformidler.domain.decision import RefNr
from reseptformidler.domain.ident import refnr_check_digit
from reseptformidler.store.encode import Encoder
from reseptformidler.store.queries import Connection, commit
from reseptformidler.store.seal import Sealer

ROWS_A_STATEMENT = 1000


def draw(count: int) -> set[str]:
    """Reference numbers that nobody can foresee, each with its check digit (L2)."""
    drawn: set[str] = set()
    while len(drawn) < count:
        first9 = f"{secrets.randbelow(1_000_000_000):09}"
        if digit := refnr_check_digit(first9):
            drawn.add(first9 + digit)
    return drawn


async def issue(connection: Connection, sealer: Sealer, numbers: Sequence[RefNr]) -> int:
    """Make numbers known that were issued to `hpr` and are unused; how many were new. Safe to repeat."""
    encoder = Encoder(sealer)
    new = 0
    for start in range(0, len(numbers), ROWS_A_STATEMENT):
        some = numbers[start : start + ROWS_A_STATEMENT]
        assert all(number.pasient is None for number in some), "an issued number is unused"
        hashes = [encoder.refnr_hash(number.refnr) for number in some]
        new += len(await commit(connection, "refnr.issue", hashes, [encoder.refnr(number) for number in some]))
    return new
