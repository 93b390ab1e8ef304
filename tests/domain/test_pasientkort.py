"""Who is responsible for multidose on which day, when registrations follow each other."""

from __future__ import annotations

from datetime import date
from itertools import product

import pytest

from reseptformidler.domain.hode import Organisation
from reseptformidler.domain.pasientkort import Multidoseansvarlig, ansvarlig, avregistrert, gjeldende, registrert


def dag(nummer: int) -> date:
    """A day of March."""
    return date(2026, 3, nummer)


def en(navn: str, fra: int, til: int | None = None) -> Multidoseansvarlig:
    """A registration."""
    return Multidoseansvarlig(Organisation(name=navn), dag(fra), dag(til) if til is not None else None)


def navn(registrerte: tuple[Multidoseansvarlig, ...], nummer: int) -> str:
    """Who is responsible on a day."""
    found = ansvarlig(registrerte, dag(nummer))
    return found.organisasjon.name if found is not None else ""


@pytest.mark.parametrize(
    "registrerte, paa_dagen",
    [
        ((), {2: ""}),
        ((en("A", 2),), {1: "", 2: "A", 9: "A"}),
        ((en("A", 2, 5),), {4: "A", 5: "", 9: ""}),
        ((en("A", 2), en("B", 5)), {4: "A", 5: "B"}),
        ((en("A", 2), en("B", 5, 7)), {6: "B", 7: "", 9: ""}),
        ((en("A", 2, 4), en("B", 5)), {3: "A", 4: "", 5: "B"}),
    ],
)
def test_X14_a_registration_counts_from_its_day(
    registrerte: tuple[Multidoseansvarlig, ...], paa_dagen: dict[int, str]
) -> None:
    """It begins on GjelderFra; the day of a deregistration is the first without. What was before does not return."""
    assert {nummer: navn(registrerte, nummer) for nummer in paa_dagen} == paa_dagen


def test_what_is_left_of_the_registrations() -> None:
    """Who is responsible now, and who will be; not who was."""
    registrerte = (en("A", 1), en("B", 3), en("C", 8))
    assert gjeldende(registrerte, dag(4)) == registrerte[1:]
    assert gjeldende((en("A", 1, 3),), dag(4)) == ()


def test_a_registration_replaces_at_once_or_on_its_day() -> None:
    """Until its day who is responsible now stays so; another that was ahead is given up."""
    foer = (en("A", 1), en("A2", 9))
    assert registrert(foer, en("B", 4), dag(4)) == (en("B", 4),)
    assert registrert(foer, en("B", 5), dag(4)) == (en("A", 1), en("B", 5))
    assert registrert((), en("B", 5), dag(4)) == (en("B", 5),)


def test_a_deregistration_ends_at_once_or_on_its_day() -> None:
    """Nobody is responsible after it but who was registered for later; what had not begun is gone."""
    a, b = en("A", 1), en("B", 8)
    assert avregistrert((a, b), (a,), dag(4), dag(4)) == (b,)
    assert avregistrert((a, b), (a,), dag(6), dag(4)) == (en("A", 1, 6), b)
    assert avregistrert((a, b), (b,), dag(8), dag(4)) == (a,)
    assert avregistrert((a, b), (b,), dag(9), dag(4)) == (a, en("B", 8, 9))
    assert avregistrert((en("Z", 1), en("A", 2)), (en("A", 2),), dag(4), dag(4)) == ()


def test_never_two_and_never_one_who_ended() -> None:
    """Whatever follows whatever: after a deregistration now, the one who sent it is not responsible on any day."""
    for fra_a, fra_b, i_dag in product(range(1, 9), repeat=3):
        registrerte = registrert(registrert((), en("A", fra_a), dag(i_dag)), en("B", fra_b), dag(i_dag))
        assert len(registrerte) <= 2
        egne = [one for one in registrerte if one.organisasjon.name == "B"]
        etter = avregistrert(registrerte, egne, dag(i_dag), dag(i_dag))
        assert "B" not in {navn(etter, nummer) for nummer in range(1, 12)}
