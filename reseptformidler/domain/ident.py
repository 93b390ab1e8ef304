"""Identifiers and their check digits (HIS 1001:2010 chapter 4; the Central Coordinating Register; R0908 for RefNr).

All of them are digits in text. Synthetic test persons have 80 (Tenor) or 65 (Syntpop) added to the month.
"""

from __future__ import annotations

import re
from datetime import date, datetime
from uuid import UUID

_DIGITS = re.compile(r"[0-9]+").fullmatch
_FNR_1 = (3, 7, 6, 1, 8, 9, 4, 5, 2)
_FNR_2 = (5, 4, 3, 2, 7, 6, 5, 4, 3, 2)
_ORGNR = (3, 2, 7, 6, 5, 4, 3, 2)
_REFNR = (4, 3, 2, 7, 6, 5, 4, 3, 2)
_SYNTHETIC_MONTHS = (80, 65)


def fnr_check_digits(first9: str) -> str | None:
    """The two last digits of a fødselsnummer or D-number, None where these nine have none."""
    first = _mod11(first9, _FNR_1)
    if first is None:
        return None
    second = _mod11(first9 + first, _FNR_2)
    return None if second is None else first + second


def orgnr_check_digit(first8: str) -> str | None:
    """The last digit of an organisation number, None where none exists."""
    return _mod11(first8, _ORGNR)


def refnr_check_digit(first9: str) -> str | None:
    """The last digit of a RefNr, None where none exists. L2 says modulus 11; the weights are our choice."""
    return _mod11(first9, _REFNR)


def is_fnr(text: str) -> bool:
    """Whether it is a fødselsnummer: eleven digits, a date of birth, right check digits."""
    return _is_person(text, day_offset=0)


def is_dnr(text: str) -> bool:
    """Whether it is a D-number: like a fødselsnummer with 40 added to the day."""
    return _is_person(text, day_offset=40)


def is_person_number(text: str) -> bool:
    """Whether it is a fødselsnummer or a D-number."""
    return is_fnr(text) or is_dnr(text)


def is_orgnr(text: str) -> bool:
    """Whether it is an organisation number: nine digits, the last one right. Test numbers begin with any digit."""
    return len(text) == 9 and _DIGITS(text) is not None and orgnr_check_digit(text[:8]) == text[8]


def is_hpr(text: str) -> bool:
    """Whether it is an HPR number as messages carry it: nine digits, padded with zeros (7419/19)."""
    return len(text) == 9 and _DIGITS(text) is not None


def is_refnr(text: str) -> bool:
    """Whether it is a reference number: ten digits, the last one right (L2; length and alphabet are not published)."""
    return len(text) == 10 and _DIGITS(text) is not None and refnr_check_digit(text[:9]) == text[9]


def birth_date(fnr_or_dnr: str) -> date | None:
    """The date of birth that a fødselsnummer or D-number holds; None where it holds none."""
    if len(fnr_or_dnr) != 11 or _DIGITS(fnr_or_dnr) is None:
        return None
    day, month, year = int(fnr_or_dnr[:2]), int(fnr_or_dnr[2:4]), int(fnr_or_dnr[4:6])
    century = _century(year, int(fnr_or_dnr[6:9]))
    offset = next((o for o in _SYNTHETIC_MONTHS if month > o), 0)
    if century is None:
        return None
    try:
        return date(century + year, month - offset, day - 40 if day > 40 else day)
    except ValueError:
        return None


def uuid_of_time(moment: datetime, random: UUID) -> UUID:
    """A UUID of version 7 (RFC 9562 5.7): the moment in milliseconds, the rest from a random UUID."""
    milliseconds = int(moment.timestamp() * 1000)
    bits = (milliseconds << 80) | (random.int & ((1 << 80) - 1))
    return UUID(int=(bits & ~(0xF << 76)) | (7 << 76))


def time_of_uuid(uuid: UUID) -> int | None:
    """The milliseconds since 1970 that a UUID of version 7 holds; None of another one."""
    return uuid.int >> 80 if uuid.version == 7 else None


def _is_person(text: str, day_offset: int) -> bool:
    return (
        birth_date(text) is not None
        and (int(text[:2]) > 40) == (day_offset == 40)
        and fnr_check_digits(text[:9]) == text[9:]
    )


def _century(year: int, individual: int) -> int | None:
    """HIS 1001 4.1: which century the three individual digits place a two-digit year in."""
    if individual < 500 or (individual >= 900 and year >= 40):
        return 1900
    if year < 40:
        return 2000
    return 1800 if individual < 750 and year >= 54 else None


def _mod11(digits: str, weights: tuple[int, ...]) -> str | None:
    rest = 11 - sum(int(digit) * weight for digit, weight in zip(digits, weights, strict=True)) % 11
    if rest == 10:
        return None
    return str(rest % 11)
