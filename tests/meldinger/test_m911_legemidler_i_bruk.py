"""M9.11: who may ask what, and what M9.12 says in each version."""

from __future__ import annotations

from base64 import b64decode
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from lxml import etree

from reseptformidler.domain.aktor import KJERNEJOURNAL, Aktortype, Facts, Person
from reseptformidler.domain.decision import Needs, Reply, Tilstand
from reseptformidler.meldinger.m911_legemidler_i_bruk import (
    M911_KJERNEJOURNAL,
    M911_REKVIRENT,
    M911_UTLEVERER,
    NAMESPACES,
)
from reseptformidler.meldinger.melding import MeldingType
from tests.meldinger import bygg
from tests.meldinger.bygg import (
    ANNEN_HPR,
    ANNET_FNR,
    APOTEK,
    BANDASJIST,
    FNR,
    HPR,
    LAS,
    LEGE,
    LEGEKONTOR,
    RESEPT_ID,
    Sak,
    hode,
    legekontor,
    org_ident,
    resept,
    sak,
    skiller,
    utleverer,
)
from tests.meldinger.lister import DAG, M251_ID, M252_ID, holdt, kort, multidoseapotek, multidoselege

V2021, V2018, V2014 = NAMESPACES
KJ = replace(KJERNEJOURNAL, her="8095999")
AVSENDER = {
    M911_REKVIRENT: (LEGEKONTOR, legekontor()),
    M911_UTLEVERER: (APOTEK, utleverer()),
    M911_KJERNEJOURNAL: (KJ, legekontor(idents=(org_ident("ENH", KJ.enh), org_ident("HER", KJ.her)))),
}
DOKUMENTER = {M251_ID: b"<m251/>", M252_ID: b"<m252/>"}


def sporsmal(
    type_: MeldingType = M911_UTLEVERER,
    versjon: str = V2018,
    person: Person | None = None,
    aktor: Any = None,
    **changes: str | None,
) -> Sak:
    """An M9.11."""
    kjent, sender = AVSENDER[type_] if aktor is None else (aktor, utleverer(aktor))
    parts: dict[str, str | None] = {
        "Fnr": FNR,
        "Samtykke": None,
        "InklReseptinfo": None,
        "InklM25Meldinger": None,
        "Komprimering": None if versjon == V2014 else "0",
    }
    facts = Facts(
        avsender=kjent,
        helsepersonell=LEGE if type_ is M911_REKVIRENT else None,
        personer=dict.fromkeys(person.numre, person) if person is not None else {},
    )
    return sak(type_, bygg.xml("M911", versjon, {**parts, **changes}), hode("ERM911", sender), facts)


def svar(melding: Sak, tilstand: Tilstand | None = None) -> tuple[Reply, etree._Element]:
    """The answer, and what it says of the patient."""
    decision = melding.avgjor(tilstand)
    assert decision.reply is not None
    assert decision.reply.type == "ERM912"
    (pasient,) = etree.fromstring(decision.reply.payload)
    return decision.reply, pasient


def navn(element: etree._Element) -> list[str]:
    """The names of its children."""
    return [etree.QName(one).localname for one in element]


FULLT = Tilstand(kort=(kort(meldinger=holdt("ERM251", "ERM252")),), dokumenter=DOKUMENTER, resepter=(resept(),))
UTEN_RESEPTER = replace(FULLT, resepter=())


def test_fnr_with_right_check_digits() -> None:
    """115; a D-number is one too."""
    skiller(115, (sporsmal(), sporsmal(Fnr=bygg.DNR)), sporsmal(Fnr="21014605159"))


def test_consent_of_2014_is_of_list_1101() -> None:
    """230; what it says is nobody's business since 2019 (B1)."""
    godtatt = [sporsmal(versjon=V2014, Samtykke=bygg.kode("Samtykke", verdi)) for verdi in ("1", "2")]
    skiller(230, godtatt, sporsmal(versjon=V2014, Samtykke=bygg.kode("Samtykke", "3")))


