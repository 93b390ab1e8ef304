"""Authorities in a folder, and how deep a chain may go."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from reseptformidler.client.sign import Card
from reseptformidler.sandbox.pki import Pki, p256_key
from reseptformidler.trust.chain import Authorities, TrustError, load_authorities


def issued(name: str, issuer: Card | None, now: datetime, path_length: int | None = 3, *, ca: bool = True) -> Card:
    """An authority by `issuer`, or by itself."""
    key = p256_key()
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    usage = x509.KeyUsage(*(False,) * 5, key_cert_sign=True, crl_sign=True, encipher_only=False, decipher_only=False)
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer.certificate.subject if issuer else subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca, path_length if ca else None), critical=True)
        .add_extension(usage, critical=True)
    )
    signing = issuer.key if issuer else key
    assert isinstance(signing, ec.EllipticCurvePrivateKey)
    return Card(key, builder.sign(signing, hashes.SHA256()))


def chain_lengths(now: datetime, intermediates: int, path_length: int | None = None, *, ca: bool = True) -> list[int]:
    """The lengths of the chains of a leaf below so many intermediate authorities."""
    root = issued("root", None, now, path_length)
    cards = [root]
    for number in range(intermediates):
        cards.append(issued(f"ca {number}", cards[-1], now, None, ca=ca))
    leaf = issued("leaf", cards[-1], now, ca=False)
    authorities = Authorities((root.certificate,), tuple(card.certificate for card in cards[1:]))
    return [len(chain) for chain in authorities.chains(leaf.certificate)]


def test_chains_of_up_to_four(now: datetime) -> None:
    """Root and two intermediates at most."""
    assert [chain_lengths(now, number) for number in range(4)] == [[2], [3], [4], []]


def test_path_length_is_kept(now: datetime) -> None:
    """A root that allows no further authority below it."""
    assert chain_lengths(now, 0, path_length=0) == [2]
    assert chain_lengths(now, 1, path_length=0) == []


def test_intermediates_must_be_authorities(now: datetime) -> None:
    """A certificate without CA in BasicConstraints issues nothing."""
    assert chain_lengths(now, 1, ca=False) == []


def test_a_folder_of_authorities(pki: Pki) -> None:
    """Those that issued themselves are the roots."""
    authorities = load_authorities(pki.trust_dir)
    assert len(authorities.roots) == 1
    assert len(authorities.intermediates) == 1


def test_a_folder_that_cannot_be_used(pki: Pki, card: Card, tmp_path: Path) -> None:
    """No root, no PEM, no authority: the text names the folder or the file."""
    with pytest.raises(TrustError, match=f"{tmp_path}: no"):
        load_authorities(tmp_path)
    file = tmp_path / "a.pem"
    file.write_bytes(b"no certificate")
    with pytest.raises(TrustError, match=r"a\.pem: not a PEM certificate"):
        load_authorities(tmp_path)
    file.write_bytes(card.certificate.public_bytes(Encoding.PEM))
    with pytest.raises(TrustError, match=r"a\.pem: not the certificate of an authority"):
        load_authorities(tmp_path)
