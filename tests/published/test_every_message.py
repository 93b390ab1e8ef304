"""Every published message is sent as of today, in the order of its chain: accepted, or refused for a stated reason.

MsgId, GenDate and the dates of a prescription are renewed, references lead to our answers, and the sandbox's cards sign
what is signed. A payload without a head gets the head of somebody in the sandbox.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from uuid import uuid4

import pytest
from lxml import etree

from reseptformidler import meldinger
from reseptformidler.client.head import message
from reseptformidler.client.sign import renewed
from reseptformidler.domain import koder
from reseptformidler.domain.hode import MsgInfo
from reseptformidler.domain.kalender import norsk_dag
from reseptformidler.meldinger.melding import Avsendertype
from reseptformidler.registers.fixed import FixedRegisters, Registrert
from reseptformidler.sandbox.pki import Pki
from reseptformidler.sandbox.population import (
    APOTEK,
    LEGER,
    PERSONER,
    PUBLISERTE_LEGER,
    Lege,
    som_utleverer,
)
from reseptformidler.wire.head import IN_CONVERSATION
from reseptformidler.wire.msghead import payload_namespace, read_head
from tests.published.standard import EXAMPLES, valid_as_published
from tests.system.world import FEW_REGISTERS, World, operation_of, running

SIGNED, CORE, NET, MULTIDOSE, SUBSCRIPTION, PRESCRIBER, OTHER = (
    "signed",
    "Ekspedering og utlevering",
    "Nettapotek",
    "Påmelding multidose",
    "Registrer informasjon om abonnement",
    "Rekvirent rekvirerer kun resept og leverer ikke PLL",
    "Diverse eksempler",
)
EIDSVIK = PUBLISERTE_LEGER[0]
REGISTERS = FEW_REGISTERS.merged(
    FixedRegisters(
        personer=(
            Registrert(("21014605158",), fastlege=EIDSVIK.helsepersonell.hpr, fastlege_her=EIDSVIK.kontor.her),
            Registrert(("07059616301",)),
        )
    )
)


@dataclass(frozen=True, slots=True)
class Sent:
    """A published message for the service, what comes of it, and why; the published answer's file."""

    file: str
    codes: tuple[str, ...] = ()
    why: str = ""
    answer: str = ""
    operation: tuple[str, str] | None = None
    """Where its type does not tell."""


