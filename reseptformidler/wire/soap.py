"""The SOAP 1.1 envelope (document/literal) of the three services: a wrapper around one base64 document, both ways.

The contract is the published WSDLs'; `wsdl` writes ours from the same table. Reading is strict: one wrapper, one
`dokument`. Header blocks of WS-Security are passed over, must they be understood or not: they are the edge's.
"""

from __future__ import annotations

from base64 import b64decode, b64encode
from binascii import Error as NotBase64
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from lxml import etree

from reseptformidler.reasons import reason
from reseptformidler.wire.element import text
from reseptformidler.wire.parse import Unreadable, parse

ENVELOPE = "http://schemas.xmlsoap.org/soap/envelope/"
WSSE = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd"

_E = f"{{{ENVELOPE}}}"
_WHITESPACE = b" \t\r\n"
_OPENING = f'<?xml version="1.0" encoding="UTF-8"?><soapenv:Envelope xmlns:soapenv="{ENVELOPE}"><soapenv:Body>'.encode()
_CLOSING = b"</soapenv:Body></soapenv:Envelope>"


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation: its wrappers without the ending `Element`, its SOAPAction and its names in the WSDL."""

    action: str
    request: str
    reply: str
    has_fault: bool
    """Whether the contract declares AppRecFault for it."""
    name: str
    """The operation's name in the WSDL, after the service's own."""

    @property
    def reply_is_apprec(self) -> bool:
        """Whether an AppRec is the normal answer."""
        return self.reply == "AppRec"


@dataclass(frozen=True, slots=True)
class Service:
    """One web service: where it is, its namespace, its operations by SOAPAction."""

    path: str
    namespace: str
    operations: Mapping[str, Operation]
    part: str = ""
    """Name of a request's message part in the WSDL; the wrapper's name where empty."""
    implementation: str = "Impl"
    """What the WSDL's definitions and service are called, after the service's name."""

    @property
    def types(self) -> str:
        """Namespace of the element `dokument` in a wrapper."""
        return f"{self.namespace}types/"


@dataclass(frozen=True, slots=True)
class SoapRequest:
    """A call as it was read: its operation (the SOAPAction) and the document, decoded."""

    operation: str
    dokument: bytes


def _operation(
    action: str, reply: str = "AppRec", *, fault: bool = False, request: str = "", name: str = ""
) -> Operation:
    return Operation(action, request or action, reply, fault, name or action.lower())


def _service(name: str, operations: tuple[Operation, ...], part: str = "", implementation: str = "Impl") -> Service:
    return Service(
        path=f"/{name}/{name}WebServiceSoapHttpPort",
        namespace=f"http://{name.lower()}.webservices.reseptformidleren.ergo.no/",
        operations=MappingProxyType({operation.action: operation for operation in operations}),
        part=part,
        implementation=implementation,
    )


_VERIFY = _operation("Verify", request="MV")

SERVICES: Mapping[str, Service] = MappingProxyType(
    {
        "Rekvirent": _service(
            "Rekvirent",
            (
                _operation("M1"),
                _operation("M4_1", "M4_2"),
                _operation("M5"),
                _operation("M9_5", "M9_6"),
                _operation("M9_5kj", "M96kj", fault=True, request="M95kj", name="M95kj"),
                _operation("M9_7", "M9_8", fault=True),
                _operation("M9_11", "M9_12", fault=True),
                _operation("M9_11kj", "M9_12kj", fault=True),
                _operation("M9_21", "M9_22", fault=True),
                _operation("M24_1", "M24_2"),
                _operation("M25_1"),
                _operation("M27_1", "M27_2", fault=True),
                _VERIFY,
            ),
        ),
        "Utleverer": _service(
            "Utleverer",
            (
                _operation("M3"),
                _operation("M9_1", "M9_2"),
                _operation("M9_3", "M9_4"),
                _operation("M9_11", "M9_12", fault=True),
                _operation("M9_21", "M9_22", fault=True),
                _operation("M10"),
                _operation("M25_2"),
                _operation("M25_3"),
                _operation("M27_1", "M27_2", fault=True),
                _VERIFY,
            ),
        ),
        "NA": _service(
            "NA",
            (
                _operation("M9na1", "M9na2", fault=True),
                _operation("M9na3", "M9na4", fault=True),
                _VERIFY,
            ),
            part="parameters",
            implementation="Service",
        ),
    }
)
"""The three services of the national Reseptformidler, by name, with all their 26 operations."""

_BY_REQUEST = {
    name: {f"{{{service.namespace}}}{one.request}Element": one for one in service.operations.values()}
    for name, service in SERVICES.items()
}


def read_request(body: bytes, soap_action: str, service: str) -> SoapRequest:
    """The operation and the document of a call to one of the services.

    `soap_action` is the HTTP header's value, with or without quotes; an empty one leaves it to the wrapper (SOAP 1.1
    §6.1.1). Raises Unreadable: what is no such call, an action that is not the wrapper's, a document that is not strict
    base64 (7419/18 when there is none).
    """
    envelope = parse(body, comments=True)
    if envelope.tag != f"{_E}Envelope":
        version = etree.QName(envelope).localname == "Envelope"
        raise Unreadable(None, "Forespørselen er ikke SOAP 1.1.", fault="VersionMismatch" if version else "Client")
    _refuse_headers(envelope)
    wrapper = _wrapper(envelope)
    operation = _BY_REQUEST[service].get(str(wrapper.tag))
    if operation is None:
        raise Unreadable(None, f"Elementet i SOAP Body tilhører ingen operasjon i tjenesten {service}.")
    action = soap_action.strip().strip('"')
    if action and action != operation.action:
        wanted = f"{operation.request}Element, som hører til {operation.action}"
        raise Unreadable(None, f"SOAPAction stemmer ikke med {wanted}.")
    return SoapRequest(operation.action, _dokument(wrapper, SERVICES[service]))


def response(service: str, operation: str, dokument: bytes) -> bytes:
    """The envelope that answers a call: the operation's reply, or an AppRec where that is the reply."""
    opening, closing = _REPLIES[service][operation]
    return b"".join((opening, b64encode(dokument), closing))


