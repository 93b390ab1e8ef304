"""How M9NA2 is written (HIS 3017): the elements in the schema's order, dates and codes as in the published list."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from reseptformidler.domain import koder
from reseptformidler.domain.kalender import med_sone
from reseptformidler.domain.resept import Resept, Vare
from reseptformidler.wire.element import kode, pq, simple
from reseptformidler.wire.m92 import kode_uten_ot, navn_utleverer

M9NA2_2023 = "http://www.kith.no/xmlstds/eresept/m9na2/2023-10-01"


def reseptliste(namespace: str, resepter: Sequence[Resept]) -> bytes:
    """The payload of an M9NA2 in one of its two namespaces; the list may be empty."""
    found = "".join(_reseptinfo(resept, nytt=namespace == M9NA2_2023) for resept in resepter)
    return f'<M9NA2 xmlns="{namespace}"><Antall>{len(resepter)}</Antall>{found}</M9NA2>'.encode()


def _reseptinfo(resept: Resept, *, nytt: bool) -> str:
    """`nytt`: with what the version of 2023 has more."""
    vare, metode = resept.vare, resept.ekspanm.metode if resept.ekspanm is not None else ""
    return "".join(
        (
            f"<Reseptinfo>{_dato('Forskrivningsdato', resept.forskrivningsdato)}",
            f"<ReseptId>{resept.resept_id}</ReseptId>",
            simple("RefNr", resept.refnr),
            _vare(vare),
            _dato("TidligsteUtlevering", resept.tidligste_utlevering),
            simple("RekvirentId", resept.rekvirent.hpr),
            simple("NavnRekvirent", resept.rekvirent.navn),
            kode("Status", koder.STATUS_RESEPT.cs(resept.vist_status)),
            kode("StatusSoknadSlv", koder.SOKNAD_SLV.cs(resept.soknad_slv) if resept.soknad_slv else None),
            _dato("SisteUtlevering", resept.siste_utlevering),
            kode("MetodeEkspedering", koder.METODE_EKSPEDERING.cs(metode) if metode else None),
            kode_uten_ot("RefHjemmel", vare.ref_hjemmel),
            _nytt(resept) if nytt else "",
            "</Reseptinfo>",
        )
    )


def _nytt(resept: Resept) -> str:
    name = simple("NavnUtleverer", navn_utleverer(resept))
    return f"{_dato('Utloper', resept.utloper)}{name}{kode_uten_ot('Bruk', resept.vare.bruk)}"


def _vare(vare: Vare) -> str:
    return "".join(
        (
            simple("IdLegemiddelMerkevare", vare.merkevare_id),
            simple("IdLegemiddelVirkestoff", vare.virkestoff_id),
            simple("Nr", vare.nr),
            simple("NavnFormStyrke", vare.navn_form_styrke),
            simple("LegemiddelblandingNavn", vare.legemiddelblanding),
            kode_uten_ot("ProdGruppe", vare.prod_gruppe),
            simple("Bruksomrade", vare.bruksomrade),
            f"<Antall>{vare.antall:f}</Antall>" if vare.antall is not None else "",
            pq("Mengde", vare.mengde),
            f"<Reiterasjon>{vare.reiterasjon}</Reiterasjon>" if vare.reiterasjon else "",
        )
    )


def _dato(name: str, dag: date | None) -> str:
    return simple(name, med_sone(dag)) if dag is not None else ""
