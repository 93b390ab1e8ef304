"""The published chain `Påmelding multidose`: what we write of the published registrations is what was published."""

from __future__ import annotations

from base64 import b64decode
from dataclasses import replace
from datetime import date
from uuid import UUID

from lxml import etree

from reseptformidler.domain.aktor import Facts
from reseptformidler.domain.decision import Decision, Tilstand
from reseptformidler.domain.hode import HealthcareProfessional, Ident, Kode, TeleCom
from reseptformidler.domain.pasientkort import Libmelding, Multidoseansvarlig, Pasientkort
from reseptformidler.meldinger import lib, m1_resept
from reseptformidler.meldinger.m251_legemiddelliste import M251
from reseptformidler.meldinger.m252_forslag import M252
from reseptformidler.meldinger.m271_multidoseansvar import M271_APOTEK, M271_LEGE
from reseptformidler.meldinger.m911_legemidler_i_bruk import M911_UTLEVERER
from reseptformidler.meldinger.melding import MeldingType, Mottatt
from reseptformidler.wire.msghead import payload, read_head
from tests.published.standard import EXAMPLES, SIGNED, differences

CHAIN = EXAMPLES / "Påmelding multidose"
CETIMAX = UUID("665e2a11-787a-4dac-aec1-16466a9838d1")
M1 = (SIGNED / f"ERM1-{CETIMAX}.xml").read_bytes()


def published(name: str) -> etree._Element:
    """A message of the chain."""
    (path,) = CHAIN.glob(f"{name}.xml")
    return etree.parse(path).getroot()


def innhold(root: etree._Element) -> etree._Element:
    """Its payload."""
    found = payload(root)
    assert found is not None
    return found


def mottatt(type_: MeldingType, root: etree._Element) -> Mottatt:
    """As the spine hands it to its type."""
    head = read_head(root)
    return Mottatt(etree.tostring(root), head, innhold(root), type_.parse(innhold(root)), head.gen_date)


def sjursen() -> Multidoseansvarlig:
    """The doctor that the published answers name; the published M27.1 is his colleague's."""
    eidsvik = read_head(published("M271 Registrering av multidoseansvarlig lege")).sender
    person = HealthcareProfessional(
        given_name="Tommy",
        middle_name="Fos",
        family_name="Sjursen",
        idents=(Ident("431001905", Kode("HPR", "HPR-nummer", "2.16.578.1.12.4.1.1.8116")),),
    )
    telefon = (TeleCom(Kode("HP", "Hovedtelefon"), "tel:33333333"),)
    return Multidoseansvarlig(replace(eidsvik, professional=person, telecom=telefon), date(2019, 7, 18))


def kort(m: Mottatt, *leger: Multidoseansvarlig) -> Pasientkort:
    """The patient's card with these doctors."""
    return Pasientkort(m.msg_id, 1, lib.numre(m, Facts())[0], m.mottatt, leger=leger)


def test_M272_to_the_first_doctor() -> None:
    """Nobody was registered."""
    m = mottatt(M271_LEGE, published("M271 Registrering av multidoseansvarlig lege"))
    reply = M271_LEGE.decide(m, Tilstand(), Facts(), m.mottatt).reply
    assert reply is not None
    theirs = innhold(published("M272 Svar på registrering av multidoseansvarlig lege"))
    assert differences(theirs, etree.fromstring(reply.payload)) == []


def test_M272_to_the_pharmacy() -> None:
    """The doctor who was registered."""
    m = mottatt(M271_APOTEK, published("M271 Registrering av multidoseansvarlig apotek"))
    reply = M271_APOTEK.decide(m, Tilstand(kort=(kort(m, sjursen()),)), Facts(), m.mottatt).reply
    assert reply is not None
    theirs = innhold(published("M272 Svar på registrering av multidoseansvarlig apotek"))
    assert differences(theirs, etree.fromstring(reply.payload)) == []


