"""The application receipt."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from uuid import UUID

import pytest
from lxml import etree

from reseptformidler.domain.decision import Finding
from reseptformidler.domain.hode import Ident, Kode, MsgInfo, Organisation
from reseptformidler.reasons import reason
from reseptformidler.wire import apprec
from reseptformidler.wire.msghead import UNKNOWN_TIME, read_head
from reseptformidler.wire.parse import parse
from reseptformidler.wire.schema import Schemas
from reseptformidler.wire.strict import strict_schema
from tests.wire.eksempler import MSG_ID, NOW, SAMPLES, SERVICE, m1, mv

SCHEMAS = Schemas()
APPREC_ID = UUID("00000000-0000-4000-8000-000000000001")
HEAD = read_head(parse(m1()))
NS = {"a": apprec.NAMESPACE}


def receipt(head: MsgInfo = HEAD, findings: Sequence[Finding] = (), *, accepted: bool = True) -> etree._Element:
    """A receipt that the schema accepts and in which nothing is empty."""
    octets = apprec.render(
        apprec_id=APPREC_ID, now=NOW, service=SERVICE, head=head, findings=findings, accepted=accepted
    )
    root = parse(octets)
    assert SCHEMAS.errors(root) == []
    assert strict_schema().validate(root)
    return root


def texts(root: etree._Element, path: str) -> list[str]:
    """The texts or attribute values at a path."""
    found = root.xpath(path, namespaces=NS)
    assert isinstance(found, list)
    return [one.text or "" if etree.iselement(one) else str(one) for one in found]


def test_an_accepted_message() -> None:
    """Status 1, no Error, and every reference to the original exactly as it stood."""
    root = receipt()
    assert texts(root, "a:MsgType/@V | a:Status/@V | a:Status/@DN") == ["APPREC", "1", "OK"]
    assert texts(root, "a:MIGversion | a:Id | a:GenDate") == [
        "1.0 2004-11-21",
        "2026-03-02T11:00:00.000+01:00",
        str(APPREC_ID),
    ]
    assert texts(root, "a:Error") == []
    assert texts(root, "a:OriginalMsgId/*") == ["", "2026-03-02T11:00:00.1234567+01:00", MSG_ID]
    assert texts(root, "a:OriginalMsgId/a:MsgType/@*") == ["ERM1", "Resept"]


def test_parties() -> None:
    """The sender is the receiver as the message named it; the receiver is the sender with all it is known by."""
    root = receipt()
    assert texts(root, "a:Sender/a:HCP/a:Inst/a:Name | a:Sender/a:HCP/a:Inst/a:Id") == [
        "Reseptformidleren",
        "915933149",
    ]
    inst = "a:Receiver/a:HCP/a:Inst"
    assert texts(root, f"{inst}/a:Id | {inst}/a:TypeId/@V | {inst}/a:AdditionalId/*") == [
        "100169444",
        "ENH",
        "8095068",
        "",
    ]
    assert texts(root, f"{inst}/a:Dept/a:Name | {inst}/a:Dept/a:Id") == ["Avdeling", "22"]
    assert texts(root, f"{inst}/a:HCPerson/*") == ["Anja Fos Eidsvik", "431002737", ""]
    assert texts(root, "a:Receiver/a:Role/@V") == ["RECEIVER"]
    assert root.find(".//{*}TypeId[@S]") is None


def test_the_service_itself_where_no_receiver_is_named() -> None:
    """A message that names no receiver is answered in the service's own name."""
    root = receipt(replace(HEAD, receiver=Organisation()))
    assert texts(root, "a:Sender/a:HCP/a:Inst/a:Name") == ["Reseptformidleren"]
    assert texts(root, "a:Sender/a:HCP/a:Inst/a:Id") == ["915933149"]


