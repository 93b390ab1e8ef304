"""Our verifier and signxml, an independent one, on the same signatures and the same damage."""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from lxml import etree
from signxml.algorithms import DigestAlgorithm, SignatureMethod
from signxml.exceptions import InvalidInput, SignXMLException
from signxml.signer import XMLSigner
from signxml.verifier import SignatureConfiguration, XMLVerifier

from reseptformidler.client.sign import Card, sign
from reseptformidler.domain.aktor import Signatur
from reseptformidler.sandbox.pki import Pki, Request, p256_key
from reseptformidler.trust.signature import Verifier

DAMAGES = 150
EXCLUSIVE = "http://www.w3.org/2001/10/xml-exc-c14n#"
INCLUSIVE = "http://www.w3.org/TR/2001/REC-xml-c14n-20010315"


def signxml_accepts(octets: bytes, card: Card) -> bool:
    expected = SignatureConfiguration(require_x509=True)
    try:
        XMLVerifier().verify(etree.fromstring(octets), x509_cert=card.certificate, expect_config=expected)
    except (SignXMLException, InvalidInput, ValueError):
        return False
    return True


@pytest.mark.parametrize("algorithm", ["RSA_SHA256", "RSA_SHA384", "RSA_SHA512"])
@pytest.mark.parametrize("c14n", [EXCLUSIVE, INCLUSIVE])
def test_we_accept_what_signxml_signs(
    pki: Pki, card: Card, message: bytes, now: datetime, algorithm: str, c14n: str
) -> None:
    """Every combination of the profile, with the ds: prefix that signxml writes."""
    method = SignatureMethod[algorithm]
    signer = XMLSigner(signature_algorithm=method, digest_algorithm=DigestAlgorithm.SHA256, c14n_algorithm=c14n)
    signed = signer.sign(etree.fromstring(message), key=card.key, cert=[card.certificate])
    octets = etree.tostring(signed)
    assert isinstance(Verifier(pki.authorities).verify(etree.fromstring(octets), now), Signatur)


def test_signxml_accepts_what_we_sign(pki: Pki, card: Card, good: Request, message: bytes) -> None:
    """With RSA and with P-256. signxml judges dates by the clock of the machine."""
    assert signxml_accepts(sign(message, card), card)
    p256 = pki.issue(replace(good, ends=datetime(2046, 1, 1, tzinfo=UTC)), p256_key())
    assert signxml_accepts(sign(message, p256), p256)


def test_both_refuse_the_same_damage(pki: Pki, card: Card, message: bytes, now: datetime) -> None:
    """One changed octet anywhere: what we accept signxml accepts, and we accept hardly any of it."""
    verifier, signed = Verifier(pki.authorities), sign(message, card)
    lots = random.Random(7419)
    accepted = 0
    for _ in range(DAMAGES):
        place = lots.randrange(len(message) // 20, len(signed))
        other = lots.choice(b"abc019 ".replace(signed[place : place + 1], b""))
        damaged = signed[:place] + bytes([other]) + signed[place + 1 :]
        try:
            root = etree.fromstring(damaged)
        except etree.XMLSyntaxError:
            continue
        if isinstance(verifier.verify(root, now), Signatur):
            accepted += 1
            assert signxml_accepts(damaged, card), place
    assert accepted <= DAMAGES // 50  # the last letter of a base64 text has bits that mean nothing