NOT_BEGUN = ("302", "226")
TABLE = (
    Sent(
        f"{SIGNED}/ERM1-3070690d-d14c-41fa-a77c-0cda9d8fec29.xml",
        ("39",),
        "M1 of 2009: versions before 2.5 are no more accepted (F5)",
    ),
    Sent(f"{SIGNED}/ERM1-665e2a11-787a-4dac-aec1-16466a9838d1.xml"),
    Sent(f"{SIGNED}/ERM1-c2883dc2-8eef-4b8e-a80f-167f858425f7.xml"),
    Sent(
        f"{CORE}/M91 Forespørsel om tilgjengelige resepter på pasient (utleverer).xml",
        answer=f"{CORE}/M92 Reseptliste (utleverer).xml",
    ),
    Sent(f"{CORE}/M93 Forespørsel om nedlasting av resept.xml", answer=f"{CORE}/M94 Nedlasting av resept.xml"),
    Sent(f"{CORE}/M10 Utleveringsrapport.xml"),
    Sent(f"{PRESCRIBER}/M1 Resept.xml"),
    Sent(f"{PRESCRIBER}/M95 Forespørsel om resepter på pasient.xml"),
    Sent(f"{PRESCRIBER}/M911 Forespørsel om PLL.xml"),
    Sent(f"{PRESCRIBER}/M5 Tilbakekalling av resept.xml"),
    Sent(
        f"{SIGNED}/ERM5-097d012e-39a8-470d-836b-1680fc8e9ab6.xml",
        ("16",),
        "the M5 of the row above as it was signed: its prescription is recalled by now",
    ),
    Sent(f"{MULTIDOSE}/M271 Registrering av multidoseansvarlig lege.xml"),
    Sent(f"{MULTIDOSE}/M271 Registrering av multidoseansvarlig apotek.xml"),
    Sent(f"{MULTIDOSE}/M911 Forespørsel om PLL apotek.xml"),
    Sent(f"{MULTIDOSE}/M252 Spørsmål fra apotek til RF.xml"),
    Sent(f"{SUBSCRIPTION}/M241 Abonnementsregistrering.xml"),
    Sent(f"{SUBSCRIPTION}/M241 Abonnementsregistrering avmelding.xml"),
    Sent(f"{NET}/M9NA1_eks.xml", answer=f"{NET}/M9NA2_eks.xml"),
    Sent(f"{NET}/M9NA3_eks.xml", ("1",), "its prescription was not published; test_golden_nettapotek writes one"),
    Sent("helseid/asdsa.xml", ("320",), "IkkeKonservering, a part of the drug register (D3)"),
    Sent("helseid/m1.helseid.multiple.xml", ("39",), "M1 of 2010, version 2.4 (F5)"),
    Sent(
        f"{OTHER}/ER-M3-2010-05-011-eksempel1-msghead.xml",
        NOT_BEGUN,
        "from a doctor to the authority, outside any conversation (F10); the payload is the row below",
    ),
    Sent(f"{OTHER}/ER-M3-2010-05-01-eksempel1.xml", ("1",), "its prescription was not published"),
    Sent(
        f"{OTHER}/ER-M15-2006-10-06-eksempel1-msghead.xml",
        (*NOT_BEGUN, "361"),
        "no conversation (F8), and a Sender without HER-id and with a word for a number",
    ),
    Sent(
        f"{OTHER}/ER-M41-2006-10-06-example-msghead.xml",
        ("303",),
        "ERM041 is no value of list 8279: it has ERM41 (R1908 4.1.1)",
        operation=("Rekvirent", "M4_1"),
    ),
    Sent(f"{OTHER}/ER-M41-2006-10-06-example.xml"),
    Sent(f"{OTHER}/ER-M5-2013-04-16-eksempel1.xml", ("12",), "its prescription was not published"),
    Sent(f"{OTHER}/ER-M91-2013-10-08-eksempel1.xml"),
    Sent(f"{OTHER}/ER-M91-2013-10-08-eksempel2.xml"),
    Sent(f"{OTHER}/ER-M93-2008-04-29-eksempel1.xml", ("1",), "its prescription was not published"),
    Sent(f"{OTHER}/ER-M241-2009-02-20-eksempel1.xml", ("320",), "SamtykkeGittAv is TODO, no value of list 7456 (S3)"),
)
"""What is addressed to the service, in the order in which it is sent."""
COMPARED = {
    f"{CORE}/M92 Reseptliste (utleverer).xml": "test_golden",
    f"{CORE}/M94 Nedlasting av resept.xml": "test_golden",
    f"{PRESCRIBER}/M96 Reseptliste rekvirent.xml": "test_m96",
    f"{PRESCRIBER}/M912 Nedlasting av PLL.xml": "test_golden_multidose",
    f"{PRESCRIBER}/M5.2 Kvittering på tilbakekalling av resept.xml": "test_golden_owed",
    f"{PRESCRIBER}/M7 Slettet resept i RF.xml": "test_golden_owed",
    f"{MULTIDOSE}/M272 Svar på registrering av multidoseansvarlig lege.xml": "test_golden_multidose",
    f"{MULTIDOSE}/M272 Svar på registrering av multidoseansvarlig apotek.xml": "test_golden_multidose",
    f"{MULTIDOSE}/M28 Endring av multidoseansvarlig lege.xml": "test_golden_multidose",
    f"{MULTIDOSE}/M252  Fra RF til epj.xml": "test_golden_multidose",
    f"{MULTIDOSE}/M912 Nedlasting av PLL apotek.xml": "test_golden_multidose",
    f"{SUBSCRIPTION}/M242 Svar Abonnementsregistrering.xml": "test_golden_owed",
    f"{SUBSCRIPTION}/M242 Svar Abonnementsregistrering avmelding.xml": "test_golden_owed",
    f"{NET}/M9NA2_eks.xml": "test_golden_nettapotek",
    f"{NET}/M9NA4_eks.xml": "test_golden_nettapotek",
    f"{OTHER}/ER-M14-2008-12-12-eksempel1-msghead.xml": "test_golden_examples",
    f"{OTHER}/ER-M14-2008-12-12-eksempel1.xml": "test_golden_examples",
    f"{OTHER}/ER-M21-2013-10-08-eksempel1-msghead.xml": "test_golden_examples",
    f"{OTHER}/ER-M242-2008-10-03-eksempel1.xml": "test_golden_examples",
    f"{OTHER}/ER-M42-2006-10-06-example-msghead.xml": "test_golden_examples",
    f"{OTHER}/ER-M42-2006-10-06-example.xml": "test_golden_examples",
    f"{OTHER}/ER-M7-2008-05-01-eksempel1.xml": "test_golden_examples",
    f"{OTHER}/ER-M92-2013-10-08-eksempel1.xml": "test_golden_examples",
    f"{OTHER}/ER-M94-2010-07-01-eksempel1.xml": "test_golden_examples",
}
"""What the service sent, and the module beside this one that compares ours with it."""
PASSES_BY = {
    "helseid/egenandelforesporsel-helseid-ok.xml": "to NAV, of no message of e-resept",
    f"{OTHER}/M96-b64.xml": "an answer of the service in version m96/2009-03-18, which it no longer gives",
}


