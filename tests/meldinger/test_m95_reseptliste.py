"""M9.5 and M9.6: who is shown what, and what each of the three versions says of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from lxml import etree

from reseptformidler.domain import koder
from reseptformidler.domain.aktor import Facts, Person
from reseptformidler.domain.decision import Decision, Needs, Reply, Tilstand
from reseptformidler.domain.hode import MsgInfo
from reseptformidler.domain.livslop import Fase
from reseptformidler.domain.resept import Resept, Tilbakekalt, Utlevering
from reseptformidler.meldinger import m1_resept
from reseptformidler.meldinger.m95_reseptliste import M95
from tests.meldinger import bygg
from tests.meldinger.bygg import (
    ANNEN_HPR,
    ANNET_FNR,
    ANNET_REFNR,
    FNR,
    HPR,
    LAS,
    LEGE,
    LEGEKONTOR,
    NOW,
    REFNR,
    RESEPT_ID,
    TILBAKEKALT,
    Sak,
    avslag,
    kode,
    resept,
    skiller,
)
from tests.meldinger.faser import I_HVER_FASE as I_FASE

XSD = Path(__file__).parents[2] / "xsd"
E, K = "http://www.ehelse.no/xmlstds/eresept/", "http://www.kith.no/xmlstds/eresept/"
NEWEST, M95_2018, M95_2015 = f"{E}m95/2021-02-01", f"{E}m95/2018-07-01", f"{K}m95/2015-05-01"
ANDRES = resept(resept_id=UUID(int=9), rekvirent=replace(resept().rekvirent, hpr=ANNEN_HPR))
"""What another prescriber wrote for the same patient."""


def m95(
    namespace: str = NEWEST,
    facts: Facts | None = None,
    refnr: tuple[str, ...] = (),
    head: MsgInfo | None = None,
    **changes: str | None,
) -> Sak:
    """A search by Fnr from a doctor."""
    parts: dict[str, str | None] = {
        "Fnr": FNR,
        "AlleResepter": "2",
        "RefNr": "".join(f"<RefNr>{number}</RefNr>" for number in refnr) or None,
        "Samtykke": "2" if namespace == M95_2015 else None,
        "Komprimering": "0",
        **changes,
    }
    coded = {"AlleResepter", "Samtykke"}
    payload = bygg.xml("M95", namespace, {k: kode(k, v) if k in coded and v else v for k, v in parts.items()})
    etree.XMLSchema(file=XSD / f"m95-{namespace[-10:]}.xsd").assertValid(etree.fromstring(payload))
    known = facts or Facts(avsender=LEGEKONTOR, helsepersonell=LEGE)
    return bygg.sak(M95, payload, head or bygg.hode("ERM95"), known)


def kjent(*numre: str, sperret: bool = False) -> Facts:
    """A doctor asks about a person of whom the register has these numbers."""
    person = Person(numre, sperret=frozenset({HPR}) if sperret else frozenset())
    return Facts(LEGEKONTOR, LEGE, personer=dict.fromkeys(numre, person))


def svar(sak: Sak, *resepter: Resept, utlevert: tuple[Utlevering, ...] = (), **when: Any) -> Reply:
    """The answer, its payload valid against the schema of its own version."""
    dokumenter = {r.resept_id: f"<M1>{r.resept_id}</M1>".encode() for r in resepter}
    decision = sak.avgjor(Tilstand(resepter, utlevert, dokumenter=dokumenter), **when)
    assert decision == Decision(reply=decision.reply)
    assert decision.reply is not None
    assert decision.reply.type == "ERM96"
    return decision.reply


def liste(sak: Sak, *resepter: Resept, **how: Any) -> etree._Element:
    """M96 of the answer."""
    root = etree.fromstring(svar(sak, *resepter, **how).payload)
    etree.XMLSchema(file=XSD / f"m96-{str(root.tag)[-14:-4]}.xsd").assertValid(root)
    assert str(root.tag)[-14:-4] == str(sak.mottatt.payload.tag)[-14:-4], "each version is answered in its own"
    return root


def ids(sak: Sak, *resepter: Resept) -> list[str]:
    """The ids in the list."""
    return [found.text or "" for found in liste(sak, *resepter).iterfind("{*}Listeelement/{*}ReseptId")]


def element(sak: Sak, *resepter: Resept, **how: Any) -> dict[str, Any]:
    """The Listeelement of the first prescription: text, attributes or parts by name, in order."""
    wanted = str(resepter[0].resept_id)
    root = liste(sak, *resepter, **how)
    found = next(e for e in root.iterfind("{*}Listeelement") if e.findtext("{*}ReseptId") == wanted)
    return _parts(found)


def _parts(parent: etree._Element) -> dict[str, Any]:
    return {etree.QName(e).localname: _parts(e) if len(e) else e.text or dict(e.attrib) for e in parent}


def recalled(**changes: Any) -> Tilbakekalt:
    """A recall to renew."""
    return replace(TILBAKEKALT, arsak=koder.ARSAK_TILBAKEKALLING.cv("1"), **changes)


# ------------------------------------------------------------------------------------------------- what is asked for


def test_Q4_a_key_is_needed() -> None:
    """A search by nothing is refused (60); either key is enough."""
    skiller(60, (m95(), m95(Fnr=None, refnr=(REFNR,))), m95(Fnr=None))


def test_yes_or_no_is_of_list_1101() -> None:
    """AlleResepter, and in 2015 Samtykke, say 1 or 2 (230)."""
    skiller(230, (m95(), m95(AlleResepter="1")), m95(AlleResepter="3"))
    skiller(230, (m95(M95_2015), m95(M95_2015, Samtykke="1")), m95(M95_2015, Samtykke="0"))


def test_7419_267_compression_not_negative() -> None:
    """Komprimering is 0 or more; what is no whole number the schema refuses."""
    skiller(267, (m95(), m95(Komprimering="1")), m95(Komprimering="-1"))
    with pytest.raises(etree.DocumentInvalid):
        m95(Komprimering="1.5")


def test_7419_389_asker_authorised() -> None:
    """Whoever asks has an authorisation; a requisition right, or a category that may have one, is not asked for."""
    sykepleier = replace(LEGE, kategorier=("SP",), rekvisisjonsrett=False)
    skiller(
        389, m95(facts=Facts(LEGEKONTOR, sykepleier)), m95(facts=Facts(LEGEKONTOR, replace(LEGE, autorisert=False)))
    )


def test_the_head_names_nobody_else() -> None:
    """320: the answer says whose list it is by the head. A former number is the same person's; a wrong one is Q5's."""
    head = bygg.hode("ERM95", patient=bygg.pasient())
    same = (
        m95(head=head),
        m95(facts=kjent(FNR, ANNET_FNR), head=head, Fnr=ANNET_FNR),
        m95(head=head, Fnr="21014605159"),
    )
    skiller(320, same, m95(head=head, Fnr=ANNET_FNR))


def test_needs_follow_the_keys() -> None:
    """All numbers of the person; closed ones on demand, and for 2021, which tells what a prescription renews."""
    both = kjent(FNR, ANNET_FNR)
    assert M95.needs(m95(M95_2018).mottatt, both) == Needs(pasienter=(FNR, ANNET_FNR), dokumenter=True)
    assert M95.needs(m95(AlleResepter="1").mottatt, Facts()) == Needs(pasienter=(FNR,), alle=True, dokumenter=True)
    assert M95.needs(m95().mottatt, Facts()).alle
    by_refnr = m95(M95_2018, Fnr=None, refnr=(REFNR, "1234567890"))
    assert M95.needs(by_refnr.mottatt, Facts()) == Needs(refnr=(REFNR,), dokumenter=True)


def test_who_is_asked_about() -> None:
    """The person sought and the head's patient, each once."""
    assert M95.personer(m95().mottatt) == (FNR,)
    assert M95.personer(m95(head=bygg.hode("ERM95", patient=bygg.pasient())).mottatt) == (FNR,)
    assert M95.personer(m95(Fnr=None, refnr=(REFNR,), head=bygg.hode("ERM95", patient=bygg.pasient())).mottatt) == (
        FNR,
    )


