"""M9.7 and M9.8: the reports of a prescription as they were sent to its prescriber, and who is told of them."""

from __future__ import annotations

from base64 import b64decode
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from lxml import etree

from reseptformidler.client import utleverer
from reseptformidler.client.head import Hode
from reseptformidler.client.utleverer import Rapport
from reseptformidler.domain.aktor import Facts, Person
from reseptformidler.domain.decision import Decision, Needs, Reply, Tilstand
from reseptformidler.domain.hode import Patient
from reseptformidler.domain.resept import Resept, Utlevering
from reseptformidler.meldinger.m97_utleveringer import M97
from reseptformidler.sandbox.population import APOTEK, PERSONER, som_utleverer
from reseptformidler.sandbox.varer import TABLETT
from reseptformidler.wire import reply as wire_reply
from reseptformidler.wire.msghead import payload, read_head
from reseptformidler.wire.parse import parse
from reseptformidler.wire.schema import Schemas
from tests.meldinger import bygg
from tests.meldinger.bygg import (
    ANNEN_HPR,
    ANNET_FNR,
    FNR,
    HPR,
    LEGE,
    LEGEKONTOR,
    NOW,
    RESEPT_ID,
    Sak,
    avslag,
    kode,
    resept,
    skiller,
)
from tests.wire.eksempler import SERVICE

XSD = Path(__file__).parents[2] / "xsd"
M97_2018 = "http://www.ehelse.no/xmlstds/eresept/m97/2018-07-01"
M97_2015 = "http://www.kith.no/xmlstds/eresept/m97/2015-05-01"
SCHEMAS = Schemas()
ANDRES = resept(rekvirent=replace(resept().rekvirent, hpr=ANNEN_HPR))
"""Another prescriber's."""
FORSTE, ANDRE, ANNULLERT = UUID(int=1), UUID(int=2), UUID(int=3)


def m97(
    namespace: str = M97_2018, *, sperret: bool = False, patient: Patient | None = None, **changes: str | None
) -> Sak:
    """A question from a doctor; `patient` in the head, FNR's block against the doctor in the registers."""
    parts: dict[str, str | None] = {
        "Samtykke": kode("Samtykke", "2") if namespace == M97_2015 else None,
        "ReseptId": str(RESEPT_ID),
        "Komprimering": "0",
        **changes,
    }
    text = bygg.xml("M97", namespace, parts)
    etree.XMLSchema(file=XSD / f"m97-{namespace[-10:]}.xsd").assertValid(etree.fromstring(text))
    person = Person((FNR, ANNET_FNR), sperret=frozenset({HPR}) if sperret else frozenset())
    facts = Facts(LEGEKONTOR, LEGE, personer=dict.fromkeys(person.numre, person) if patient is not None else {})
    return bygg.sak(M97, text, bygg.hode("ERM97", patient=patient), facts)


def m10(msg_id: UUID, **rapport: Any) -> bytes:
    """A dispensing report as a pharmacy sends it."""
    head = Hode(msg_id, NOW - timedelta(hours=msg_id.int), "parent", str(UUID(int=99)))
    return utleverer.m10(head, som_utleverer(APOTEK[0]), PERSONER[0], Rapport(str(RESEPT_ID), TABLETT, **rapport))


def dispensed() -> Tilstand:
    """Two dispensings, the second of which was annulled; beside the M10s their prescription's M1."""
    utlevert = [
        Utlevering(msg_id, RESEPT_ID, APOTEK[0].her, date(2026, 3, 1), Decimal(1), avsluttet=False)
        for msg_id in (FORSTE, ANDRE)
    ]
    return Tilstand(
        (resept(),),
        (utlevert[0], replace(utlevert[1], annullert_av=ANNULLERT)),
        dokumenter={
            RESEPT_ID: b"<M1/>",
            FORSTE: m10(FORSTE),
            ANDRE: m10(ANDRE),
            ANNULLERT: m10(ANNULLERT, annullerer=str(ANDRE)),
        },
    )


def svar(sak: Sak, tilstand: Tilstand) -> Reply:
    """The answer, its payload valid against its own schema."""
    decision = sak.avgjor(tilstand)
    assert decision == Decision(reply=decision.reply)
    assert decision.reply is not None
    assert decision.reply.type == "ERM98"
    root = etree.fromstring(decision.reply.payload)
    date_of = "2018-07-01" if sak.mottatt.content.svar_i.endswith("m98/2018-07-01") else "2015-10-15"
    etree.XMLSchema(file=XSD / f"m98-{date_of}.xsd").assertValid(root)
    return decision.reply


def sagt(sak: Sak, *resepter: Resept) -> tuple[str, str]:
    """The one element of the answer."""
    (found,) = etree.fromstring(svar(sak, Tilstand(resepter)).payload)
    return etree.QName(found).localname, found.text or ""