@pytest.fixture
async def world(database_url: str, tmp_path: Path, pki: Pki) -> AsyncIterator[World]:
    """A service that knows the published senders and persons; every answer is valid by the published schemas."""
    async with running(database_url, tmp_path, pki, registers=REGISTERS) as world:
        world.extra_checks.append(valid_as_published)
        yield world


@dataclass(slots=True)
class Post:
    """Sends published messages one after another, and knows what their ids have become."""

    world: World
    names: dict[str, str] = field(default_factory=dict)

    async def send(self, row: Sent) -> tuple[str, ...]:
        """The codes of the answer."""
        root = etree.parse(EXAMPLES / row.file).getroot()
        octets = self._renewed(root) if etree.QName(root).localname == "MsgHead" else self._headed(root)
        head = read_head(etree.fromstring(octets))
        type_ = meldinger.meant(head, payload_namespace(etree.fromstring(octets)))
        if type_ is not None and type_.signed:
            octets = self.world.signed(octets, card_of(head))
        operation = row.operation or operation_of(octets)
        if operation[0] == "Asynkron":
            answer = await self.world.client.deliver(octets)
        else:
            answer = await self.world.send(octets, operation)
        if row.answer:
            self.names[read_head(etree.parse(EXAMPLES / row.answer).getroot()).msg_id_text] = answer.msg_id
        return tuple(code for code, _, _ in answer.errors)

    def _renewed(self, root: etree._Element) -> bytes:
        """As of now, under an id of its own, with what it refers to under the ids of now."""
        now, msg_id = self.world.clock(), uuid4()
        octets = renewed(etree.tostring(root), msg_id, now)
        for published, ours in self.names.items():
            octets = octets.replace(published.encode(), ours.encode())
        self.names[read_head(root).msg_id_text] = str(msg_id)
        today = norsk_dag(now)
        for name, day in (("Forskrivningsdato", today), ("Utloper", today + timedelta(days=365))):
            octets = re.sub(rf"<{name}>[^<]+<".encode(), f"<{name}>{day}<".encode(), octets)
        return octets

    def _headed(self, payload: etree._Element) -> bytes:
        """Under a head of the sandbox's doctor or pharmacy, in some conversation where it must stand in one."""
        token = (etree.QName(payload).namespace or "").split("/")[-2]
        (type_,) = (one for one in meldinger.ALL if one.token == token)
        talk = str(uuid4()) if type_.code in IN_CONVERSATION else ""
        hode = replace(self.world.hode(), parent=talk, conversation=talk)
        by_doctor = type_.avsender is Avsendertype.REKVIRENT
        sender = LEGER[0].rekvirent if by_doctor else som_utleverer(APOTEK[0])
        kind = koder.MELDINGSTYPE.cs(type_.code)
        return message(hode, kind, sender, PERSONER[0], etree.tostring(payload, encoding="unicode"))


def card_of(head: MsgInfo) -> Lege:
    """The prescriber whose message it is."""
    assert head.professional is not None
    hpr = head.professional.ident("HPR")
    return next(lege for lege in (*PUBLISERTE_LEGER, *LEGER) if lege.helsepersonell.hpr == hpr)


async def test_every_message_is_accepted_or_refused_as_stated(world: World) -> None:
    """As TABLE says; the codes are those of the rules of its reasons, and no others."""
    post = Post(world)
    assert {row.file: await post.send(row) for row in TABLE} == {row.file: row.codes for row in TABLE}
    assert [row.file for row in TABLE if bool(row.codes) != bool(row.why)] == []


def test_no_published_message_is_left_out() -> None:
    """Each stands in one of the three tables; those that are compared, in the module that is named."""
    files = [file.relative_to(EXAMPLES) for file in EXAMPLES.rglob("*.xml")]
    found = {str(file) for file in files if file.parts[0] not in ("cpa", "ebxml")}
    listed = [*(row.file for row in TABLE), *COMPARED, *PASSES_BY]
    assert sorted(listed) == sorted(found)
    modules = {name: (Path(__file__).parent / f"{name}.py").read_text("utf-8") for name in COMPARED.values()}
    types = {file: re.findall(r"M[\dNA.]+", Path(file).name)[0] for file in COMPARED}
    assert [file for file, module in COMPARED.items() if f'"{types[file]}' not in modules[module]] == []
