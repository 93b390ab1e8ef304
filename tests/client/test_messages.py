"""The messages that the client builds are valid, can be read and, where they must be, signed."""

from __future__ import annotations

import base64
from datetime import datetime
from uuid import UUID

import pytest
from lxml import etree

from reseptformidler.client.answer import read
from reseptformidler.client.element import EHELSE, KITH
from reseptformidler.client.head import Hode
from reseptformidler.client.sign import sign
from reseptformidler.client.varer import M1
from reseptformidler.domain.aktor import Signatur
from reseptformidler.sandbox import population
from reseptformidler.sandbox.pki import Pki
from reseptformidler.sandbox.population import ANSATT
from reseptformidler.trust.signature import Verifier
from reseptformidler.wire import format as wire_format
from reseptformidler.wire.msghead import payload, read_head
from reseptformidler.wire.schema import Schemas
from tests.client.meldinger import ID, KUNDE, LEGE, MESSAGES, PERSON, TALK

SIGNED = ("M1 ", "M5", "M9.5", "M9.7", "M9.11", "M24.1", "M25.1", "M27.1")
"""What a prescriber signs (V1); others may send some of these types too."""
UNSIGNED = (" by a dispenser", " by Kjernejournal", "M9.5KJ", "M9.11 2014")
BY_PRESCRIBERS = [name for name in MESSAGES if name.startswith(SIGNED) and not name.endswith(UNSIGNED)]


def found(name: str, now: datetime) -> etree._Element:
    """The payload of a message."""
    element = payload(etree.fromstring(MESSAGES[name](Hode(UUID(ID), now))))
    assert element is not None
    return element


@pytest.fixture(scope="session")
def schemas() -> Schemas:
    """The service's own schemas."""
    return Schemas()


@pytest.mark.parametrize("name", MESSAGES)
def test_every_message_is_valid(schemas: Schemas, now: datetime, name: str) -> None:
    """Schema and format rules find nothing, alone and within a conversation."""
    for hode in (Hode(UUID(ID), now), Hode(UUID(ID), now, ID, TALK)):
        root = etree.fromstring(MESSAGES[name](hode))
        assert schemas.errors(root) == []
        assert wire_format.findings(root) == ()


def test_the_schema_sees_a_fault(schemas: Schemas, now: datetime) -> None:
    """The negative control of the test above."""
    octets = MESSAGES["M9.3"](Hode(UUID(ID), now))
    assert schemas.errors(etree.fromstring(octets.replace(b"AnsattId>", b"Ansatt>")))


@pytest.mark.parametrize("name", BY_PRESCRIBERS)
def test_prescribers_messages_can_be_signed(pki: Pki, now: datetime, name: str) -> None:
    """The signature verifies and names the prescriber; the message's own octets stay as they were."""
    octets = MESSAGES[name](Hode(UUID(ID), now))
    signed = sign(octets, pki.card(LEGE, now))
    verdict = Verifier(pki.authorities).verify(etree.fromstring(signed), now)
    assert isinstance(verdict, Signatur)
    assert verdict.person == LEGE.kort
    end = octets.rindex(b"</")
    assert signed.startswith(octets[:end])
    assert signed.endswith(octets[end:])


@pytest.mark.parametrize("name", MESSAGES)
def test_every_message_can_be_read(now: datetime, name: str) -> None:
    """The head says what it was built from: the type, the sender, whom it answers, and the moment."""
    head = read_head(etree.fromstring(MESSAGES[name](Hode(UUID(ID), now, ID, TALK))))
    assert head.type.v == "ER" + name.split(maxsplit=1)[0].replace(".", "").removesuffix("KJ")
    assert (head.msg_id, head.gen_date, head.ref_to_parent, head.ref_to_conversation) == (UUID(ID), now, ID, TALK)
    assert head.sender.ident("HER").startswith("9900")
    assert head.sender.address is not None
    assert head.sender.telecom
    assert head.receiver.ident("HER") == "80624"
    assert (head.professional is not None) == (name in BY_PRESCRIBERS or name in ("M4.1", "M9.21"))


