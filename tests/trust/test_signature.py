"""The verifier: what it accepts, what it refuses and with which code."""

from __future__ import annotations

import base64
import random
import re
import warnings
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
import xmlsec
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID
from lxml import etree

from reseptformidler.client.sign import Card, sign
from reseptformidler.domain.aktor import Signatur
from reseptformidler.sandbox.pki import Pki, Request, p256_key, rsa_key
from reseptformidler.sandbox.population import LEGER
from reseptformidler.trust.signature import LEAST_RSA_BITS, Verifier

EXCLUSIVE = "http://www.w3.org/2001/10/xml-exc-c14n#"
INCLUSIVE = "http://www.w3.org/TR/2001/REC-xml-c14n-20010315"


def code(pki: Pki, octets: bytes, now: datetime) -> str:
    """The refusing code, or an empty text where the signature is accepted."""
    verdict = Verifier(pki.authorities).verify(etree.fromstring(octets), now)
    return "" if isinstance(verdict, Signatur) else verdict.reason.code


def certificate_text(card: Card) -> bytes:
    return base64.b64encode(card.certificate.public_bytes(Encoding.DER))


def test_V1_a_personal_signature_is_accepted(pki: Pki, card: Card, message: bytes, now: datetime) -> None:
    """The verdict names the certificate and the person that the authority is asked about."""
    verdict = Verifier(pki.authorities).verify(etree.fromstring(sign(message, card)), now)
    assert verdict == Signatur(str(card.certificate.serial_number), LEGER[0].kort)


@pytest.mark.parametrize("part", [rb"<Signature.*</Signature>", rb"<KeyInfo>.*</KeyInfo>", rb"<X509Cert.*ificate>"])
def test_7419_47_certificate_in_message(pki: Pki, card: Card, message: bytes, now: datetime, part: bytes) -> None:
    """Without signature, KeyInfo or certificate nobody has signed."""
    cut = re.sub(part, b"", sign(message, card))
    assert code(pki, cut, now) == "47"


@pytest.mark.parametrize(
    "changed",
    [
        (b"<Antall>1<", b"<Antall>9<"),
        (b'DN="Resept"', b'DN="Resepx"'),
        (b"<Content>", b"<Content> "),
        (b"<SignatureValue>", b"<SignatureValue>AAAA"),
        (b"<SignatureValue>", b"<SignatureValue>?"),
        (b"<DigestValue>", b"<DigestValue>AAAA"),
    ],
)
def test_7419_43_signature_verifies(
    pki: Pki, card: Card, message: bytes, now: datetime, changed: tuple[bytes, bytes]
) -> None:
    """Content, digest or value changed after signing."""
    signed = sign(message, card)
    assert changed[0] in signed
    assert code(pki, signed.replace(*changed, 1), now) == "43"


def test_7419_43_certificate_of_somebody_else(pki: Pki, card: Card, message: bytes, now: datetime) -> None:
    """A good certificate that did not make the signature does not lend its name to it."""
    other = pki.card(LEGER[1], now)
    swapped = sign(message, card).replace(certificate_text(card), certificate_text(other))
    assert code(pki, swapped, now) == "43"


def test_7419_43_key_value_is_not_believed(pki: Pki, card: Card, message: bytes, now: datetime) -> None:
    """The key comes from the certificate alone: one that stands beside it in KeyInfo is not used."""
    own = pki.issue(_request(card, now))
    numbers = own.certificate.public_key().public_numbers()  # type: ignore[union-attr]
    modulus = base64.b64encode(numbers.n.to_bytes(256, "big"))  # type: ignore[union-attr]
    key_value = b"<KeyValue><RSAKeyValue><Modulus>%s</Modulus><Exponent>AQAB</Exponent></RSAKeyValue></KeyValue>"
    forged = sign(message, own).replace(certificate_text(own), certificate_text(card))
    assert code(pki, forged.replace(b"<KeyInfo>", b"<KeyInfo>" + key_value % modulus), now) == "43"


def _request(card: Card, now: datetime) -> Request:
    return Request(card.certificate.subject, now - timedelta(days=1), now + timedelta(days=1))


