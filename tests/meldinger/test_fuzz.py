"""Whatever the schema accepts, a type answers: it neither raises nor decides what the store or the schema would refuse.

Messages of the client's, changed at random: texts, codes, elements left out, repeated or exchanged. They are driven as
the spine drives them, against a store that holds nothing or something that fits. The same seed gives the same cases.
"""

from __future__ import annotations

from base64 import b64encode
from collections import Counter, defaultdict
from collections.abc import Iterator
from copy import deepcopy
from dataclasses import dataclass, replace
from datetime import date, timedelta
from decimal import Decimal
from random import Random
from uuid import UUID

import pytest
from lxml import etree

from reseptformidler import meldinger
from reseptformidler.client.head import Hode
from reseptformidler.domain.aktor import Aktor, Aktortype, Facts, Fastlege, Forelder, Helsepersonell, M8Til, Person
from reseptformidler.domain.decision import Decision, Finding, Needs, RefNr, Tilstand
from reseptformidler.domain.hode import MsgInfo
from reseptformidler.domain.livslop import Fase
from reseptformidler.domain.pasientkort import Abonnement, Pasientkort
from reseptformidler.domain.resept import Ekspederingsanmodning, Resept, Utlevering
from reseptformidler.meldinger.melding import Avsendertype, MeldingType, Mottatt
from reseptformidler.meldinger.rapportering import senere_mottaker
from reseptformidler.store.apply import Decided
from reseptformidler.store.item import Item
from reseptformidler.wire import apprec, reply
from reseptformidler.wire import format as wire_format
from reseptformidler.wire.head import head_findings
from reseptformidler.wire.msghead import payload, read_head
from reseptformidler.wire.parse import parse
from reseptformidler.wire.schema import Schemas
from tests.client.meldinger import ID, LEGE, MESSAGES, NOW, PERSON, TALK
from tests.meldinger.bygg import ANNET_FNR, APOTEK, DNR, LAS, RESEPT_ID
from tests.meldinger.faser import I_HVER_FASE
from tests.meldinger.lister import holdt, multidoseapotek, multidoselege

CASES = 1800
"""Attempts; a third of them the schema accepts. For a longer look: `many` with another seed."""
HPR, M10_ID = LEGE.rekvirent.hpr, UUID(int=10)
UTLEVERERE = (*[Aktortype.APOTEK] * 3, Aktortype.BANDASJIST, Aktortype.NETTAPOTEK)
FORMER = "1" * 11
LISTE_ID = str(holdt("ERM251")[0].msg_id)
SERVICE = read_head(parse(MESSAGES["MV"](Hode(UUID(ID), NOW)))).receiver
EMPTY_LIST = "MsgHead/Document/RefDoc/Content/M96KJ"
"""It has no element that says that there is nothing."""
SKEW = timedelta(minutes=5)
_DOK = "<ReseptDokLegemiddel xmlns='x'><Varegruppekode V='L'/></ReseptDokLegemiddel>"
NUMBERS = ("0", "1", "-1", "5000", "2147483647", "-2147483648", "+1", " 1 ", ".5", "9" * 300)
DAYS = ("0001-01-01", "1900-01-01", "2026-03-02+14:00", "9999-12-31", "9999-12-31-14:00", "10000-01-01", "-0044-03-15")
TIMES = (
    *("0001-01-01T00:00:00+14:00", "1900-01-01T00:00:00+14:00", "2026-03-02T24:00:00", "2999-12-31T23:59:59-14:00"),
    *("9999-12-31T23:59:59.999999999-14:00", "10000-01-01T00:00:00"),
)
IDS = (ID, ID.upper(), TALK, LISTE_ID, f" {ID} ", PERSON.ident, ANNET_FNR, DNR, FORMER)
OTHERS = ("true", "false", "\u00a0", "a&<b>\"'", "eyJhIjoxfQ.eyJhIjoxfQ.x", "=", "AAAA")
BASE64 = tuple(b64encode(octets.encode()).decode() for octets in ("<a/>", "<a", _DOK))
TEXTS = (*NUMBERS, *DAYS, *TIMES, *IDS, *OTHERS, *BASE64)
OF_LISTS = ("200", "504", "LE", "FNR", "DNR", "HER", "HPR", "AKO", "ENH", "tel:")
VALUES = (*"0123456789ABEFIKLMPRTUVX", *OF_LISTS, "\u00a0")