def test_X18_prescriptions_for_pharmacies_only() -> None:
    """InklReseptinfo of anybody else is refused (388); false asks for nothing."""
    ja: Any = {"InklReseptinfo": "true"}
    andre = [sporsmal(M911_REKVIRENT, **ja), sporsmal(M911_KJERNEJOURNAL, **ja)]
    skiller(388, (sporsmal(**ja), sporsmal(M911_REKVIRENT, InklReseptinfo="0")), andre)


def test_C4_the_lists_are_not_for_a_bandasjist() -> None:
    """388: they are of drugs. Nor for a net shop without konsesjon; a net pharmacy has one."""
    nettapotek = replace(APOTEK, type=Aktortype.NETTAPOTEK)
    skiller(388, sporsmal(aktor=nettapotek), (sporsmal(aktor=BANDASJIST), sporsmal(aktor=replace(nettapotek, ako=""))))


def test_only_Kjernejournal_asks_as_Kjernejournal() -> None:
    """160: by its own operation, unsigned."""
    kj, annen = sporsmal(M911_KJERNEJOURNAL), replace(KJ, type=Aktortype.REKVIRENT)
    skiller(160, kj, Sak(kj.type, kj.mottatt, replace(kj.facts, avsender=annen)))
    assert [type_.signed for type_ in AVSENDER] == [True, False, False]


def test_7419_364_blocked_by_the_patient() -> None:
    """B1: the block is the person's, under whichever number; others, and pharmacies, are answered."""
    sperret = Person((FNR, ANNET_FNR), sperret=frozenset({HPR}))
    annen = Person((FNR,), sperret=frozenset({ANNEN_HPR}))
    skiller(
        364,
        (sporsmal(M911_REKVIRENT), sporsmal(M911_REKVIRENT, person=annen), sporsmal(person=sperret)),
        (sporsmal(M911_REKVIRENT, person=sperret), sporsmal(M911_REKVIRENT, person=sperret, Fnr=ANNET_FNR)),
    )


@pytest.mark.parametrize("versjon", [V2014, V2018, V2021])
def test_nothing_is_known(versjon: str) -> None:
    """The answer has the number alone."""
    reply, pasient = svar(sporsmal(versjon=versjon))
    assert etree.fromstring(reply.payload).tag == f"{{{NAMESPACES[versjon]}}}M912"
    assert etree.QName(pasient).localname == ("Multidosepasient" if versjon == V2014 else "Pasient")
    assert navn(pasient) == ["Fnr"]
    assert pasient.findtext("{*}Fnr") == FNR


def test_needs() -> None:
    """The lists unless nobody asks for them (2021), the prescriptions where they are asked for and have a place."""

    def needs(versjon: str, **changes: Any) -> Needs:
        melding = sporsmal(versjon=versjon, person=Person((FNR, ANNET_FNR)), **changes)
        return melding.type.needs(melding.mottatt, melding.facts)

    numre = (FNR, ANNET_FNR)
    assert needs(V2018) == Needs(kort=numre, kort_dokumenter=True)
    assert needs(V2014, InklReseptinfo="true") == Needs(pasienter=numre, kort=numre, kort_dokumenter=True)
    assert needs(V2021, InklReseptinfo="true") == Needs(kort=numre)
    assert needs(V2021, InklM25Meldinger="1") == Needs(kort=numre, kort_dokumenter=True)


@pytest.mark.parametrize("versjon", [V2014, V2018])
def test_all_that_is_known(versjon: str) -> None:
    """In the schema's order; RefMsgId is the M25 that came last; the messages byte for byte."""
    reply, pasient = svar(sporsmal(versjon=versjon, InklReseptinfo="true"), FULLT)
    assert navn(pasient) == [
        "Fnr", "RefMsgId", "Multidoselege", "Multidoseapotek", "Reseptinfo", "VarerIBrukB64", "VarerIBrukB64",
    ]  # fmt: skip
    assert pasient.findtext("{*}RefMsgId") == str(M252_ID)
    assert [b64decode(one.text or "") for one in pasient.iterfind("{*}VarerIBrukB64")] == list(DOKUMENTER.values())
    assert pasient.findtext("{*}Reseptinfo/{*}ReseptId") == str(RESEPT_ID)
    assert (reply.attachments, reply.compressed) == ((), False)


