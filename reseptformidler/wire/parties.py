"""The parties of a head as markup: organisations, persons and patients, in the schema's order (MsgHead v1.2)."""

from __future__ import annotations

from reseptformidler.domain.hode import Address, HealthcareProfessional, Ident, Organisation, Patient, TeleCom
from reseptformidler.wire.element import attribute, kode, simple


def organisation(one: Organisation) -> str:
    """An Organisation with all that is in it."""
    return (
        f"<Organisation>{simple('OrganisationName', one.name)}{''.join(map(_ident, one.idents))}"
        f"{_address(one.address)}{''.join(map(_telecom, one.telecom))}"
        f"{organisation(one.part) if one.part is not None else ''}"
        f"{_professional(one.professional) if one.professional is not None else ''}</Organisation>"
    )


def patient(one: Patient | None) -> str:
    """A Patient, nothing where there is none."""
    if one is None:
        return ""
    born = one.date_of_birth.isoformat() if one.date_of_birth is not None else ""
    return (
        f"<Patient>{simple('FamilyName', one.family_name)}{simple('MiddleName', one.middle_name)}"
        f"{simple('GivenName', one.given_name)}{simple('DateOfBirth', born)}{kode('Sex', one.sex)}"
        f"{''.join(map(_ident, one.idents))}{_address(one.address)}</Patient>"
    )


def _professional(one: HealthcareProfessional) -> str:
    return (
        f"<HealthcareProfessional>{kode('TypeHealthcareProfessional', one.type)}"
        f"{simple('FamilyName', one.family_name)}{simple('MiddleName', one.middle_name)}"
        f"{simple('GivenName', one.given_name)}{''.join(map(_ident, one.idents))}"
        "</HealthcareProfessional>"
    )


def _ident(ident: Ident) -> str:
    return f"<Ident>{simple('Id', ident.id)}{kode('TypeId', ident.type)}</Ident>"


def _address(address: Address | None) -> str:
    if address is None:
        return ""
    inner = (
        f"{kode('Type', address.type)}{simple('StreetAdr', address.street)}"
        f"{simple('PostalCode', address.postal_code)}{simple('City', address.city)}{simple('Postbox', address.postbox)}"
        f"{kode('County', address.county)}{kode('Country', address.country)}"
    )
    return f"<Address>{inner}</Address>" if inner else ""


def _telecom(telecom: TeleCom) -> str:
    url = f'<TeleAddress V="{attribute(telecom.address)}"/>' if telecom.address else ""
    return f"<TeleCom>{kode('TypeTelecom', telecom.type)}{url}</TeleCom>" if url else ""
