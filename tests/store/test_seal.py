"""Sealing: what goes in comes out, for its own record only."""

from __future__ import annotations

import hashlib
import hmac
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import date
from decimal import Decimal
from pathlib import Path
from uuid import UUID, uuid4

import pytest
import zstandard
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter

from reseptformidler.domain.decision import Nodsok
from reseptformidler.domain.hode import Kode
from reseptformidler.domain.resept import Ekspederingsanmodning, Las, Resept, Tilbakekalt, Utlevering
from reseptformidler.store import dictionaries, seal
from reseptformidler.store.encode import Encoder, sound
from reseptformidler.store.keys import FileKek, KeyProblem, Keyring
from reseptformidler.store.seal import Sealer, Unsealable, key_ids
from tests.store.build import FNR, NOW, number, resept

VERSIONS = range(dictionaries.CURRENT + 1)
SHIPPED = {1: "00a9f23b5f718c4b8070a40eb9d7d0880e6f48b1434010d8c3d39c0a27d3dad5"}


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Keyring:
    """A keyring with data key 7, without a database."""
    keys = Keyring(FileKek.create(tmp_path_factory.mktemp("kek") / "kek"), search=b"s" * 32)
    keys._data[7] = AESGCM(b"k" * 32)
    keys.current = 7
    return keys


@pytest.mark.parametrize("version", VERSIONS)
def test_what_is_sealed_opens(keys: Keyring, version: int) -> None:
    """Byte for byte, whatever the bytes, with every dictionary there ever was."""

    @given(st.binary(max_size=2000), st.binary(max_size=20))
    def every(plain: bytes, record: bytes) -> None:
        sealed = Sealer(keys, version).seal("melding", record, plain)
        assert Sealer(keys).open("melding", record, sealed) == plain
        assert key_ids([sealed]) == {7}

    every()


def test_a_shipped_dictionary_never_changes() -> None:
    """Values that were sealed with it need exactly these bytes, for ever."""
    folder = Path(dictionaries.__file__).parent
    hashes = {int(path.stem): hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.glob("*.zdict")}
    assert hashes == SHIPPED


