"""What the service sends on its own of a dispensing or a recall: to whom, and that each message is right as a whole."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date, timedelta
from typing import Any
from uuid import UUID

import pytest
from lxml import etree

from reseptformidler.client import utleverer
from reseptformidler.client.head import Hode
from reseptformidler.domain.aktor import KJERNEJOURNAL, LEGEMIDDELVERKET, Facts, Fastlege, M8Til, Person
from reseptformidler.domain.decision import Owed, Vedlegg
from reseptformidler.domain.hode import Ident, Kode, MsgInfo, Organisation
from reseptformidler.domain.livslop import Fase
from reseptformidler.domain.pasientkort import Abonnement, Pasientkort
from reseptformidler.domain.resept import Rekvirent, Resept, Status
from reseptformidler.meldinger.m10_utleveringsrapport import M10
from reseptformidler.meldinger.melding import pasientens_nummer
from reseptformidler.meldinger.rapportering import (
    Rapport,
    kvittering,
    owed_done_recall,
    owed_recall,
    owed_reports,
    owed_reports_paper,
)
from reseptformidler.sandbox.population import APOTEK, LEGER, PERSONER, som_utleverer
from reseptformidler.sandbox.varer import TABLETT
from reseptformidler.wire.format import findings
from reseptformidler.wire.msghead import payload, read_head, written_time
from reseptformidler.wire.parse import parse
from reseptformidler.wire.reply import render_owed, with_attachments
from reseptformidler.wire.schema import Schemas
from tests.meldinger import bygg
from tests.meldinger.bygg import ANNEN_HPR, HPR, I_FASE, LEGEKONTOR, NOW, RESEPT_ID, TILBAKEKALT
from tests.wire.eksempler import SERVICE

SCHEMAS = Schemas()
DAG = date(2026, 3, 2)
MSG_ID = UUID("00000000-0000-7000-8000-000000000001")
M10_ID = UUID("6b9e4e51-2f6e-4b1c-8dd5-54a3c6a6b9d0")
M92, SAMTALE = str(UUID(int=92)), str(UUID(int=91))
M1 = (Vedlegg(RESEPT_ID, RESEPT_ID),)
REKVIRENT = Rekvirent(
    ANNEN_HPR, "Tommy Fos Sjursen", "8091390", "GFM Legekontor", "988453315", "Tommy", "Fos", "Sjursen"
)
RESEPT = bygg.resept(rekvirent=REKVIRENT)
ABONNENT = bygg.legekontor()
KORT = Pasientkort(UUID(int=1), 1, PERSONER[0].ident, NOW, abonnement=(Abonnement(ABONNENT, DAG),))
FASTLEGE = Fastlege(HPR, "Anja Fos", "Eidsvik", LEGEKONTOR)
ULS = "{http://www.kith.no/xmlstds/eresept/utlevering/2013-10-08}"


def rapport(pris: str = "", **changes: Any) -> Rapport:
    """What a real M10 of a pharmacy makes: a package was dispensed, to a patient with fødselsnummer."""
    given = utleverer.Rapport(str(RESEPT_ID), TABLETT)
    octets = utleverer.m10(
        Hode(M10_ID, NOW, M92, SAMTALE), som_utleverer(APOTEK[0]), PERSONER[0], replace(given, **changes)
    )
    root = parse(octets.replace(b"<AnsattId>", pris.encode() + b"<AnsattId>"))
    assert SCHEMAS.errors(root) == []
    head, content = read_head(root), payload(root)
    assert content is not None
    mottatt = bygg.sak(M10, etree.tostring(content).decode(), head).mottatt
    return Rapport(
        m10=str(M10_ID),
        samtale=mottatt.samtale,
        annullering=mottatt.content.annullering,
        reservert=mottatt.content.reservert,
        payload=content,
        patient=head.patient,
        nummer=next(iter(pasientens_nummer(mottatt)), ""),
    )


def papir(**changes: Any) -> Rapport:
    """Of a paper prescription."""
    return rapport(papir=LEGER[1].rekvirent, **changes)


def facts(fastlege: Fastlege | None = FASTLEGE, m8_til: M8Til = M8Til.ABONNENT) -> Facts:
    """What the registers say of the patient."""
    nummer = PERSONER[0].ident
    return Facts(personer={nummer: Person((nummer,), fastlege=fastlege)}, m8_til=m8_til)


def reports(of: Rapport, resept: Resept = RESEPT, kort: Pasientkort | None = KORT, **who: Any) -> dict[str, Owed]:
    """What is owed of an e-prescription, by type; each once."""
    return by_type(owed_reports(of, resept, kort, facts(**who), DAG))


def by_type(owed: Sequence[Owed]) -> dict[str, Owed]:
    """By type; each once, and each a right message."""
    found = {one.type: one for one in owed}
    assert len(found) == len(owed)
    for one in owed:
        sent(one)
    return found


def sent(owed: Owed) -> tuple[MsgInfo, etree._Element]:
    """Head and payload of the message as it is sent, read back: right by the schemas and by our own rules of format."""
    message = render_owed(msg_id=MSG_ID, now=NOW, service=SERVICE, owed=owed)
    root = parse(with_attachments(message, [b"<M1/>"] * len(owed.attachments)))
    assert SCHEMAS.errors(root) == []
    assert findings(root) == ()
    content = payload(root)
    assert content is not None
    assert len(root.findall("{*}Document")) == 1 + len(owed.attachments)
    return read_head(root), content


def told(content: etree._Element) -> dict[str, str]:
    """The payload's children after Utlevering, in order: text, or values."""
    rest = [one for one in content if one.tag != f"{ULS}Utlevering"]
    assert content[0].tag == f"{ULS}Utlevering" or len(rest) == len(content)
    return {etree.QName(one).localname: one.text or " ".join(one.attrib.values()) for one in rest}


