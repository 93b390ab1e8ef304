"""The sandbox's certificate authority: a root and an issuing authority made once, and the cards that it issues.

Everything stands in one folder: `trust/` (what a service must believe), `issuing.pem` and `cards/` (with keys, 0600).
The root's key is thrown away at once.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID
from lxml import etree

from reseptformidler.client.sign import Card, Key
from reseptformidler.domain.aktor import Aktor
from reseptformidler.sandbox.population import ALLE_LEGER, Lege
from reseptformidler.trust.chain import Authorities, load_authorities

AUTHORITY_AGE = timedelta(days=20 * 365)
CARD_AGE = timedelta(days=3 * 365)
_SKEW = timedelta(days=1)
"""Certificates begin so long before they are made: the clocks of those who try the service may differ."""
_MH = "{http://www.kith.no/xmlstds/msghead/2006-05-24}"
_NON_REPUDIATION = frozenset({"content_commitment"})
_ISSUING = frozenset({"key_cert_sign", "crl_sign"})


@dataclass(frozen=True, slots=True)
class Request:
    """What a certificate shall say. `begins` and `ends` have time zones."""

    subject: x509.Name
    begins: datetime
    ends: datetime
    usage: frozenset[str] = _NON_REPUDIATION
    """Names of the bits of KeyUsage, as `x509.KeyUsage` has them."""
    path_length: int | None = None
    """Not None: an authority, with so many authorities below it."""


class Pki:
    """An authority in a folder. See `open`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._issuing = _load(folder / "issuing.pem")

    @classmethod
    def open(cls, folder: Path, now: datetime) -> Pki:
        """The authority in this folder; made there if there is none yet, also when several processes come at once."""
        if not folder.exists():
            folder.parent.mkdir(parents=True, exist_ok=True)
            made = Path(tempfile.mkdtemp(prefix=".pki-", dir=folder.parent))
            try:
                _make(made, now)
                made.rename(folder)
            except OSError:
                shutil.rmtree(made)
                if not folder.exists():
                    raise
        return cls(folder)

    @property
    def trust_dir(self) -> Path:
        """The folder of what a service must believe."""
        return self.folder / "trust"

    @property
    def authorities(self) -> Authorities:
        """What a service must believe."""
        return load_authorities(self.trust_dir)

    def card(self, lege: Lege, now: datetime) -> Card:
        """The prescriber's card: the one issued before while it is valid, else a new one (RSA-2048)."""
        return self._card(lege.kort, person_subject(lege.kort, lege.navn), now)

    def organisation_card(self, aktor: Aktor, now: datetime) -> Card:
        """The organisation's certificate for signatures (virksomhetssertifikat); reused like a person's."""
        return self._card(f"virksomhet-{aktor.her}", organisation_subject(aktor), now)

    def issue(self, request: Request, key: Key | None = None) -> Card:
        """Issue whatever is asked for and store nothing: tests ask for certificates that must be refused.

        `key`: a new RSA-2048 key if none is given.
        """
        return _issue(request, key or rsa_key(), self._issuing)

    def _card(self, name: str, subject: x509.Name, now: datetime) -> Card:
        path = self.folder / "cards" / f"{name}.pem"
        if path.exists():
            card = _load(path)
            if card.certificate.not_valid_before_utc <= now <= card.certificate.not_valid_after_utc:
                return card
        _store(path, self.issue(Request(subject, now - _SKEW, now + CARD_AGE)))
        return _load(path)  # another process may have stored its own between the two


def signer(octets: bytes) -> Lege | None:
    """The sandbox's prescriber whose HPR number stands in the head: whose card signs. XMLSyntaxError: no XML."""
    root = etree.fromstring(octets, etree.XMLParser(resolve_entities=False, no_network=True))
    people = root.iterfind(f"{_MH}MsgInfo/{_MH}Sender//{_MH}HealthcareProfessional/{_MH}Ident/{_MH}Id")
    numbers = {element.text for element in people}
    return next((lege for lege in ALLE_LEGER if lege.helsepersonell.hpr in numbers), None)