# ----------------------------------------------------------------------------------------------------- who sees what


@pytest.mark.parametrize("namespace", [NEWEST, M95_2018, M95_2015])
def test_Q1_states(namespace: str) -> None:
    """E and U always, all others (T6) with AlleResepter: in 2021 too, where the closed ones are loaded anyway."""
    shown = {fase for fase, make in I_FASE.items() if ids(m95(namespace), make())}
    assert shown == {Fase.E, Fase.U, Fase.U_T}
    assert all(ids(m95(namespace, AlleResepter="1"), make()) for make in I_FASE.values())


def test_K3_expired_is_not_listed() -> None:
    """Utloper is the last day in Norway; after it only what is under dispensing is listed."""
    assert ids(m95(), resept(utloper=NOW.date()))
    assert not ids(m95(), resept(utloper=NOW.date() - timedelta(days=1)))
    assert ids(m95(), resept(utloper=NOW.date() - timedelta(days=1), las=LAS))


def test_all_prescribers_and_all_numbers() -> None:
    """What others wrote, and what was written under a former number; not another patient's."""
    former = resept(resept_id=UUID(int=2), pasient=replace(resept().pasient, ident=ANNET_FNR))
    assert set(ids(m95(facts=kjent(FNR, ANNET_FNR)), ANDRES, former)) == {str(r.resept_id) for r in (ANDRES, former)}
    assert ids(m95(), ANDRES, former) == [str(ANDRES.resept_id)]


