"""Our own WSDL 1.1 of each service, written from the table in `soap`: the same contract as the published ones."""

from __future__ import annotations

from collections.abc import Iterator

from reseptformidler.wire.element import attribute
from reseptformidler.wire.soap import SERVICES, Operation, Service

_SOAP_HTTP = "http://schemas.xmlsoap.org/soap/http"


def wsdl(service: str, address: str) -> bytes:
    """The contract of a service that is reached at this address."""
    one = SERVICES[service]
    operations = tuple(one.operations.values())
    names = f'name="{service}WebService{one.implementation}" targetNamespace="{one.namespace}"'
    port_type = "".join(_abstract(service, each) for each in operations)
    sections = (
        '<?xml version="1.0" encoding="UTF-8"?>',
        '<wsdl:definitions xmlns:wsdl="http://schemas.xmlsoap.org/wsdl/" xmlns:soap="http://schemas.xmlsoap.org/wsdl/soap/"',
        f' xmlns:tns="{one.namespace}" {names}>',
        _types(one, operations),
        "".join(_messages(service, one, operations)),
        f'<wsdl:portType name="{service}Web">{port_type}</wsdl:portType>',
        _binding(service, one, operations),
        f'<wsdl:service name="{service}WebService{one.implementation}">',
        f'<wsdl:port name="{service}WebPort" binding="tns:{_binding_name(service, one)}">',
        f'<soap:address location="{attribute(address)}"/></wsdl:port></wsdl:service></wsdl:definitions>',
    )
    return "".join(sections).encode()


def _types(service: Service, operations: tuple[Operation, ...]) -> str:
    """The schemas: each wrapper holds the global `dokument` of the types namespace, AppRecFault a local one."""
    wrappers = sorted({name for one in operations for name in (one.request, one.reply)})
    content = '<xs:complexType><xs:sequence><xs:element ref="t:dokument"/></xs:sequence></xs:complexType>'
    elements = "".join(f'<xs:element name="{name}Element" nillable="true">{content}</xs:element>' for name in wrappers)
    return (
        '<wsdl:types><xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema" '
        f'targetNamespace="{service.types}"><xs:element name="dokument" type="xs:anyType"/></xs:schema>'
        f'<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema" xmlns:t="{service.types}" '
        f'targetNamespace="{service.namespace}" elementFormDefault="unqualified">'
        f'<xs:import namespace="{service.types}"/>{elements}'
        '<xs:element name="AppRecFault"><xs:complexType><xs:sequence><xs:element name="dokument" type="xs:anyType"/>'
        '<xs:element name="message" type="xs:string" minOccurs="0"/></xs:sequence></xs:complexType></xs:element>'
        "</xs:schema></wsdl:types>"
    )


def _messages(service: str, one: Service, operations: tuple[Operation, ...]) -> Iterator[str]:
    for operation in operations:
        element = f"{operation.request}Element"
        yield _message(_name(service, operation), element, one.part or element)
        yield _message(f"{_name(service, operation)}Response", f"{operation.reply}Element", "result")
    yield _message("AppRecFault", "AppRecFault", "AppRecFault")


def _message(name: str, element: str, part: str) -> str:
    return f'<wsdl:message name="{name}"><wsdl:part name="{part}" element="tns:{element}"/></wsdl:message>'


def _abstract(service: str, operation: Operation) -> str:
    name = _name(service, operation)
    fault = '<wsdl:fault name="AppRecFault" message="tns:AppRecFault"/>' if operation.has_fault else ""
    return (
        f'<wsdl:operation name="{name}"><wsdl:input name="{name}" message="tns:{name}"/>'
        f'<wsdl:output name="{name}Response" message="tns:{name}Response"/>{fault}</wsdl:operation>'
    )


def _binding(service: str, one: Service, operations: tuple[Operation, ...]) -> str:
    bound = "".join(_bound(service, operation) for operation in operations)
    return (
        f'<wsdl:binding name="{_binding_name(service, one)}" type="tns:{service}Web">'
        f'<soap:binding style="document" transport="{_SOAP_HTTP}"/>{bound}</wsdl:binding>'
    )


def _bound(service: str, operation: Operation) -> str:
    name = _name(service, operation)
    fault = '<wsdl:fault name="AppRecFault"><soap:fault name="AppRecFault" use="literal"/></wsdl:fault>'
    return (
        f'<wsdl:operation name="{name}"><soap:operation soapAction="{operation.action}" style="document"/>'
        f'<wsdl:input name="{name}"><soap:body use="literal"/></wsdl:input>'
        f'<wsdl:output name="{name}Response"><soap:body use="literal"/></wsdl:output>'
        f"{fault if operation.has_fault else ''}</wsdl:operation>"
    )


def _binding_name(service: str, one: Service) -> str:
    return f"{service}WebService{one.implementation}SoapBinding"


def _name(service: str, operation: Operation) -> str:
    return f"{service}WebService_{operation.name}"