@pytest.mark.parametrize(
    "name, namespace",
    [
        ("M9.1", f"{KITH}m91/2013-10-08"),
        ("M9.1 2023", f"{KITH}m91/2023-03-20"),
        ("M9.5", f"{EHELSE}m95/2021-02-01"),
        ("M9.5 2018", f"{EHELSE}m95/2018-07-01"),
        ("M9.5 2015", f"{KITH}m95/2015-05-01"),
        ("M9.5KJ", f"{KITH}m95kj/2015-05-01"),
        ("M9.7", f"{EHELSE}m97/2018-07-01"),
        ("M9.7 2015", f"{KITH}m97/2015-05-01"),
        ("M9.11", f"{EHELSE}m911/2021-10-01"),
        ("M9.11 2018", f"{EHELSE}m911/2018-07-01"),
        ("M9.11 2014", f"{KITH}m911/2014-01-21"),
        ("M9.21", f"{EHELSE}m921/2019-03-01"),
        ("M9.21 2013", f"{KITH}m921/2013-10-15"),
        ("M9NA1", f"{KITH}m9na1/2023-10-01"),
        ("M9NA1 2016", f"{KITH}m9na1/2016-06-06"),
    ],
)
def test_versions(now: datetime, name: str, namespace: str) -> None:
    """A version is a namespace, and the newest is the default."""
    assert etree.QName(found(name, now)).namespace == namespace


@pytest.mark.parametrize(
    "name, texts",
    [
        ("M3", {"ReseptId": ID, "Kommentar": "Haster"}),
        ("M4.1", {"Antall": "100"}),
        ("M9.5", {"Fnr": PERSON.ident, "AlleResepter": "1", "Komprimering": "5"}),
        ("M9.5 2015", {"AlleResepter": "2", "Samtykke": "2"}),
        ("M9.7 2015", {"Samtykke": "2", "ReseptId": ID, "Komprimering": "0"}),
        ("M9.11", {"Fnr": PERSON.ident, "InklM25Meldinger": "true", "AnstattId": None}),
        ("M9.11 by a dispenser", {"InklReseptinfo": "true", "AnstattId": ANSATT, "Komprimering": "1"}),
        ("M9.21", {"EndringerEtter": "2026-03-02T12:00:00+00:00"}),
        ("M24.1", {"SamtykkeGittAv": "2", "SamtykkeTil": "2026-03-02", "TypeSamtykke": "1", "Samtykkeverdi": "1"}),
        ("M24.1 end", {"Samtykkeverdi": "2"}),
        ("M27.1", {"Status": "R", "GjelderFra": "2026-03-02"}),
        ("M27.1 by a dispenser", {"Status": "A"}),
        ("M9NA3", {"Id": PERSON.ident, "ReseptId": ID}),
        ("M15", {"ReseptId": ID, "Innvilget": "1", "BegrunnelseAvslag": None, "Saksbehandler": "12AB"}),
        ("M15 no", {"Innvilget": "2", "BegrunnelseAvslag": "Det finnes et annet"}),
        ("M25.1", {"Vikar": "2", "Pakkeinfo": None, "Arsak": "A", "Stiller": "9900101", "Merknad": "Frisk"}),
        ("M25.3", {"InngarMultidose": "1", "Ompakkingsgrunn": "F", "DatoForsteDose": "2026-03-02", "Kode": None}),
    ],
)
def test_content(now: datetime, name: str, texts: dict[str, str | None]) -> None:
    """What was given stands in its element, as text or as code; what was not given is not there."""
    first: dict[str, str | None] = {}
    for element in found(name, now).iter():
        first.setdefault(etree.QName(element).localname, element.get("V") or element.text)
    assert {key: first.get(key) for key in texts} == texts


def test_the_proof_of_login_is_attached(now: datetime) -> None:
    """N6: as it was given, beside the query."""
    assert read(MESSAGES["M9NA1"](Hode(UUID(ID), now))).attachments() == [KUNDE.bevis]


def test_X5_the_prescription_in_a_list_is_the_m1s(now: datetime) -> None:
    """ReseptDokLegemiddelB64 holds the element with its own namespace."""
    encoded = found("M25.1", now).findtext(".//{*}ReseptDokLegemiddelB64") or ""
    assert etree.fromstring(base64.b64decode(encoded)).tag == f"{{{M1}}}ReseptDokLegemiddel"


def test_a_net_pharmacys_message_is_signed_with_its_certificate(pki: Pki, now: datetime) -> None:
    """N1: the certificate's serialNumber is the organisation's number."""
    card = pki.organisation_card(population.NETTAPOTEK, now)
    signed = sign(MESSAGES["M9NA1"](Hode(UUID(ID), now)), card)
    verdict = Verifier(pki.authorities).verify(etree.fromstring(signed), now)
    assert isinstance(verdict, Signatur)
    assert verdict.person == population.NETTAPOTEK.enh


def test_P5_no_date_of_birth_beside_a_fodselsnummer(now: datetime) -> None:
    """With D-number or without number it must stand there."""
    hode = Hode(UUID(ID), now)
    assert b"DateOfBirth" not in MESSAGES["M1 tablett"](hode)
    assert b"DateOfBirth" in MESSAGES["M1 D-number"](hode)
    assert b"DateOfBirth" in MESSAGES["M1 without number"](hode)
