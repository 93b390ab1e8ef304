"""Field lengths: each limit of the table of reasons, at each place it names, bites one character over, not before."""

from __future__ import annotations

import pytest

from reseptformidler.reasons import Limit, reason
from reseptformidler.wire.format import findings
from reseptformidler.wire.parse import parse
from tests.wire.eksempler import SAMPLES, elements_at, m1, m91

# What the general limits are tried on: an element, and an attribute, without a limit of its own.
_GENERAL = {"*": "MsgInfo/MsgId", "*/@*": "MsgInfo/Type/@DN"}


def codes_with_length(sample: bytes, path: str, length: int) -> list[str]:
    """What is found when the value at a path is so many characters long; a place that is not there is an error."""
    root = parse(sample)
    element, attribute = elements_at(root, path)[0], path.rpartition("@")[2]
    if "@" in path:
        element.set(attribute, "7" * length)
    else:
        element.text = "7" * length
    return [found.reason.code for found in findings(root)]


def assert_limits(number: int) -> None:
    """Each of the code's limits bites in every message type it concerns, one character over and not before."""
    why = reason(number)
    assert why.limits
    for limit in why.limits:
        for token in limit.messages:
            _assert_limit(why.code, limit, token)


def _assert_limit(code: str, limit: Limit, token: str) -> None:
    path = _GENERAL.get(limit.path, limit.path)
    samples = [sample for of, sample in SAMPLES if of == token and elements_at(parse(sample), path)]
    # An MV is about nobody, and the sender of some types has no such part: then there is nothing to be too long.
    assert samples or (token == "mv" and path.startswith("Patient")), (token, path)
    for sample in samples:
        assert code in codes_with_length(sample, path, limit.max + 1)
        assert code not in codes_with_length(sample, path, limit.max)


def test_7419_17_length_attribute() -> None:
    """Verdien i et av feltene er for stor i forhold til databasedefinisjonen."""
    assert_limits(17)


def test_7419_164_length_pasient_given_name() -> None:
    """Feltlengde overskredet: Pasientens fornavn."""
    assert_limits(164)


def test_7419_165_length_pasient_middle_name() -> None:
    """Feltlengde overskredet: Pasientens mellomnavn."""
    assert_limits(165)


def test_7419_166_length_pasient_family_name() -> None:
    """Feltlengde overskredet: Pasientens etternavn."""
    assert_limits(166)


def test_7419_167_length_rekvirent_given_name() -> None:
    """Feltlengde overskredet: Rekvirentens fornavn."""
    assert_limits(167)


def test_7419_168_length_rekvirent_middle_name() -> None:
    """Feltlengde overskredet: Rekvirentens mellomnavn."""
    assert_limits(168)


def test_7419_169_length_rekvirent_family_name() -> None:
    """Feltlengde overskredet: Rekvirentens etternavn."""
    assert_limits(169)


def test_7419_171_length_pasient_street() -> None:
    """Feltlengde overskredet: Pasientens gatenavn."""
    assert_limits(171)


def test_7419_172_length_pasient_postal_code() -> None:
    """Feltlengde overskredet: Pasientens postnummer."""
    assert_limits(172)


def test_7419_173_length_pasient_city() -> None:
    """Feltlengde overskredet: Pasientens poststed."""
    assert_limits(173)


def test_7419_174_length_pasient_country() -> None:
    """Feltlengde overskredet: Pasientens land."""
    assert_limits(174)


def test_7419_175_length_rekvirent_organisation_name() -> None:
    """Feltlengde overskredet: Rekvirentens organisasjonsnavn."""
    assert_limits(175)


def test_7419_176_length_rekvirent_street() -> None:
    """Feltlengde overskredet: Rekvirentens gatenavn."""
    assert_limits(176)


def test_7419_177_length_rekvirent_postal_code() -> None:
    """Feltlengde overskredet: Rekvirentens postnummer."""
    assert_limits(177)


def test_7419_178_length_rekvirent_city() -> None:
    """Feltlengde overskredet: Rekvirentens poststed."""
    assert_limits(178)


def test_7419_179_length_rekvirent_telephone() -> None:
    """Feltlengde overskredet: Rekvirentens telefonnummer."""
    assert_limits(179)


def test_7419_180_length_spesialitet() -> None:
    """Feltlengde overskredet: Rekvirentens spesialitet."""
    assert_limits(180)


def test_7419_181_length_legemiddelblanding_navn() -> None:
    """Feltlengde overskredet: Legemiddelblanding navn."""
    assert_limits(181)


def test_7419_182_length_navn_form_styrke() -> None:
    """Feltlengde overskredet: NavnFormStyrke."""
    assert_limits(182)


def test_7419_183_length_handelsvare_navn() -> None:
    """Feltlengde overskredet: Handelsvare navn."""
    assert_limits(183)


def test_7419_184_length_prod_gruppe_v() -> None:
    """Feltlengde overskredet: Produktgruppe."""
    assert_limits(184)


def test_7419_185_length_bruksveiledning() -> None:
    """Feltlengde overskredet: Bruksveiledning."""
    assert_limits(185)


def test_7419_186_length_reiterasjon() -> None:
    """Feltlengde overskredet: Reiterasjon."""
    assert_limits(186)


def test_7419_187_length_ref_hjemmel_dn() -> None:
    """Feltlengde overskredet: Refusjonshjemmel DN."""
    assert_limits(187)


def test_7419_188_length_ref_hjemmel_v() -> None:
    """Feltlengde overskredet: Refusjonshjemmel V."""
    assert_limits(188)