def apprec_fault(service: str, dokument: bytes, message: str) -> bytes:
    """A fault whose detail is an AppRecFault; its children are unqualified, unlike a wrapper's `dokument`."""
    detail = (
        f'<rf:AppRecFault xmlns:rf="{SERVICES[service].namespace}"><dokument>{b64encode(dokument).decode()}</dokument>'
        f"<message>{text(message)}</message></rf:AppRecFault>"
    )
    return _fault("Client", message, f"<detail>{detail}</detail>")


def fault(code: str, message: str) -> bytes:
    """A fault without a receipt. `code` is a SOAP 1.1 fault code: Client, Server, VersionMismatch or MustUnderstand."""
    return _fault(code, message, "")


def _fault(code: str, message: str, detail: str) -> bytes:
    markup = (
        f"<soapenv:Fault><faultcode>soapenv:{code}</faultcode>"
        f'<faultstring xml:lang="nb">{text(message)}</faultstring>{detail}</soapenv:Fault>'
    )
    return b"".join((_OPENING, markup.encode(), _CLOSING))


def _refuse_headers(envelope: etree._Element) -> None:
    """SOAP 1.1 §4.2.3: what must be understood and is not makes the call fail. WS-Security is left to the edge."""
    for block in envelope.iterfind(f"{_E}Header/*"):
        if block.get(f"{_E}mustUnderstand") in ("1", "true") and etree.QName(block).namespace != WSSE:
            raise Unreadable(None, "En SOAP Header som må forstås, er ukjent.", fault="MustUnderstand")


def _wrapper(envelope: etree._Element) -> etree._Element:
    bodies = envelope.findall(f"{_E}Body")
    if len(bodies) != 1 or len(bodies[0]) != 1:
        raise Unreadable(None, "SOAP Body skal ha nøyaktig ett element.")
    return bodies[0][0]


def _dokument(wrapper: etree._Element, service: Service) -> bytes:
    if len(wrapper) != 1 or wrapper[0].tag != f"{{{service.types}}}dokument":
        raise Unreadable(reason(18), f"Elementet skal ha nøyaktig ett element dokument, i navnerommet {service.types}.")
    dokument = wrapper[0]
    if len(dokument):
        raise Unreadable(reason(18), "Elementet dokument skal inneholde meldingen som base64, ikke som XML.")
    encoded = (dokument.text or "").encode("ascii", "replace").translate(None, _WHITESPACE)
    if not encoded:
        raise Unreadable(reason(18), "Elementet dokument er tomt.")
    try:
        octets = b64decode(encoded, validate=True)
    except NotBase64:
        octets = b""
    # Python takes superfluous padding; only the text that these octets give is their base64.
    if b64encode(octets) != encoded:
        raise Unreadable(None, "Elementet dokument er ikke gyldig base64.")
    return octets


def _reply(service: Service, operation: Operation) -> tuple[bytes, bytes]:
    """What stands before and after the base64 of a reply."""
    name = f"rf:{operation.reply}Element"
    opening = f'<{name} xmlns:rf="{service.namespace}"><t:dokument xmlns:t="{service.types}">'
    return _OPENING + opening.encode(), f"</t:dokument></{name}>".encode() + _CLOSING


_REPLIES = {
    name: {action: _reply(service, one) for action, one in service.operations.items()}
    for name, service in SERVICES.items()
}
