"""M9.21: which cards are asked for, and how M9.22 lists their patients."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from lxml import etree

from reseptformidler.domain.aktor import Facts
from reseptformidler.domain.decision import Endret, Needs, Tilstand
from reseptformidler.domain.hode import Organisation
from reseptformidler.meldinger.m921_endrede_pasienter import M921, NAMESPACES
from tests.meldinger import bygg
from tests.meldinger.bygg import ANNET_FNR, APOTEK, DNR, FNR, LEGEKONTOR, Sak, hode, legekontor, sak, skiller, utleverer
from tests.meldinger.lister import kort

V2019, V2013 = NAMESPACES


def sporsmal(versjon: str = V2019, sender: Organisation | None = None, **changes: str | None) -> Sak:
    """An M9.21 from the pharmacy."""
    parts: dict[str, str | None] = {
        "EndringerEtter": "2026-03-01T10:00:00",
        "Komprimering": "0" if versjon == V2019 else None,
    }
    head = hode("ERM921", sender or utleverer())
    facts = Facts(avsender=APOTEK if sender is None else LEGEKONTOR)
    return sak(M921, bygg.xml("M921", versjon, {**parts, **changes}), head, facts)


def svar(melding: Sak, *cards: object) -> etree._Element:
    """The payload of the M9.22."""
    reply = melding.avgjor(Tilstand(kort=cards)).reply  # type: ignore[arg-type]  # cards
    assert reply is not None
    assert reply.type == "ERM922"
    return etree.fromstring(reply.payload)


def test_prescribers_and_dispensers_ask_unsigned() -> None:
    """HIS 3014 1.1.2; M9.21 is not among what is signed (V1, V2)."""
    assert sporsmal().koder == sporsmal(sender=legekontor()).koder == []
    assert not M921.signed
    assert {service for service, _ in M921.operations} == {"Rekvirent", "Utleverer"}


def test_Q14_compression_not_below_zero() -> None:
    """From how many patients on the answer may be compressed (267)."""
    skiller(267, (sporsmal(), sporsmal(Komprimering="9"), sporsmal(V2013)), sporsmal(Komprimering="-1"))


def test_a_time_that_nothing_is_dated_with() -> None:
    """The schema accepts years that no clock has (320)."""
    skiller(320, sporsmal(), sporsmal(EndringerEtter="10000-01-01T00:00:00"))


@pytest.mark.parametrize(
    "tekst, etter",
    [
        ("2026-03-01T10:00:00", datetime(2026, 3, 1, 9, tzinfo=UTC)),
        ("2026-07-01T10:00:00", datetime(2026, 7, 1, 8, tzinfo=UTC)),
        ("2026-03-01T10:00:00.5Z", datetime(2026, 3, 1, 10, 0, 0, 500_000, tzinfo=UTC)),
    ],
)
def test_needs_the_senders_own_patients(tekst: str, etter: datetime) -> None:
    """By the organisation's HER-id; a time without zone is Norwegian."""
    melding = sporsmal(EndringerEtter=tekst)
    assert melding.type.needs(melding.mottatt, melding.facts) == Needs(endret=Endret(APOTEK.her, etter))


def test_nothing_has_changed() -> None:
    """IngenEndring is true or is not there."""
    for versjon in NAMESPACES:
        root = svar(sporsmal(versjon))
        assert etree.QName(root).namespace == NAMESPACES[versjon]
        assert [(etree.QName(one).localname, one.text) for one in root] == [("IngenEndring", "true")]


def test_changed_patients() -> None:
    """By the present number; 2019 tells the former ones too. A card that knows but its own number has that."""
    kortene = (kort(numre=(FNR, DNR)), kort(ident=ANNET_FNR))
    root = svar(sporsmal(), *kortene)
    assert [[one.text for one in pasient] for pasient in root] == [[ANNET_FNR], [FNR, DNR]]
    assert [etree.QName(one).localname for one in root[1]] == ["Fnr", "AndreFnr"]
    assert [one.text for one in svar(sporsmal(V2013), *kortene)] == [ANNET_FNR, FNR]
