"""Validation by our schemas, and what is told of it."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from reseptformidler.wire.parse import Unreadable, parse
from reseptformidler.wire.schema import MAX_ERRORS, SchemaError, Schemas, folder
from tests.wire.eksempler import SAMPLES, changed, m1

SCHEMAS = Schemas()
SECRET = "13116900216"


def errors(old: str, new: str) -> list[SchemaError]:
    """What the schema has against an M1 in which a text was changed."""
    return SCHEMAS.errors(changed(m1(), old, new))


def test_samples_are_valid() -> None:
    """Both validators accept every sample."""
    for _, sample in SAMPLES:
        assert SCHEMAS.errors(parse(sample)) == []
        assert SCHEMAS.explain(sample) == []


@pytest.mark.parametrize(
    "old, new, last, text",
    [
        ("<Utloper>2027-03-01</Utloper>", "", "Spesialitet", "Elementet er ikke ventet her. Ventet: Utloper."),
        ("<Antall>1<", f"<Antall>{SECRET}x<", "Antall", "Verdien er ikke gyldig for typen xs:decimal."),
        ('<Bruk V="3"', f'<Bruk Z="{SECRET}" V="3"', "Bruk", "Attributtet Z er ikke tillatt."),
        ("v1.2 2006-05-24", SECRET, "MIGversion", "Verdien er ikke den faste verdien som skjemaet krever."),
        (".7110", f".x{SECRET}", "RefKode", "Verdien har ikke det formatet som skjemaet krever."),
        ("<Patient>", f"<Patient>{SECRET}", "Patient", "Elementet skal ha underelementer, ikke tekst."),
        ("<Resept ", '<Resept2 xmlns="urn:x"/><Resept ', "Resept2", "Elementet finnes ikke i noe kjent skjema."),
        ("<FamilyName>Danser", "<FamilyName><b/>", "FamilyName", "Elementet skal ha en verdi, ikke underelementer."),
        ("<Sex ", "<Sex>x</Sex><Sex ", "Sex", "Elementet skal ikke ha innhold."),
    ],
)
def test_7419_320_mandatory_value(old: str, new: str, last: str, text: str) -> None:
    """Each kind of breach is told in Norwegian, with its place, and without the value that broke it."""
    found = errors(old, new)
    assert text in [error.text for error in found]
    error = next(error for error in found if error.text == text)
    assert error.path.startswith("MsgHead/")
    assert error.path.endswith(f"/{last}")
    assert error.line == 1
    assert SECRET not in str(found) + str(SCHEMAS.explain(changed_bytes(old, new)))
    assert SCHEMAS.explain(changed_bytes(old, new)) != []


def changed_bytes(old: str, new: str) -> bytes:
    return m1().replace(old.encode(), new.encode(), 1)


def test_a_missing_child_is_named() -> None:
    """What must come at the end is named, with the element that lacks it."""
    (error,) = errors("<OppdatertFest>2026-03-01T00:00:00</OppdatertFest>", "")
    assert error.path.endswith("Content/Resept")
    assert error.text == "Elementet mangler underelementer. Ventet: Utlending, OppdatertFest."


def test_prefixed_elements_have_a_path_too() -> None:
    """Prefixes change nothing in what is told."""
    sample = m1().decode().replace("<Resept xmlns=", "<m:Resept xmlns:m=").replace("</Resept>", "</m:Resept>")
    (error,) = SCHEMAS.errors(parse(sample.encode()))
    assert error.path == "MsgHead/Document/RefDoc/Content/Resept/Forskrivningsdato"


def test_explain_says_which_child() -> None:
    """The second validator names the place among the children, and what belongs there."""
    (error,) = SCHEMAS.explain(changed_bytes("<Reiterasjon>0</Reiterasjon>", ""))
    assert error.text == ("Underelement nummer 5, BytteresRekvirent, er ikke ventet. Ventet: Reiterasjon.")
    assert error.path.endswith("/ReseptDokLegemiddel")


def test_explain_refuses_what_is_unreadable() -> None:
    """The slow validator reads through the same hardened parser."""
    with pytest.raises(Unreadable):
        SCHEMAS.explain(b"<!DOCTYPE a><a/>")


def test_errors_are_bounded() -> None:
    """A message with a thousand faults gets a receipt that a person can read."""
    sample = m1().replace(b"<Patient>", b"<Patient>" + b"<Ident/>" * 1000)
    assert len(SCHEMAS.errors(parse(sample))) == MAX_ERRORS
    assert len(SCHEMAS.explain(sample)) == MAX_ERRORS


def test_hostile_patterns_cost_no_time() -> None:
    """A long run of digits that is no OID costs neither validator a second; as published the pattern took eleven."""
    begun = time.process_time()
    assert errors(".7110", "." + "1" * 50_000 + "x")
    assert SCHEMAS.explain(changed_bytes(".7110", "." + "1" * 50_000 + "x"))
    assert time.process_time() - begun < 2
    assert errors(".7110", ".") != []
    assert errors(".7110", "..7") != []
    assert errors(".7110", ".7.11.0") == []


def test_the_folder_has_every_schema(tmp_path: Path) -> None:
    """The packaged schemas are found; a folder without them gives a validator that knows nothing."""
    assert (folder() / "msghead-2006-05-24.xsd").is_file()
    (tmp_path / "a.xsd").write_text(
        '<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema" targetNamespace="urn:a">'
        '<xs:element name="a"/></xs:schema>'
    )
    assert Schemas(tmp_path).errors(parse(m1()))[0].text == "Elementet finnes ikke i noe kjent skjema."
