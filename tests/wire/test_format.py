"""Rules of format beyond the schema, over the whole message."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from lxml import etree

from reseptformidler.wire import format as wire_format
from reseptformidler.wire.datatypes import datatypes
from reseptformidler.wire.format import findings
from reseptformidler.wire.lengths import too_long
from reseptformidler.wire.parse import parse
from reseptformidler.wire.required import missing
from reseptformidler.wire.schema import MAX_ERRORS, folder
from reseptformidler.wire.strict import emptiable, strict_schema
from tests.wire.eksempler import SAMPLES, VARER, changed, m1, m5, m10, m93, m97, mv

MSGHEAD = "http://www.kith.no/xmlstds/msghead/2006-05-24"
PAYLOAD = '<Document><RefDoc><MsgType V="{}" DN="x"/><Content>{}</Content></RefDoc></Document></MsgHead>'


def codes(root: etree._Element) -> list[str]:
    """What is found, by code."""
    return [found.reason.code for found in findings(root)]


def details(root: etree._Element) -> list[str]:
    """Where it is found."""
    return [found.detail for found in findings(root)]


def test_samples_have_no_findings() -> None:
    """Right messages are recognised in the one scan, and the rules themselves agree."""
    for _, sample in SAMPLES:
        root = parse(sample)
        assert findings(root) == ()
        assert strict_schema().validate(root)
        assert slow(root) == []


def slow(root: etree._Element) -> list[str]:
    """The rules themselves, without the scan that spares right messages of them."""
    types = datatypes()
    parts = (
        wire_format._empty(root, types),
        wire_format._uncoded(root, types),
        too_long(root, types),
        missing(root),
    )
    return [found.reason.code for part in parts for found in part]


def damaged(sample: bytes) -> Iterator[etree._Element]:
    """Every tree that differs from a sample by one emptied, blanked, cut or overlong part."""
    count = len(list(parse(sample).iter()))
    for index in range(count):
        for text in ("", " \n ", "7" * 5000):
            root = parse(sample)
            element = list(root.iter())[index]
            if not len(element) and element.text:
                element.text = text
                yield root
        root = parse(sample)
        element = list(root.iter())[index]
        if len(element):
            for child in list(element):
                element.remove(child)
            yield root
        yield from damaged_attributes(sample, index, [str(name) for name, _ in element.items()])


def damaged_attributes(sample: bytes, index: int, names: list[str]) -> Iterator[etree._Element]:
    for name in names:
        for value in (None, "", " ", "7" * 2001):
            root = parse(sample)
            element = list(root.iter())[index]
            del element.attrib[name]
            if value is not None:
                element.set(name, value)
            yield root


@pytest.mark.parametrize("sample", [m1(), m10(VARER[4]), m5(), mv()], ids=["m1", "m10", "m5", "mv"])
def test_the_scan_accepts_nothing_that_the_rules_refuse(sample: bytes) -> None:
    """Whatever single part is damaged: if a rule finds something, the scan did not call the message right."""
    found = 0
    for root in damaged(sample):
        if slow(root):
            found += 1
            assert not wire_format._surely_right(root), etree.tostring(root)
    assert found > 50


def test_7419_26_one_message() -> None:
    """Two payloads are two messages; attachments, in base64 or called so, are none."""
    second = PAYLOAD.format("XML", '<M93 xmlns="http://www.kith.no/xmlstds/eresept/m93/2010-06-04"/>')
    assert "26" in codes(changed(m5(), "</MsgHead>", second))
    base64 = '<b:Base64Container xmlns:b="http://www.kith.no/xmlstds/base64container">QUFB</b:Base64Container>'
    assert codes(changed(m5(), "</MsgHead>", PAYLOAD.format("XML", base64))) == []
    assert "26" not in codes(changed(m5(), "</MsgHead>", PAYLOAD.format("A", "<x/>")))
    assert "26" in codes(changed(m5(), "</Content>", '<x xmlns="urn:x">1</x></Content>'))


@pytest.mark.parametrize(
    "old, new, where",
    [
        ("<MiddleName>Lett</MiddleName>", "<MiddleName/>", "Patient/MiddleName"),
        ("<MiddleName>Lett</MiddleName>", "<MiddleName> \n</MiddleName>", "Patient/MiddleName"),
        ("<Reiterasjon>0<", "<Reiterasjon><", "ReseptDokLegemiddel/Reiterasjon"),
        ("<Patient>", "<Patient/><Patient>", "MsgInfo/Patient"),
        ('<Sex V="2" DN="Kvinne"/>', "<Sex/>", "Patient/Sex"),
        ('<TeleAddress V="tel:22222222"/>', '<TeleAddress V=""/>', "TeleCom/TeleAddress/@V"),
        ('<RefKode V="R05"', '<RefKode OT=" " V="R05"', "RefKode/@OT"),
    ],
)
def test_7419_225_no_empty_element(old: str, new: str, where: str) -> None:
    """No content and no attribute, or an attribute with nothing in it, is 225, wherever it stands."""
    root = changed(m1(), old, new)
    assert codes(root) == ["225"]
    assert details(root)[0].endswith(where)


def test_7419_225_leaves_signature_and_extensions_alone() -> None:
    """What the signature needs, and what we do not know, may be empty."""
    signature = '<Signature xmlns="http://www.w3.org/2000/09/xmldsig#"><Object/></Signature></MsgHead>'
    assert "225" not in codes(changed(m1(), "</MsgHead>", signature))
    extension = '<Utvidelse xmlns="urn:leverandor"><Tom/></Utvidelse></Resept>'
    assert "225" not in codes(changed(m1(), "</Resept>", extension))
    assert "225" not in codes(changed(m1(), "<MsgHead ", '<MsgHead xmlns:i="urn:i" i:schemaLocation="" '))


@pytest.mark.parametrize(
    "old, new, lacks",
    [
        ('<Bruk V="3" DN="Ved behov"/>', '<Bruk V="3"/>', "DN"),
        ('<Bruk V="3" DN="Ved behov"/>', '<Bruk DN="Ved behov"/>', "V"),
        ('<Bruk V="3" DN="Ved behov"/>', '<Bruk V="" DN="Ved behov"/>', "V"),
        ('<Type V="ERM1" DN="Resept"/>', '<Type V="ERM1" DN=" "/>', "DN"),
    ],
)
def test_7419_220_cs_complete(old: str, new: str, lacks: str) -> None:
    """A CS has V and DN, both with content."""
    root = changed(m1(), old, new)
    assert codes(root) == ["220"]
    assert details(root)[0].endswith(f"mangler {lacks}")


@pytest.mark.parametrize("attribute", ["V", "S", "DN"])
def test_7419_238_cv_complete(attribute: str) -> None:
    """A CV has V, S and DN; RefKode and the head's TypeId have codes of their own."""
    root = parse(m1())
    for name in ("Atc", "RefHjemmel", "RefKode", "TypeId"):
        for element in root.iter(f"{{*}}{name}"):
            del element.attrib[attribute]
    assert codes(root) == ["238", "238"]
    assert {detail.rpartition("/")[2] for detail in details(root)} == {
        f"Atc: mangler {attribute}",
        f"RefHjemmel: mangler {attribute}",
    }


