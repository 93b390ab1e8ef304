"""The operator's own rules: what matches is refused, when they hold, and what file cannot be used."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from lxml import etree

from reseptformidler.commands.search import COMMAND
from reseptformidler.domain.aktor import Facts
from reseptformidler.meldinger import m1_resept
from reseptformidler.meldinger.m1_innhold import FS, NS
from reseptformidler.meldinger.pasientsikkerhet import LENGSTE_MONSTER, Regelfeil, les, monster, som_regel
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


MELDING = etree.fromstring(
    f'<Hode><Pasient>Danser</Pasient><Resept xmlns="{NS}"><Vare xmlns="{FS}"><Dose U="d">1 gang per 7. dag</Dose>'
    "</Vare></Resept><Etter/></Hode>"
)
RESEPT = MELDING[1]


@pytest.mark.parametrize(
    "xpath, traff",
    [
        (".//fs:Dose", True),
        ("//fs:Dose[@U = 'd']", True),
        ("fs:Vare/fs:Dose = '1 gang per 7. dag'", True),
        (".//fs:Dose/@U", True),
        ("/m1:Resept", True),
        ("count(.//fs:Dose) > 1", False),
        (".//kith:Dose | .//fk1:Dose", False),
        (".//fs:Dose[re:test(., 'per [0-9]+\\. dag') and not(contains(., 'document('))]", True),
        ("5-count(.//fs:Dose) > 4", False),
        ("child::node()[self::fs:Vare]//text()", True),
        ("//Pasient", False),
        ("contains(/, 'Danser')", False),
        ("ancestor::* | .. | following::* | preceding::*", False),
    ],
)
def test_a_pattern_is_asked_of_the_prescription_alone(xpath: str, traff: bool) -> None:
    """It sees the whole Resept, and nothing that stands around it: not whose it is."""
    assert monster(xpath)(RESEPT) is traff
    assert etree.tostring(MELDING).count(b"Dose") == 2


def test_a_pattern_around_the_prescription_would_match() -> None:
    """Negative control: asked where it stands, the head would be seen."""
    assert etree.XPath("//Pasient")(RESEPT)
    assert etree.XPath("contains(/, 'Danser')")(RESEPT)


@pytest.mark.parametrize(
    "xpath, hvorfor",
    [
        ("", "no XPath"),
        ("1 +", "no XPath"),
        (".//fs:[", "no XPath"),
        ("document('/etc/passwd')", "no function document"),
        (".//fs:Dose[document('x')]", "no function document"),
        (".//fs:Dose[fs:document ('x')]", "no function fs:document"),
        ('.//fs:Dose[unparsed-text("a")]', "no function unparsed-text"),
        (".//fs:Dose[re:evil(.)]", "no function re:evil"),
        (".//fs:Dose[head:Pasient]", "no prefix head"),
        (".//fs:Dose[. = $nr]", "no variables"),
        ("count(.//fs:Dose)", "a boolean or a set of nodes"),
        ("string(.)", "a boolean or a set of nodes"),
        ("." + "/." * (LENGSTE_MONSTER // 2), "more than 2000 characters"),
    ],
)
def test_a_pattern_that_cannot_be_asked(xpath: str, hvorfor: str) -> None:
    """At once, not when a prescription comes whose content leads to the fault."""
    with pytest.raises(Regelfeil, match=hvorfor):
        monster(xpath)


def test_a_regular_expression_fails_where_it_is_met() -> None:
    """It is read only then; the text holds nothing of the prescription."""
    feil_uttrykk = monster(".//fs:Dose[re:test(., '[')]")
    assert feil_uttrykk(etree.Element(f"{{{NS}}}Resept")) is False
    with pytest.raises(Regelfeil, match="cannot be asked") as feil:
        feil_uttrykk(RESEPT)
    assert "gang" not in str(feil.value)


@pytest.mark.parametrize("tekst", ['Ukentlig "dosering"', "æøå \\ '", "to\nlinjer"])
def test_a_pattern_becomes_a_rule(tekst: str) -> None:
    """What is printed is read as the same pattern and text."""
    xpath = """.//fs:Dosering[fs:DoseFastTidspunkt/fs:Intervall/@U = "Uke" or . = '\\']"""
    fil = som_regel(tekst, xpath, tekst)
    skiller(330, med(fil), med(fil, dosering=UKENTLIG))
    (regel,) = les(fil)
    saken = med(fil, dosering=UKENTLIG)
    assert [funn.detail for funn in regel.findings(saken.mottatt, saken.facts)] == [tekst]


def test_a_rule_without_name_or_text_is_not_printed() -> None:
    """It would stop `serve`."""
    for navn, tekst in (("", "x"), ("x", "")):
        with pytest.raises(Regelfeil):
            som_regel(navn, ".//fs:Dose", tekst)


def test_the_patterns_in_the_documentation_work() -> None:
    """Those of docs/content-search.md and of `search --help`."""
    texts = (Path(__file__).parents[2] / "docs/content-search.md").read_text("utf-8"), COMMAND.description
    patterns = [found for text in texts for found in re.findall(r'--pattern "([^"]+)"', text)]
    assert len(patterns) == 2
    dosering = UKENTLIG.replace("<Dosering>", f'<Dosering xmlns="{FS}">')
    ukentlig = etree.fromstring(f'<Resept xmlns="{NS}">{dosering}</Resept>')
    assert all(monster(pattern)(ukentlig) for pattern in patterns)
