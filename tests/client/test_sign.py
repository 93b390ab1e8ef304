"""Cards from PEM."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
)

from reseptformidler.client.sign import Card, Key
from reseptformidler.sandbox.pki import Pki, p256_key
from reseptformidler.sandbox.population import LEGER


@pytest.fixture
def card(pki: Pki, now: datetime) -> Card:
    """A prescriber's card."""
    return pki.card(LEGER[0], now)


def test_a_card_from_pem(card: Card) -> None:
    """Key and certificate in any order, the key in clear or behind a password."""
    certificate = card.certificate.public_bytes(Encoding.PEM)
    plain = pem(card.key)
    closed = card.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"secret"))
    for read in (Card.from_pem(certificate + plain), Card.from_pem(closed + certificate, b"secret")):
        assert read.certificate == card.certificate
        assert read.key.private_numbers() == card.key.private_numbers()


def pem(key: Key | Ed25519PrivateKey) -> bytes:
    """A key in clear."""
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


@pytest.mark.parametrize("make", [Ed25519PrivateKey.generate, lambda: ec.generate_private_key(ec.SECP384R1())])
def test_a_key_that_no_signature_of_the_standard_is_made_with(card: Card, make: Callable[[], Key]) -> None:
    """Only RSA and P-256."""
    with pytest.raises(ValueError, match="neither RSA nor P-256"):
        Card.from_pem(pem(make()) + card.certificate.public_bytes(Encoding.PEM))


def test_what_is_no_card(card: Card) -> None:
    """A key without certificate, a certificate without key, and two that do not belong together."""
    certificate = card.certificate.public_bytes(Encoding.PEM)
    for incomplete in (pem(card.key), certificate):
        with pytest.raises(ValueError, match="PEM"):
            Card.from_pem(incomplete)
    with pytest.raises(ValueError, match="another key's"):
        Card.from_pem(pem(p256_key()) + certificate)