@pytest.mark.parametrize("attribute", ["V", "U"])
def test_7419_320_pq_complete(attribute: str) -> None:
    """A PQ has V and U."""
    root = parse(m1())
    for element in root.iter("{*}Mengde"):
        del element.attrib[attribute]
    assert codes(root) == ["320"]


def test_V_alone_is_right_for_TS_and_URL() -> None:
    """Negative control of 220: a time and an address have only V."""
    dosering = (
        '<Dosering><Starttidspunkt V="2026-03-02"/><DoseEtterBehov><Mengde V="1" U="ml"/>'
        '<MaksimalMengde V="3" U="ml"/></DoseEtterBehov></Dosering><Legemiddelpakning>'
    )
    assert codes(changed(m1(), "<Legemiddelpakning>", dosering)) == []


def test_findings_are_bounded_and_hold_no_values() -> None:
    """A hostile message gets a short receipt that quotes nothing."""
    root = changed(m1(), "<Patient>", "<Patient>" + '<Sex V="13116900216"/>' * 100)
    assert len(findings(root)) == MAX_ERRORS
    assert "13116900216" not in str(details(root))


def test_every_inline_type_of_the_schemas_is_bounded() -> None:
    """The scan replaces named types; an anonymous simple type in our schemas must itself refuse the empty text."""
    for path in folder().glob("*.xsd"):
        root = etree.parse(path).getroot()
        for element in root.iter("{*}element"):
            simple = element.find("{*}simpleType")
            if simple is not None and path.name not in ("xmldsig.xsd", "base64container.xsd"):
                facets = {etree.QName(facet).localname for facet in simple.iterfind("{*}restriction/*")}
                assert facets & {"enumeration", "minLength", "length", "pattern"}, (path.name, element.get("name"))