def test_7419_102_certificate_not_expired(pki: Pki, good: Request, message: bytes, now: datetime) -> None:
    """A second after its last one the certificate has expired."""
    signed = sign(message, pki.issue(good))
    assert code(pki, signed, good.ends) == ""
    assert code(pki, signed, good.ends + timedelta(seconds=1)) == "102"


def test_7419_119_certificate_already_valid(pki: Pki, good: Request, message: bytes, now: datetime) -> None:
    """A second before its first one the certificate is not valid yet."""
    signed = sign(message, pki.issue(good))
    assert code(pki, signed, good.begins) == ""
    assert code(pki, signed, good.begins - timedelta(seconds=1)) == "119"


def test_7419_54_chain_within_validity(pki: Pki, good: Request, message: bytes, now: datetime) -> None:
    """The certificate is valid still, its authority no more."""
    later = now + timedelta(days=40 * 365)
    signed = sign(message, pki.issue(replace(good, ends=later)))
    assert code(pki, signed, later - timedelta(days=1)) == "54"


@pytest.mark.parametrize("text", [b"?", b"AAAA", b"QQ=="])
def test_7419_120_certificate_readable(pki: Pki, card: Card, message: bytes, now: datetime, text: bytes) -> None:
    """X509Certificate is not base64, or no certificate."""
    assert code(pki, sign(message, card).replace(certificate_text(card), text), now) == "120"


@pytest.mark.parametrize(
    "usage",
    [
        {"digital_signature"},
        {"content_commitment", "digital_signature"},
        {"content_commitment", "key_encipherment"},
        set(),
    ],
)
def test_7419_123_key_usage_non_repudiation_only(
    pki: Pki, good: Request, message: bytes, now: datetime, usage: set[str]
) -> None:
    """Anything but non-repudiation alone."""
    signed = sign(message, pki.issue(replace(good, usage=frozenset(usage)), p256_key()))
    assert code(pki, signed, now) == "123"


def test_7419_202_chain_to_trusted_root(
    pki: Pki, good: Request, message: bytes, now: datetime, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """An authority of the same name that is not ours."""
    stranger = Pki.open(tmp_path_factory.mktemp("stranger") / "pki", now)
    signed = sign(message, stranger.issue(good, p256_key()))
    assert code(stranger, signed, now) == ""
    assert code(pki, signed, now) == "202"


def test_7419_202_a_person_is_no_authority(pki: Pki, card: Card, message: bytes, now: datetime) -> None:
    """A certificate issued with a prescriber's card is worth nothing, also with that card's certificate beside it."""
    subject = x509.Name([x509.NameAttribute(NameOID.SERIAL_NUMBER, "0000-0000-999999999")])
    key = p256_key()
    forged = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(card.certificate.subject)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=False)
        .add_extension(card.certificate.extensions.get_extension_for_class(x509.KeyUsage).value, critical=True)
        .sign(card.key, card.certificate.signature_hash_algorithm)  # type: ignore[arg-type]
    )
    assert code(pki, sign(message, Card(key, forged)), now) == "202"


PROFILE: dict[str, Callable[[bytes], bytes]] = {
    "another c14n": lambda m: m.replace(
        b'CanonicalizationMethod Algorithm="' + EXCLUSIVE.encode(),
        b'CanonicalizationMethod Algorithm="' + EXCLUSIVE.encode() + b"WithComments",
    ),
    "rsa-sha1": lambda m: m.replace(b"2001/04/xmldsig-more#rsa-sha256", b"2000/09/xmldsig#rsa-sha1"),
    "hmac": lambda m: m.replace(b"xmldsig-more#rsa-sha256", b"xmldsig-more#hmac-sha256"),
    "sha1 digest": lambda m: m.replace(b"2001/04/xmlenc#sha256", b"2000/09/xmldsig#sha1"),
    "reference to an id": lambda m: m.replace(b'URI=""', b'URI="#a"'),
    "reference without URI": lambda m: m.replace(b' URI=""', b""),
    "two references": lambda m: re.sub(rb"(<Reference.*</Reference>)", rb"\1\1", m),
    "no enveloped transform": lambda m: re.sub(rb"<Transform [^>]*enveloped-signature[^>]*></Transform>", b"", m),
    "third transform": lambda m: re.sub(rb"(<Transform [^>]*exc-c14n#[^>]*></Transform>)", rb"\1\1", m),
    "other transform": lambda m: m.replace(
        b"http://www.w3.org/2000/09/xmldsig#enveloped-signature", b"http://www.w3.org/TR/1999/REC-xpath-19991116"
    ),
    "parameter of a transform": lambda m: m.replace(b'exc-c14n#"></Transform>', b'exc-c14n#"><XPath/></Transform>'),
    "an Object": lambda m: m.replace(b"</KeyInfo>", b"</KeyInfo><Object>x</Object>"),
    "a comment": lambda m: m.replace(b"<Antall>1", b"<Antall>1<!-- 0 -->"),
    "a processing instruction": lambda m: m.replace(b"<Antall>1", b"<Antall>1<?x y?>"),
    "two signatures": lambda m: re.sub(rb"(<Signature .*</Signature>)", rb"\1\1", m),
    "a second MsgHead": lambda m: m.replace(
        b"</Content>", b'</Content><MsgHead xmlns="http://www.kith.no/xmlstds/msghead/2006-05-24"/>'
    ),
}


