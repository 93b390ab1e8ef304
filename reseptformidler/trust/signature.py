"""Personal signatures: one strict profile of enveloped XML signatures, verified with xmlsec (rules.md V1, V5).

Everything outside the profile is refused before any key is used, so what xmlsec verifies is always the whole document
but for the one Signature, and the tree it verified is the tree that is read afterwards.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

import xmlsec
from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID
from lxml import etree

from reseptformidler.domain.aktor import Signatur
from reseptformidler.domain.decision import Finding
from reseptformidler.reasons import reason
from reseptformidler.trust.chain import Authorities, understood, valid_at

LEAST_RSA_BITS = 2032
"""The published test cards have 2032-bit moduli (their first octet was left zero); nothing shorter is in use."""

DS: Final = "{http://www.w3.org/2000/09/xmldsig#}"
_MSGHEAD: Final = "{http://www.kith.no/xmlstds/msghead/2006-05-24}MsgHead"
_XMLDSIG: Final = "http://www.w3.org/2000/09/xmldsig#"
_MORE: Final = "http://www.w3.org/2001/04/xmldsig-more#"
_XMLENC: Final = "http://www.w3.org/2001/04/xmlenc#"

_ENVELOPED: Final = frozenset({_XMLDSIG + "enveloped-signature"})
_C14N: Final = frozenset({"http://www.w3.org/2001/10/xml-exc-c14n#", "http://www.w3.org/TR/2001/REC-xml-c14n-20010315"})
_SIGNATURES: Final = frozenset(_MORE + name for name in ("rsa-sha256", "rsa-sha384", "rsa-sha512", "ecdsa-sha256"))
_DIGESTS: Final = frozenset({_XMLENC + "sha256", _XMLENC + "sha512"})
_UNREADABLE: Final = (
    ValueError,
    UnsupportedAlgorithm,
    x509.InvalidVersion,
    x509.DuplicateExtension,
    x509.UnsupportedGeneralNameType,
    xmlsec.Error,
)
"""What reading a damaged or strange certificate raises."""


class _Refused(Exception):
    """A certificate or signature that is not accepted: the 7419 number and the element at fault."""

    def __init__(self, number: int, element: str) -> None:
        self.finding = Finding(reason(number), element)


@dataclass(frozen=True, slots=True)
class _Known:
    """A certificate that was found good, with its key and the chain it was found good by."""

    chain: tuple[x509.Certificate, ...]
    key: xmlsec.Key
    signatur: Signatur
    checked: datetime


class Verifier:
    """Verifies the personal signature of messages against the believed authorities.

    A certificate that was found good stays so for `keep_for` and while its chain is within its dates; at most `keep` of
    them are remembered. With `allow_sha1` old published messages can be read; never allow it for prescriptions.
    """

    def __init__(
        self,
        authorities: Authorities,
        *,
        allow_sha1: bool = False,
        keep: int = 4_000,
        keep_for: timedelta = timedelta(hours=1),
    ) -> None:
        self._authorities = authorities
        self._signatures = _SIGNATURES | {_XMLDSIG + "rsa-sha1"} if allow_sha1 else _SIGNATURES
        self._digests = _DIGESTS | {_XMLDSIG + "sha1"} if allow_sha1 else _DIGESTS
        self._keep = keep
        self._keep_for = keep_for
        self._known: dict[tuple[str, ...], _Known] = {}

    def verify(self, root: etree._Element, now: datetime) -> Signatur | Finding:
        """Whose signature the message carries, or why it is refused.

        7419: 47 no signature or certificate, 138 outside the profile, 120 no readable certificate, 123 key usage,
        102 expired, 119 not yet valid, 202 no chain, 54 an authority outside its dates, 43 does not fit the content.
        """
        try:
            signature = self._signature(root)
            known = self._certificate(signature, now)
            _verify(signature, known.key)
        except _Refused as refused:
            return refused.finding
        return known.signatur

    def _signature(self, root: etree._Element) -> etree._Element:
        """The message's one signature, once everything around the two values is as the profile wants it."""
        found = list(root.iter(DS + "Signature"))
        if not found:
            raise _Refused(47, "Signature")
        if len(found) > 1 or found[0].getparent() is not root or root.getparent() is not None:
            raise _Refused(138, "Signature")
        if [*root.iter(_MSGHEAD)] != [root] or next(root.iter(etree.Comment, etree.PI, etree.Entity), None) is not None:
            raise _Refused(138, "MsgHead")
        signature = found[0]
        if signature.find(DS + "KeyInfo") is None:
            raise _Refused(47, "Signature/KeyInfo")
        _must_hold(signature, "SignedInfo", "SignatureValue", "KeyInfo")
        self._check_signed_info(signature[0])
        return signature

    def _check_signed_info(self, signed_info: etree._Element) -> None:
        _must_hold(signed_info, "CanonicalizationMethod", "SignatureMethod", "Reference")
        method, algorithm, reference = signed_info
        _one_of(method, _C14N)
        _one_of(algorithm, self._signatures)
        if reference.get("URI") != "":
            raise _Refused(138, "Reference")
        _must_hold(reference, "Transforms", "DigestMethod", "DigestValue")
        transforms, digest, _value = reference
        _must_hold(transforms, "Transform", "Transform")
        _one_of(transforms[0], _ENVELOPED)
        _one_of(transforms[1], _C14N)
        _one_of(digest, self._digests)

    def _certificate(self, signature: etree._Element, now: datetime) -> _Known:
        texts = tuple(one.text or "" for one in signature.iterfind(f"{DS}KeyInfo/{DS}X509Data/{DS}X509Certificate"))
        if not any(texts):
            raise _Refused(47, "X509Certificate")
        known = self._known.get(texts)
        if known and known.checked <= now < known.checked + self._keep_for and valid_at(known.chain, now):
            return known
        try:
            known = self._check_certificate(_signers(texts), now)
        except _UNREADABLE:
            raise _Refused(120, "X509Certificate") from None
        self._known.pop(texts, None)
        if len(self._known) >= self._keep:
            del self._known[next(iter(self._known))]
        self._known[texts] = known
        return known

    def _check_certificate(self, certificate: x509.Certificate, now: datetime) -> _Known:
        """Raises _Refused, or one of _UNREADABLE: a certificate is read piece by piece, so any question may fail."""
        signatur = Signatur(str(certificate.serial_number), _person(certificate))
        _check_usage(certificate)
        _check_key(certificate)
        if now > certificate.not_valid_after_utc:
            raise _Refused(102, "X509Certificate")
        if now < certificate.not_valid_before_utc:
            raise _Refused(119, "X509Certificate")
        chain = self._chain(certificate, now)
        der = certificate.public_bytes(Encoding.DER)
        return _Known(chain, xmlsec.Key.from_memory(der, xmlsec.constants.KeyDataFormatCertDer), signatur, now)

    def _chain(self, certificate: x509.Certificate, now: datetime) -> tuple[x509.Certificate, ...]:
        chains = list(self._authorities.chains(certificate))
        if not chains:
            raise _Refused(202, "X509Certificate")
        valid = next((chain for chain in chains if valid_at(chain, now)), None)
        if valid is None:
            raise _Refused(54, "X509Certificate")
        return valid


