"""The operator's own rules: what matches is refused, when they hold, and what file cannot be used."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from reseptformidler.domain.aktor import Facts
from reseptformidler.meldinger import m1_resept
from reseptformidler.meldinger.pasientsikkerhet import Regelfeil, les
from tests.meldinger.bygg import (
    ANNET_FNR,
    FNR,
    LEGE,
    LEGEKONTOR,
    NOW,
    Sak,
    forskrivning,
    hode,
    legemiddel,
    m1,
    pasient,
    person_ident,
    sak,
    skiller,
)

DEFEKT = """
[[regel]]
navn = "strukturert-dosering"
xpath = ".//fs:Dosering[fs:DoseFastTidspunkt/fs:Intervall/@U = 'Uke']"
fra = 2026-03-01
til = 2026-03-31
tekst = "Resepten er avvist fordi den har kjent avvik i strukturert dosering."
"""
UKENTLIG = '<Dosering><DoseFastTidspunkt><Intervall V="1" U="Uke"/></DoseFastTidspunkt></Dosering>'


def med(fil: str, *, dosering: str | None = None, fnr: str = FNR, days: int = 0) -> Sak:
    """An M1 judged with the operator's file, received some days from now."""
    dok = legemiddel(Forskrivning=forskrivning(Dosering=dosering))
    type_ = replace(m1_resept.TYPE, rules=(*m1_resept.TYPE.rules, *les(fil)))
    head = hode("ERM1", patient=pasient(idents=(person_ident("FNR", fnr),)))
    facts = Facts(avsender=LEGEKONTOR, helsepersonell=LEGE)
    payload = m1(dok, Forskrivningsdato="2026-02-01")
    return sak(type_, payload, head, facts, now=NOW + timedelta(days=days))


def test_7419_330_patient_safety() -> None:
    """What matches is refused between the first and the last day, with the operator's text."""
    skiller(
        330,
        (
            med(DEFEKT),
            med("", dosering=UKENTLIG),
            med(DEFEKT, dosering=UKENTLIG, days=-2),
            med(DEFEKT, dosering=UKENTLIG, days=30),
        ),
        (
            med(DEFEKT, dosering=UKENTLIG),
            med(DEFEKT, dosering=UKENTLIG, days=-1),
            med(DEFEKT, dosering=UKENTLIG, days=29),
        ),
    )
    avvist = med(DEFEKT, dosering=UKENTLIG)
    (funn,) = (f for regel in avvist.type.rules for f in regel.findings(avvist.mottatt, avvist.facts))
    assert funn.detail.startswith("Resepten er avvist")


def test_a_rule_may_ask_for_a_pattern() -> None:
    """Regular expressions (EXSLT) are there."""
    monster = DEFEKT.replace("fs:DoseFastTidspunkt/fs:Intervall/@U = 'Uke'", "re:test(., '[0-9]')")
    assert med(monster, dosering="<Dosering>7</Dosering>").koder == ["330"]
    assert med(monster, dosering="<Dosering>x</Dosering>").koder == []


def test_7419_391_known_test_person() -> None:
    """A known test person is refused, another is not."""
    fil = f'[[testperson]]\nident = "{FNR}"\n'
    skiller(391, med(fil, fnr=ANNET_FNR), med(fil))


def test_7419_375_test_name_on_real_number() -> None:
    """A number with names is refused with these names only."""
    fil = f'[[testperson]]\nident = "{FNR}"\nfornavn = "Ottar"\netternavn = "Knutsen"\n'
    skiller(375, (med(fil.replace("Ottar", "Anne")), med(fil, fnr=ANNET_FNR)), med(fil))


def test_a_head_without_patient_is_no_test_person() -> None:
    """The rule says nothing where there is nobody."""
    m = sak(m1_resept.TYPE, m1(), hode("ERM1")).mottatt
    assert [f for regel in les(f'[[testperson]]\nident = "{FNR}"\n') for f in regel.findings(m, Facts())] == []


def test_an_empty_file_has_no_rules() -> None:
    """Nothing configured, nothing refused."""
    assert les("") == ()


@pytest.mark.parametrize(
    "fil",
    [
        "[[regel",
        DEFEKT.replace("navn =", "nvan ="),
        DEFEKT.replace("tekst =", "#"),
        DEFEKT.replace("[fs:", "[[fs:"),
        DEFEKT.replace("fs:Dosering", "xx:Dosering"),
        DEFEKT.replace("@U = 'Uke'", "ukjent(@U)"),
        '[[testperson]]\nident = "21014605159"\n',
        '[[testperson]]\nident = "21014605159"\nalder = 3\n',
    ],
)
def test_a_file_that_cannot_be_used_is_refused_at_once(fil: str) -> None:
    """Not when the first prescription comes, and without an identity number in the text."""
    with pytest.raises(Regelfeil) as feil:
        les(fil)
    assert "21014605159" not in str(feil.value)


def test_the_example_in_the_documentation_works() -> None:
    """The file of docs/safety-rules.md can be read."""
    text = (Path(__file__).parents[2] / "docs/safety-rules.md").read_text("utf-8")
    fil = text.partition("```toml")[2].partition("```")[0]
    assert len(les(fil)) == 2
