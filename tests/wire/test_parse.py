"""Hardened parsing: what is hostile, or outside the profile of XML, never becomes a tree."""

from __future__ import annotations

import time
import tracemalloc

import pytest
from lxml import etree

from reseptformidler.wire.msghead import NAMESPACE
from reseptformidler.wire.parse import MAX_DEPTH, MAX_TAGS, Unreadable, parse
from tests.wire.eksempler import SAMPLES, m1

LAUGHS = b"""<?xml version="1.0"?><!DOCTYPE a [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;">
<!ENTITY c "&b;&b;&b;&b;&b;&b;&b;&b;&b;&b;">]><a>&c;</a>"""
EXTERNAL = b'<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><a>&x;</a>'


def refused(octets: bytes) -> str:
    """The code a document is refused with."""
    with pytest.raises(Unreadable) as caught:
        parse(octets)
    assert caught.value.reason is not None
    assert caught.value.http_status == 400
    return caught.value.reason.code


def test_samples_are_read() -> None:
    """Right messages become trees; so do CDATA, a BOM, and a document without declaration."""
    assert {parse(sample).tag for _, sample in SAMPLES} == {f"{{{NAMESPACE}}}MsgHead"}
    assert parse(b"\xef\xbb\xbf" + m1()).tag == f"{{{NAMESPACE}}}MsgHead"
    assert parse(b"<a><![CDATA[<!-- ikke en kommentar -->]]></a>").text == "<!-- ikke en kommentar -->"
    assert parse("<a>blåbær</a>".encode()).text == "blåbær"


@pytest.mark.parametrize(
    "octets",
    [
        '<?xml version="1.0" encoding="ISO-8859-1"?><a>ø</a>'.encode("latin-1"),
        b'<?xml version="1.0" encoding="US-ASCII"?><a/>',
        b"<?xml version='1.0'\nencoding = 'utf-16'?><a/>",
        "<a>ø</a>".encode("latin-1"),
        "<a/>".encode("utf-16"),
        "<a/>".encode("utf-16-le"),
        "<a/>".encode("utf-32"),
        b"<a>\x00</a>",
        b"<a>\xed\xa0\x80</a>",
        b"<a>\xc0\xbc</a>",
    ],
)
def test_7419_25_encoding_utf8(octets: bytes) -> None:
    """Another encoding, declared or not, and bytes that are no UTF-8 are 25."""
    assert refused(octets) == "25"


def test_declared_utf8_in_any_case() -> None:
    """Negative control of 25: UTF-8 may be written utf-8."""
    assert parse(b"<?xml version='1.0' encoding='utf-8' standalone='yes'?><a/>").tag == "a"


@pytest.mark.parametrize(
    "octets",
    [
        LAUGHS,
        EXTERNAL,
        b"<!DOCTYPE a><a/>",
        b"<a><!-- en kommentar --></a>",
        b"<!-- foran --><a/>",
        b"<a/><!-- bak -->",
        b"<a><?php ?></a>",
        b'<?xml version="1.0"?><?xml-stylesheet href="x"?><a/>',
        b"<a>" * (MAX_DEPTH + 1) + b"</a>" * (MAX_DEPTH + 1),
    ],
)
def test_7419_208_document_parses(octets: bytes) -> None:
    """DTDs, comments, processing instructions and too deep trees are 208."""
    assert refused(octets) == "208"


def test_the_attacks_are_real() -> None:
    """Negative control: an unguarded parser expands the entities that we refuse."""
    unguarded = etree.XMLParser(resolve_entities=True, load_dtd=True)
    assert len(etree.fromstring(LAUGHS, unguarded).text or "") == 200
    assert parse(b"<a>" * MAX_DEPTH + b"</a>" * MAX_DEPTH).tag == "a"


@pytest.mark.parametrize(
    "octets",
    [
        b"",
        b"ikke xml",
        b"<a>",
        b"<a></b>",
        b"<a/><b/>",
        b"<a b='1' b='2'/>",
        b"<a>&x;</a>",
        b"<p:a/>",
        b" <?xml version='1.0'?><a/>",
    ],
)
def test_not_well_formed(octets: bytes) -> None:
    """What is no XML is T01 of list 8221."""
    assert refused(octets) == "T01"


def test_a_cut_message_is_refused() -> None:
    """A message that broke off anywhere is no message."""
    sample = m1()
    for end in range(0, len(sample) - 1, 97):
        with pytest.raises(Unreadable):
            parse(sample[:end])


@pytest.mark.parametrize(
    "octets",
    [b"<a>" + b"<b/>" * 2_500_000 + b"</a>", b"<a " + b" ".join(b'a%d=""' % i for i in range(900_000)) + b"/>"],
)
def test_bulk_is_refused_before_a_tree_is_built(octets: bytes) -> None:
    """10 MB of tiny elements or attributes cost neither time nor memory."""
    tracemalloc.start()
    begun = time.process_time()
    assert refused(octets) == "208"
    assert time.process_time() - begun < 1
    assert tracemalloc.get_traced_memory()[1] < 3 * len(octets)
    tracemalloc.stop()


def test_bulk_bound_is_exact() -> None:
    """Negative control: one tag fewer than too many is read."""
    most = b"<a>" + b"<b/>" * (MAX_TAGS - 2) + b"</a>"
    assert len(parse(most)) == MAX_TAGS - 2
    assert refused(most.replace(b"<b/>", b"<b/><b/>", 1)) == "208"


def test_texts_hold_nothing_of_the_message() -> None:
    """What is said of an unreadable document never quotes it."""
    with pytest.raises(Unreadable) as caught:
        parse(b"<a>13116900216</b>")
    assert "13116900216" not in caught.value.text
    assert "linje 1" in caught.value.text


def test_comments_may_be_left_out_of_an_envelope() -> None:
    """Envelopes from hand-made templates have comments; what is signed is never read that way."""
    root = parse(b"<!-- x --><a><!-- y --><b/></a>", comments=True)
    assert [child.tag for child in root] == ["b"]
    with pytest.raises(Unreadable):
        parse(b"<a><?php ?></a>", comments=True)
