"""Searching the content of the active prescriptions for a pattern (docs/content-search.md).

Page by page in the order of the ReseptId. How far a search has come and what it has found are written in one
statement a page, so it may be killed anywhere and goes on where it was: no page is lost, none is counted twice.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from time import monotonic, perf_counter
from uuid import UUID

import asyncpg
from lxml import etree

from reseptformidler.meldinger.pasientsikkerhet import Treffer, monster
from reseptformidler.store.encode import Encoder
from reseptformidler.store.near import Near
from reseptformidler.store.pool import Pool
from reseptformidler.store.queries import Connection, commit, fetch
from reseptformidler.store.seal import Sealer, Unsealable, key_ids
from reseptformidler.wire.msghead import payload
from reseptformidler.wire.parse import Unreadable, parse

PAGE = 200
"""Prescriptions that are read at once: about a megabyte."""
SECONDS_A_PRESCRIPTION = 1.0
"""A pattern that takes longer on one of them would, as a rule, hold up every M1."""
_IDENTITY_NUMBER = re.compile(r"(?<!\d)\d{6}[ .-]?\d{5}(?!\d)")
_LAST_ID = UUID(int=2**128 - 1)


class SearchStopped(Exception):
    """A search cannot begin or go on; the text says why, and holds nothing about a person."""


@dataclass(frozen=True, slots=True)
class Search:
    """One search as it is written down. Times are aware."""

    sok_id: int
    startet: datetime
    operator: str
    begrunnelse: str
    monster: str
    anslag: int
    """About how many prescriptions were active when it began; a guess of PostgreSQL's."""
    neste: UUID
    """All with a lower ReseptId have been looked at."""
    sett: int
    treff: int
    ulest: int
    """How many could not be read; they stand among what was found, without sender and date."""
    endret: datetime
    ferdig: datetime | None


@dataclass(frozen=True, slots=True)
class Hit:
    """A prescription that matches, or that could not be read: then `her` is empty and `forskrivningsdato` None."""

    her: str
    resept_id: UUID
    status: str
    """When it was found: E, U or B (list 7408)."""
    forskrivningsdato: date | None
    utloper: date


@dataclass(frozen=True, slots=True)
class Found(Hit):
    """A hit, and what has become of it."""

    status_now: str | None
    """None where the prescription is deleted."""


async def begin(connection: Connection, *, operator: str, reason: str, pattern: str, now: datetime) -> Search:
    """Write down a search. SearchStopped: the texts are none to be kept; Regelfeil: the pattern cannot be asked."""
    for name, text in {"operator": operator, "reason": reason, "pattern": pattern}.items():
        if not text.strip() or not text.isprintable():
            raise SearchStopped(f"the {name} must be one line of printable text")
        if _IDENTITY_NUMBER.search(text):
            raise SearchStopped(f"the {name} holds eleven digits: what may be an identity number is not kept")
    monster(pattern)
    ((plan,),) = await fetch(connection, "content.about")
    about = json.loads(plan)[0]["Plan"]["Plan Rows"]
    (row,) = await commit(connection, "content.begin", now, operator, reason, pattern, about)
    return Search(**row)


async def searches(connection: Connection) -> list[Search]:
    """All searches, the newest first."""
    return [Search(**row) for row in await fetch(connection, "content.searches", None)]


async def search(connection: Connection, sok_id: int) -> Search:
    """The search of that number; SearchStopped where there is none."""
    for row in await fetch(connection, "content.searches", sok_id):
        return Search(**row)
    raise SearchStopped(f"there is no search {sok_id}")


async def found(connection: Connection, sok_id: int) -> list[Found]:
    """What a search has found, by organisation."""
    rows = await fetch(connection, "content.found", sok_id)
    return [
        Found(row["her"], row["resept_id"], row["da"], row["forskrivningsdato"], row["utloper"], row["na"])
        for row in rows
    ]


