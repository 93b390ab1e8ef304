"""Markup that several messages share, beside `wire.element`."""

from __future__ import annotations

from reseptformidler.domain import koder
from reseptformidler.domain.hode import Kode
from reseptformidler.wire.element import attribute, kode

KITH = "http://www.kith.no/xmlstds/eresept/"
EHELSE = "http://www.ehelse.no/xmlstds/eresept/"
FK1 = "http://www.kith.no/xmlstds/felleskomponent1"


def query(token: str, versjon: str) -> str:
    """The namespace of M9.5, M9.7, M9.11 or M9.21 in a version: from 2018 on they are of another house."""
    return f"{EHELSE if versjon >= '2018' else KITH}{token}/{versjon}"


def boolean(value: bool) -> str:  # noqa: FBT001  # a value of the schema, not a switch
    """xs:boolean as the published messages write it."""
    return "true" if value else "false"


def flag(name: str, *, given: bool) -> str:
    """An xs:boolean that is written only when it is true."""
    return f"<{name}>true</{name}>" if given else ""


def ja_nei(name: str, *, ja: bool) -> str:
    """Yes or no of list 1101."""
    return kode(name, koder.JA_NEI.cs("1" if ja else "2"))


def ident(value: str, kind: Kode, namespace: str = "") -> str:
    """An Ident; `namespace` is that of Id and TypeId where it is not the one around."""
    return f"<Ident>{id_and_type(value, kind, namespace)}</Ident>"


def id_and_type(value: str, kind: Kode, namespace: str) -> str:
    """What an Ident holds."""
    xmlns = f' xmlns="{namespace}"' if namespace else ""
    return f"<Id{xmlns}>{attribute(value)}</Id>{kode('TypeId' + xmlns, kind)}"
