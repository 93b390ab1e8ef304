"""The SOAP envelope and the WSDL, also seen by a client that knows nothing of us but the WSDL."""

from __future__ import annotations

from base64 import b64encode
from pathlib import Path
from typing import Any

import pytest
import zeep
import zeep.exceptions
from lxml import etree

from reseptformidler.wire import soap
from reseptformidler.wire.parse import Unreadable
from reseptformidler.wire.soap import ENVELOPE, SERVICES, WSSE
from reseptformidler.wire.wsdl import wsdl
from tests.wire.eksempler import m1

REKVIRENT = SERVICES["Rekvirent"]
WSDL = "{http://schemas.xmlsoap.org/wsdl/}"
SOAP = "{http://schemas.xmlsoap.org/wsdl/soap/}"
OPERATIONS = {
    "Rekvirent": "M1 M4_1 M5 M9_5 M9_5kj M9_7 M9_11 M9_11kj M9_21 M24_1 M25_1 M27_1 Verify",
    "Utleverer": "M3 M9_1 M9_3 M9_11 M9_21 M10 M25_2 M25_3 M27_1 Verify",
    "NA": "M9na1 M9na3 Verify",
}
WITHOUT_FAULT = "M1 M4_1 M5 M9_5 M24_1 M25_1 Verify M3 M9_1 M9_3 M10 M25_2 M25_3"


def call(content: str, wrapper: str = "M1Element", header: str = "", after: str = "") -> bytes:
    """A call of the rekvirent's service."""
    return (
        f'<s:Envelope xmlns:s="{ENVELOPE}">{header}<s:Body><{wrapper} xmlns="{REKVIRENT.namespace}">{content}'
        f"</{wrapper}>{after}</s:Body></s:Envelope>"
    ).encode()


def dokument(text: str, namespace: str = REKVIRENT.types) -> str:
    return f'<d:dokument xmlns:d="{namespace}">{text}</d:dokument>'


def refused(body: bytes, action: str = "M1", service: str = "Rekvirent") -> Unreadable:
    """How a call is refused."""
    with pytest.raises(Unreadable) as caught:
        soap.read_request(body, action, service)
    assert caught.value.http_status == 400
    return caught.value


def encoded(octets: bytes) -> str:
    return b64encode(octets).decode()


@pytest.mark.parametrize("action", ["M1", '"M1"', "", '""', ' "M1" '])
def test_a_call_is_read(action: str) -> None:
    """The operation and the document's bytes, whatever quotes the header has, or none at all."""
    request = soap.read_request(call(dokument(encoded(m1()))), action, "Rekvirent")
    assert request == soap.SoapRequest("M1", m1())


def test_base64_may_be_wrapped() -> None:
    """Lines of 76 characters, indented, are the same document."""
    text = encoded(m1())
    wrapped = "\r\n\t ".join(text[start : start + 76] for start in range(0, len(text), 76))
    assert soap.read_request(call(dokument(f"\n {wrapped}\n")), "M1", "Rekvirent").dokument == m1()


def test_a_document_of_megabytes_is_read() -> None:
    """A body just under the edge's limit is no matter for the parser."""
    octets = b"x" * 7_000_000
    assert soap.read_request(call(dokument(encoded(octets))), "M1", "Rekvirent").dokument == octets


def test_operation_by_its_own_wrapper() -> None:
    """Every operation of every service is found by its wrapper, and by no other action than its own."""
    for name, service in SERVICES.items():
        for action, operation in service.operations.items():
            body = (
                f'<s:Envelope xmlns:s="{ENVELOPE}"><s:Body><r:{operation.request}Element xmlns:r="{service.namespace}">'
                f"{dokument('QUFB', service.types)}</r:{operation.request}Element></s:Body></s:Envelope>"
            ).encode()
            assert soap.read_request(body, action, name) == soap.SoapRequest(action, b"AAA")
            assert "SOAPAction" in refused(body, "M99", name).text
            for other in SERVICES.keys() - {name}:
                assert "ingen operasjon" in refused(body, action, other).text


@pytest.mark.parametrize(
    "content",
    [
        *("", "QUFB", dokument(""), dokument("  \n"), dokument("QUFB") * 2, dokument("<MsgHead/>")),
        *('<dokument xmlns="">QUFB</dokument>', dokument("QUFB", REKVIRENT.namespace)),
    ],
)
def test_7419_18_dokument_missing(content: str) -> None:
    """No document, an empty one, two, one in another namespace, or XML instead of base64 is 18."""
    why = refused(call(content)).reason
    assert why is not None
    assert why.code == "18"


@pytest.mark.parametrize("text", ["QUF", "QU=B", "QUFB=", "QUFB*", "QUFB-_", "blåbær", "QUFB\u00a0", "=QUF"])
def test_base64_is_strict(text: str) -> None:
    """What is not exactly base64 is refused, never repaired."""
    assert "base64" in refused(call(dokument(text))).text