def test_Q4_union() -> None:
    """Fnr and RefNr together give what either leads to, each once."""
    by_refnr = resept(resept_id=UUID(int=2), refnr=REFNR, pasient=replace(resept().pasient, ident="", ident_type=""))
    both = resept(resept_id=UUID(int=3), refnr=REFNR)
    assert len(ids(m95(refnr=(REFNR,)), resept(), by_refnr, both)) == 3
    assert ids(m95(), resept(), by_refnr) == [str(RESEPT_ID)]


def test_L7_locked_only_by_its_refnr() -> None:
    """Without its RefNr it is not shown, not to its own prescriber either; LastResept tells that there is one."""
    locked = resept(last=True, refnr=REFNR)
    assert ids(m95(refnr=(REFNR,)), locked) == [str(RESEPT_ID)]
    assert ids(m95(refnr=(ANNET_REFNR,)), locked) == []
    for namespace in (NEWEST, M95_2018):
        assert liste(m95(namespace), locked).findtext("{*}LastResept") == "true"
        assert liste(m95(namespace, refnr=(REFNR,)), locked).find("{*}LastResept") is None
    assert liste(m95(M95_2015), locked).find("{*}LastResept") is None


def test_LastResept_speaks_of_what_would_be_listed() -> None:
    """A locked one that is finished or expired counts as little as an open one would."""
    locked = resept(last=True, refnr=REFNR)
    for gone in (replace(I_FASE[Fase.R](), last=True, refnr=REFNR), replace(locked, utloper=date(2026, 3, 1))):
        assert liste(m95(), gone).find("{*}LastResept") is None
    assert (
        liste(m95(AlleResepter="1"), replace(I_FASE[Fase.R](), last=True, refnr=REFNR)).find("{*}LastResept")
        is not None
    )


def test_Q16_blocked_sees_the_own_alone() -> None:
    """The patient's block hides what others wrote, also that some of it is locked; it is said that it does."""
    blocked = kjent(FNR, ANNET_FNR, sperret=True)
    others = (ANDRES, replace(ANDRES, resept_id=UUID(int=10), last=True, refnr=REFNR))
    for namespace in (NEWEST, M95_2018):
        root = liste(m95(namespace, blocked), resept(), *others)
        assert [e.text for e in root.iter("{*}ReseptId")] == [str(RESEPT_ID)]
        assert root.findtext("{*}Pasientreservasjon") == "true"
        assert root.find("{*}LastResept") is None
    assert liste(m95(), resept(), ANDRES).find("{*}Pasientreservasjon") is None


