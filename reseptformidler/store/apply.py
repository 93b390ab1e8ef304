"""Writing what a batch decided: one statement, whose guards leave out every message whose state has moved."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from uuid import UUID

from reseptformidler.domain.decision import Decision, Hendelse, Tilstand
from reseptformidler.domain.pasientkort import Pasientkort
from reseptformidler.domain.resept import Resept
from reseptformidler.store.encode import Encoder, Outgoing
from reseptformidler.store.item import Item, Seen
from reseptformidler.store.queries import Connection, commit

Row = tuple[object, ...]
WIDTHS = (10, 10, 8, 6, 4, 5, 9, 12, 6, 3, 8, 4)
"""Of the rows in each list of `Rows`."""


class Outcome(StrEnum):
    """What became of one message of a batch; apply.sql says what each means."""

    APPLIED = "applied"
    DUPLICATE = "duplicate"
    TAKEN = "taken"
    CONFLICT = "conflict"


@dataclass(frozen=True, slots=True)
class Decided:
    """One message with the state it was decided on, its decision and its answer."""

    item: Item
    tilstand: Tilstand
    decision: Decision
    answer: bytes
    outgoing: tuple[tuple[UUID, bytes], ...] = ()
    """The messages of `decision.owed`: MsgId, and the message without its attachments."""
    seen: tuple[Seen, ...] = ()
    """What was read from a standby: it is committed only if the primary holds the same."""

    def __post_init__(self) -> None:
        _check(self.item, self.tilstand, self.decision)

    @property
    def reasons(self) -> tuple[str, ...]:
        """Codes of the refusals, or of the notes of an accepted message."""
        findings = self.decision.notes if self.decision.accepted else self.decision.refusals
        return tuple(finding.reason.code for finding in findings)

    def touches(self) -> frozenset[Hashable]:
        """What it changes, which no other message of its batch may change."""
        decision = self.decision
        numbers = {number.refnr for number in (decision.refnr, *decision.issued) if number is not None}
        cards = {decision.kort.ident} if decision.kort is not None else set()
        return frozenset({resept.resept_id for resept in _versions(decision)} | numbers | cards)


@dataclass(slots=True)
class Rows:
    """The rows that a batch would write: one list for each `unnest` of apply.sql, in its order."""

    message: list[Row] = field(default_factory=list)
    created: list[Row] = field(default_factory=list)
    changed: list[Row] = field(default_factory=list)
    document: list[Row] = field(default_factory=list)
    annulled: list[Row] = field(default_factory=list)
    binding: list[Row] = field(default_factory=list)
    event: list[Row] = field(default_factory=list)
    owed: list[Row] = field(default_factory=list)
    seen: list[Row] = field(default_factory=list)
    issued: list[Row] = field(default_factory=list)
    card: list[Row] = field(default_factory=list)
    card_document: list[Row] = field(default_factory=list)

    def arguments(self) -> list[Sequence[object]]:
        """The rows column by column, in the order of the statement's parameters."""
        sets = (getattr(self, name) for name in Rows.__slots__)
        return [
            column
            for rows, width in zip(sets, WIDTHS, strict=True)
            for column in (zip(*rows, strict=True) if rows else [()] * width)
        ]


def rows_of(encoder: Encoder, nr: int, decided: Decided) -> Rows:
    """What one message would write, sealed; `nr` tells it from the others of its batch."""
    item, decision = decided.item, decided.decision
    rows = Rows()
    document = _document(encoder, nr, decided)
    kept = document is not None or _is_held(decided)
    rows.message.append(_message(encoder, nr, decided, in_inbox=not kept))
    if document is not None:
        rows.document.append(document)
    if decision.new is not None:
        rows.created.append(_created(encoder, nr, decision.new))
    rows.changed.extend(_changed(encoder, nr, resept) for resept in decision.changed)
    if decision.annullert is not None:
        rows.annulled.append((nr, _annulled_resept(decided), decision.annullert, item.msg_id))
    if decision.refnr is not None:
        rows.binding.append(_binding(encoder, nr, decided))
    rows.event.extend(_event(nr, item, event) for event in decision.hendelser)
    rows.owed.extend(_owed(encoder, nr, decided, lopenr) for lopenr in range(len(decision.owed)))
    rows.seen.extend((nr, one.pasient, one.refnr, one.nodsok, one.alle, one.versjoner) for one in decided.seen)
    rows.issued.extend((nr, encoder.refnr_hash(one.refnr), encoder.refnr(one)) for one in decision.issued)
    if decision.kort is not None:
        rows.card.append(_card(encoder, nr, decision.kort))
        if _is_held(decided):
            sealed = encoder.kort_dokument(decision.kort.kort_id, item.msg_id, item.octets)
            rows.card_document.append((nr, decision.kort.kort_id, item.msg_id, sealed))
    return rows


