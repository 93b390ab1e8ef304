"""Rules of the head."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest
from lxml import etree

from reseptformidler.wire.head import Expected, head_findings
from reseptformidler.wire.msghead import read_head
from reseptformidler.wire.parse import parse
from tests.wire.eksempler import CONVERSATION, MSG_ID, NOW, PARENT, K, changed, ident, m1, m5, m10, m91, m93, mv

SKEW = timedelta(minutes=5)
EXPECTED = {
    code: SimpleNamespace(code=code, root=root, namespaces=(namespace,))
    for code, root, namespace in (
        ("ERM1", "Resept", f"{K}m1/2013-10-08"),
        ("ERM5", "Tilbakekalling", f"{K}m5/2013-04-16"),
        ("ERM91", "ForesporselReseptUtleverer", f"{K}m91/2013-10-08"),
        ("ERM93", "M93", f"{K}m93/2010-06-04"),
        ("ERM10", "Utleveringsrapport", f"{K}m10/2013-10-08"),
        ("ERMV", "Verify", "http://ehelse.no/xmlstds/eresept/mv/2017-01-01"),
    )
}


def codes(root: etree._Element, expected: Expected | None, now: datetime = NOW) -> list[str]:
    """What is found in a head, by code."""
    return [found.reason.code for found in head_findings(root, read_head(root), expected, now, skew=SKEW)]


def codes_of_m1(old: str, new: str) -> list[str]:
    """What is found in the head of an M1 in which a text was changed."""
    return codes(changed(m1(), old, new), EXPECTED["ERM1"])


def test_samples_have_no_findings() -> None:
    """Right heads of every core type."""
    for sample in (m1(), m5(), m91(), m93(), m10(), mv()):
        root = parse(sample)
        assert codes(root, EXPECTED[read_head(root).type.v]) == []


def test_7419_45_msg_id_missing() -> None:
    """Without MsgId, or with an empty one, it is 45."""
    assert codes_of_m1(f"<MsgId>{MSG_ID}</MsgId>", "") == ["45"]
    assert codes_of_m1(MSG_ID, " ") == ["45"]


@pytest.mark.parametrize("text", ["1", f"{{{MSG_ID}}}", f"{MSG_ID} "])
def test_7419_314_msg_id_uuid(text: str) -> None:
    """A MsgId that is no UUID is 314."""
    assert codes_of_m1(MSG_ID, text) == ["314"]


@pytest.mark.parametrize("seconds, found", [(-300, []), (300, []), (-301, ["313"]), (301, ["313"])])
def test_7419_313_gen_date_clock(seconds: int, found: list[str]) -> None:
    """GenDate may be five minutes off, to either side, and no more."""
    root = changed(m1(), "2026-03-02T11:00:00.1234567+01:00", "2026-03-02T10:00:00Z")
    assert codes(root, EXPECTED["ERM1"], NOW + timedelta(seconds=seconds)) == found


def test_7419_313_unreadable_gen_date() -> None:
    """What is no time is never near the clock, however far it may be off."""
    root = changed(m1(), "2026-03-02T11:00:00.1234567+01:00", "nå")
    found = head_findings(root, read_head(root), EXPECTED["ERM1"], NOW, skew=timedelta(days=365_000))
    assert [one.reason.code for one in found] == ["313"]


def test_7419_313_without_zone_in_the_hour_that_is_repeated() -> None:
    """In the autumn night a time without zone may mean either of two hours; both are near the clock in their turn."""
    root = changed(m1(), "2026-03-02T11:00:00.1234567+01:00", "2026-10-25T02:30:00")
    for hour in (0, 1):
        assert codes(root, EXPECTED["ERM1"], datetime(2026, 10, 25, hour, 30, tzinfo=UTC)) == []
    assert codes(root, EXPECTED["ERM1"], datetime(2026, 10, 25, 2, 30, tzinfo=UTC)) == ["313"]


def test_7419_303_message_type() -> None:
    """The type is that of the operation and of the payload."""
    assert codes(parse(m5()), EXPECTED["ERM91"]) == ["303", "303"]
    assert codes_of_m1('V="ERM1"', 'V="ERM5"') == ["303"]
    swapped = m5().replace(b"<Tilbakekalling ", b"<Annet ").replace(b"</Tilbakekalling>", b"</Annet>")
    assert codes(parse(swapped), EXPECTED["ERM5"]) == ["303"]


def test_7419_7_another_payload_in_an_erm1() -> None:
    """A message that calls itself a prescription and holds none is 7."""
    swapped = m5().replace(b'V="ERM5"', b'V="ERM1"')
    assert codes(parse(swapped), EXPECTED["ERM1"]) == ["7"]


def test_7419_133_by_operation() -> None:
    """The operation Verify with another type has a code of its own."""
    assert codes(changed(mv(), 'V="ERMV"', 'V="ERM1"'), EXPECTED["ERMV"]) == ["133"]


def test_7419_39_version_supported() -> None:
    """The right element in a namespace of another version is 39."""
    assert codes_of_m1("m1/2013-10-08", "m1/2010-05-01") == ["39"]


def test_7419_999_operation_not_built() -> None:
    """A message of the standard that is not built yet is 999; what is none of the standard's is 303."""
    assert codes(parse(m1()), None) == ["999"]
    assert codes(changed(m1(), 'V="ERM1"', 'V="XYZ"'), None) == ["303"]


