"""What counts as a proof of login: where it stands, and what it is."""

from __future__ import annotations

from base64 import b64encode

import pytest
from lxml import etree

from reseptformidler.wire.innlogging import has_proof
from reseptformidler.wire.msghead import NAMESPACE, payload
from reseptformidler.wire.reply import BASE64

SAML = 'xmlns="urn:oasis:names:tc:SAML:2.0:assertion"'
ASSERTION = f"<Assertion {SAML} ID='s1'>\n</Assertion>\n".encode()
TOKEN = b"eyJhbGciOiJSUzI1NiJ9.eyJwaWQiOiIxIn0.c2lnbmF0dXI"


def document(content: str) -> str:
    """One Document."""
    return f"<Document><RefDoc><Content>{content}</Content></RefDoc></Document>"


def container(octets: bytes) -> str:
    """Base64, broken into lines as many write it."""
    lines = b64encode(octets).decode().replace("A", "A\n ")
    return f'<Base64Container xmlns="{BASE64}">{lines}</Base64Container>'


def proved(*contents: str) -> bool:
    """Whether a message with these documents after the first one has a proof."""
    documents = "".join(map(document, ("<M9NA1/>", *contents)))
    found = payload(etree.fromstring(f'<MsgHead xmlns="{NAMESPACE}">{documents}</MsgHead>'))
    assert found is not None
    return has_proof(found)


@pytest.mark.parametrize("octets", [ASSERTION, TOKEN, b"\n" + TOKEN + b"\n"])
def test_an_assertion_and_a_token_are_proofs(octets: bytes) -> None:
    """Each of them, whichever of the documents it is."""
    assert proved(container(octets))
    assert proved(container(b"other"), container(octets))


@pytest.mark.parametrize(
    "octets",
    [
        b"",
        b"eyJ",
        TOKEN.rpartition(b".")[0],
        TOKEN + b" x",
        b"<Assertion/>",
        f"<Response {SAML}/>".encode(),
        ASSERTION[:-5],
        f"<!DOCTYPE Assertion><Assertion {SAML}/>".encode(),
        b"\xff\xfe",
    ],
)
def test_other_things_are_not(octets: bytes) -> None:
    """Nothing, a token without signature, an element of another namespace or name, what is no XML or hostile."""
    assert not proved(container(octets))


def test_it_stands_in_a_container_of_its_own() -> None:
    """Not in the clear, not where the message is, and as base64."""
    assert not proved()
    assert not proved(ASSERTION.decode())
    assert not proved(f'<Base64Container xmlns="{BASE64}">!!!</Base64Container>')
    first = document(container(ASSERTION))
    found = payload(etree.fromstring(f'<MsgHead xmlns="{NAMESPACE}">{first}</MsgHead>'))
    assert found is not None
    assert not has_proof(found)