def test_rules_of_the_content() -> None:
    """A ReseptId is a UUID (272), Samtykke of list 1101 (230), Komprimering not negative (267)."""
    skiller(272, m97(), m97(ReseptId="1"))
    skiller(230, m97(M97_2015), m97(M97_2015, Samtykke=kode("Samtykke", "7")))
    skiller(267, (m97(), m97(Komprimering="2")), m97(Komprimering="-1"))


def test_needs_the_prescription_with_its_documents() -> None:
    """In any state."""
    assert M97.needs(m97().mottatt, Facts()) == Needs(resepter=(RESEPT_ID,), alle=True, dokumenter=True)


@pytest.mark.parametrize("namespace", [M97_2018, M97_2015])
def test_Q15_no_such_prescription(namespace: str) -> None:
    """IngenResept is true, or not there; what has expired is not there either (K3)."""
    assert sagt(m97(namespace)) == ("IngenResept", "true")
    assert sagt(m97(namespace), resept(utloper=date(2026, 3, 1))) == ("IngenResept", "true")


def test_Q15_how_many() -> None:
    """Each version spells it in its own way; a prescription without dispensings has none."""
    assert sagt(m97(), resept()) == ("AntallUtleveringer", "0")
    assert sagt(m97(M97_2015), resept()) == ("AntallUteveringer", "0")
    assert b"<AntallUtleveringer>3</AntallUtleveringer>" in svar(m97(), dispensed()).payload


def rendered(reply: Reply) -> list[etree._Element]:
    """The attachments of the whole answer, which is valid."""
    octets = wire_reply.render(
        msg_id=UUID(int=50), now=NOW, service=SERVICE, head=bygg.hode("ERM97"), reply=replace(reply, compressed=False)
    )
    assert SCHEMAS.errors(parse(octets)) == []
    return [parse(b64decode(one.text or "")) for one in parse(octets).iter("{*}Base64Container")]


def test_the_M6s_are_those_that_were_sent() -> None:
    """One for each dispensing and annulment, oldest first: valid, of the M10's content, to the prescriber."""
    attached = rendered(svar(m97(), dispensed()))
    for root, m10_id in zip(attached, (FORSTE, ANDRE, ANNULLERT), strict=True):
        assert SCHEMAS.errors(root) == []
        head, report = read_head(root), payload(root)
        assert report is not None
        assert (head.type.v, etree.QName(report).localname) == ("ERM6", "UtleveringsrapportRekvirent")
        assert (head.ref_to_parent, head.ref_to_conversation) == (str(m10_id), str(UUID(int=99)))
        assert report.findtext("{*}ReferanseM10") == str(m10_id)
        assert head.receiver.ident("HER") == resept().rekvirent.her
        assert head.sender == SERVICE
        assert head.patient is not None
        assert head.patient.ident("FNR") == PERSONER[0].ident
        assert head.gen_date == NOW - timedelta(hours=m10_id.int)
    assert [root.findtext(".//{*}Annullering") for root in attached] == ["false", "false", "true"]


def test_the_same_M6_each_time() -> None:
    """However often it is asked for, the same dispensing has the same M6, and no two share an id."""
    first, second = (rendered(svar(m97(), dispensed())) for _ in range(2))
    assert [etree.tostring(one) for one in first] == [etree.tostring(one) for one in second]
    assert len({read_head(one).msg_id for one in first}) == 3


@pytest.mark.parametrize("komprimering, compressed", [("0", False), ("3", True), ("4", False)])
def test_Q14_compressed_from_so_many_on(komprimering: str, compressed: bool) -> None:
    """Komprimering is the number of reports from which on they are compressed."""
    assert svar(m97(Komprimering=komprimering), dispensed()).compressed is compressed


def test_another_prescribers_by_whom_the_head_names() -> None:
    """Whoever asks about another's prescription names its patient, else the block would not be asked (115)."""
    assert sagt(m97(patient=bygg.pasient()), ANDRES) == ("AntallUtleveringer", "0")
    other = bygg.pasient(idents=(bygg.person_ident("FNR", "10107400002"),))
    for patient in (None, other, bygg.uten_nummer()):
        assert avslag(m97(patient=patient).avgjor(Tilstand((ANDRES,)))) == ["115"]
    assert sagt(m97(), resept())[0] == "AntallUtleveringer"
    without_number = replace(ANDRES, pasient=replace(ANDRES.pasient, ident="", ident_type=""))
    assert sagt(m97(), without_number)[0] == "AntallUtleveringer"


def test_Q16_blocked() -> None:
    """Of another's prescription nothing: Pasientreservasjon says why, in 2015 a refusal (358). Of the own, all."""
    blocked: dict[str, Any] = {"sperret": True, "patient": bygg.pasient()}
    former = replace(ANDRES, pasient=replace(ANDRES.pasient, ident=ANNET_FNR))
    for stored in (ANDRES, former):
        assert sagt(m97(**blocked), stored) == ("Pasientreservasjon", "true")
        assert avslag(m97(M97_2015, **blocked).avgjor(Tilstand((stored,)))) == ["358"]
    assert sagt(m97(**blocked), resept()) == ("AntallUtleveringer", "0")
