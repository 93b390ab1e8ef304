"""How M25.4 is written: an M25.3 in the namespace of M25.4, without what its schema has no place for (HIS 3014 1.1.1).

Left out are what only M25.3 may say: of the packing (Pakkeinfo), and of each entry InngarMultidose and SisteUtlevering.
"""

from __future__ import annotations

from copy import deepcopy

from lxml import etree

from reseptformidler.wire.innhold import local

_M253, _M254 = (f"http://www.kith.no/xmlstds/eresept/{token}/2013-10-08" for token in ("m253", "m254"))
_BARE_M253 = frozenset({"Pakkeinfo", "InngarMultidose", "SisteUtlevering"})


def m254(m253: etree._Element) -> bytes:
    """The payload, of an M25.3's payload that the schema has accepted."""
    root = etree.Element(f"{{{_M254}}}{local(m253)}", nsmap={None: _M254})
    root.extend(_copied(child) for child in m253.iterchildren("*") if local(child) not in _BARE_M253)
    etree.cleanup_namespaces(root)
    return etree.tostring(root)


def _copied(element: etree._Element) -> etree._Element:
    """A copy whose elements of M25.3 are of M25.4; those of shared namespaces stay as they are."""
    copy = deepcopy(element)
    for one in list(copy.iter("*")):
        parent = one.getparent()
        if parent is not None and local(one) in _BARE_M253:
            parent.remove(one)
        elif etree.QName(one).namespace == _M253:
            one.tag = f"{{{_M254}}}{local(one)}"
    copy.tail = None
    return copy