@pytest.mark.parametrize("change", PROFILE)
def test_7419_138_signature_processable(pki: Pki, card: Card, message: bytes, now: datetime, change: str) -> None:
    """Everything outside the one profile is refused before a key is used."""
    signed = sign(message, card)
    changed = PROFILE[change](signed)
    assert changed != signed
    assert code(pki, changed, now) == "138"


def test_7419_138_wrapped_message(pki: Pki, card: Card, message: bytes, now: datetime) -> None:
    """A signed message inside another one does not lend its signature to the outer one."""
    signed = sign(message, card).split(b"?>", 1)[1]
    outer = message.replace(b"<Antall>1<", b"<Antall>9<").replace(b"<Document>", b"<Document>" + signed)
    assert code(pki, outer, now) == "138"
    moved = re.sub(
        rb"(.*)(<Document>.*</Document>)(<Signature.*</Signature>)(.*)", rb"\1<Document>\3</Document>\2\4", signed
    )
    assert b"<Signature" in moved
    assert code(pki, moved, now) == "138"


def test_7419_138_short_key(pki: Pki, good: Request, message: bytes, now: datetime) -> None:
    """Keys as short as those of the published test cards are accepted, shorter ones not."""
    assert code(pki, sign(message, pki.issue(good, rsa_key(LEAST_RSA_BITS))), now) == ""
    assert code(pki, sign(message, pki.issue(good, rsa_key(1024))), now) == "138"


def test_p256_is_accepted(pki: Pki, good: Request, message: bytes, now: datetime) -> None:
    """ecdsa-sha256 with a P-256 key; not when the algorithm and the key differ."""
    signed = sign(message, pki.issue(good, p256_key()))
    assert code(pki, signed, now) == ""
    assert code(pki, signed.replace(b"ecdsa-sha256", b"rsa-sha256"), now) == "43"


def test_the_authority_beside_the_certificate(pki: Pki, card: Card, message: bytes, now: datetime) -> None:
    """Senders may add their authority's certificate, before or after; not a second person's."""
    signed = sign(message, card)
    begin, end = b"<X509Certificate>", b"</X509Certificate>"
    for authority in (*pki.authorities.roots, *pki.authorities.intermediates):
        text = begin + certificate_text(Card(card.key, authority)) + end
        assert code(pki, signed.replace(begin, text + begin), now) == ""
        assert code(pki, signed.replace(end, end + text), now) == ""
    second = begin + certificate_text(pki.card(LEGER[1], now)) + end
    assert code(pki, signed.replace(end, end + second), now) == "138"


def test_ids_as_the_service_adds_them(pki: Pki, card: Card, message: bytes, now: datetime) -> None:
    """Id attributes added outside SignedInfo, as the national service does, take nothing from the signature."""
    signed = sign(message, card)
    for name in (b"Signature ", b"SignatureValue", b"KeyInfo"):
        signed = signed.replace(b"<" + name, b"<" + name.strip() + b' Id="a-' + name.strip() + b'" ', 1)
    assert code(pki, signed, now) == ""