Original = tuple[MeldingType, etree._Element]


@dataclass(frozen=True)
class Case:
    """A message that the head's rules, the format and the schema accept, and the type that it is for."""

    type: MeldingType
    mottatt: Mottatt


def originals() -> list[list[Original]]:
    """Every message of the client's, for each type that understands it."""
    found: dict[tuple[str, Avsendertype], list[Original]] = defaultdict(list)
    for name, build in MESSAGES.items():
        hode = Hode(UUID(int=1), NOW, LISTE_ID, TALK) if not name.startswith("M9NA1") else Hode(UUID(int=1), NOW)
        root = parse(build(hode))
        content, code = payload(root), read_head(root).type.v
        namespace = etree.QName(content).namespace if content is not None else None
        for each in meldinger.ALL:
            if each.code == code and namespace in each.namespaces:
                found[each.token, each.avsender].append((each, root))
    return list(found.values())


def changed(root: etree._Element, random: Random) -> etree._Element:
    """A copy with one to three changes in its content or in who it is from and about."""
    copy = deepcopy(root)
    for _ in range(random.randint(1, 3)):
        where = random.choice(["Content"] * 6 + ["Patient", "Sender"])
        parts = copy.xpath(f"//*[local-name() = '{where}']//*")
        if parts:
            change(random.choice(parts), random)
    return copy


def change(element: etree._Element, random: Random) -> None:
    """One change, in place."""
    parent = element.getparent()
    assert parent is not None
    kind = random.choice(["value", "value", "without", "twice", "exchanged"])
    if kind == "value" and element.attrib:
        element.set(random.choice(list(element.attrib)), random.choice(VALUES))
    elif kind == "value":
        element.text = random.choice(TEXTS) if not len(element) else None
    elif kind == "without":
        parent.remove(element)
    elif kind == "twice":
        parent.insert(parent.index(element), deepcopy(element))
    else:
        parent.append(element)


def accepted(schemas: Schemas, type_: MeldingType, root: etree._Element) -> Case | None:
    """What the spine does before a type sees a message."""
    octets = etree.tostring(root, encoding="utf-8")
    again = parse(octets)
    if schemas.errors(again):
        return None
    head = read_head(again)
    if [*head_findings(again, head, type_, NOW, skew=SKEW), *wire_format.findings(again)]:
        return None
    content = payload(again)
    assert content is not None
    mottatt = Mottatt(octets, head, content, None, NOW)
    return Case(type_, replace(mottatt, content=type_.parse(content)))


def registers(case: Case, random: Random) -> Facts:
    """The sender is what the type is for, the signer a doctor, and most persons are known."""
    m, kind = case.mottatt, case.type.avsender
    types = {Avsendertype.UTLEVERER: random.choice(UTLEVERERE)}
    if kind is Avsendertype.ALLE:
        types = {kind: random.choice(list(Aktortype))}
    ident = m.head.sender.ident
    numre = {nr: (nr, FORMER)[: random.randint(1, 2)] for nr in case.type.personer(m) if random.random() < 0.9}
    hpr = m.head.professional.ident("HPR") if m.head.professional is not None else HPR
    ekspanm = getattr(m.content, "ekspanm", None)
    aktor_type = types.get(kind) or Aktortype(kind.value)
    aktor = Aktor(ident("HER"), "A", aktor_type, ident("ENH"), ident("LOK"), ident("AKO"))
    return Facts(
        avsender=aktor,
        helsepersonell=Helsepersonell(hpr, PERSON.ident, "Prøve", "Lege"),
        mottaker_ekspanm=ekspanm and Aktor(ekspanm.her, "A", Aktortype.APOTEK, ekspanm.orgnr),
        personer={nr: _person(each, aktor, random) for nr, each in numre.items()},
        m8_til=random.choice(list(M8Til)),
    )


def _person(numre: tuple[str, ...], kontor: Aktor, random: Random) -> Person:
    return Person(
        numre,
        gradert=random.random() < 0.1,
        foreldre=(Forelder(random.choice([ANNET_FNR, ANNET_FNR, PERSON.ident]), foreldreansvar=True),),
        sperret=frozenset({HPR} if random.random() < 0.1 else ()),
        fastlege=Fastlege(HPR, "Prøve", "Lege", kontor) if random.random() < 0.8 else None,
        etternavn=random.choice(["", "Nordmann"]),
    )