def utlevering(content: etree._Element) -> bytes:
    """The Utlevering in it, canonically."""
    part = content.find(f"{ULS}Utlevering")
    assert part is not None
    return etree.tostring(part, method="c14n", exclusive=True)


# ------------------------------------------------------------------------------------------------------ of a dispensing


def test_M1r_the_prescriber_is_told_of_each_dispensing() -> None:
    """M6 to where the M1 came from, to the person who wrote it, in the conversation and after the M10."""
    of = rapport()
    owed = reports(of)["M6"]
    head, content = sent(owed)
    assert head.type == Kode("ERM6", "Utleveringsrapport rekvirent")
    assert (head.sender, head.receiver) == (SERVICE, REKVIRENT.som_mottaker())
    assert head.receiver.professional is not None
    assert head.receiver.professional.ident("HPR") == ANNEN_HPR
    assert (head.ref_to_parent, head.ref_to_conversation) == (str(M10_ID), SAMTALE)
    assert head.patient == of.patient is not None
    assert content.tag == "{http://www.kith.no/xmlstds/eresept/m6/2013-10-08}UtleveringsrapportRekvirent"
    assert told(content) == {"ReferanseM10": str(M10_ID)}
    assert utlevering(content) == utlevering(of.payload)
    assert (owed.resept_id, owed.attachments) == (RESEPT_ID, ())


def test_M2r_an_annulment_is_told_of_too() -> None:
    """M6, M8 and M8.1 carry its Annullering and AnnulleringsId; ReferanseM10 is the annulling M10 itself."""
    owed = reports(rapport(annullerer=str(UUID(int=9))), bygg.resept(rekvirent=REKVIRENT, soknad_slv="3"))
    assert list(owed) == ["M6", "M8", "M8.1"]
    for one in owed.values():
        _, content = sent(one)
        assert content.findtext(f"{ULS}Utlevering/{{*}}Annullering") == "true"
        assert content.findtext(f"{ULS}Utlevering/{{*}}AnnulleringsId") == str(UUID(int=9))
        assert told(content)["ReferanseM10"] == str(M10_ID)


def test_M7r_who_subscribed_is_told_at_the_address_of_then() -> None:
    """M8 goes to what the subscription holds, with the M1 (M6r)."""
    owed = reports(rapport())["M8"]
    head, content = sent(owed)
    assert head.type == Kode("ERM8", "Utleveringsrapport fastlege")
    assert head.receiver == owed.to == ABONNENT
    assert content.tag == "{http://www.kith.no/xmlstds/eresept/m8/2013-10-08}UtleveringsrapportFastlege"
    assert told(content) == {"ReferanseM10": str(M10_ID)}
    assert (owed.attachments, head.patient is not None) == (M1, True)


