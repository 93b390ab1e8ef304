"""Identifiers: check digits, dates and lengths, and that each kind refuses the others."""

from __future__ import annotations

from datetime import UTC, date, datetime
from uuid import RFC_4122, UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reseptformidler.domain.ident import (
    birth_date,
    fnr_check_digits,
    is_dnr,
    is_fnr,
    is_hpr,
    is_orgnr,
    is_person_number,
    is_refnr,
    orgnr_check_digit,
    refnr_check_digit,
    time_of_uuid,
    uuid_of_time,
)

OFFICIAL_TEST_PERSON = "21014605158"
PUBLISHED_EXAMPLE = "01015000232"


def whole(first9: str) -> str:
    """A number with the right check digits."""
    digits = fnr_check_digits(first9)
    assert digits is not None
    return first9 + digits


@pytest.mark.parametrize("fnr", [OFFICIAL_TEST_PERSON, PUBLISHED_EXAMPLE])
def test_a_published_test_number_is_a_fnr(fnr: str) -> None:
    """HIS 1001's own example and the official test person pass."""
    assert is_fnr(fnr)
    assert is_person_number(fnr)
    assert not is_dnr(fnr)


@given(st.integers(0, 10), st.integers(1, 9))
def test_one_wrong_digit_is_always_found(position: int, change: int) -> None:
    """Modulus 11 finds every single wrong digit."""
    digits = list(OFFICIAL_TEST_PERSON)
    digits[position] = str((int(digits[position]) + change) % 10)
    assert not is_person_number("".join(digits))


@pytest.mark.parametrize(
    "text", ["", "2101460515", "210146051580", "2101460515a", "21014605158 ", "٢1014605158", "00000000000"]
)
def test_what_is_no_number_is_refused(text: str) -> None:
    """Length, alphabet (ASCII digits only) and a real date are asked for."""
    assert not is_person_number(text)


@pytest.mark.parametrize(
    "first9, born",
    [
        ("010150002", date(1950, 1, 1)),
        ("010154503", date(1854, 1, 1)),
        ("010112500", date(2012, 1, 1)),
        ("010139999", date(2039, 1, 1)),
        ("010140900", date(1940, 1, 1)),
        ("010140501", None),
        ("310250002", None),
    ],
)
def test_the_individual_digits_tell_the_century(first9: str, born: date | None) -> None:
    """HIS 1001 4.1: 000–499 1900s, 500–749 1800s, 500–999 2000–2039, 900–999 1940–1999; nothing else exists."""
    assert birth_date(first9 + "00") == born


@pytest.mark.parametrize("month, synthetic", [(1, 81), (12, 92), (1, 66), (12, 77)])
def test_a_synthetic_month_is_read_back(month: int, synthetic: int) -> None:
    """80 (Tenor) and 65 (Syntpop) added to the month mark test persons; the date of birth is without them."""
    first9 = next(n for i in range(500) if fnr_check_digits(n := f"21{synthetic}46{i:03}") is not None)
    assert is_fnr(whole(first9))
    assert birth_date(whole(first9)) == date(1946, month, 21)


@pytest.mark.parametrize("month", [13, 53, 64, 65, 78, 79, 80, 93, 99])
def test_no_other_month_is_read(month: int) -> None:
    """Neither an H-number's month (+40) nor anything between passes."""
    assert birth_date(f"21{month}4605158") is None


def test_a_dnr_has_40_added_to_its_day() -> None:
    """A D-number is one kind, a fødselsnummer the other, both are person numbers."""
    dnr = whole("610146051")
    assert is_dnr(dnr)
    assert not is_fnr(dnr)
    assert is_person_number(dnr)
    assert birth_date(dnr) == date(1946, 1, 21)


@pytest.mark.parametrize("orgnr", ["915933149", "982528011", "983544622", "100169444"])
def test_published_organisation_numbers_pass_and_their_neighbours_do_not(orgnr: str) -> None:
    """The last digit is the check digit."""
    assert is_orgnr(orgnr)
    assert not is_orgnr(orgnr[:8] + str((int(orgnr[8]) + 1) % 10))
    assert not is_orgnr(orgnr[:8])
    assert not is_orgnr("NO" + orgnr[2:])


@given(st.integers(0, 999_999_999))
def test_L2_a_refnr_is_ten_digits_with_a_modulus_11_check(number: int) -> None:
    """L2: the right digit passes, each other one does not; one in eleven has no number at all."""
    first9 = f"{number:09}"
    right = refnr_check_digit(first9)
    assert [d for d in "0123456789" if is_refnr(first9 + d)] == ([] if right is None else [right])


@given(st.integers(0, 99_999_999))
def test_only_one_digit_makes_an_organisation_number(number: int) -> None:
    """An organisation number has exactly one right last digit, or none."""
    first8 = f"{number:08}"
    right = orgnr_check_digit(first8)
    assert [d for d in "0123456789" if is_orgnr(first8 + d)] == ([] if right is None else [right])


@pytest.mark.parametrize(
    "hpr, valid", [("431002737", True), ("009123456", True), ("9123456", False), ("43100273x", False)]
)
def test_7419_019_hpr_is_nine_digits(hpr: str, valid: bool) -> None:
    """7419/19: nine digits, padded with zeros."""
    assert is_hpr(hpr) is valid


def test_a_uuid_holds_its_time() -> None:
    """RFC 9562 5.7: version 7, the moment in milliseconds, the rest random; another version holds none."""
    moment = datetime(2026, 11, 28, 12, 0, 0, 123_456, tzinfo=UTC)
    random = UUID("919108f7-52d1-4320-9bac-f847db4148a8")
    made = uuid_of_time(moment, random)
    assert (made.version, made.variant) == (7, RFC_4122)
    assert time_of_uuid(made) == int(moment.timestamp() * 1000)
    assert made.int & ((1 << 76) - 1) == random.int & ((1 << 76) - 1)
    assert time_of_uuid(random) is None