def store(needs: Needs, m: Mottatt, random: Random) -> Tilstand:
    """What a store that has something would give for these needs, and no more."""
    searched = bool(needs.pasienter or needs.refnr or needs.nodsok)
    ids = (*needs.resepter, *((RESEPT_ID, UUID(int=7)) if searched else ()))
    resepter = tuple(_resept(each, needs, m, random) for each in dict.fromkeys(ids))
    with_documents = resepter if needs.dokumenter else ()
    m1, m10 = (MESSAGES[name](Hode(UUID(ID), NOW, TALK, TALK)) for name in ("M1 D-number", "M10 closing"))
    kort = tuple(_kort(each, m, random) for each in needs.kort[:1])
    return Tilstand(
        resepter=resepter,
        utleveringer=tuple(_utlevering(each, m, random) for each in with_documents),
        refnr=tuple(RefNr(each, HPR, None, aktiv=random.random() < 0.9) for each in needs.refnr),
        dokumenter={
            **{each.resept_id: m1 for each in with_documents},
            **({M10_ID: m10, UUID(TALK): m10} if with_documents else {}),
            **({one.msg_id: m10 for each in kort for one in each.meldinger} if needs.kort_dokumenter else {}),
        },
        kort=kort,
        ledige_refnr=tuple(map(str, range(needs.nye_refnr))),
    )


def _resept(resept_id: UUID, needs: Needs, m: Mottatt, random: Random) -> Resept:
    stored = random.choice([*I_HVER_FASE.values(), *[I_HVER_FASE[Fase.E], I_HVER_FASE[Fase.U]] * 3])()
    numbers = [*needs.pasienter, *(m.head.patient.ident(kind) for kind in ("FNR", "DNR") if m.head.patient), ANNET_FNR]
    return replace(
        stored,
        resept_id=resept_id,
        pasient=replace(stored.pasient, ident=random.choice([*[numbers[0]] * 3, *numbers])),
        rekvirent=replace(stored.rekvirent, hpr=random.choice([HPR, "431001905"])),
        tilbakekalt=replace(stored.tilbakekalt, samtale=TALK) if stored.tilbakekalt is not None else None,
        las=replace(LAS, her=m.head.sender.ident("HER")) if stored.las is not None else None,
        forskrivningsdato=random.choice([stored.forskrivningsdato, date.min]),
        utloper=random.choice([stored.utloper, date.max]),
        tidligste_utlevering=random.choice([None, date.min, date.max]),
        refnr=random.choice(["", *needs.refnr]),
        last=random.random() < 0.2,
        vergereservert=random.random() < 0.2,
        soknad_slv=stored.soknad_slv or random.choice(["", "1", "3", "5"]),
        ekspanm=random.choice([None, Ekspederingsanmodning(LAS.her, LAS.navn, "L")]),
    )


def _utlevering(resept: Resept, m: Mottatt, random: Random) -> Utlevering:
    return Utlevering(
        UUID(TALK),
        resept.resept_id,
        m.head.sender.ident("HER"),
        random.choice([date.min, date(2026, 3, 1), date.max]),
        random.choice([Decimal("0.5"), Decimal("9" * 300)]),
        avsluttet=random.random() < 0.5,
        annullert_av=random.choice([None, None, M10_ID]),
        egenandel=((date(2026, 1, 1), Decimal("1.50")),) * random.choice([0, 4]),
        navn="Prøve",
        pakningsstr=random.choice([None, ("10", "stk")]),
    )


def _kort(nummer: str, m: Mottatt, random: Random) -> Pasientkort:
    fra = random.choice([*[NOW.date()] * 4, date.max])
    lege, apotek = multidoselege(fra=fra), multidoseapotek(fra=fra)
    egen = senere_mottaker(m.head)
    if random.random() < 0.7:
        lege = replace(lege, organisasjon=egen) if egen.professional is not None else lege
        apotek = multidoseapotek(replace(APOTEK, her=m.head.sender.ident("HER")), fra=fra)
    return Pasientkort(
        UUID(int=25),
        random.randint(1, 5),
        nummer,
        NOW,
        leger=(lege,) if random.random() < 0.8 else (),
        apotek=(apotek,) if random.random() < 0.8 else (),
        abonnement=random.choice([(), (Abonnement(lege.organisasjon, NOW.date()),)]),
        meldinger=holdt(*random.choice([(), ("ERM251",), ("ERM253", "ERM251")])),
    )