def test_M3r_m8_needs_a_subscription_that_counts() -> None:
    """One that is there, on its last day too, and not one that has ended."""
    endt = replace(KORT, abonnement=(Abonnement(ABONNENT, DAG - timedelta(days=1)),))
    assert "M8" in reports(rapport())
    for kort in (None, replace(KORT, abonnement=()), endt):
        assert list(reports(rapport(), kort=kort)) == ["M6", "M8.1"]


def test_U12_who_reserves_keeps_the_fastlege_out() -> None:
    """Of this dispensing, on paper too, and whoever M8 goes to; Kjernejournal is told that it was so."""
    for m8_til in M8Til:
        owed = reports(rapport(reservert_fastlege=True), m8_til=m8_til)
        assert list(owed) == ["M6", "M8.1"]
        assert told(sent(owed["M8.1"])[1])["ReservasjonRapportFastlege"] == "true"
        paper = owed_reports_paper(papir(reservert_fastlege=True), KORT, facts(m8_til=m8_til), DAG)
        assert [one.type for one in paper] == ["M8.1"]


def test_M3r_a_fastlege_is_not_told_of_the_own_prescription() -> None:
    """M6 does that already."""
    egen = bygg.resept(rekvirent=replace(REKVIRENT, hpr=HPR))
    for m8_til in M8Til:
        assert "M8" not in reports(rapport(), egen, m8_til=m8_til)
        assert "M8" in reports(rapport(), m8_til=m8_til)


def test_M5r_no_m8_of_what_the_patient_hides() -> None:
    """What a doctor wrote in the own name, and what is locked."""
    for hidden in ({"eget_navn": True}, {"last": True, "refnr": bygg.REFNR}):
        assert list(reports(rapport(), bygg.resept(rekvirent=REKVIRENT, **hidden))) == ["M6", "M8.1"]


def test_who_is_the_fastlege_no_more_is_not_told() -> None:
    """M8 is for the patient's fastlege (R1308 4.2.8). Where the register knows none, the subscription decides."""
    annen = replace(FASTLEGE, hpr=ANNEN_HPR)
    assert "M8" not in reports(rapport(), bygg.resept(), fastlege=annen)
    egen = replace(RESEPT, rekvirent=replace(REKVIRENT, hpr="999000001"))
    begge = replace(
        KORT,
        abonnement=(
            *KORT.abonnement,
            Abonnement(bygg.legekontor(professional=bygg.lege(idents=(bygg.person_ident("HPR", ANNEN_HPR),))), DAG),
        ),
    )
    assert reports(rapport(), egen, begge, fastlege=annen)["M8"].to == begge.abonnement[1].organisasjon
    assert "M8" in reports(rapport(), fastlege=None)
    assert "M8" in by_type(owed_reports(rapport(), RESEPT, KORT, Facts(), DAG))


def test_M4r_the_newer_rule_tells_every_fastlege() -> None:
    """Whatever was subscribed: to the office that the register has, and the person there."""
    owed = reports(rapport(), kort=None, m8_til=M8Til.FASTLEGE)["M8"]
    head, _ = sent(owed)
    assert head.receiver.ident("HER") == LEGEKONTOR.her
    assert head.receiver.professional is not None
    assert (head.receiver.professional.ident("HPR"), head.receiver.professional.family_name) == (HPR, "Eidsvik")
    assert "M8" not in reports(rapport(), fastlege=None, m8_til=M8Til.FASTLEGE)
    kort_hpr = reports(rapport(), fastlege=replace(FASTLEGE, hpr="9144889"), m8_til=M8Til.FASTLEGE)["M8"].to
    assert kort_hpr.professional is not None
    assert kort_hpr.professional.ident("HPR") == "009144889"


