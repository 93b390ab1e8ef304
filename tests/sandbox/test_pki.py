"""The sandbox's certificate authority, and signing with its cards."""

from __future__ import annotations

import stat
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from pathlib import Path
from uuid import UUID

import pytest
from cryptography.x509.oid import NameOID
from lxml import etree

from reseptformidler.client.head import Hode
from reseptformidler.client.rekvirent import Resept, m1
from reseptformidler.client.sign import renewed, sign
from reseptformidler.domain.aktor import Signatur
from reseptformidler.sandbox import population
from reseptformidler.sandbox.pki import CARD_AGE, Pki, signer
from reseptformidler.sandbox.varer import TABLETT
from reseptformidler.trust.chain import valid_at
from reseptformidler.trust.signature import Verifier

LEGE = population.LEGER[2]
OLD, NEW = UUID("44444444-4444-4444-8444-444444444444"), UUID("55555555-5555-4555-8555-555555555555")


def test_the_same_authority_and_card_each_time(tmp_path: Path, now: datetime) -> None:
    """What was made once is found again, by another process too."""
    first, second = (Pki.open(tmp_path / "pki", now) for _ in range(2))
    assert first.authorities == second.authorities
    assert first.card(LEGE, now).certificate == second.card(LEGE, now).certificate


def test_two_at_once(tmp_path: Path, now: datetime) -> None:
    """Processes that start together agree on one authority."""
    with ThreadPoolExecutor(4) as threads:
        opened = list(threads.map(lambda _: Pki.open(tmp_path / "deep" / "pki", now).authorities, range(4)))
    assert all(authorities == opened[0] for authorities in opened)
    assert [path.name for path in (tmp_path / "deep").iterdir()] == ["pki"]


def test_an_expired_card_is_renewed(pki: Pki, now: datetime) -> None:
    """A card is issued anew when it is no longer valid."""
    later = now + CARD_AGE + timedelta(days=1)
    old = pki.card(population.LEGER[3], now)
    new = pki.card(population.LEGER[3], later)
    assert old.certificate != new.certificate
    assert valid_at((new.certificate,), later)


def test_keys_are_closed_to_others(pki: Pki, now: datetime) -> None:
    """Files with keys have mode 0600, and nobody but their owner may enter the folder."""
    pki.card(LEGE, now)
    for path in (pki.folder / "issuing.pem", *(pki.folder / "cards").iterdir()):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(pki.folder.stat().st_mode) == 0o700
    assert b"PRIVATE KEY" not in b"".join(path.read_bytes() for path in pki.trust_dir.iterdir())


def test_an_organisations_certificate(pki: Pki, now: datetime) -> None:
    """It carries the organisation number (7419/78), and in OU that of the unit (7419/343)."""
    aktor = population.APOTEK[0]
    subject = pki.organisation_card(aktor, now).certificate.subject
    assert subject.get_attributes_for_oid(NameOID.SERIAL_NUMBER)[0].value == aktor.enh
    assert str(subject.get_attributes_for_oid(NameOID.ORGANIZATIONAL_UNIT_NAME)[0].value).endswith(aktor.lok)


def test_an_old_message_is_renewed_and_signed(pki: Pki, now: datetime) -> None:
    """Old MsgId, GenDate, signature and comments are gone; the signer is found in the head."""
    written = m1(Hode(OLD, now - timedelta(days=100)), LEGE.rekvirent, population.PERSONER[0], Resept(TABLETT))
    old = sign(written, pki.card(LEGE, now)).replace(b"<MsgInfo>", b"<!-- old --><MsgInfo>")
    found = signer(old)
    assert found == LEGE
    new = sign(renewed(old, NEW, now), pki.card(found, now))
    assert str(OLD).encode() not in new
    assert b"<!--" not in new
    assert new.count(b"<Signature ") == 1
    assert isinstance(Verifier(pki.authorities).verify(etree.fromstring(new), now), Signatur)


def test_what_is_not_renewed_stays(pki: Pki, now: datetime) -> None:
    """Without new values only the signature goes; what is no MsgHead is refused."""
    written = m1(Hode(OLD, now), LEGE.rekvirent, population.PERSONER[0], Resept(TABLETT))
    kept = renewed(sign(written, pki.card(LEGE, now)))
    assert etree.tostring(etree.fromstring(kept), method="c14n") == etree.tostring(
        etree.fromstring(written), method="c14n"
    )
    with pytest.raises(ValueError, match="not a MsgHead"):
        renewed(b"<a/>")