def test_7419_199_avsender_name_missing() -> None:
    """The sender has a name."""
    assert codes_of_m1("<OrganisationName>Fjell</OrganisationName>", "") == ["199"]


def test_7419_319_name_of_the_senders_department() -> None:
    """A department has a name."""
    assert codes_of_m1("<OrganisationName>Avdeling</OrganisationName>", "") == ["319"]


def test_7419_218_mottaker_name_missing() -> None:
    """The receiver has a name."""
    assert codes_of_m1("<OrganisationName>Reseptformidleren</OrganisationName>", "") == ["218"]


def test_7419_326_departments_of_departments() -> None:
    """A department under the sender is right, a department under that is not."""
    inner = (
        f"<Organisation><OrganisationName>Post</OrganisationName>{ident('23', 'LAV', '9051', 'Lokal')}</Organisation>"
    )
    assert codes_of_m1(
        "</Organisation><HealthcareProfessional>", f"{inner}</Organisation><HealthcareProfessional>"
    ) == ["326"]


@pytest.mark.parametrize(
    "old, new",
    [("<Id>8095068</Id>", ""), ("<Id>8095068</Id>", "<Id/>"), ('V="FNR" ', ""), ('V="HPR"', 'V=""'),
     ('V="LAV" S="2.16.578.1.12.4.1.1.9051"', 'V="LAV"'), (' DN="HPR-nummer"', "")],
)  # fmt: skip
def test_7419_216_ident_complete(old: str, new: str) -> None:
    """Every Ident of the head has its number, and a TypeId with V, S and DN."""
    assert codes_of_m1(old, new) == ["216"]


@pytest.mark.parametrize(
    "number, kind, list_", [("8095068", "HER", "9051"), ("431002737", "HPR", "8116"), ("13116900216", "FNR", "8116")]
)
def test_7419_217_ident_no_duplicates(number: str, kind: str, list_: str) -> None:
    """Nobody has two identifiers of one kind; two bodies may each have one."""
    start = f'<Ident><Id>{number}</Id><TypeId V="{kind}"'
    assert codes_of_m1(start, ident("1", kind, list_, "x") + start) == ["217"]


def test_7419_283_person_id_type() -> None:
    """A person's identifier is of a kind in list 8116."""
    assert codes_of_m1('V="FNR"', 'V="ENH"') == ["283"]
    assert codes_of_m1('V="HPR"', 'V="ABC"') == ["283"]


@pytest.mark.parametrize("sample, code", [(m93(), "ERM93"), (m10(), "ERM10")])
def test_7419_302_ref_to_conversation_missing(sample: bytes, code: str) -> None:
    """M9.3 and M10 belong to a conversation; what begins one does not."""
    assert codes(changed(sample, f"<RefToConversation>{CONVERSATION}</RefToConversation>", ""), EXPECTED[code]) == [
        "302"
    ]
    start, end = sample.index(b"<ConversationRef>"), sample.index(b"</ConversationRef>") + len(b"</ConversationRef>")
    assert codes(parse(sample[:start] + sample[end:]), EXPECTED[code]) == ["302", "226"]


def test_7419_302_not_for_paper() -> None:
    """A report on a paper prescription belongs to no conversation; one that says it is not on paper does."""
    for paper, found in (("true", []), ("1", []), ("false", ["302", "226"])):
        sample = m10(more=f"<Papirresept>{paper}</Papirresept>")
        start, end = (
            sample.index(b"<ConversationRef>"),
            sample.index(b"</ConversationRef>") + len(b"</ConversationRef>"),
        )
        assert codes(parse(sample[:start] + sample[end:]), EXPECTED["ERM10"]) == found


@pytest.mark.parametrize("parent", ["", "1", MSG_ID, MSG_ID.upper()])
def test_7419_226_ref_to_parent(parent: str) -> None:
    """RefToParent is a UUID, and not the message's own."""
    assert codes(changed(m93(), PARENT, parent), EXPECTED["ERM93"]) == ["226"]


def test_details_name_places_only() -> None:
    """What is said of a head quotes no value."""
    root = changed(m1(), "<Id>13116900216</Id>", "<Id>13116900216</Id><Id/>")
    found = head_findings(root, read_head(root), EXPECTED["ERM5"], NOW + timedelta(hours=1), skew=SKEW)
    assert not [one for one in found if "131169" in one.detail or "ERM" in one.detail]