def answers(case: Case, tilstand: Tilstand, facts: Facts, decision: Decision) -> Iterator[bytes]:
    """All that is written for a decision that the store would take."""
    m = case.mottatt
    item = Item(
        sender=m.head.sender.ident("HER"),
        msg_id=m.msg_id,
        sha256=b"",
        type=case.type.token,
        octets=m.octets,
        received=NOW,
        needs=case.type.needs(m, facts),
        decide=lambda _: decision,
        render=lambda _: b"",
        render_owed=lambda _: (UUID(int=2), b""),
    )
    assert Decided(item, tilstand, decision, b"").decision is decision
    for owed in decision.owed:
        yield reply.render_owed(msg_id=UUID(int=2), now=NOW, service=SERVICE, owed=owed)
    if decision.reply is None:
        yield receipt(m.head, decision.refusals or decision.notes, accepted=decision.accepted)
    else:
        yield reply.render(msg_id=UUID(int=2), now=NOW, service=SERVICE, head=m.head, reply=decision.reply)


def receipt(head: MsgInfo, findings: tuple[Finding, ...], *, accepted: bool) -> bytes:
    """The AppRec."""
    return apprec.render(
        apprec_id=UUID(int=2), now=NOW, service=SERVICE, head=head, findings=findings, accepted=accepted
    )


def drive(schemas: Schemas, case: Case, random: Random) -> str:
    """One message to the end: what became of it."""
    m, facts = case.mottatt, registers(case, random)
    findings = tuple(found for rule in case.type.rules for found in rule.findings(m, facts))
    if findings:
        right(schemas, receipt(m.head, findings, accepted=False))
        return "rules"
    needs = case.type.needs(m, facts)
    empty = Tilstand(ledige_refnr=tuple(map(str, range(needs.nye_refnr))))
    outcomes = []
    for tilstand in (empty, store(needs, m, random)):
        decision = case.type.decide(m, tilstand, facts, NOW)
        for octets in answers(case, tilstand, facts, decision):
            right(schemas, octets)
        outcomes.append("accepted" if decision.accepted else "refused")
    return outcomes[-1]


def right(schemas: Schemas, octets: bytes) -> None:
    """What we write keeps the schema, and the rules of format that we hold others to."""
    root = parse(octets)
    assert schemas.errors(root) == [], octets.decode()
    wrong = [found for found in wire_format.findings(root) if found.detail != EMPTY_LIST]
    assert wrong == [], octets.decode()


def many(seed: int, count: int) -> Counter[tuple[str, str]]:
    """How often what became of messages of each type."""
    schemas, random, known = Schemas(), Random(seed), originals()
    found: Counter[tuple[str, str]] = Counter()
    for number in range(count):
        type_, root = random.choice(known[number % len(known)])
        case = accepted(schemas, type_, changed(root, random) if random.random() < 0.8 else root)
        if case is not None:
            found[type_.token, drive(schemas, case, random)] += 1
    return found


def test_whatever_the_schema_accepts_is_answered() -> None:
    """Every type comes as far as a decision, and most of what is decided changes or tells something."""
    found = many(seed=1, count=CASES)
    decided = Counter({key: times for key, times in found.items() if key[1] != "rules"})
    assert {token for token, _ in decided} == {each.token for each in meldinger.ALL}
    assert sum(times for (_, outcome), times in decided.items() if outcome == "accepted") > decided.total() // 2
    assert sum(found.values()) > CASES // 5


def test_a_fault_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    """The negative control: a type that raises, and one that writes what its schema does not have."""
    m41 = next(each for each in meldinger.ALL if each.token == "m41")

    def wrong(m: Mottatt, *_: object) -> Decision:
        right = m41.decide(m, Tilstand(ledige_refnr=tuple(map(str, range(100)))), Facts(), NOW)
        assert right.reply is not None
        return Decision(reply=replace(right.reply, payload=right.reply.payload.replace(b"RefNr", b"Refnr")))

    monkeypatch.setattr(meldinger, "ALL", (replace(m41, decide=wrong),))
    with pytest.raises(AssertionError):
        many(seed=1, count=50)