def person_subject(serial: str, name: str) -> x509.Name:
    """The subject of a personal certificate: serialNumber is what the person service is asked with."""
    return _name((NameOID.COUNTRY_NAME, "NO"), (NameOID.COMMON_NAME, name.upper()), (NameOID.SERIAL_NUMBER, serial))


def organisation_subject(aktor: Aktor) -> x509.Name:
    """The subject of an organisation's certificate: its number, and of a dispenser the unit's in OU (7419/78, 343)."""
    unit = ((NameOID.ORGANIZATIONAL_UNIT_NAME, f"{aktor.navn.upper()}-{aktor.lok}"),) if aktor.lok else ()
    return _name(
        (NameOID.COUNTRY_NAME, "NO"),
        (NameOID.ORGANIZATION_NAME, aktor.navn.upper()),
        *unit,
        (NameOID.COMMON_NAME, aktor.navn.upper()),
        (NameOID.SERIAL_NUMBER, aktor.enh),
    )


def _make(folder: Path, now: datetime) -> None:
    ages = (now - _SKEW, now + AUTHORITY_AGE)
    root_name, issuing_name = (
        _name((NameOID.COUNTRY_NAME, "NO"), (NameOID.ORGANIZATION_NAME, "Sandkasse"), (NameOID.COMMON_NAME, name))
        for name in ("Sandkasse Rot-CA", "Sandkasse Person-CA")
    )
    root = _issue(Request(root_name, *ages, _ISSUING, path_length=1), p256_key(), None)
    issuing = _issue(Request(issuing_name, *ages, _ISSUING, path_length=0), p256_key(), root)
    for name in ("trust", "cards"):
        (folder / name).mkdir()
    for name, authority in (("root", root), ("issuing", issuing)):
        pem = authority.certificate.public_bytes(serialization.Encoding.PEM)
        (folder / "trust" / f"{name}.pem").write_bytes(pem)
    _store(folder / "issuing.pem", issuing)


def rsa_key(bits: int = 2048) -> rsa.RSAPrivateKey:
    """A new RSA key, as the cards in use have."""
    return rsa.generate_private_key(public_exponent=65537, key_size=bits)


def p256_key() -> ec.EllipticCurvePrivateKey:
    """A new P-256 key: made and used in a tenth of the time."""
    return ec.generate_private_key(ec.SECP256R1())


def _issue(request: Request, key: Key, issuer: Card | None) -> Card:
    """A certificate by `issuer`, or by itself."""
    by = issuer.certificate.subject if issuer else request.subject
    is_authority = request.path_length is not None
    builder = (
        x509.CertificateBuilder()
        .subject_name(request.subject)
        .issuer_name(by)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(request.begins)
        .not_valid_after(request.ends)
        .add_extension(x509.BasicConstraints(is_authority, request.path_length), critical=is_authority)
        .add_extension(_usage(request.usage), critical=True)
    )
    return Card(key, builder.sign(issuer.key if issuer else key, hashes.SHA256()))


def _usage(bits: frozenset[str]) -> x509.KeyUsage:
    names = (
        "digital_signature",
        "content_commitment",
        "key_encipherment",
        "data_encipherment",
        "key_agreement",
        "key_cert_sign",
        "crl_sign",
        "encipher_only",
        "decipher_only",
    )
    return x509.KeyUsage(**{name: name in bits for name in names})


def _name(*parts: tuple[x509.ObjectIdentifier, str]) -> x509.Name:
    return x509.Name([x509.NameAttribute(oid, value) for oid, value in parts])


def _store(path: Path, card: Card) -> None:
    """Key and certificate in one PEM file of mode 0600; appears whole or not at all."""
    key = card.key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    descriptor, made = tempfile.mkstemp(dir=path.parent)  # mkstemp makes mode 0600
    with os.fdopen(descriptor, "wb") as file:
        file.write(key + card.certificate.public_bytes(serialization.Encoding.PEM))
    Path(made).replace(path)


def _load(path: Path) -> Card:
    return Card.from_pem(path.read_bytes())
