"""The schemas of all namespaces the service knows, compiled once; what they find is told without values."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import Any, cast

from lxml import etree
from xmlschema import XMLSchema10, XMLSchemaChildrenValidationError
from xmlschema.validators import XsdElement

from reseptformidler.wire.parse import parse

XSD = "http://www.w3.org/2001/XMLSchema"
MAX_ERRORS = 20
"""Told of one message: a receipt is for people."""

# The published pattern of an OID, and one that accepts the same: on a long run of digits that ends wrong, the first
# takes libxml2 quadratic and Python's re exponential time.
_SLOW_OID, _QUICK_OID = rb"(\d+\.?)*\d+", rb"\d+(\.\d+)*"

_PACKAGE = Path(__file__).resolve().parent.parent
_PREFIXED = re.compile(r"(?<=/)[^/:\[\]*]+:([^/\[\]]+)")
_EXPECTED = re.compile(r"Expected is (?:one of )?\( (.*) \)\.$")
_TYPE = re.compile(r"(?:atomic|list|union) type(?: '([^']*)')?\.$")
_ATTRIBUTE = re.compile(r"attribute '(?:\{[^}]*\})?([^']*)'")


@dataclass(frozen=True, slots=True)
class SchemaError:
    """One breach of the schema: where (line, element names from the root down) and what (Norwegian, no value told)."""

    line: int
    path: str
    text: str


def folder() -> Path:
    """Where the schemas are: packed into the wheel, or at the top of a checkout."""
    packed = _PACKAGE / "xsd"
    return packed if packed.is_dir() else _PACKAGE.parent / "xsd"


class Schemas:
    """Validates a whole message in one pass: one driver schema imports the head and all payloads (Content is strict).

    Not for several threads at once: libxml2's error log belongs to the schema.
    """

    def __init__(self, xsd: Path | None = None) -> None:
        """Reads and compiles every `*.xsd` in the folder. Raises lxml's XMLSchemaParseError if one is wrong."""
        self._files = read_files(xsd or folder())
        self._schema = compiled(self._files)

    def errors(self, root: etree._Element) -> list[SchemaError]:
        """What the schema has against a message, or a receipt; empty when nothing."""
        if self._schema.validate(root):
            return []
        return [_told(root, entry) for entry in list(self._schema.error_log)[:MAX_ERRORS]]

    def explain(self, octets: bytes) -> list[SchemaError]:
        """The same by `xmlschema`, 60 times slower: a second opinion, and which child is expected in which place."""
        root = parse(octets)
        quick = {(error.line, error.path): error.text for error in self.errors(root)}
        found = []
        errors: Iterator[Any] = self._explaining.iter_errors(cast("Any", root))
        for error in islice(errors, MAX_ERRORS):
            line, path = error.sourceline or 0, name_path(error.elem) if etree.iselement(error.elem) else ""
            children = isinstance(error, XMLSchemaChildrenValidationError)
            found.append(SchemaError(line, path, _children(error) if children else quick.get((line, path), _OTHER)))
        return found

    @cached_property
    def _explaining(self) -> XMLSchema10:
        texts: list[Any] = [re.sub(r' schemaLocation="[^"]*"', "", octets.decode()) for octets in self._files.values()]
        return XMLSchema10(texts, use_fallback=False)


class _FromMemory(etree.Resolver):
    """Gives a schema file wherever another imports it."""

    def __init__(self, files: Mapping[str, bytes]) -> None:
        self._files = files

    def resolve(self, system_url: str | None, public_id: str | None, context: Any) -> Any:  # noqa: ARG002  # lxml's own
        name = Path(system_url or "").name
        return self.resolve_string(self._files[name], context, base_url=system_url)


def read_files(xsd: Path) -> dict[str, bytes]:
    """Every schema of a folder by file name, the pattern of an OID replaced by one that is matched in linear time."""
    paths = sorted(xsd.glob("*.xsd"))
    return {path.name: path.read_bytes().replace(_SLOW_OID, _QUICK_OID) for path in paths}


def compiled(files: Mapping[str, bytes]) -> etree.XMLSchema:
    """One schema of all these: a driver without anything of its own imports each under its target namespace."""
    namespaces = {name: etree.fromstring(octets).get("targetNamespace", "") for name, octets in files.items()}
    imports = "".join(
        f'<xs:import namespace="{namespace}" schemaLocation="file:///{name}"/>'
        for name, namespace in namespaces.items()
    )
    parser = etree.XMLParser()
    parser.resolvers.add(_FromMemory(files))
    return etree.XMLSchema(etree.fromstring(f'<xs:schema xmlns:xs="{XSD}">{imports}</xs:schema>', parser))


