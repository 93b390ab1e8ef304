"""Signs messages as prescribers' systems do: enveloped, exclusive c14n, SHA-256; RSA or P-256, as the card is."""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa, utils
from cryptography.hazmat.primitives.serialization import Encoding, load_pem_private_key
from lxml import etree

Key = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey
"""RSA or P-256. A key that never leaves its card is a subclass of these that asks the card to sign."""

_DS = "{http://www.w3.org/2000/09/xmldsig#}"
_MH = "{http://www.kith.no/xmlstds/msghead/2006-05-24}"
_EXC_C14N = "http://www.w3.org/2001/10/xml-exc-c14n#"
_MORE = "http://www.w3.org/2001/04/xmldsig-more#"
_PARSER = etree.XMLParser(resolve_entities=False, no_network=True, remove_comments=True, remove_pis=True)

_SIGNED_INFO = (
    f'><CanonicalizationMethod Algorithm="{_EXC_C14N}"></CanonicalizationMethod>'
    f'<SignatureMethod Algorithm="{_MORE}%s-sha256"></SignatureMethod>'
    '<Reference URI=""><Transforms>'
    '<Transform Algorithm="http://www.w3.org/2000/09/xmldsig#enveloped-signature"></Transform>'
    f'<Transform Algorithm="{_EXC_C14N}"></Transform></Transforms>'
    '<DigestMethod Algorithm="http://www.w3.org/2001/04/xmlenc#sha256"></DigestMethod>'
    "<DigestValue>%s</DigestValue></Reference></SignedInfo>"
)
"""What follows `<SignedInfo` in the message, and its start tag with namespace in what is signed: canonical already."""


@dataclass(frozen=True, slots=True)
class Card:
    """A certificate with its private key."""

    key: Key
    certificate: x509.Certificate

    @classmethod
    def from_pem(cls, pem: bytes, password: bytes | None = None) -> Card:
        """From PEM text that holds both. ValueError: one is missing, they do not match, or no such key can sign."""
        key, certificate = load_pem_private_key(pem, password), x509.load_pem_x509_certificate(pem)
        if not isinstance(key, Key) or (isinstance(key, ec.EllipticCurvePrivateKey) and key.curve.name != "secp256r1"):
            raise ValueError("the key is neither RSA nor P-256")
        if key.public_key() != certificate.public_key():
            raise ValueError("the certificate is another key's")
        return cls(key, certificate)


def sign(octets: bytes, card: Card) -> bytes:
    """The message with a personal signature before the root's end tag; all other bytes stay as they are.

    The message must be UTF-8, without signature, comments and processing instructions.
    """
    canonical = etree.tostring(etree.fromstring(octets), method="c14n", exclusive=True, with_comments=False)
    digest = base64.b64encode(hashlib.sha256(canonical).digest()).decode()
    signed_info = _SIGNED_INFO % ("rsa" if isinstance(card.key, rsa.RSAPrivateKey) else "ecdsa", digest)
    value = _value(f'<SignedInfo xmlns="http://www.w3.org/2000/09/xmldsig#"{signed_info}'.encode(), card.key)
    certificate = card.certificate.public_bytes(Encoding.DER)
    signature = (
        f'<Signature xmlns="http://www.w3.org/2000/09/xmldsig#"><SignedInfo{signed_info}'
        f"<SignatureValue>{base64.b64encode(value).decode()}</SignatureValue><KeyInfo><X509Data>"
        f"<X509Certificate>{base64.b64encode(certificate).decode()}</X509Certificate>"
        "</X509Data></KeyInfo></Signature>"
    )
    end = octets.rindex(b"</")
    return octets[:end] + signature.encode() + octets[end:]


def _value(octets: bytes, key: Key) -> bytes:
    if isinstance(key, rsa.RSAPrivateKey):
        return key.sign(octets, padding.PKCS1v15(), hashes.SHA256())
    r, s = utils.decode_dss_signature(key.sign(octets, ec.ECDSA(hashes.SHA256())))
    return r.to_bytes(32, "big") + s.to_bytes(32, "big")


def renewed(octets: bytes, msg_id: UUID | None = None, gen_date: datetime | None = None) -> bytes:
    """The same message without signature and comments, with a new MsgId and GenDate where they are given.

    ValueError: no MsgHead. lxml's XMLSyntaxError: no XML.
    """
    root = etree.fromstring(octets, _PARSER)
    new = {"MsgId": msg_id and str(msg_id), "GenDate": gen_date and gen_date.isoformat(timespec="milliseconds")}
    for name, text in new.items():
        element = root.find(f"{_MH}MsgInfo/{_MH}{name}")
        if element is None:
            raise ValueError(f"not a MsgHead with {name}")
        element.text = text or element.text
    for signature in root.findall(f"{_DS}Signature"):
        root.remove(signature)
    return etree.tostring(root, xml_declaration=True, encoding="UTF-8")