def test_kjernejournal_is_told_of_all() -> None:
    """M8.1 with the M1, and what stands in it alone: the reference number and both reservations (R1308 4.2.9)."""
    owed = reports(rapport())["M8.1"]
    head, content = sent(owed)
    assert head.type == Kode("ERM81", "Utleveringsrapport kjernejournal")
    assert head.receiver == KJERNEJOURNAL.som_mottaker()
    assert (owed.attachments, head.patient is not None, owed.receiver) == (M1, True, "")
    assert told(content) == {"ReferanseM10": str(M10_ID), "ReservasjonRapportFastlege": "false"}
    last = bygg.resept(rekvirent=REKVIRENT, last=True, refnr=bygg.REFNR, vergereservert=True)
    _, content = sent(reports(rapport(), last)["M8.1"])
    assert list(told(content).items()) == [
        ("ReferanseM10", str(M10_ID)),
        ("RefNr", bygg.REFNR),
        ("ReservasjonRapportFastlege", "false"),
        ("Vergeinnsynsreservasjon", "true"),
    ]


def test_M8r_of_paper() -> None:
    """M8.1 always and M8 to who subscribes, the prescriber too; no M6, no M1, but who wrote it."""
    of = papir()
    owed = by_type(owed_reports_paper(of, KORT, facts(), DAG))
    assert list(owed) == ["M8", "M8.1"]
    for one in owed.values():
        head, content = sent(one)
        assert (one.resept_id, one.attachments) == (None, ())
        assert list(told(content))[:3] == ["ReferanseM10", "Papirresept", "RekvirentPapir"]
        assert content.findtext("{*}Papirresept") == "true"
        wrote, theirs = (found.find(f"{ULS}RekvirentPapir") for found in (content, of.payload))
        assert wrote is not None
        assert theirs is not None
        assert etree.tostring(wrote, method="c14n", exclusive=True) == etree.tostring(
            theirs, method="c14n", exclusive=True
        )
        assert head.patient == of.patient is not None
    assert told(sent(owed["M8.1"])[1])["ReservasjonRapportFastlege"] == "false"
    assert [one.type for one in owed_reports_paper(of, None, facts(), DAG)] == ["M8.1"]
    til_fastlege = owed_reports_paper(of, None, facts(m8_til=M8Til.FASTLEGE), DAG)
    assert [one.type for one in til_fastlege] == ["M8", "M8.1"]


def test_M9r_the_authority_is_told_of_the_first_dispensing() -> None:
    """M20 of what needs an exemption, once, never of an annulment; its head names no patient (R1308 4.1.4)."""
    unntak = bygg.resept(rekvirent=REKVIRENT, soknad_slv="5")
    owed = reports(rapport(), unntak)["M20"]
    head, content = sent(owed)
    assert head.type == Kode("ERM20", "Notifiseringsmelding")
    assert head.receiver == LEGEMIDDELVERKET.som_mottaker()
    assert (head.patient, owed.attachments) == (None, M1)
    assert content.tag == "{http://www.kith.no/xmlstds/eresept/m20/2013-10-08}Notifisering"
    assert told(content) == {}
    assert "M20" not in reports(rapport(), replace(unntak, siste_utlevering=DAG))
    assert "M20" not in reports(rapport(annullerer=str(UUID(int=9))), unntak)
    assert "M20" not in reports(rapport())


@pytest.mark.parametrize(
    "pris, ventet",
    [('V="1250.50" U="NOK"', "1250.50 NOK"), ('U="NOK" V="7"', "7 NOK"), ('V="1" U="&quot;&lt;&amp;"', '1 "<&')],
)
def test_the_price_goes_along_to_the_authority(pris: str, ventet: str) -> None:
    """As it stood, and as text whatever it is."""
    unntak = bygg.resept(rekvirent=REKVIRENT, soknad_slv="3")
    _, content = sent(reports(rapport(f"<PrisLegemiddelUtenMt {pris}/>"), unntak)["M20"])
    price = content.find("{*}PrisLegemiddelUtenMt")
    assert price is not None
    assert f"{price.get('V')} {price.get('U')}" == ventet


# --------------------------------------------------------------------------------------------------------- of a recall


def m5_fra(hpr: str = HPR) -> Any:
    """A recall by the person with this number."""
    sender = bygg.legekontor(professional=bygg.lege(idents=(bygg.person_ident("HPR", hpr),)))
    return replace(TILBAKEKALT, hpr=hpr, samtale=SAMTALE, avsender=sender)


def tilbakekalt(fra: Fase, hpr: str = HPR) -> Resept:
    """A prescription of another doctor's with that recall."""
    return replace(I_FASE[fra](), rekvirent=REKVIRENT, tilbakekalt=m5_fra(hpr))