@pytest.mark.parametrize(
    "body, fault",
    [
        (b"<a/>", "Client"),
        (b'<s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope"/>', "VersionMismatch"),
        (f'<s:Envelope xmlns:s="{ENVELOPE}"/>'.encode(), "Client"),
        (f'<s:Envelope xmlns:s="{ENVELOPE}"><s:Body/></s:Envelope>'.encode(), "Client"),
        (call(dokument("QUFB"), after="<x/>"), "Client"),
        (call(dokument("QUFB"), wrapper="M9_1Element"), "Client"),
        (
            call(dokument("QUFB"), header='<s:Header><x:y xmlns:x="urn:x" s:mustUnderstand="1"/></s:Header>'),
            "MustUnderstand",
        ),
        (call(dokument("QUFB"))[:-30], "Client"),
        (b"<!DOCTYPE a [<!ENTITY a SYSTEM 'file:///etc/passwd'>]>" + call(dokument("&a;")), "Client"),
        (call(dokument("QUFB")).decode().encode("utf-16"), "Client"),
    ],
)
def test_no_call(body: bytes, fault: str) -> None:
    """What is no call of this service is the caller's fault, and the fault code says of what kind."""
    assert refused(body).fault == fault


def test_headers_are_passed_over() -> None:
    """WS-Security is the edge's, even when it must be understood; other headers need not be; comments are no matter."""
    security = (
        f'<s:Header><w:Security xmlns:w="{WSSE}" s:mustUnderstand="1"/><x:y xmlns:x="urn:x"/></s:Header><!-- x -->'
    )
    assert soap.read_request(call(dokument("QUFB"), header=security), "M1", "Rekvirent").dokument == b"AAA"


def test_responses_and_faults_are_well_formed() -> None:
    """Answers name their wrapper and document; a fault's document and message stand in no namespace."""
    answer = etree.fromstring(soap.response("Utleverer", "M9_1", b"<x/>"))
    wrapper = answer[0][0]
    assert wrapper.tag == f"{{{SERVICES['Utleverer'].namespace}}}M9_2Element"
    assert [child.tag for child in wrapper] == [f"{{{SERVICES['Utleverer'].types}}}dokument"]
    fault = etree.fromstring(soap.apprec_fault("Utleverer", b"<x/>", "Avvist & <borte>"))[0][0]
    assert [etree.QName(part).localname for part in fault] == ["faultcode", "faultstring", "detail"]
    assert [child.tag for child in fault.find("detail")[0]] == ["dokument", "message"]  # type: ignore[index]
    assert fault.findtext("faultstring") == "Avvist & <borte>"
    assert etree.fromstring(soap.fault("Server", "a<b"))[0][0].findtext("faultcode") == "soapenv:Server"


def test_the_contract_has_every_operation() -> None:
    """26 operations in three services, each with its action, its wrappers and its fault."""
    for name, actions in OPERATIONS.items():
        root = etree.fromstring(wsdl(name, "http://127.0.0.1/x?a=1&b=2"))
        bound = root.find(f"{WSDL}binding")
        assert bound is not None
        found = [one.get("soapAction") for one in bound.iter(f"{SOAP}operation")]
        assert sorted(map(str, found)) == sorted(actions.split())
        assert list(SERVICES[name].operations) == actions.split()
        for action, operation in SERVICES[name].operations.items():
            assert operation.has_fault == (action not in WITHOUT_FAULT.split())
        address = root.find(f".//{SOAP}address")
        assert address is not None
        assert address.get("location") == "http://127.0.0.1/x?a=1&b=2"
    assert sum(len(service.operations) for service in SERVICES.values()) == 26


def client(folder: Path, name: str) -> Any:
    """A client made of our WSDL alone; it is never sent anything to the address."""
    path = folder / f"{name}.wsdl"
    path.write_bytes(wsdl(name, "http://127.0.0.1/none"))
    return zeep.Client(str(path))  # type: ignore[no-untyped-call]


@pytest.mark.parametrize("name", list(SERVICES))
def test_zeep_speaks_with_us(tmp_path: Path, name: str) -> None:
    """A client of the WSDL writes what we read, and reads what we write, for every operation."""
    made = client(tmp_path, name)
    binding = next(iter(next(iter(made.wsdl.services.values())).ports.values())).binding
    for operation_name in binding._operations:
        envelope = made.create_message(made.service, operation_name, dokument=encoded(m1()))
        operation = binding.get(operation_name)
        request = soap.read_request(etree.tostring(envelope), operation.soapaction, name)
        assert request.dokument == m1()
        answer = soap.response(name, request.operation, b"<svar/>")
        assert text_of(operation.process_reply(etree.fromstring(answer))) == encoded(b"<svar/>")


def text_of(value: Any) -> str:
    """The text of what zeep made of an anyType."""
    found = value.text if etree.iselement(value) else value
    return str(found)


def test_zeep_sees_a_fault(tmp_path: Path) -> None:
    """A refusal comes to a client as a fault whose detail is the AppRecFault of the contract."""
    made = client(tmp_path, "Utleverer")
    binding = next(iter(next(iter(made.wsdl.services.values())).ports.values())).binding
    with pytest.raises(zeep.exceptions.Fault) as caught:
        binding.process_error(etree.fromstring(soap.apprec_fault("Utleverer", b"<x/>", "Avvist")), None)
    assert caught.value.message == "Avvist"
    assert caught.value.detail[0].tag == f"{{{SERVICES['Utleverer'].namespace}}}AppRecFault"
    parsed = made.get_element(caught.value.detail[0].tag).parse(caught.value.detail[0], made.wsdl.types)
    assert parsed.message == "Avvist"
