"""The head of a message as values."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from lxml import etree

from reseptformidler.domain.hode import Kode
from reseptformidler.domain.kalender import NORGE
from reseptformidler.wire.msghead import UNKNOWN_TIME, payload, read_head, read_time, read_uuid, written_time
from reseptformidler.wire.parse import Unreadable, parse
from tests.wire.eksempler import CONVERSATION, MSG_ID, OID, PARENT, changed, m1, m10, m91, mv


def test_head_of_an_m1() -> None:
    """Every part of the head of a prescription is read as it stands."""
    head = read_head(parse(m1()))
    assert head.type == Kode("ERM1", "Resept")
    assert head.msg_id == UUID(MSG_ID)
    assert head.gen_date == datetime(2026, 3, 2, 10, 0, 0, 123456, tzinfo=UTC)
    assert head.gen_date_text == "2026-03-02T11:00:00.1234567+01:00"
    assert (head.sender.ident("ENH"), head.sender.ident("HER"), head.sender.ident("AKO")) == (
        "100169444",
        "8095068",
        "",
    )
    assert head.sender.idents[0].type == Kode("ENH", "Organisasjonsnummer", f"{OID}9051")
    assert head.sender.address is not None
    assert (head.sender.address.street, head.sender.address.country) == ("Storgata 1", Kode("NO", "Norge"))
    assert head.sender.telecom[0].address == "tel:22222222"
    assert head.sender.part is not None
    assert head.sender.part.name == "Avdeling"
    assert head.professional is not None
    assert (head.professional.ident("HPR"), head.professional.middle_name) == ("431002737", "Fos")
    assert head.receiver.name == "Reseptformidleren"
    assert head.patient is not None
    assert (head.patient.ident("FNR"), head.patient.family_name, head.patient.date_of_birth) == (
        "13116900216",
        "Danser",
        None,
    )
    assert (head.ref_to_parent, head.ref_to_conversation) == ("", "")


def test_head_without_patient_and_with_conversation() -> None:
    """An MV is about nobody; an M10 says which conversation it belongs to."""
    assert read_head(parse(mv())).patient is None
    head = read_head(parse(m10()))
    assert (head.ref_to_parent, head.ref_to_conversation) == (PARENT, CONVERSATION)


def test_professional_of_a_department() -> None:
    """The acting person is found in the department too."""
    sample = m1().decode()
    person = sample[sample.index("<HealthcareProfessional>") : sample.index("</HealthcareProfessional>") + 25]
    moved = sample.replace(person, "").replace("</Organisation>", f"{person}</Organisation>", 1)
    head = read_head(parse(moved.encode()))
    assert head.sender.professional is None
    assert head.professional is not None
    assert head.professional.ident("HPR") == "431002737"


def test_patient_born() -> None:
    """A date of birth is a date, its zone left out; what is none is absent."""
    born = changed(m1(), "<Sex ", "<DateOfBirth>1969-11-13+01:00</DateOfBirth><Sex ")
    patient = read_head(born).patient
    assert patient is not None
    assert str(patient.date_of_birth) == "1969-11-13"
    patient = read_head(changed(m1(), "<Sex ", "<DateOfBirth>i fjor</DateOfBirth><Sex ")).patient
    assert patient is not None
    assert patient.date_of_birth is None


def test_payload_is_the_first_documents() -> None:
    """The message proper is the first document's content; without one there is none."""
    found = payload(parse(m91()))
    assert found is not None
    assert etree.QName(found).localname == "ForesporselReseptUtleverer"
    assert payload(parse(b'<MsgHead xmlns="http://www.kith.no/xmlstds/msghead/2006-05-24"/>')) is None


@pytest.mark.parametrize(
    "old, new, code",
    [
        ("MsgHead xmlns=", "MsgHead x=", "T10"),
        ('<Type V="ERM1" DN="Resept"/>', "", "208"),
        ('<Type V="ERM1" DN="Resept"/>', "<Type/>", "208"),
        ("<Sender>", "<Sendere>", "208"),
    ],
)
def test_what_no_receipt_can_answer(old: str, new: str, code: str) -> None:
    """No MsgHead is T10; without type or sender an AppRec could not be written: 208."""
    with pytest.raises(Unreadable) as caught:
        read_head(
            parse(
                m1()
                .replace(old.encode(), new.encode(), 1)
                .replace(b"</Sender>", f"</{new[1:]}".encode() if "Sendere" in new else b"</Sender>")
            )
        )
    assert caught.value.reason is not None
    assert caught.value.reason.code == code


@pytest.mark.parametrize(
    "text, utc",
    [
        ("2026-03-02T11:00:00+01:00", "2026-03-02T10:00:00"),
        ("2026-03-02T10:00:00Z", "2026-03-02T10:00:00"),
        ("2026-03-02T10:00:00.5Z", "2026-03-02T10:00:00.500000"),
        ("2026-03-02T10:00:00.123456789-00:00", "2026-03-02T10:00:00.123456"),
        ("2026-03-02T11:00:00", "2026-03-02T10:00:00"),
        ("2026-07-02T11:00:00", "2026-07-02T09:00:00"),
        ("2026-03-02T00:00:00+14:00", "2026-03-01T10:00:00"),
    ],
)
def test_times(text: str, utc: str) -> None:
    """Any offset and any number of digits; a time without zone is Norwegian."""
    found = read_time(text)
    assert found is not None
    assert found.astimezone(UTC).replace(tzinfo=None).isoformat() == utc


@pytest.mark.parametrize(
    "text",
    [
        *("", "i dag", "2026-03-02", "2026-13-02T10:00:00Z", "20260302T100000Z", "2026-03-02T10:00:00+15:00"),
        *("2026-03-02 10:00:00Z", "0001-01-01T00:00:00+02:00", "9999-12-31T23:59:59-10:00", "2026-03-02T25:00:00Z"),
        *("２０２６-03-02T10:00:00Z", "2026-03-02T10:00:00+00:60"),
    ],
)
def test_no_times(text: str) -> None:
    """What is no xs:dateTime, or so far off that arithmetic overflows, is no time."""
    assert read_time(text) is None
    assert read_head(changed(m1(), "2026-03-02T11:00:00.1234567+01:00", text)).gen_date == UNKNOWN_TIME


def test_written_time() -> None:
    """Times are written in Norwegian time, in milliseconds, and are read again."""
    moment = datetime(2026, 3, 2, 10, 0, 0, 123999, tzinfo=UTC)
    assert written_time(moment) == "2026-03-02T11:00:00.123+01:00"
    again = read_time(written_time(moment))
    assert again is not None
    assert moment - again < timedelta(milliseconds=1)
    assert again.astimezone(NORGE).utcoffset() == timedelta(hours=1)


@pytest.mark.parametrize(
    "text", ["", "123", f"{{{MSG_ID}}}", f"urn:uuid:{MSG_ID}", MSG_ID.replace("-", ""), f" {MSG_ID}", MSG_ID[:-1] + "g"]
)
def test_no_uuid(text: str) -> None:
    """Only the canonical form is a UUID here; what Python would accept besides is not."""
    assert read_uuid(text) is None
    assert read_uuid(MSG_ID) == read_uuid(MSG_ID.upper()) == UUID(MSG_ID)