async def apply(connection: Connection, batch: Sequence[Rows]) -> list[Outcome]:
    """Commit a batch; the outcome of each message, in order. The n-th element holds the rows of message n."""
    together = Rows()
    for rows in batch:
        for name in Rows.__slots__:
            getattr(together, name).extend(getattr(rows, name))
    found = await commit(connection, "apply.batch", *together.arguments())
    outcomes = {row["nr"]: Outcome(row["outcome"]) for row in found}
    return [outcomes[nr] for nr in range(len(batch))]


def _message(encoder: Encoder, nr: int, decided: Decided, *, in_inbox: bool) -> Row:
    item = decided.item
    melding = encoder.melding(item.sender, item.msg_id, item.octets) if in_inbox else None
    svar = encoder.svar(item.sender, item.msg_id, decided.answer)
    name = (nr, item.sender, item.msg_id, item.sha256, item.received, item.type)
    return (*name, decided.decision.accepted, " ".join(decided.reasons), melding, svar)


def _created(encoder: Encoder, nr: int, r: Resept) -> Row:
    keys = encoder.search_keys(r)
    return (nr, r.resept_id, *keys, r.mottatt, r.utloper, r.last, r.status.value, encoder.resept(r))


def _changed(encoder: Encoder, nr: int, r: Resept) -> Row:
    las = (r.las.her, r.las.siden) if r.las else (None, None)
    return (nr, r.resept_id, r.versjon, r.status.value, *las, r.lukket, encoder.resept(r))


def _event(nr: int, item: Item, e: Hendelse) -> Row:
    step = (str(e.hendelse), str(e.fra), str(e.til))
    return (nr, item.received, e.resept_id, e.versjon, *step, item.sender, item.msg_id)


def _owed(encoder: Encoder, nr: int, decided: Decided, lopenr: int) -> Row:
    item, o = decided.item, decided.decision.owed[lopenr]
    melding_id, message = decided.outgoing[lopenr]
    refs = (o.resept_id, o.ref_to_parent, o.ref_to_conversation)
    content = encoder.owed(item.sender, item.msg_id, lopenr, Outgoing(message, o.attachments))
    return (nr, item.received, item.sender, item.msg_id, lopenr, o.type, o.receiver, *refs, content, melding_id)


def _card(encoder: Encoder, nr: int, kort: Pasientkort) -> Row:
    held = ",".join(str(one.msg_id) for one in kort.meldinger)
    name = (nr, kort.kort_id, encoder.pasient_hash(kort.ident), kort.versjon, kort.endret)
    return (*name, ",".join(kort.parter), held, encoder.kort(kort))


def _is_held(decided: Decided) -> bool:
    """Whether the message stands with the patient's card, and so not in the inbox."""
    kort = decided.decision.kort
    return kort is not None and any(one.msg_id == decided.item.msg_id for one in kort.meldinger)


def _binding(encoder: Encoder, nr: int, decided: Decided) -> Row:
    refnr = decided.decision.refnr
    assert refnr is not None
    before = decided.tilstand.refnummer(refnr.refnr)
    bound = [encoder.pasient_hash(r.pasient) if r and r.pasient else None for r in (before, refnr)]
    return (nr, encoder.refnr_hash(refnr.refnr), *bound, encoder.refnr(refnr))


def _document(encoder: Encoder, nr: int, decided: Decided) -> Row | None:
    """The row of a message that lives and dies with a prescription; None for one that stands in the inbox."""
    item, decision = decided.item, decided.decision
    if decision.new is not None:
        resept_id = decision.new.resept_id
    elif decision.utlevering is not None:
        resept_id = decision.utlevering.resept_id
    elif decision.annullert is not None:
        resept_id = _annulled_resept(decided)
    elif decision.kept_with is not None:
        resept_id = decision.kept_with
    else:
        return None
    utlevering = encoder.utlevering(decision.utlevering) if decision.utlevering else None
    sealed = encoder.dokument(resept_id, item.msg_id, item.octets)
    return (nr, resept_id, item.msg_id, item.received, utlevering, sealed)