def test_version_2021() -> None:
    """Without prescriptions, with lists on demand; names and numbers as text."""
    _, pasient = svar(sporsmal(versjon=V2021, InklM25Meldinger="true"), UTEN_RESEPTER)
    assert navn(pasient) == ["Fnr", "RefMsgId", "Multidoselege", "Multidoseapotek", "VarerIBrukB64", "VarerIBrukB64"]
    lege, apotek = pasient[2], pasient[3]
    assert [one.text for one in lege] == [
        HPR, "Anja Fos", "Eidsvik", LEGEKONTOR.navn, LEGEKONTOR.her, "22222222",
    ]  # fmt: skip
    assert [one.text for one in apotek] == [APOTEK.navn, APOTEK.her, APOTEK.ako, "22222222"]
    _, pasient = svar(sporsmal(versjon=V2021), UTEN_RESEPTER)
    assert navn(pasient) == ["Fnr", "RefMsgId", "Multidoselege", "Multidoseapotek"]


def test_former_numbers() -> None:
    """The present number and the former ones, whichever was asked for; 2014 has no place for the former."""
    person = Person((ANNET_FNR, FNR))
    for versjon in (V2018, V2021):
        _, pasient = svar(sporsmal(versjon=versjon, person=person))
        assert [one.text for one in pasient] == [ANNET_FNR, FNR]
    _, pasient = svar(sporsmal(versjon=V2014, person=person))
    assert [one.text for one in pasient] == [ANNET_FNR]


@pytest.mark.parametrize("komprimering, komprimert", [("0", False), ("1", True), ("7", True)])
def test_compression(komprimering: str, komprimert: bool) -> None:
    """Above 0 the lists are attached and compressed: nothing else in a message says that it is."""
    reply, pasient = svar(sporsmal(Komprimering=komprimering), FULLT)
    assert reply.compressed is komprimert
    assert reply.attachments == (tuple(DOKUMENTER.values()) if komprimert else ())
    assert len(pasient.findall("{*}VarerIBrukB64")) == (0 if komprimert else 2)


def test_compression_is_not_negative() -> None:
    """267, Q14; 2014 has no such element."""
    skiller(267, (sporsmal(), sporsmal(versjon=V2014)), sporsmal(Komprimering="-1"))


def test_Q1_L7_prescriptions_as_M92_shows_them() -> None:
    """E and U; not what has expired, is locked, is reserved or is finished."""
    i_gaar = DAG - timedelta(days=1)
    vist = (resept(), resept(resept_id=UUID(int=2), utloper=i_gaar, las=LAS))
    skjult = (
        resept(resept_id=UUID(int=3), utloper=i_gaar),
        resept(resept_id=UUID(int=4), last=True),
        resept(resept_id=UUID(int=5), vergereservert=True),
        *(replace(one(), resept_id=UUID(int=6)) for fase, one in bygg.I_FASE.items() if fase in ("R", "T", "A")),
    )
    _, pasient = svar(sporsmal(InklReseptinfo="true"), Tilstand(resepter=(*vist, *skjult)))
    shown = [one.findtext("{*}ReseptId") for one in pasient.iterfind("{*}Reseptinfo")]
    assert shown == [str(one.resept_id) for one in vist]


def test_who_ends_and_who_comes() -> None:
    """AktivTil only where a deregistration is ahead; who registered for later is not shown yet."""
    i_morgen = DAG + timedelta(days=1)
    kortet = kort(
        leger=(multidoselege(til=i_morgen), multidoselege(ANNEN_HPR, fra=i_morgen)),
        apotek=(multidoseapotek(fra=i_morgen),),
    )
    _, pasient = svar(sporsmal(), Tilstand(kort=(kortet,)))
    assert navn(pasient) == ["Fnr", "Multidoselege"]
    assert pasient.findtext("{*}Multidoselege/{*}HprNr") == HPR
    assert pasient.findtext("{*}Multidoselege/{*}AktivTil") == f"{i_morgen}+01:00"