def test_datatypes_and_emptiable() -> None:
    """The tables know their types, and say nothing of what they do not know."""
    kinds = datatypes().kinds
    assert kinds[f"{{{MSGHEAD}}}Type"] == "CS"
    assert kinds[f"{{{MSGHEAD}}}TypeId"] == "CV"
    assert kinds["{http://www.kith.no/xmlstds/eresept/m1/2013-10-08}Mengde"] == "PQ"
    assert f"{{{MSGHEAD}}}TeleAddress" not in kinds
    assert f"{{{MSGHEAD}}}Patient" in emptiable()
    assert f"{{{MSGHEAD}}}MsgInfo" not in emptiable()


def test_7419_3_resept_id_missing() -> None:
    """M5, M9.7 and M10 name a prescription; M9.3 names one, or a cause to cancel for."""
    resept_id = "<ReseptId>c2883dc2-8eef-4b8e-a80f-167f858425f7</ReseptId>"
    assert "3" in codes(changed(m5(), resept_id, ""))
    assert "3" in codes(changed(m10(), resept_id, ""))
    assert "3" in codes(changed(m97(), resept_id, ""))
    neither = (
        m93().replace(resept_id.encode(), b"").replace('<Kansellering V="1" DN="Ikke ønsket vare"/>'.encode(), b"")
    )
    assert codes(parse(neither)) == ["3"]
    assert codes(changed(m93(), resept_id, "")) == []


def test_7419_4_forskrivningsdato_missing() -> None:
    """An M1 without the date of prescribing is 4."""
    assert codes(changed(m1(), "<Forskrivningsdato>2026-03-02</Forskrivningsdato>", "")) == ["4"]


def test_7419_7_resept_missing() -> None:
    """An M1 that prescribes nothing is 7."""
    nothing = m1("")
    assert "7" in codes(parse(nothing))
    assert codes(parse(m1())) == []


def test_7419_8_ekspanm_utleverer_missing() -> None:
    """A dispatch request names whom it asks."""
    assert codes(changed(m1(), "<Utleverer>8094999</Utleverer>", "")) == ["8"]


def test_7419_9_utloper_missing() -> None:
    """An M1 without its last day is 9."""
    assert codes(changed(m1(), "<Utloper>2027-03-01</Utloper>", "")) == ["9"]


@pytest.mark.parametrize("new", ["", '<Varegruppekode V="X" DN="Noe"/>'])
def test_7419_24_varegruppekode_missing(new: str) -> None:
    """The item of an M1 has a Varegruppekode, and it is L or A."""
    assert codes(changed(m1(), '<Varegruppekode V="L" DN="Legemiddel"/>', new)) == ["24"]


def test_7419_28_legemiddelform_missing() -> None:
    """A mixture has a form."""
    root = parse(m1(VARER[3]))
    for form in list(root.iter("{*}Legemiddelform")):
        form.getparent().remove(form)  # type: ignore[union-attr]  # it stands in the mixture
    assert codes(root) == ["28"]


@pytest.mark.parametrize(
    "vare, name",
    [
        (0, "NavnFormStyrke"),
        (0, "Varenavn"),
        (1, "NavnFormStyrke"),
        (2, "NavnFormStyrke"),
        (3, "Navn"),
        (4, "Navn"),
        (5, "Navn"),
    ],
)
def test_7419_29_varenavn_missing(vare: int, name: str) -> None:
    """Every kind of item has its name."""
    root = parse(m1(VARER[vare]))
    for element in list(root.iter(f"{{*}}{name}")):
        element.getparent().remove(element)  # type: ignore[union-attr]  # it stands in the item
    assert codes(root) == ["29"]