def test_B1_the_block_counts_for_every_number_and_key() -> None:
    """What stands under a former number is hidden too, and a RefNr does not pass the block of the head's patient."""
    blocked = kjent(FNR, ANNET_FNR, sperret=True)
    former = replace(ANDRES, pasient=replace(ANDRES.pasient, ident=ANNET_FNR), refnr=REFNR)
    assert ids(m95(facts=blocked), former) == []
    assert ids(m95(facts=blocked, Fnr=None, refnr=(REFNR,)), former) == []
    assert ids(m95(Fnr=None, refnr=(REFNR,)), former) == [str(former.resept_id)]


def test_7419_358_blocked_and_nothing_to_show() -> None:
    """2015 cannot say that there is a block: the own are shown, and where there are none it says why (358)."""
    blocked = kjent(FNR, sperret=True)
    assert ids(m95(M95_2015, blocked), resept(), ANDRES) == [str(RESEPT_ID)]
    stored = Tilstand((ANDRES,), dokumenter={ANDRES.resept_id: b"<M1/>"})
    assert avslag(m95(M95_2015, blocked).avgjor(stored)) == ["358"]
    assert m95(M95_2015).avgjor(stored).accepted
    root = liste(m95(M95_2018, blocked), ANDRES)
    assert [etree.QName(e).localname for e in root] == ["Pasientreservasjon", "StatusSok"]


def test_B1_no_consent_is_asked() -> None:
    """Samtykke of 2015 changes nothing."""
    assert ids(m95(M95_2015, Samtykke="2"), ANDRES) == ids(m95(M95_2015, Samtykke="1"), ANDRES) != []


# ------------------------------------------------------------------------------------------------- what the list says


@pytest.mark.parametrize(
    "keys, expected",
    [
        ({"Fnr": "21014605159"}, "2"),
        ({"Fnr": "21414605145"}, "2"),
        ({"Fnr": None, "refnr": ("1234567890",)}, "1"),
        ({"Fnr": None, "refnr": ("1234567890", REFNR)}, "4"),
        ({}, "4"),
    ],
)
@pytest.mark.parametrize("namespace", [NEWEST, M95_2015])
def test_Q5_P8_a_search_without_hits_is_answered(namespace: str, keys: dict[str, Any], expected: str) -> None:
    """A bad number (a help number is one) or a key to nothing is no refusal: StatusSok says which it was."""
    (found,) = liste(m95(namespace, **keys))
    assert (etree.QName(found).localname, found.get("V")) == ("StatusSok", expected)


def test_PasientInfo_tells_a_new_identity() -> None:
    """The present number and the former ones, only where there are such (HIS 3004 6.2.4)."""
    root = liste(m95(M95_2018, kjent(ANNET_FNR, FNR)), resept())
    assert [e.text for e in root.iterfind("{*}PasientInfo/*")] == [ANNET_FNR, FNR]
    assert liste(m95(M95_2018, kjent(FNR)), resept()).find("{*}PasientInfo") is None
    assert liste(m95(M95_2015, kjent(ANNET_FNR, FNR)), resept()).find("{*}PasientInfo") is None


def test_a_plain_element_is_the_published_one() -> None:
    """ReseptId and Status, nothing else, as in the published list."""
    assert element(m95(M95_2015), resept()) == {
        "ReseptId": str(RESEPT_ID),
        "Status": {"V": "E", "DN": "Ekspederbar"},
    }


def test_application_and_utleverer() -> None:
    """SendtSLVDato, StatusSoknadSlv and who holds it."""
    found = element(m95(), resept(las=LAS, soknad_slv="3", soknad_sendt=date(2026, 3, 1)))
    assert found == {
        "ReseptId": str(RESEPT_ID),
        "NavnUtleverer": LAS.navn,
        "SendtSLVDato": "2026-03-01+01:00",
        "Status": {"V": "U", "DN": "Under ekspedering"},
        "StatusSoknadSlv": {"V": "3", "DN": "Søknad innvilget av SLV"},
    }