def _signed_by_xmlsec(message: bytes, card: Card, signature: str, digest: str) -> bytes:
    root = etree.fromstring(message)
    node = xmlsec.template.create(root, xmlsec.constants.TransformInclC14N, getattr(xmlsec.constants, signature))
    root.append(node)
    reference = xmlsec.template.add_reference(node, getattr(xmlsec.constants, digest), uri="")
    xmlsec.template.add_transform(reference, xmlsec.constants.TransformEnveloped)
    xmlsec.template.add_transform(reference, xmlsec.constants.TransformInclC14N)
    xmlsec.template.add_x509_data(xmlsec.template.ensure_key_info(node))
    context = xmlsec.SignatureContext()
    pem = card.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    context.key = xmlsec.Key.from_memory(pem, xmlsec.constants.KeyDataFormatPem)
    context.key.load_cert_from_memory(card.certificate.public_bytes(Encoding.PEM), xmlsec.constants.KeyDataFormatPem)
    context.sign(node)
    return etree.tostring(root)


def test_sha1_only_where_it_is_allowed(pki: Pki, card: Card, message: bytes, now: datetime) -> None:
    """Inclusive c14n is accepted as it is, SHA-1 only by a verifier made to read old messages."""
    modern = etree.fromstring(_signed_by_xmlsec(message, card, "TransformRsaSha512", "TransformSha512"))
    old = etree.fromstring(_signed_by_xmlsec(message, card, "TransformRsaSha1", "TransformSha1"))
    strict, lenient = Verifier(pki.authorities), Verifier(pki.authorities, allow_sha1=True)
    assert isinstance(strict.verify(modern, now), Signatur)
    assert not isinstance(strict.verify(old, now), Signatur)
    assert isinstance(lenient.verify(old, now), Signatur)


def test_remembered_certificates(pki: Pki, good: Request, message: bytes, now: datetime) -> None:
    """What was found good is not believed past its dates, nor kept without bound."""
    signed = etree.fromstring(sign(message, pki.issue(good, p256_key())))
    verifier = Verifier(pki.authorities, keep=2, keep_for=timedelta(days=100))
    assert isinstance(verifier.verify(signed, now), Signatur)
    late = verifier.verify(signed, good.ends + timedelta(seconds=1))
    assert not isinstance(late, Signatur)
    assert late.reason.code == "102"
    for _ in range(4):
        verifier.verify(etree.fromstring(sign(message, pki.issue(good, p256_key()))), now)
    assert len(verifier._known) == 2


def test_remembered_certificates_grow_old(pki: Pki, good: Request, message: bytes, now: datetime) -> None:
    """After `keep_for` the chain is asked again: authorities that are believed no more are noticed."""
    signed = etree.fromstring(sign(message, pki.issue(good, p256_key())))
    verifier = Verifier(pki.authorities, keep_for=timedelta(minutes=10))
    assert isinstance(verifier.verify(signed, now), Signatur)
    verifier._authorities = replace(pki.authorities, intermediates=())
    assert isinstance(verifier.verify(signed, now + timedelta(minutes=9)), Signatur)
    later = verifier.verify(signed, now + timedelta(minutes=10))
    assert not isinstance(later, Signatur)
    assert later.reason.code == "202"


def test_7419_120_damaged_certificates(pki: Pki, card: Card, message: bytes, now: datetime) -> None:
    """However a certificate is damaged, the verdict is a refusal: no exception comes out of reading it."""
    signed, der = sign(message, card), card.certificate.public_bytes(Encoding.DER)
    lots = random.Random(120)
    verifier, seen = Verifier(pki.authorities), set()
    for _ in range(400):
        damaged = bytearray(der)
        damaged[lots.randrange(len(der))] ^= lots.randrange(1, 256)
        with warnings.catch_warnings(action="ignore"):  # cryptography warns of numbers that will be errors one day
            text = signed.replace(certificate_text(card), base64.b64encode(damaged))
            verdict = verifier.verify(etree.fromstring(text), now)
        assert not isinstance(verdict, Signatur)
        seen.add(verdict.reason.code)
    assert {"120", "202"} <= seen <= {"47", "102", "119", "120", "123", "138", "202", "43"}
