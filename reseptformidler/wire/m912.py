"""How M9.12 is written, in its three versions (HIS 3010): who is responsible, prescriptions, M25 messages."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Sequence
from dataclasses import dataclass

from reseptformidler.domain.pasientkort import Multidoseansvarlig
from reseptformidler.domain.resept import Resept
from reseptformidler.wire.element import simple
from reseptformidler.wire.m92 import M92_2013, reseptinfo
from reseptformidler.wire.multidose import aktiv_til, multidoseapotek, multidoselege, telefon

M912_2014 = "http://www.kith.no/xmlstds/eresept/m912/2014-01-21"
M912_2018 = "http://www.ehelse.no/xmlstds/eresept/m912/2018-07-01"
M912_2021 = "http://www.ehelse.no/xmlstds/eresept/m912/2021-10-01"


@dataclass(frozen=True, slots=True)
class LegemidlerIBruk:
    """What is answered of one patient."""

    numre: Sequence[str]
    """The present national identity number, then the former ones."""
    siste: str = ""
    """MsgId of the M25 that came last: RefToParent of the next (X8)."""
    lege: Multidoseansvarlig | None = None
    apotek: Multidoseansvarlig | None = None
    resepter: Sequence[Resept] = ()
    """Not in 2021."""
    meldinger: Sequence[bytes] = ()
    """M25 messages, byte for byte: three at most."""


def m912(namespace: str, svar: LegemidlerIBruk) -> bytes:
    """The payload."""
    name = "Multidosepasient" if namespace == M912_2014 else "Pasient"
    inner = "".join(
        (
            simple("Fnr", svar.numre[0]),
            *(simple("AndreFnr", one) for one in svar.numre[1:] if namespace != M912_2014),
            simple("RefMsgId", svar.siste),
            _lege(svar.lege) if namespace == M912_2021 else multidoselege(svar.lege),
            _apotek(svar.apotek) if namespace == M912_2021 else multidoseapotek(svar.apotek),
            *(reseptinfo(one, bruk=False, namespace=M92_2013) for one in svar.resepter),
            *(f"<VarerIBrukB64>{b64encode(one).decode()}</VarerIBrukB64>" for one in svar.meldinger),
        )
    )
    return f'<M912 xmlns="{namespace}"><{name}>{inner}</{name}></M912>'.encode()


def _lege(lege: Multidoseansvarlig | None) -> str:
    if lege is None:
        return ""
    person = lege.organisasjon.professional
    assert person is not None
    fornavn = f"{person.given_name} {person.middle_name}".strip()
    inner = "".join(
        (
            simple("HprNr", lege.hpr),
            simple("Fornavn", fornavn),
            simple("Etternavn", person.family_name),
            simple("OrgNavn", lege.organisasjon.name),
            simple("HerId", lege.her),
            aktiv_til(lege.aktiv_til),
            _telefon(lege),
        )
    )
    return f"<Multidoselege>{inner}</Multidoselege>"


def _apotek(apotek: Multidoseansvarlig | None) -> str:
    if apotek is None:
        return ""
    inner = "".join(
        (
            simple("Navn", apotek.organisasjon.name),
            simple("Herid", apotek.her),
            simple("Konsesjonsnummer", apotek.organisasjon.ident("AKO")),
            aktiv_til(apotek.aktiv_til),
            _telefon(apotek),
        )
    )
    return f"<Multidoseapotek>{inner}</Multidoseapotek>"


def _telefon(who: Multidoseansvarlig) -> str:
    """The number alone: here it is text, not a URL."""
    one = telefon(who.organisasjon)
    return simple("Telefon", one.address.removeprefix("tel:")) if one is not None else ""