def _told(root: etree._Element, entry: Any) -> SchemaError:
    return SchemaError(entry.line, _names(root, entry.path), _text(entry.type_name, entry.message))


def _names(root: etree._Element, path: str | None) -> str:
    """Element names for libxml2's path, which is `*[n]` wherever a default namespace stands."""
    if not path:
        return etree.QName(root).localname
    found = root.getroottree().xpath(_PREFIXED.sub(r'*[local-name()="\1"]', path))
    if not isinstance(found, list) or not found or not etree.iselement(found[0]):
        return ""
    return name_path(found[0])


def name_path(element: etree._Element) -> str:
    """The element and all it stands in, as local names: MsgHead/MsgInfo/…"""
    names = [etree.QName(one).localname for one in (element, *element.iterancestors())]
    return "/".join(reversed(names))


def _text(kind: str, message: str) -> str:
    """The Norwegian text for one of libxml2's error types. Of its message only what the schema itself says is used."""
    if kind == "SCHEMAV_ELEMENT_CONTENT":
        expected = _EXPECTED.search(message)
        what = "Elementet mangler underelementer." if "Missing child" in message else "Elementet er ikke ventet her."
        return f"{what} Ventet: {_local(expected[1])}." if expected else what
    if kind.startswith("SCHEMAV_CVC_DATATYPE_VALID"):
        named = _TYPE.search(message)
        return f"Verdien er ikke gyldig for typen {(named and named[1]) or 'i skjemaet'}."
    if kind.startswith("SCHEMAV_CVC_COMPLEX_TYPE_3_2") or kind == "SCHEMAV_CVC_COMPLEX_TYPE_4":
        attribute = _ATTRIBUTE.search(message)
        missing = "mangler" if kind.endswith("_4") else "er ikke tillatt"
        return f"Attributtet {attribute[1]} {missing}." if attribute else f"Et attributt {missing}."
    return _TEXTS.get(kind, _OTHER)


_OTHER = "Elementet følger ikke skjemaet."
_TEXTS = {
    "SCHEMAV_CVC_ELT_1": "Elementet finnes ikke i noe kjent skjema.",
    "SCHEMAV_CVC_ELT_5_2_2_2_2": "Verdien er ikke den faste verdien som skjemaet krever.",
    "SCHEMAV_CVC_COMPLEX_TYPE_2_1": "Elementet skal ikke ha innhold.",
    "SCHEMAV_CVC_COMPLEX_TYPE_2_2": "Elementet skal ha en verdi, ikke underelementer.",
    "SCHEMAV_CVC_COMPLEX_TYPE_2_3": "Elementet skal ha underelementer, ikke tekst.",
    "SCHEMAV_CVC_TYPE_3_1_2": "Elementet skal ha en verdi, ikke underelementer.",
    "SCHEMAV_CVC_ENUMERATION_VALID": "Verdien er ikke en av dem som er tillatt.",
    "SCHEMAV_CVC_PATTERN_VALID": "Verdien har ikke det formatet som skjemaet krever.",
    "SCHEMAV_CVC_MINLENGTH_VALID": "Verdien er for kort.",
    "SCHEMAV_CVC_MAXLENGTH_VALID": "Verdien er for lang.",
    "SCHEMAV_CVC_LENGTH_VALID": "Verdien har ikke den lengden som skjemaet krever.",
    "SCHEMAV_CVC_MININCLUSIVE_VALID": "Verdien er for liten.",
    "SCHEMAV_CVC_MINEXCLUSIVE_VALID": "Verdien er for liten.",
    "SCHEMAV_CVC_MAXINCLUSIVE_VALID": "Verdien er for stor.",
    "SCHEMAV_CVC_MAXEXCLUSIVE_VALID": "Verdien er for stor.",
    "SCHEMAV_CVC_TOTALDIGITS_VALID": "Tallet har for mange sifre.",
    "SCHEMAV_CVC_FRACTIONDIGITS_VALID": "Tallet har for mange desimaler.",
}


def _local(names: str) -> str:
    """Expected names of libxml2 without their namespaces."""
    return re.sub(r"\{[^}]*\}", "", names)


def _children(error: XMLSchemaChildrenValidationError) -> str:
    """Which child stands wrong, and what the schema has in that place."""
    names = [one.local_name for one in error.expected or () if isinstance(one, XsdElement) and one.local_name]
    wanted = f" Ventet: {', '.join(names)}." if names else ""
    if error.invalid_tag is None:
        return f"Elementet mangler underelementer.{wanted}"
    return f"Underelement nummer {error.index + 1}, {_local(error.invalid_tag)}, er ikke ventet.{wanted}"
