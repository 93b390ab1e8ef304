"""Certificate chains: from a certificate through the configured authorities to a configured root (RFC 5280 section 6).

`cryptography.x509.verification` is not used: it demands RSA keys of 2048 bits, the authorities' test cards have 2032.
Certificates that came with a message never take part in a chain.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.x509.oid import ExtensionOID

LONGEST = 4
"""Certificates in a chain, leaf and root included."""

_HASHES = (hashes.SHA256, hashes.SHA384, hashes.SHA512)
_UNDERSTOOD = {ExtensionOID.BASIC_CONSTRAINTS, ExtensionOID.KEY_USAGE}


class TrustError(Exception):
    """A file of authorities cannot be used; the text names the file."""


@dataclass(frozen=True, slots=True)
class Authorities:
    """The certificate authorities that are believed."""

    roots: tuple[x509.Certificate, ...]
    intermediates: tuple[x509.Certificate, ...] = ()

    def chains(self, leaf: x509.Certificate) -> Iterator[tuple[x509.Certificate, ...]]:
        """Every chain to a root, leaf first and root last. Dates are not looked at: see `valid_at`."""
        return self._chains((leaf,))

    def _chains(self, below: tuple[x509.Certificate, ...]) -> Iterator[tuple[x509.Certificate, ...]]:
        for root in self.roots:
            if _issued(below, root):
                yield (*below, root)
        if len(below) < LONGEST - 1:
            for authority in self.intermediates:
                if authority not in below and _issued(below, authority):
                    yield from self._chains((*below, authority))


def load_authorities(folder: Path) -> Authorities:
    """All certificates in the folder's *.pem files; those that are their own issuer are the roots.

    TrustError: a file that is no PEM certificate, a certificate that is no authority, or no root at all.
    """
    found = [certificate for path in sorted(folder.glob("*.pem")) for certificate in _read(path)]
    roots = tuple(certificate for certificate in found if certificate.issuer == certificate.subject)
    if not roots:
        raise TrustError(f"{folder}: no *.pem file holds a root certificate")
    return Authorities(roots, tuple(certificate for certificate in found if certificate not in roots))


def _read(path: Path) -> Sequence[x509.Certificate]:
    try:
        certificates = x509.load_pem_x509_certificates(path.read_bytes())
    except ValueError:
        raise TrustError(f"{path}: not a PEM certificate") from None
    if not all(_may_issue(certificate, intermediates=0) for certificate in certificates):
        raise TrustError(f"{path}: not the certificate of an authority")
    return certificates


def valid_at(certificates: Iterable[x509.Certificate], now: datetime) -> bool:
    """Whether all of them are within their dates."""
    return all(one.not_valid_before_utc <= now <= one.not_valid_after_utc for one in certificates)


def understood(certificate: x509.Certificate) -> bool:
    """Whether no extension that we do not know is critical (RFC 5280 4.2)."""
    return all(extension.oid in _UNDERSTOOD for extension in certificate.extensions if extension.critical)


def _issued(below: tuple[x509.Certificate, ...], issuer: x509.Certificate) -> bool:
    """Whether `issuer` signed the last certificate of `below`, and was allowed to. Cheap questions come first."""
    subject = below[-1]
    if subject.issuer != issuer.subject or not isinstance(subject.signature_hash_algorithm, _HASHES):
        return False
    if not _may_issue(issuer, intermediates=len(below) - 1):
        return False
    try:
        subject.verify_directly_issued_by(issuer)
    except (InvalidSignature, TypeError, ValueError):
        return False
    return True


def _may_issue(authority: x509.Certificate, intermediates: int) -> bool:
    """Whether it is an authority, with so many others between it and the leaf."""
    try:
        constraints = authority.extensions.get_extension_for_class(x509.BasicConstraints).value
        usage = authority.extensions.get_extension_for_class(x509.KeyUsage).value
    except x509.ExtensionNotFound:
        return False
    deep_enough = constraints.path_length is None or constraints.path_length >= intermediates
    return constraints.ca and usage.key_cert_sign and deep_enough and understood(authority)
