"""A client system that knows the service by a WSDL alone, made with `zeep`, and the chain as it plays it."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import zeep
from lxml import etree
from zeep.exceptions import Fault

from reseptformidler.client import melding, rekvirent, utleverer
from reseptformidler.client.head import Hode
from reseptformidler.client.rekvirent import Tilbakekalling
from reseptformidler.client.utleverer import Rapport, Sok
from reseptformidler.sandbox.population import APOTEK, LEGER, PERSONER, SYSTEM, som_utleverer, som_virksomhet
from reseptformidler.sandbox.varer import TABLETT
from tests.system.world import World, msg_id_of, operation_of

_CLIENT: Any = zeep.Client  # it has types, but not where it is made


class Refused(Exception):
    """The service answered with a fault."""

    def __init__(self, fault: Fault) -> None:
        super().__init__(fault.message)
        text = fault.detail.findtext("{*}AppRecFault/dokument") if fault.detail is not None else None
        self.apprec = etree.fromstring(base64.b64decode(text)) if text else None
        """The AppRec in it, if there is one."""


class Zeep:
    """The services of one server. `wsdls`: a folder of WSDLs; without it, the server's own `?wsdl`. It blocks."""

    def __init__(self, address: str, wsdls: Path | None = None) -> None:
        self._calls: dict[tuple[str, str], Any] = {}
        for name in ("Rekvirent", "Utleverer", "NA"):
            url = f"{address}/{name}/{name}WebServiceSoapHttpPort"
            client = _CLIENT(str(wsdls / f"{name}WebServiceSoapHttpPort.wsdl") if wsdls else f"{url}?wsdl")
            ((binding, bound),) = client.wsdl.bindings.items()
            calls = client.create_service(binding, url)
            for operation, contract in bound.all().items():
                self._calls[name, contract.soapaction] = calls[operation]

    @property
    def operations(self) -> list[tuple[str, str]]:
        """What can be called: service and SOAPAction."""
        return list(self._calls)

    def call(self, service: str, operation: str, octets: bytes) -> etree._Element:
        """Call an operation by its SOAPAction; the document of its reply. Refused: a fault came."""
        try:
            answer = self._calls[service, operation](dokument=base64.b64encode(octets).decode())
        except Fault as fault:
            raise Refused(fault) from None
        return etree.fromstring(base64.b64decode(answer))

    def send(self, octets: bytes) -> etree._Element:
        """Send a message to the operation of its type."""
        return self.call(*operation_of(octets), octets)


def refusal(client: Zeep, operation: tuple[str, str], octets: bytes) -> list[str]:
    """The codes of the AppRec that an operation answers with, in its reply or in a fault."""
    try:
        return codes(client.call(*operation, octets))
    except Refused as refused:
        return codes(refused.apprec)


def codes(apprec: etree._Element | None) -> list[str]:
    """The codes of an AppRec's errors."""
    assert apprec is not None
    assert apprec.tag == "{http://www.kith.no/xmlstds/apprec/2004-11-21}AppRec"
    return [error.get("V", "") for error in apprec.iterfind("{*}Error")]


def play(client: Zeep, world: World) -> None:
    """Written, listed, downloaded, refused to another, dispensed, recalled too late; each reply is the right one."""
    m1 = world.m1()
    assert codes(client.send(m1)) == []
    m92 = client.send(utleverer.m91(world.hode(), som_utleverer(APOTEK[0]), Sok(fnr=PERSONER[0].ident)))
    assert [one.text for one in m92.iter("{*}ReseptId")] == [msg_id_of(m1)]
    talk = m92.findtext(".//{*}RefToConversation") or ""
    after = Hode(world.hode().msg_id, world.clock(), m92.findtext(".//{*}MsgId") or "", talk)
    m94 = client.send(utleverer.m93(after, som_utleverer(APOTEK[0]), msg_id_of(m1)))
    assert base64.b64decode(m94.findtext(".//{*}Base64Container") or "") == m1
    other = Hode(world.hode().msg_id, world.clock(), after.parent, talk)
    assert refusal(client, ("Utleverer", "M9_3"), utleverer.m93(other, som_utleverer(APOTEK[1]), msg_id_of(m1))) == [
        "69"
    ]
    report = Hode(world.hode().msg_id, world.clock(), m94.findtext(".//{*}MsgId") or "", talk)
    dispensed = Rapport(msg_id_of(m1), TABLETT, avsluttet=True)
    assert codes(client.send(utleverer.m10(report, som_utleverer(APOTEK[0]), PERSONER[0], dispensed))) == []
    m5 = world.signed(rekvirent.m5(world.hode(), LEGER[0].rekvirent, PERSONER[0], Tilbakekalling(msg_id_of(m1))))
    assert codes(client.send(m5)) == ["15"]
    assert codes(client.send(melding.mv(world.hode(), som_virksomhet(APOTEK[0]), SYSTEM))) == []