@pytest.mark.parametrize("namespace", [M95_2018, M95_2015])
def test_Q11_recalled_under_dispensing(namespace: str) -> None:
    """The status stays U; the flag and the cause tell. A recall that has taken effect has the cause alone."""
    found = element(m95(namespace, AlleResepter="1"), resept(las=LAS, tilbakekalt=recalled()))
    assert (found["Status"]["V"], found["TilbakekallingStatus"]) == ("U", "true")
    assert found["Arsak"] == {"V": "1", "DN": "Fornying", "S": "2.16.578.1.12.4.1.1.7500"}
    done = element(m95(namespace, AlleResepter="1"), replace(I_FASE[Fase.T](), tilbakekalt=recalled()))
    assert "TilbakekallingStatus" not in done
    assert done["Arsak"]["V"] == "1"


def test_2021_tells_of_recall_and_renewal() -> None:
    """Tilbakekalling with its time, cause and note; Fornying to the new one, and at the new one back to the old."""
    new = resept(resept_id=UUID(int=7))
    old = resept(las=LAS, tilbakekalt=recalled(merknad="Ny styrke", ny_resept_id=str(UUID(int=7))))
    found = element(m95(), old, new)
    assert found["Tilbakekalling"] == {
        "Tidspunkt": "2026-03-02T10:55:00.000+01:00",
        "Arsak": {"V": "1", "DN": "Fornying"},
        "Merknad": "Ny styrke",
    }
    assert found["Fornying"] == {"NyReseptId": str(new.resept_id)}
    assert element(m95(), new, old)["Fornying"] == {"ForrigeReseptId": str(old.resept_id)}


def test_2021_renewed_and_renewing() -> None:
    """One in the middle of a row has both; what it renewed is named though it is not listed itself."""
    first = replace(
        I_FASE[Fase.T](), resept_id=UUID(int=1), tilbakekalt=recalled(ny_resept_id=str(UUID(int=2)).upper())
    )
    middle = resept(resept_id=UUID(int=2), las=LAS, tilbakekalt=recalled(ny_resept_id=str(UUID(int=3))))
    assert ids(m95(), first, middle) == [str(middle.resept_id)]
    assert element(m95(), middle, first)["Fornying"] == {
        "NyReseptId": str(UUID(int=3)),
        "ForrigeReseptId": str(first.resept_id),
    }


def test_a_renewal_does_not_tell_of_what_is_locked() -> None:
    """The id of a locked prescription is not said by the one that renewed it."""
    old = replace(I_FASE[Fase.T](), last=True, refnr=REFNR, tilbakekalt=recalled(ny_resept_id=str(UUID(int=2))))
    new = resept(resept_id=UUID(int=2))
    assert "Fornying" not in element(m95(), new, old)
    assert "Fornying" in element(m95(refnr=(REFNR,)), new, old)


def dispensing(number: int, dag: date, antall: str = "1", **changes: Any) -> Utlevering:
    """A package of Cosylan, dispensed."""
    known = {"varenr": "429076", "navn": "Cosylan Mikst 1,7 mg/ml", "pakningsstr": ("300", "ml")}
    return Utlevering(UUID(int=number), RESEPT_ID, "1", dag, Decimal(antall), avsluttet=False, **{**known, **changes})


def test_Q13_totals_of_each_item() -> None:
    """All packages and those of the last time, by Varenr; what was annulled does not count."""
    utlevert = (
        dispensing(1, date(2026, 3, 1), "2"),
        dispensing(2, date(2026, 3, 2), "0.5"),
        dispensing(3, date(2026, 3, 2), "7", annullert_av=UUID(int=4)),
    )
    for namespace in (NEWEST, M95_2018, M95_2015):
        found = element(m95(namespace), resept(), ANDRES, utlevert=utlevert)
        assert found["Utlevering"] == {
            "Varenr": "429076",
            "NavnFormStyrke": "Cosylan Mikst 1,7 mg/ml",
            "Pakningsstr": {"V": "300", "U": "ml"},
            "AntallPakningerUtlevertTotalt": "2.5",
            "AntallPakningerUtlevertSiste": "0.5",
            "TidspunktSisteUtlevering": "2026-03-02T00:00:00.000+01:00",
        }
    assert "Utlevering" not in element(m95(), ANDRES, resept(), utlevert=utlevert)