@dataclass(frozen=True, slots=True)
class Searcher:
    """Goes through the prescriptions: reads on the standby nearby while there is one, writes on the primary."""

    pool: Pool
    near: Near | None
    near_lag: float
    """Seconds by which a standby may lag that counts as fresh."""
    sealer: Sealer
    clock: Callable[[], datetime]
    page: int = PAGE
    slow: float = SECONDS_A_PRESCRIPTION

    async def run(self, search: Search, *, most: int, pause: float, tell: Callable[[Search], None]) -> Search:
        """Search to the end, with that many seconds between two pages; `tell` hears of each page.

        SearchStopped: more than `most` hits, a pattern that is too slow, or another process is at it. Regelfeil: the
        pattern cannot be asked of some prescription.
        """
        treffer, begun = monster(search.monster), monotonic()
        while search.ferdig is None:
            rows = await self._rows(search.neste, begun)
            search = await self._record(search, rows, [hit for row in rows if (hit := self._look(row, treffer))])
            tell(search)
            if search.treff > most:
                raise SearchStopped(f"more than {most} hits: the pattern may be too wide")
            await asyncio.sleep(pause)
        return search

    async def _rows(self, first: UUID, begun: float) -> list[asyncpg.Record]:
        async with self._source(begun).acquire() as connection:
            rows = await fetch(connection, "content.page", first, self.page)
            sealed = (row[name] for row in rows for name in ("innhold", "dokument") if row[name] is not None)
            await self.sealer.keys.fetch(connection, key_ids(sealed))
        return rows

    def _source(self, begun: float) -> Pool:
        """The standby, once this run is older than what one that counts as fresh may lack."""
        if self.near is not None and monotonic() - begun > self.near_lag and self.near.is_fresh():
            return self.near.pool
        return self.pool

    def _look(self, row: asyncpg.Record, treffer: Treffer) -> Hit | None:
        encoder = Encoder(self.sealer)
        try:
            if not self._matches(_content(encoder, row), treffer):
                return None
            resept = encoder.open_resept(row["resept_id"], row["versjon"], row["innhold"])
        except (Unsealable, Unreadable):
            return Hit("", row["resept_id"], row["status"], None, row["utloper"])
        return Hit(resept.rekvirent.her, row["resept_id"], row["status"], resept.forskrivningsdato, row["utloper"])

    def _matches(self, content: etree._Element, treffer: Treffer) -> bool:
        begun = perf_counter()
        matches = treffer(content)
        if perf_counter() - begun > self.slow:
            raise SearchStopped(f"the pattern took more than {self.slow:g} s on one prescription")
        return matches

    async def _record(self, search: Search, rows: Sequence[asyncpg.Record], hits: Sequence[Hit]) -> Search:
        last = rows[-1]["resept_id"] if rows else _LAST_ID
        is_end = len(rows) < self.page or last == _LAST_ID
        unread = sum(hit.forskrivningsdato is None for hit in hits)
        async with self.pool.acquire() as connection:
            recorded = await commit(
                connection,
                "content.record",
                *(search.sok_id, search.neste, search.neste if is_end else UUID(int=last.int + 1)),
                *(len(rows), len(hits) - unread, unread, self.clock(), is_end),
                [hit.her for hit in hits],
                [hit.resept_id for hit in hits],
                [hit.status for hit in hits],
                [hit.forskrivningsdato for hit in hits],
                [hit.utloper for hit in hits],
            )
        if not recorded:
            raise SearchStopped(
                "it is not where this process left it: another one is at it, or the primary was changed"
            )
        return Search(**recorded[0])


def _content(encoder: Encoder, row: asyncpg.Record) -> etree._Element:
    """What the M1 of a row prescribes."""
    if row["dokument"] is None:
        raise Unsealable("a prescription has no M1")
    content = payload(parse(encoder.open_dokument(row["resept_id"], row["resept_id"], row["dokument"])))
    if content is None:
        raise Unsealable("an M1 has no payload")
    return content
