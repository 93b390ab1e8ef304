"""How M9.2 is written (R1408 4.3): the elements in the schema's order, as the published lists have them.

Where the published lists and the text of R1408 differ, the lists are followed: dates of the prescription carry the
Norwegian offset, a Reiterasjon of 0 is left out, codes have no OT, and Ident stands in every answer.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from reseptformidler.domain import koder
from reseptformidler.domain.hode import Address, Kode
from reseptformidler.domain.kalender import med_sone
from reseptformidler.domain.resept import Pasient, Resept, Vare
from reseptformidler.wire.element import kode, pq, simple

FK1 = "http://www.kith.no/xmlstds/felleskomponent1"
M92_2013 = "http://www.kith.no/xmlstds/eresept/m92/2013-10-08"
M92_2023 = "http://www.kith.no/xmlstds/eresept/m92/2023-03-20"


def reseptliste(namespace: str, status: str, resepter: Iterable[Resept]) -> bytes:
    """The payload of an M9.2 in one of its two namespaces; `status` (list 7407) is empty where something was found."""
    why = kode("Status", koder.STATUS_SOK.cs(status)) if status else ""
    found = "".join(reseptinfo(resept, bruk=namespace == M92_2023) for resept in resepter)
    return f'<Reseptliste xmlns="{namespace}" xmlns:fk1="{FK1}">{why}{found}</Reseptliste>'.encode()


def merknad_tilbakekalling(resept: Resept) -> str:
    """Merknad and Arsak of the recall in one text (rules.md Q12): "Feil preparat- Seponering"."""
    tilbakekalt = resept.tilbakekalt
    if tilbakekalt is None:
        return ""
    arsak = koder.ARSAK_TILBAKEKALLING.navn.get(tilbakekalt.arsak.v, tilbakekalt.arsak.dn)
    return f"{tilbakekalt.merknad}- {arsak}" if tilbakekalt.merknad else arsak


def navn_utleverer(resept: Resept) -> str:
    """Who holds it, else who the dispatch request ties it to (rules.md E6)."""
    if resept.las is not None:
        return resept.las.navn
    ekspanm = resept.ekspanm
    return ekspanm.navn if ekspanm is not None and ekspanm.binder else ""


def kode_uten_ot(name: str, value: Kode | None) -> str:
    """A code as it came, without its OT."""
    return kode(name, replace(value, ot="") if value is not None and value.ot else value)


def reseptinfo(resept: Resept, *, bruk: bool, namespace: str = "") -> str:
    """One prescription; `namespace` where it stands alone in another message (M9.12)."""
    pasient, vare = resept.pasient, resept.vare
    xmlns = f' xmlns="{namespace}" xmlns:fk1="{FK1}"' if namespace else ""
    return "".join(
        (
            f"<Reseptinfo{xmlns}><Forskrivningsdato>{med_sone(resept.forskrivningsdato)}</Forskrivningsdato>",
            _pasient(pasient),
            simple("RekvirentId", resept.rekvirent.hpr),
            simple("NavnRekvirent", resept.rekvirent.navn),
            simple("Nr", vare.nr),
            simple("NavnFormStyrke", vare.navn_form_styrke),
            kode("EndretFarmasoyt", koder.JA_NEI.cs("1" if resept.endret_farmasoyt else "2")),
            kode_uten_ot("RefHjemmel", vare.ref_hjemmel),
            f"<ReseptId>{resept.resept_id}</ReseptId>",
            kode("Status", koder.STATUS_RESEPT.cs(resept.vist_status)),
            simple("MerknadTilbakekalling", merknad_tilbakekalling(resept)),
            simple("NavnUtleverer", navn_utleverer(resept)),
            simple("RefNr", resept.refnr),
            kode_uten_ot("ProdGruppe", vare.prod_gruppe),
            _ident(pasient),
            _state(resept),
            simple("Bruksomrade", vare.bruksomrade),
            _quantity(vare),
            simple("TidligsteUtlevering", med_sone(resept.tidligste_utlevering) if resept.tidligste_utlevering else ""),
            kode_uten_ot("Bruk", vare.bruk) if bruk else "",
            "</Reseptinfo>",
        )
    )


def _pasient(pasient: Pasient) -> str:
    return "".join(
        (
            simple("Fornavn", pasient.fornavn),
            simple("Mellomnavn", pasient.mellomnavn),
            simple("Etternavn", pasient.etternavn),
            _address(pasient.adresse) if pasient.adresse is not None else "",
        )
    )


def _ident(pasient: Pasient) -> str:
    if not pasient.ident:
        return ""
    kind = kode("fk1:TypeId", koder.PERSON_ID.cv(pasient.ident_type))
    return f"<Ident>{simple('fk1:Id', pasient.ident)}{kind}</Ident>"


def _state(resept: Resept) -> str:
    metode = koder.METODE_EKSPEDERING.cs(resept.ekspanm.metode) if resept.ekspanm is not None else None
    reserved = "true" if resept.vergereservert else "false"
    return "".join(
        (
            kode("StatusSoknadSlv", koder.SOKNAD_SLV.cs(resept.soknad_slv) if resept.soknad_slv else None),
            simple("LegemiddelblandingNavn", resept.vare.legemiddelblanding),
            kode("MetodeEkspedering", metode),
            f"<Vergeinnsynsreservasjon>{reserved}</Vergeinnsynsreservasjon>",
            simple("SisteUtlevering", resept.siste_utlevering.isoformat() if resept.siste_utlevering else ""),
        )
    )


def _quantity(vare: Vare) -> str:
    package = ""
    if vare.pakningsstr and vare.enhet_pakning is not None:
        package = simple("Pakningsstr", vare.pakningsstr) + kode_uten_ot("EnhetPakning", vare.enhet_pakning)
    return "".join(
        (
            f"<Antall>{vare.antall:f}</Antall>" if vare.antall is not None else "",
            package,
            pq("Mengde", vare.mengde),
            f"<Reiterasjon>{vare.reiterasjon}</Reiterasjon>" if vare.reiterasjon else "",
        )
    )


def _address(address: Address) -> str:
    inner = "".join(
        (
            kode_uten_ot("fk1:Type", address.type),
            simple("fk1:StreetAdr", address.street),
            simple("fk1:PostalCode", address.postal_code),
            simple("fk1:City", address.city),
            simple("fk1:Postbox", address.postbox),
            kode_uten_ot("fk1:County", address.county),
            kode_uten_ot("fk1:Country", address.country),
        )
    )
    return f"<Address>{inner}</Address>" if inner else ""
