"""Who is responsible for a patient's multidose, as M27.2, M28 and the older M9.12 show it (HIS 3014 6.2; m274).

As in the published answers the types of identifiers have no @S, and an address has no Type.
"""

from __future__ import annotations

from datetime import date

from reseptformidler.domain.hode import Address, HealthcareProfessional, Kode, Organisation, TeleCom
from reseptformidler.domain.kalender import med_sone
from reseptformidler.domain.pasientkort import Multidoseansvarlig
from reseptformidler.wire.element import attribute, kode, simple
from reseptformidler.wire.m92 import FK1

_KITH = "http://www.kith.no/xmlstds/eresept/"
_XMLNS = f'xmlns="{_KITH}m274/2012-06-11" xmlns:fk1="{FK1}"'


def m272(lege: Multidoseansvarlig | None, apotek: Multidoseansvarlig | None) -> bytes:
    """M272 that confirms a change, with those who were responsible when it came (X14)."""
    inner = f"<RegistrertEndring>true</RegistrertEndring>{multidoselege(lege)}{multidoseapotek(apotek)}"
    return f'<M272 xmlns="{_KITH}m272/2013-04-16">{inner}</M272>'.encode()


def m28(lege: Multidoseansvarlig) -> bytes:
    """M28 about a new doctor."""
    fra = f"<AktivFra>{med_sone(lege.gjelder_fra)}</AktivFra>"
    return f'<M28 xmlns="{_KITH}m28/2012-06-11">{fra}{multidoselege(lege)}</M28>'.encode()


def multidoselege(lege: Multidoseansvarlig | None) -> str:
    """Multidoselege of m274, or nothing."""
    if lege is None:
        return ""
    org = lege.organisasjon
    inner = "".join(
        (
            simple("HprNr", lege.hpr),
            simple("Navn", _navn(org.professional)),
            simple("Org", org.name),
            _ident("HerId", lege.her, Kode("HER", "HER-id")),
            aktiv_til(lege.aktiv_til),
            _telefon(org),
        )
    )
    return f"<Multidoselege {_XMLNS}>{inner}</Multidoselege>"


def multidoseapotek(apotek: Multidoseansvarlig | None) -> str:
    """Multidoseapotek of m274, or nothing."""
    if apotek is None:
        return ""
    org = apotek.organisasjon
    inner = "".join(
        (
            simple("Navn", org.name),
            _adresse(org.address),
            _ident("Konsesjonsnr", org.ident("AKO"), Kode("AKO", "Apotekets konsesjonsnummer")),
            aktiv_til(apotek.aktiv_til),
            _telefon(org),
        )
    )
    return f"<Multidoseapotek {_XMLNS}>{inner}</Multidoseapotek>"


def aktiv_til(dag: date | None) -> str:
    """AktivTil, which only a deregistration gives."""
    return f"<AktivTil>{med_sone(dag)}</AktivTil>" if dag is not None else ""


def telefon(org: Organisation) -> TeleCom | None:
    """The first telephone number or the like."""
    return next((one for one in org.telecom if one.address), None)


def _navn(person: HealthcareProfessional | None) -> str:
    parts = (person.given_name, person.middle_name, person.family_name) if person is not None else ()
    return " ".join(part for part in parts if part)


def _ident(name: str, number: str, kind: Kode) -> str:
    return f"<{name}>{simple('fk1:Id', number)}{kode('fk1:TypeId', kind)}</{name}>"


def _telefon(org: Organisation) -> str:
    one = telefon(org)
    if one is None:
        return ""
    address = f'<fk1:TeleAddress V="{attribute(one.address)}"/>'
    return f"<Telefon>{kode('fk1:TypeTelecom', one.type)}{address}</Telefon>"


def _adresse(address: Address | None) -> str:
    if address is None:
        return ""
    parts = {
        "StreetAdr": address.street,
        "PostalCode": address.postal_code,
        "City": address.city,
        "Postbox": address.postbox,
    }
    inner = "".join(simple(f"fk1:{name}", value) for name, value in parts.items())
    return f"<Adresse>{inner}</Adresse>" if inner else ""