def test_7419_189_length_bruksomrade() -> None:
    """Feltlengde overskredet: Bruksområde."""
    assert_limits(189)


def test_7419_190_length_dos_veiled_enkel() -> None:
    """Feltlengde overskredet: DosVeiledEnkel."""
    assert_limits(190)


def test_7419_191_length_pakningsstr() -> None:
    """Feltlengde overskredet: Pakningsstr."""
    assert_limits(191)


def test_7419_192_length_enhet_pakning_v() -> None:
    """Feltlengde overskredet: EnhetPakningsstr."""
    assert_limits(192)


def test_7419_193_length_antall() -> None:
    """Feltlengde overskredet: Antall."""
    assert_limits(193)


def test_7419_194_length_utleverer_navn() -> None:
    """Feltlengde overskredet: Utleverers navn."""
    assert_limits(194)


def test_7419_195_length_utleverer_telephone() -> None:
    """Feltlengde overskredet: Utleverers telefon."""
    assert_limits(195)


def test_7419_196_length_mengde_v() -> None:
    """Feltlengde overskredet: Mengde V."""
    assert_limits(196)


def test_7419_197_length_kanselleringskode_v() -> None:
    """Feltlengde overskredet: Kanselleringskode V."""
    assert_limits(197)


def test_7419_198_length_prod_gruppe_dn() -> None:
    """Feltlengde overskredet: Produktgruppe DN."""
    assert_limits(198)


def test_7419_201_length_varenummer() -> None:
    """Feltlengde overskredet: Varenummer."""
    assert_limits(201)


def test_7419_211_length_ref_kode_v() -> None:
    """Feltlengde overskredet: Refusjonskode."""
    assert_limits(211)


def test_7419_231_length_merknad_arsak() -> None:
    """Feltlengde overskredet: Formatert Merknad/Årsak tekst."""
    assert_limits(231)


def test_7419_240_length_varegruppekode_v() -> None:
    """Feltlengde overskredet: Varegruppekode."""
    assert_limits(240)


def test_7419_241_length_ref_hjemmel_s() -> None:
    """Feltlengde overskredet: Refusjonshjemmel S."""
    assert_limits(241)


def test_7419_254_length_enhet_pakning_dn() -> None:
    """Feltlengde overskredet: EnhetPakningsstr DN."""
    assert_limits(254)


def test_7419_255_length_enhet_pakning_s() -> None:
    """Feltlengde overskredet: EnhetPakningsstr S."""
    assert_limits(255)


def test_7419_256_length_mengde_u() -> None:
    """Feltlengde overskredet: Mengde U."""
    assert_limits(256)


def test_7419_273_length_utleverer_organisation_name() -> None:
    """Feltlengde overskredet: Utleverers organisasjonsnavn."""
    assert_limits(273)


def test_7419_278_length_utleverer_street() -> None:
    """Feltlengde overskredet: Utleverers adresse."""
    assert_limits(278)


def test_7419_279_length_utleverer_postal_code() -> None:
    """Feltlengde overskredet: Utleverers postnummer."""
    assert_limits(279)


def test_7419_280_length_utleverer_city() -> None:
    """Feltlengde overskredet: Utleverers poststed."""
    assert_limits(280)


def test_7419_351_length_text() -> None:
    """Feltlengde overskredet."""
    assert_limits(351)


def test_a_limit_of_its_own_counts_before_the_general_one() -> None:
    """A text with its own, lower limit gives that code alone, even when it is over the general limit too."""
    assert codes_with_length(m1(), "Forskrivning/DosVeiledEnkel", 5000) == ["190"]


def test_F3_a_limit_counts_only_in_its_own_messages() -> None:
    """The organisation name of an utleverer is 273, never the rekvirent's 175."""
    assert codes_with_length(m91(), "Sender/Organisation/OrganisationName", 101) == ["273"]


@pytest.mark.parametrize("letter", ["æ", "€", "😀"])
def test_F3_lengths_count_characters_not_bytes(letter: str) -> None:
    """Fifty characters are fifty, whatever UTF-8 needs for them."""
    root = parse(m1())
    name = elements_at(root, "Patient/FamilyName")[0]
    name.text = letter * 50
    assert findings(root) == ()
    name.text = letter * 51
    assert [found.reason.code for found in findings(root)] == ["166"]


def test_length_of_base64_and_signature_is_free() -> None:
    """Attachments and signatures are as long as they are."""
    root = parse(m1())
    content = elements_at(root, "Document/RefDoc/Content")[0]
    long = "QUFB" * 3000
    content.append(
        parse(f'<Base64Container xmlns="http://www.kith.no/xmlstds/base64container">{long}</Base64Container>'.encode())
    )
    assert "351" not in [found.reason.code for found in findings(root)]


def test_length_of_an_element_of_base64_is_free() -> None:
    """An entry of a list of medicines is as long as it is; the remark beside it is text."""
    root = parse(m1())
    content = elements_at(root, "Document/RefDoc/Content")[0]
    long = "QUFB" * 3000
    payload = (
        '<LegemidlerIBruk xmlns="http://www.kith.no/xmlstds/eresept/m251/2013-10-08"><EnkeltoppforingLIB>'
        f"<ReseptDokLegemiddelB64>{long}</ReseptDokLegemiddelB64></EnkeltoppforingLIB><Merknad>{long}</Merknad>"
        "</LegemidlerIBruk>"
    )
    content[:] = [parse(payload.encode())]
    found = [(one.reason.code, one.detail) for one in findings(root) if one.reason.code == "351"]
    assert len(found) == 1
    assert "Merknad" in found[0][1]