def test_M28_to_the_former_doctor() -> None:
    """Of a registration of Sjursen's after Eidsvik's: the receiver is Eidsvik as her M27.1 named her."""
    first = mottatt(M271_LEGE, published("M271 Registrering av multidoseansvarlig lege"))
    eidsvik = M271_LEGE.decide(first, Tilstand(), Facts(), first.mottatt).kort
    assert eidsvik is not None
    ny = sjursen()
    m = replace(
        first,
        head=replace(first.head, sender=ny.organisasjon),
        content=replace(first.content, gjelder_fra=ny.gjelder_fra),
    )
    (m28,) = M271_LEGE.decide(m, Tilstand(kort=(eidsvik,)), Facts(), m.mottatt).owed
    theirs = published("M28 Endring av multidoseansvarlig lege")
    assert differences(innhold(theirs), etree.fromstring(m28.payload)) == []
    receiver = read_head(theirs).receiver
    assert (m28.to.name, m28.to.idents) == (receiver.name, receiver.idents)
    assert m28.to.professional is not None
    assert receiver.professional is not None
    assert m28.to.professional.idents == receiver.professional.idents
    assert m28.patient == read_head(theirs).patient


def m252_decided(m1: bytes) -> Decision:
    """What becomes of the published M25.2 of the pharmacy, where this M1 is."""
    m = mottatt(M252, published("M252 Spørsmål fra apotek til RF"))
    apotek = Multidoseansvarlig(m.head.sender, date(2019, 7, 18))
    card = replace(kort(m, sjursen()), apotek=(apotek,), kort_id=CETIMAX)
    skrevet = mottatt(m1_resept.TYPE, etree.fromstring(m1))
    resept = m1_resept.TYPE.decide(skrevet, Tilstand(), Facts(), skrevet.mottatt).new
    assert resept is not None
    assert resept.resept_id == CETIMAX
    return M252.decide(m, Tilstand(kort=(card,), resepter=(resept,), dokumenter={CETIMAX: m1}), Facts(), m.mottatt)


def test_M252_goes_on_as_it_was_published() -> None:
    """Same content, receiver and references."""
    (owed,) = m252_decided(M1).owed
    theirs = published("M252  Fra RF til epj")
    head = read_head(theirs)
    assert differences(innhold(theirs), etree.fromstring(owed.payload)) == []
    assert (owed.ref_to_parent, owed.ref_to_conversation) == (head.ref_to_parent, head.ref_to_conversation)
    assert (owed.to.name, owed.to.idents) == (head.receiver.name, head.receiver.idents)
    assert (owed.to.professional, owed.patient) == (head.receiver.professional, head.patient)


def test_X5_the_published_list_repeats_the_published_prescription() -> None:
    """They differ in white space alone; another amount is seen."""
    assert m252_decided(M1).accepted
    other = m252_decided(M1.replace(b"<Antall>1</Antall>", b"<Antall>2</Antall>"))
    assert [(found.reason.code, found.detail) for found in other.refusals] == [
        ("320", "EnkeltoppforingLIB/ReseptDokLegemiddelB64")
    ]


def test_M912_to_the_pharmacy() -> None:
    """Who is responsible, and the M25.1 byte for byte; the M25.1 itself keeps all rules of a list."""
    m = mottatt(M911_UTLEVERER, published("M911 Forespørsel om PLL apotek"))
    theirs = innhold(published("M912 Nedlasting av PLL apotek"))
    octets = b64decode(theirs.findtext(".//{*}VarerIBrukB64") or "")
    liste = mottatt(M251, etree.fromstring(octets))
    assert [found for rule in lib.REGLER for found in rule.findings(liste, Facts())] == []
    apotek = Multidoseansvarlig(
        read_head(published("M271 Registrering av multidoseansvarlig apotek")).sender, date(2019, 7, 18)
    )
    card = replace(
        kort(liste, sjursen()), apotek=(apotek,), meldinger=(Libmelding(liste.msg_id, "ERM251", liste.mottatt),)
    )
    reply = M911_UTLEVERER.decide(
        m, Tilstand(kort=(card,), dokumenter={liste.msg_id: octets}), Facts(), m.mottatt
    ).reply
    assert reply is not None
    assert differences(theirs, etree.fromstring(reply.payload)) == []
