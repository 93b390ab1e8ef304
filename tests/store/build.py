"""Prescriptions and messages for the tests of the store, decided by the domain's own state machine."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from uuid import UUID, uuid4

from reseptformidler.domain.decision import Decision, Finding, Hendelse, Needs, Owed, RefNr, Tilstand, refused
from reseptformidler.domain.hode import Address, Kode
from reseptformidler.domain.ident import uuid_of_time
from reseptformidler.domain.livslop import Fase, Steg, fase, step
from reseptformidler.domain.resept import Las, Pasient, Rekvirent, Resept, Status, Tilbakekalt, Utlevering, Vare
from reseptformidler.reasons import reason
from reseptformidler.store.batch import Item

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
FNR = "13116900216"
HPR = "009144889"
LEGE = "8090595"
APOTEK, ANNET_APOTEK = "8100001", "8100002"

NOTHING = Needs()

Decide = Callable[[Tilstand], Decision]


def resept(resept_id: UUID | None = None, *, fnr: str = FNR, refnr: str = "", last: bool = False) -> Resept:
    """A prescription as an M1 makes it."""
    return Resept(
        resept_id=resept_id or uuid4(),
        versjon=1,
        status=Status.EKSPEDERBAR,
        mottatt=NOW,
        forskrivningsdato=NOW.date(),
        utloper=date(2027, 11, 23),
        pasient=Pasient(
            fnr, "FNR" if fnr else "", "Line Sofie", "Danser", fdato=date(1969, 11, 13), kjonn="2",
            adresse=Address(Kode("H", "Bostedsadresse"), "Lillegata 1", "0123", "Oslo", county=Kode("0301", "Oslo")),
        ),
        rekvirent=Rekvirent(HPR, "Rita Lin", LEGE, "Kule helsetjenester AS"),
        vare=Vare("L", "560235", "Paralgin forte Tab 400 mg/30 mg", antall=Decimal(2), reiterasjon=3),
        refnr=refnr,
        last=last,
        samtale=str(resept_id or ""),
    )  # fmt: skip


def item(
    decide: Decide, needs: Needs = NOTHING, *, sender: str = APOTEK, msg_id: UUID | None = None,
    octets: bytes = b"<MsgHead>melding</MsgHead>", type_: str = "m93", received: datetime = NOW,
) -> Item:  # fmt: skip
    """A message; its answer is another one each time it is rendered, as with a real MsgId."""
    return Item(
        sender=sender,
        msg_id=msg_id or uuid4(),
        sha256=hashlib.sha256(octets).digest(),
        type=type_,
        octets=octets,
        received=received,
        needs=needs,
        decide=decide,
        render=lambda decision: f"<svar id='{uuid4()}' ok='{decision.accepted}'/>".encode(),
        render_owed=lambda owed: (uuid_of_time(received, uuid4()), b"<MsgHead>" + owed.payload + b"</MsgHead>"),
    )


def m1(new: Resept, *, octets: bytes | None = None, sender: str = LEGE, owed: tuple[Owed, ...] = ()) -> Item:
    """An M1 that makes a prescription, and binds its reference number if it has one."""

    def decide(tilstand: Tilstand) -> Decision:
        if tilstand.tatt:
            return refused(Finding(reason(10)))
        bound = tilstand.refnummer(new.refnr) if new.refnr else None
        if bound and bound.pasient not in (None, new.pasient.ident):
            return refused(Finding(reason(75)))
        return Decision(
            new=new,
            refnr=replace(bound, pasient=new.pasient.ident) if bound else None,
            hendelser=(Hendelse(new.resept_id, 1, Steg.REKVIRERT, Fase.INGEN, fase(new)),),
            owed=owed,
        )

    needs = Needs(refnr=(new.refnr,)) if new.refnr else Needs()
    octets = octets or f"<M1>{new.resept_id}</M1>".encode()
    return item(decide, needs, sender=sender, msg_id=new.resept_id, octets=octets, type_="m1", received=new.mottatt)


def changes(resept_id: UUID, steg: Steg, **extra: Callable[[], object]) -> Decide:
    """A step of the prescription's life; refused as the state machine refuses it."""

    def decide(tilstand: Tilstand) -> Decision:
        before = tilstand.resept(resept_id)
        if before is None:
            return refused(Finding(reason(1)))
        after = step(before, steg, NOW, **{name: value() for name, value in extra.items()})  # type: ignore[arg-type]
        if isinstance(after, int):
            return refused(Finding(reason(after)))
        event = Hendelse(resept_id, after.versjon, steg, fase(before), fase(after))
        return Decision(changed=(after,), hendelser=(event,))

    return decide


def m93(resept_id: UUID, her: str = APOTEK, *, documents: bool = False) -> Item:
    """A download; refused with 69 where another utleverer holds the prescription."""
    take = changes(resept_id, Steg.NEDLASTET, las=lambda: Las(her, "Apoteket", NOW, ""))

    def decide(tilstand: Tilstand) -> Decision:
        before = tilstand.resept(resept_id)
        if before and before.las and before.las.her != her:
            return refused(Finding(reason(69)))
        return take(tilstand)

    return item(decide, Needs(resepter=(resept_id,), dokumenter=documents), sender=her)


def m10(resept_id: UUID, her: str = APOTEK, *, closes: bool = False, msg_id: UUID | None = None) -> Item:
    """A dispensing."""
    msg_id = msg_id or uuid4()
    steg = Steg.UTLEVERT_AVSLUTTET if closes else Steg.UTLEVERT
    change = changes(resept_id, steg)
    utlevering = Utlevering(msg_id, resept_id, her, NOW.date(), Decimal(1), closes)

    def decide(tilstand: Tilstand) -> Decision:
        decision = change(tilstand)
        return replace(decision, utlevering=utlevering) if decision.accepted else decision

    octets = f"<M10>{msg_id}</M10>".encode()
    return item(decide, Needs(resepter=(resept_id,)), sender=her, msg_id=msg_id, octets=octets, type_="m10")


def m10_annulment(resept_id: UUID, annulled: UUID, her: str = APOTEK, steg: Steg = Steg.ANNULLERT) -> Item:
    """An annulment of a dispensing."""
    change = changes(resept_id, steg)
    needs = Needs(resepter=(resept_id,), dokumenter=True)
    octets = b"<M10>annullering</M10>"
    return item(lambda t: replace(change(t), annullert=annulled), needs, sender=her, octets=octets, type_="m10")


def m5(resept_id: UUID) -> Item:
    """A recall."""
    msg_id = uuid4()
    recall = Tilbakekalt(msg_id, NOW, HPR, LEGE, Kode("2", "Seponering"))
    decide = changes(resept_id, Steg.TILBAKEKALT, tilbakekalt=lambda: recall)
    return item(decide, Needs(resepter=(resept_id,)), sender=LEGE, msg_id=msg_id, octets=b"<M5/>", type_="m5")


def m91(needs: Needs, seen: list[Tilstand] | None = None, her: str = APOTEK) -> Item:
    """A list: changes nothing, and notes what it was shown."""

    def decide(tilstand: Tilstand) -> Decision:
        if seen is not None:
            seen.append(tilstand)
        return Decision()

    return item(decide, needs, sender=her, type_="m91")


def number(refnr: str = "1234567890") -> RefNr:
    """A reference number as it is issued."""
    return RefNr(refnr, HPR)
