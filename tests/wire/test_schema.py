"""Validation by our schemas, and what is told of it."""

from __future__ import annotations

import re
import time
from pathlib import Path

import pytest
from lxml import etree

from reseptformidler.wire.parse import Unreadable, parse
from reseptformidler.wire.schema import MAX_ERRORS, SchemaError, Schemas, folder
from reseptformidler.wire.strict import strict_schema
from tests.wire.eksempler import SAMPLES, changed, m1
from tests.wire.payloads import PAYLOADS

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
    """What must come at the end is named, with the element that lacks it (OppdatertFest in an M1: D10)."""
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


def declared(payload: etree._Element) -> set[str]:
    """The names of all elements that the schema of a payload declares itself."""
    token, date = str(etree.QName(payload).namespace).split("/")[-2:]
    schema = etree.parse(folder() / f"{token}-{date}.xsd").getroot()
    return {element.get("name", "") for element in schema.iter("{*}element") if element.get("name")}


@pytest.mark.parametrize("token", PAYLOADS)
def test_payloads_with_all_their_elements_are_valid(token: str) -> None:
    """Both validators accept them, and the strict schema too."""
    payload = parse(PAYLOADS[token])
    assert declared(payload) <= {etree.QName(element).localname for element in payload.iter()}
    assert SCHEMAS.errors(payload) == []
    assert SCHEMAS.explain(PAYLOADS[token]) == []
    assert strict_schema().validate(payload)


LACKS, PLACE = "Elementet mangler underelementer. Ventet: ", "Elementet er ikke ventet her."


@pytest.mark.parametrize(
    "token, old, new, text",
    [
        ("m3", "<ReseptId>.*</ReseptId>", "", f"{PLACE} Ventet: ReseptId."),
        ("m41", ">10<", ">ti<", "Verdien er ikke gyldig for typen xs:int."),
        ("m42", "<RefNr>.*</RefNr>", "", f"{LACKS}RefNr."),
        ("m52", "<Status .*?>", "", f"{LACKS}Status."),
        ("m6", "</ReferanseM10>", "</ReferanseM10><Papirresept>true</Papirresept>", PLACE),
        ("m7", "T10:00:00", "", "Verdien er ikke gyldig for typen xs:dateTime."),
        ("m8", "<Papirresept>true", "<Papirresept>ja", "Verdien er ikke gyldig for typen xs:boolean."),
        ("m81", "<RefNr>.*</RefNr>", "<RefNr>1</RefNr><RefNr>2</RefNr>", PLACE),
        ("m14", "<AnmodningSLVId>", "<AnmodningSLVId/><AnmodningSLVId>", PLACE),
        ("m15", "<Saksbehandler>.*</Saksbehandler>", "", f"{LACKS}Saksbehandler."),
        ("m20", 'V="99.50"', 'V="dyr"', "Verdien er ikke gyldig for typen xs:decimal."),
        ("m21", "<EkspAnm .*</EkspAnm>", "", f"{LACKS}EkspAnm."),
        ("m241", "2099-12-31", "31.12.2099", "Verdien er ikke gyldig for typen xs:date."),
        ("m242", "<Svar .*?>", "", f"{PLACE} Ventet: Svar."),
        ("m251", "</Helseperson>", "</Helseperson><Organisasjon/>", PLACE),
        ("m251", "QUFB", "QUF?", "Verdien er ikke gyldig for typen xs:base64Binary."),
        ("m252", "<Pakkeinfo>.*</Pakkeinfo>", "<Vikar/>", PLACE),
        ("m253", "<UtleveringB64>.*</UtleveringB64>", "", f"{LACKS}UtleveringB64."),
        ("m254", "</ReseptDokLegemiddelB64>", "</ReseptDokLegemiddelB64><Sporsmal/>", PLACE),
        ("m271", "<GjelderFra>.*</GjelderFra>", "", f"{LACKS}GjelderFra."),
        ("m272", "<RegistrertEndring>.*</RegistrertEndring>", "", f"{PLACE} Ventet: RegistrertEndring."),
        ("m28", "<AktivFra>.*</AktivFra>", "", f"{PLACE} Ventet: AktivFra."),
        ("ki", "<Legemiddelreaksjon>.*</Legemiddelreaksjon>", "", f"{PLACE} Ventet: Legemiddelreaksjon."),
    ],
)
def test_payloads_that_break_their_schema_are_refused(token: str, old: str, new: str, text: str) -> None:
    """One breach in each namespace, seen by both validators."""
    payload = re.sub(old, new, PAYLOADS[token].decode(), count=1).encode()
    assert any(error.text.startswith(text) for error in SCHEMAS.errors(parse(payload)))
    assert SCHEMAS.explain(payload) != []


@pytest.mark.parametrize("content, accepted", [("QUFB" * 2000, True), ("QUF?", False), (" \n ", False), ("", False)])
def test_7419_351_base64_has_no_limit(content: str, accepted: bool) -> None:
    """The strict schema takes base64 as long as it is, but it must be base64, and something."""
    element = "<ReseptDokLegemiddelB64>{}</ReseptDokLegemiddelB64>"
    payload = PAYLOADS["m251"].decode().replace(element.format("QUFB"), element.format(content))
    assert strict_schema().validate(parse(payload.encode())) is accepted