def test_T3_who_recalls_has_an_answer() -> None:
    """M5.2 to the sender of the M5, in its conversation, in the form of the published one: no patient."""
    for status, navn in (("1", "Resept tilbakekalt"), ("2", "Resepten er under ekspedering")):
        owed = kvittering(m5_fra(), RESEPT, status)
        head, content = sent(owed)
        assert head.type.v == "ERM52"
        assert head.receiver == m5_fra().avsender
        assert (head.ref_to_parent, head.ref_to_conversation) == (str(TILBAKEKALT.msg_id), SAMTALE)
        assert (head.patient, owed.attachments, owed.receiver) == (None, (), LEGEKONTOR.her)
        state = content.find("{*}Status")
        assert state is not None
        assert (state.get("V"), state.get("S")) == (status, "2.16.578.1.12.4.1.1.7503")
        assert (state.get("DN") or "").startswith(navn)
        assert told(content)["ReseptId"] == str(RESEPT_ID)


def test_T4_whose_prescription_another_recalled_is_told() -> None:
    """M7 as the published one: to the prescriber by name and HPR number, after the M5, which is attached."""
    _, owed = owed_done_recall(m5_fra(), tilbakekalt(Fase.T), NOW)
    head, content = sent(owed)
    assert head.type == Kode("ERM7", "Slettet resept i RF")
    assert head.receiver == REKVIRENT.som_mottaker()
    assert head.receiver.professional is not None
    assert (head.receiver.professional.given_name, head.receiver.professional.middle_name) == ("Tommy", "Fos")
    assert (head.ref_to_parent, head.ref_to_conversation) == (str(TILBAKEKALT.msg_id), SAMTALE)
    assert (head.patient, owed.attachments) == (None, (Vedlegg(RESEPT_ID, TILBAKEKALT.msg_id),))
    assert told(content) == {"Tidspunkt": written_time(NOW)}


def test_T4_who_recalls_the_own_prescription_knows_it() -> None:
    """No M7, also where one of the numbers has lost its zeros."""
    assert [one.type for one in owed_done_recall(m5_fra(ANNEN_HPR), tilbakekalt(Fase.T), NOW)] == ["M5.2"]
    med_nuller = replace(tilbakekalt(Fase.T), rekvirent=replace(REKVIRENT, hpr="009144889"))
    assert [one.type for one in owed_done_recall(m5_fra("9144889"), med_nuller, NOW)] == ["M5.2"]


def test_T2_a_recall_that_has_waited_is_told_of_when_it_takes_effect() -> None:
    """By the step that ends the dispensing, once; a prescription that was used up was not recalled."""
    before, after = tilbakekalt(Fase.U_T), tilbakekalt(Fase.T)
    assert [one.type for one in owed_recall(before, after, NOW)] == ["M5.2", "M7"]
    assert owed_recall(after, after, NOW) == ()
    assert owed_recall(before, tilbakekalt(Fase.R_T), NOW) == ()
    assert owed_recall(RESEPT, replace(RESEPT, status=Status.AVSLUTTET), NOW) == ()


def test_a_recall_that_was_stored_before_its_sender_was_kept_has_an_address() -> None:
    """The HER-id of the organisation."""
    owed = kvittering(replace(m5_fra(), avsender=None), RESEPT, "1")
    head, _ = sent(owed)
    assert (owed.receiver, head.receiver.ident("HER")) == (LEGEKONTOR.her, LEGEKONTOR.her)


# ------------------------------------------------------------------------------------------------------------- controls


def test_the_check_of_a_message_sees_its_faults() -> None:
    """Negative control: an element too much, an empty one, a receiver without a name."""
    right = kvittering(m5_fra(), RESEPT, "1")
    sent(right)
    wrong = (
        replace(right, payload=right.payload.replace(b"<ReseptId>", b"<ReseptId>1</ReseptId><ReseptId>")),
        replace(right, payload=right.payload.replace(str(RESEPT_ID).encode(), b"")),
        replace(right, to=Organisation("", (Ident("1", Kode("HER", "HER-id", "2.16.578.1.12.4.1.1.9051")),))),
    )
    for one in wrong:
        with pytest.raises(AssertionError):
            sent(one)