def test_a_refused_message() -> None:
    """Status 2 and one Error for each finding: list, code, official text, and where."""
    root = receipt(findings=(Finding(reason(313), "MsgInfo/GenDate"), Finding(reason("S01"))), accepted=False)
    assert texts(root, "a:Status/@V") == ["2"]
    assert texts(root, "a:Error[1]/@*") == [
        "313",
        "2.16.578.1.12.4.1.1.7419",
        "GenDate avviker fra riktig klokke med mer enn 5 minutter.",
        "MsgInfo/GenDate",
    ]
    assert texts(root, "a:Error[2]/@*") == ["S01", "2.16.578.1.12.4.1.1.8221", "Feil på signatur"]


def test_what_the_user_is_told_besides_stands_in_OT() -> None:
    """After the place, and alone where no place is named."""
    told = "Under ekspedering hos Fjell apotek siden 02.03.2026 kl. 10.00"
    findings = (Finding(reason(69), "M93/ReseptId", told), Finding(reason(69), opplysning=told))
    root = receipt(findings=findings, accepted=False)
    assert texts(root, "a:Error/@OT") == [f"M93/ReseptId: {told}", told]


def test_7419_13_said_of_an_accepted_message() -> None:
    """A recall that waits is accepted, and its receipt says so."""
    root = receipt(findings=(Finding(reason(13)),))
    assert texts(root, "a:Status/@V | a:Error/@V") == ["1", "13"]


def test_every_sample_gets_a_valid_receipt() -> None:
    """Whatever the type, and with nothing but a type."""
    for _, sample in SAMPLES:
        receipt(read_head(parse(sample)))
    bare = MsgInfo(Kode("ERM1", "Resept"), UNKNOWN_TIME, "nå", None, " ", Organisation(), Organisation())
    root = receipt(bare, (Finding(reason(45)),), accepted=False)
    assert texts(root, "a:OriginalMsgId/a:Id | a:OriginalMsgId/a:IssueDate") == [
        "2026-03-02T11:00:00.000+01:00",
        "ukjent",
    ]


def test_main_identifier() -> None:
    """ENH is the main number, else HER, else the first; what is incomplete is left out."""
    her, lok, half = Ident("1", Kode("HER", "HER-id")), Ident("2", Kode("LOK", "Lokal")), Ident(" ", Kode("ENH", "x"))
    root = receipt(replace(HEAD, sender=Organisation("A", (lok, half, her))))
    assert texts(root, "a:Receiver//a:Inst/a:Id | a:Receiver//a:AdditionalId/a:Id") == ["1", "2"]


def test_markup_in_a_name_stays_a_name() -> None:
    """What a sender calls itself can not become part of the receipt."""
    name = "<Error V=\"1\"/>&amp; 'Å' \r\n\t]]>"
    root = receipt(replace(HEAD, sender=Organisation(name, (Ident("1", Kode('"/><x y="', "<>&")),))))
    assert texts(root, "a:Receiver//a:Name") == [name]
    assert texts(root, "a:Receiver//a:TypeId/@*") == ['"/><x y="', "<>&"]
    assert texts(root, "a:Error") == []


def test_never_a_receipt_for_a_receipt() -> None:
    """HIS 80415: an AppRec is not answered; nor is a refusal without a reason one."""
    with pytest.raises(AssertionError):
        receipt(replace(HEAD, type=Kode("APPREC", "Applikasjonskvittering")))
    with pytest.raises(AssertionError):
        receipt(accepted=False)


def test_the_checker_sees_a_wrong_receipt() -> None:
    """Negative control: a receipt out of order, or with an empty element, is not accepted."""
    octets = apprec.render(
        apprec_id=APPREC_ID, now=NOW, service=SERVICE, head=read_head(parse(mv())), findings=(), accepted=True
    )
    assert SCHEMAS.errors(parse(octets.replace(b"<MsgType", b"<Id>1</Id><MsgType", 1)))
    assert not strict_schema().validate(parse(octets.replace(str(APPREC_ID).encode(), b"")))