def _annulled_resept(decided: Decided) -> UUID:
    annulled = [u for u in decided.tilstand.utleveringer if u.msg_id == decided.decision.annullert]
    assert len(annulled) == 1, "an annulment names a dispensing that was loaded"
    return annulled[0].resept_id


def _versions(decision: Decision) -> tuple[Resept, ...]:
    return (decision.new, *decision.changed) if decision.new else decision.changed


def _check(item: Item, tilstand: Tilstand, decision: Decision) -> None:
    """The invariants that a wrong decision would break; each failure is a fault of the program, not of the sender."""
    versions = _versions(decision)
    if not decision.accepted:
        assert decision == Decision(refusals=decision.refusals), "a refusal changes nothing"
    assert len({r.resept_id for r in versions}) == len(versions), "one version at a time"
    kort = [(decision.kort.kort_id, decision.kort.versjon)] if decision.kort is not None else []
    assert sorted([*((r.resept_id, r.versjon) for r in versions), *kort]) == sorted(
        (h.resept_id, h.versjon) for h in decision.hendelser
    ), "each new version has one row of history"
    if decision.kort is not None:
        _check_card(item, tilstand, decision.kort)
    if decision.new is not None:
        assert (decision.new.resept_id, decision.new.versjon) == (item.msg_id, 1), "a prescription is named by its M1"
        assert decision.new.las is None, "a prescription is born without a lock"
    for resept in decision.changed:
        _check_change(tilstand.resept(resept.resept_id), resept)
    owed_of = {owed.resept_id for owed in decision.owed} - {None}
    assert owed_of <= {r.resept_id for r in versions}, "what a prescription owes is numbered under its lock"
    if decision.kept_with is not None:
        assert decision.kept_with in {r.resept_id for r in decision.changed}, "kept with a prescription it changed"
    if decision.utlevering is not None:
        _check_utlevering(item, tilstand, decision)
    if decision.annullert is not None:
        assert decision.changed, "an annulment is a new version of its prescription"
    if decision.refnr is not None:
        before = tilstand.refnummer(decision.refnr.refnr)
        assert before is not None, "only an issued reference number is bound"
        assert before.pasient in (None, decision.refnr.pasient), "a bound reference number stays bound"
    issued = {one.refnr for one in decision.issued}
    assert len(issued) == len(decision.issued), "each number is issued once"
    assert issued <= set(tilstand.ledige_refnr), "what is issued was nobody's"


def _check_change(before: Resept | None, after: Resept) -> None:
    assert before is not None, "a changed prescription was loaded"
    assert after.versjon == before.versjon + 1, "versions follow each other"
    assert _written_once(after) == _written_once(before), "what a prescription is found and swept by never changes"
    if before.las is not None and after.las is not None:
        assert before.las.her == after.las.her, "a prescription under ekspedering belongs to one utleverer"


def _check_card(item: Item, tilstand: Tilstand, kort: Pasientkort) -> None:
    before = tilstand.pasientkort((kort.ident,))
    known = {one.msg_id for one in before.meldinger} if before is not None else set()
    assert {one.msg_id for one in kort.meldinger} <= known | {item.msg_id}, "a card holds what was held, and this one"
    if before is None:
        assert (kort.kort_id, kort.versjon) == (item.msg_id, 1), "a card is named by the message that made it"
    else:
        assert (kort.kort_id, kort.versjon) == (before.kort_id, before.versjon + 1), "versions follow each other"


def _written_once(r: Resept) -> tuple[object, ...]:
    return (r.mottatt, r.pasient, r.refnr, r.utloper, r.last)


def _check_utlevering(item: Item, tilstand: Tilstand, decision: Decision) -> None:
    utlevering = decision.utlevering
    assert utlevering is not None
    assert utlevering.msg_id == item.msg_id, "a dispensing is named by its M10"
    before = tilstand.resept(utlevering.resept_id)
    assert before is not None, "a dispensing belongs to a prescription that was loaded"
    assert before.las is not None, "no dispensing without a download"
    assert before.las.her == utlevering.her, "no dispensing without a download by the same utleverer"
    assert utlevering.resept_id in {resept.resept_id for resept in decision.changed}, "a dispensing is a new version"