def test_a_sealed_value_is_bound(keys: Keyring) -> None:
    """Another record, another purpose, or a change of any single bit: it does not open."""
    sealer = Sealer(keys)
    sealed = sealer.seal("svar", b"record", b"the plain text" * 9)
    for purpose, record in (("melding", b"record"), ("svar", b"other"), ("sva", b"r\0record")):
        with pytest.raises(Unsealable):
            sealer.open(purpose, record, sealed)
    for bit in range(8 * len(sealed)):
        changed = bytearray(sealed)
        changed[bit // 8] ^= 1 << bit % 8
        with pytest.raises((Unsealable, KeyProblem)):
            sealer.open("svar", b"record", bytes(changed))
    assert sealer.open("svar", b"record", sealed) == b"the plain text" * 9


def test_the_plain_text_cannot_be_seen(keys: Keyring) -> None:
    """Neither it nor that two values are equal (J5)."""
    sealer = Sealer(keys)
    one, two = (sealer.seal("svar", b"", FNR.encode()) for _ in range(2))
    assert FNR.encode() not in one
    assert one != two


def test_a_value_that_would_be_too_large_is_not_unpacked(keys: Keyring, monkeypatch: pytest.MonkeyPatch) -> None:
    """The limit holds for what is sealed and for what is opened, and is judged before memory is taken."""
    sealer = Sealer(keys)
    sealed = sealer.seal("melding", b"", bytes(100_000))
    assert len(sealed) < 200
    monkeypatch.setattr(seal, "MAX_PLAIN_BYTES", 99_999)
    with pytest.raises(Unsealable, match="too large"):
        sealer.open("melding", b"", sealed)
    with pytest.raises(ValueError, match="too many"):
        sealer.seal("melding", b"", bytes(100_000))
    frame_without_size = zstandard.ZstdCompressor(write_content_size=False).compress(b"plain")
    with pytest.raises(Unsealable, match="too large"):
        seal._Codec(0).unpack(frame_without_size)


def test_threads_may_share_a_sealer(keys: Keyring) -> None:
    """Each has its own compressor."""
    sealer = Sealer(keys)
    plains = [bytes([n]) * (n * 50) for n in range(200)]
    with ThreadPoolExecutor(4) as threads:
        sealed = list(threads.map(lambda plain: sealer.seal("m", b"", plain), plains * 10))
        assert list(threads.map(lambda one: sealer.open("m", b"", one), sealed)) == plains * 10


def test_hashes_are_keyed_and_tell_kinds_apart(keys: Keyring) -> None:
    """16 bytes of HMAC-SHA-256 over kind and value: without the key an identity number cannot be tried out."""
    sealer = Sealer(keys)
    expected = hmac.new(b"s" * 32, b"pasient\0" + FNR.encode(), hashlib.sha256).digest()[:16]
    assert sealer.key_hash("pasient", FNR) == expected
    assert sealer.key_hash("refnr", FNR) != expected
    assert expected not in hashlib.sha256(FNR.encode()).digest()


def everything() -> Resept:
    """A prescription with every field set."""
    return replace(
        resept(refnr="1234567890", last=True),
        versjon=7,
        ekspanm=Ekspederingsanmodning("8100001", "Apoteket", "L", oppfylt=True),
        las=Las("8100001", "Apoteket", NOW, "samtale"),
        tilbakekalt=Tilbakekalt(uuid4(), NOW, "009144889", "8090595", Kode("2", "Seponering", "1.2", "ot")),
        tidligste_utlevering=date(2026, 12, 1),
        siste_utlevering=date(2026, 11, 30),
        endret_farmasoyt=True,
    )


@pytest.mark.parametrize("made", [resept(), everything()], ids=["ordinary", "everything"])
def test_a_prescription_comes_back_as_it_was(keys: Keyring, made: Resept) -> None:
    """For its own id and version: an older version cannot be put in its place."""
    encoder = Encoder(Sealer(keys))
    sealed = encoder.resept(made)
    assert encoder.open_resept(made.resept_id, made.versjon, sealed) == made
    for wrong in ((made.resept_id, made.versjon - 1), (UUID(int=1), made.versjon)):
        with pytest.raises(Unsealable):
            encoder.open_resept(*wrong, sealed)


def test_a_dispensing_and_a_reference_number_come_back(keys: Keyring) -> None:
    """That a dispensing was annulled stands in its row."""
    encoder = Encoder(Sealer(keys))
    money = ((date(2026, 1, 1), Decimal("12.50")),)
    made = Utlevering(uuid4(), uuid4(), "8100001", date(2026, 11, 23), Decimal("1.5"), avsluttet=True, egenandel=money)
    annulled = uuid4()
    sealed = encoder.utlevering(replace(made, annullert_av=uuid4()))
    opened = encoder.open_utlevering(made.resept_id, made.msg_id, sealed, annulled)
    assert opened == replace(made, annullert_av=annulled)
    bound = replace(number(), pasient=FNR)
    assert encoder.open_refnr(encoder.refnr_hash(bound.refnr), encoder.refnr(bound), aktiv=True) == bound


def test_code_of_the_release_before_reads_what_newer_code_wrote(keys: Keyring) -> None:
    """A field it does not know is skipped; an encoding it does not know is refused."""
    sealer, made = Sealer(keys), resept()
    record = made.resept_id.bytes + (1).to_bytes(4, "big")
    plain = TypeAdapter(Resept).dump_json(made)[:-1] + b',"ny":{"x":[1]}}'
    assert Encoder(sealer).open_resept(made.resept_id, 1, sealer.seal("resept", record, b"\x01" + plain)) == made
    with pytest.raises(Unsealable, match="newer code"):
        Encoder(sealer).open_resept(made.resept_id, 1, sealer.seal("resept", record, b"\x02" + plain))


@pytest.mark.parametrize(
    "one, two",
    [("Åse", "aase"), ("Bjørn", "Bjorn"), ("Kristin", "Christin"), ("Sæther", "Seter"), ("Wenche", "Venke"),
     ("Philip", "Filip"), ("Hansen", "hanssen"), ("André", "Andre"), ("Maja", "Maia")],
)  # fmt: skip
def test_Q3_names_that_sound_alike_are_one(keys: Keyring, one: str, two: str) -> None:
    """The emergency search finds the first given and the last family name by their sound."""
    assert sound(one) == sound(two)
    encoder = Encoder(Sealer(keys))
    hashes = {encoder.nodsok_hash(Nodsok("2000-01-01", f"{name} X", f"Y {name}")) for name in (one, two)}
    assert len(hashes) == 1


@pytest.mark.parametrize("one, two", [("Kari", "Karin"), ("Ola", "Åge"), ("Hansen", "Jensen"), ("Liv", "Siv")])
def test_Q3_other_names_are_others(one: str, two: str) -> None:
    """The sound does not melt everything together."""
    assert sound(one) != sound(two)