def test_what_an_older_release_stored_is_named_by_the_prescription() -> None:
    """NavnFormStyrke is mandatory; before it was kept there is only what was prescribed."""
    old = dispensing(1, date(2026, 3, 1), varenr="", navn="", pakningsstr=None)
    assert element(m95(), resept(), utlevert=(old,))["Utlevering"]["NavnFormStyrke"] == "Cosylan Mikst 1,7 mg/ml"


# ------------------------------------------------------------------------------------------------ what is attached


def three() -> tuple[Resept, ...]:
    """Prescriptions of three days, of different drugs."""
    return tuple(
        resept(
            resept_id=UUID(int=day), forskrivningsdato=date(2026, 2, day), vare=replace(resept().vare, nr=f"99000{day}")
        )
        for day in (1, 3, 2)
    )


def test_M1s_are_attached_in_the_order_of_the_list() -> None:
    """Newest first, byte for byte; what is not listed is not attached."""
    reply = svar(m95(), *three(), resept(last=True, refnr=REFNR))
    assert reply.attachments == tuple(f"<M1>{UUID(int=day)}</M1>".encode() for day in (3, 2, 1))


def test_deleted_while_it_was_read() -> None:
    """Documents are read after their prescriptions: without its M1 a prescription is no longer there."""
    decision = m95().avgjor(Tilstand((resept(),)))
    assert decision.reply is not None
    assert b"Listeelement" not in decision.reply.payload
    assert decision.reply.attachments == ()


@pytest.mark.parametrize("komprimering, compressed", [("0", False), ("1", True), ("3", True), ("4", False)])
def test_Q14_compressed_from_so_many_on(komprimering: str, compressed: bool) -> None:
    """Komprimering is the number of M1s from which on they are compressed; 0 is never."""
    assert svar(m95(Komprimering=komprimering), *three()).compressed is compressed


def test_the_head_names_the_patient_that_the_question_named() -> None:
    """As the question did, and none where it did not, as in the published list."""
    patient = bygg.pasient()
    assert svar(m95(head=bygg.hode("ERM95", patient=patient))).patient == patient
    assert svar(m95()).patient is None


def double(**changes: Any) -> Mapping[str, Any]:
    """Of the same item as the other test prescriptions."""
    return {"resept_id": UUID(int=2), "forskrivningsdato": date(2026, 2, 1), **changes}


def test_likely_doubles_are_annotated() -> None:
    """Each of a pair names the other in the newest version; the older ones, and lists without doubles, say nothing."""
    third = resept(resept_id=UUID(int=3), vare=replace(resept().vare, nr="1"), forskrivningsdato=date(2026, 1, 1))
    reply = svar(m95(), resept(), resept(**double()), third)
    assert reply.annotations == (
        f"Mulig dobbeltresept: samme virkestoff eller vare som {UUID(int=2)}.",
        f"Mulig dobbeltresept: samme virkestoff eller vare som {RESEPT_ID}.",
        "",
    )
    assert svar(m95(), resept(), third).annotations == ()
    assert svar(m95(M95_2018), resept(), resept(**double())).annotations == ()


def test_an_annotation_keeps_within_its_length() -> None:
    """7419/351: of very many doubles the first are named."""
    found = [replace(resept(), resept_id=UUID(int=number)) for number in range(200)]
    annotations = svar(m95(), *found).annotations
    assert len(annotations) == 200
    assert all(str(UUID(int=number)) in annotations[0] for number in range(1, 21))
    assert max(map(len, annotations)) <= 4000


def test_a_double_that_is_hidden_is_not_told_of() -> None:
    """Neither a locked one nor, under the patient's block, another's."""
    assert svar(m95(), resept(), resept(**double(last=True, refnr=REFNR))).annotations == ()
    blocked = kjent(FNR, sperret=True)
    assert svar(m95(facts=blocked), resept(), replace(ANDRES, **double())).annotations == ()


def test_the_ATC_code_of_an_M1_is_kept() -> None:
    """What doubles are known by stands with the prescription: no M1 is parsed for a list."""
    known = Facts(LEGEKONTOR, LEGE)
    new = bygg.sak(m1_resept.TYPE, bygg.m1(), bygg.hode("ERM1", patient=bygg.pasient()), known).avgjor().new
    assert new is not None
    assert new.vare.atc == "R05DA01"