def _verify(signature: etree._Element, key: xmlsec.Key) -> None:
    context = xmlsec.SignatureContext()
    context.key = key  # with a key given, xmlsec reads nothing of KeyInfo
    try:
        context.verify(signature)
    except xmlsec.Error:
        raise _Refused(43, "Signature") from None


def _must_hold(element: etree._Element, *names: str) -> None:
    """Exactly these children of XMLDSIG's, in this order."""
    if [part.tag for part in element] != [DS + name for name in names]:
        raise _Refused(138, etree.QName(element).localname)


def _one_of(element: etree._Element, algorithms: frozenset[str]) -> None:
    """Algorithms have no parameters in this profile: an element inside one could change what is signed."""
    if element.get("Algorithm") not in algorithms or len(element) > 0:
        raise _Refused(138, etree.QName(element).localname)


def _signers(texts: tuple[str, ...]) -> x509.Certificate:
    """The one certificate that is no authority's; XMLDSIG 4.4.4 promises no order."""
    signers = [one for one in _read(texts) if not _is_authority(one)]
    if len(signers) != 1:
        raise _Refused(138, "X509Data")
    return signers[0]


def _read(texts: tuple[str, ...]) -> Iterator[x509.Certificate]:
    for text in texts:
        yield x509.load_der_x509_certificate(base64.b64decode("".join(text.split()), validate=True))


def _is_authority(certificate: x509.Certificate) -> bool:
    try:
        return certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    except x509.ExtensionNotFound:
        return False


def _person(certificate: x509.Certificate) -> str:
    """The subject's one serialNumber. ValueError: there is none, or more."""
    (number,) = certificate.subject.get_attributes_for_oid(NameOID.SERIAL_NUMBER)
    return str(number.value)


def _check_usage(certificate: x509.Certificate) -> None:
    """Non-repudiation alone (7419/123)."""
    try:
        usage = certificate.extensions.get_extension_for_class(x509.KeyUsage).value
    except x509.ExtensionNotFound:
        raise _Refused(123, "X509Certificate") from None
    others = (
        usage.digital_signature,
        usage.key_encipherment,
        usage.data_encipherment,
        usage.key_agreement,
        usage.key_cert_sign,
        usage.crl_sign,
    )
    if not usage.content_commitment or any(others):
        raise _Refused(123, "X509Certificate")


def _check_key(certificate: x509.Certificate) -> None:
    key = certificate.public_key()
    long_enough = isinstance(key, rsa.RSAPublicKey) and key.key_size >= LEAST_RSA_BITS
    p256 = isinstance(key, ec.EllipticCurvePublicKey) and isinstance(key.curve, ec.SECP256R1)
    if not (long_enough or p256) or not understood(certificate):
        raise _Refused(138, "X509Certificate")
