"""How M9.8 is written (R1208 4.4.6, HIS 3006): one element, in the version of its question."""

from __future__ import annotations

M98_2015 = "http://www.kith.no/xmlstds/eresept/m98/2015-10-15"
M98_2018 = "http://www.ehelse.no/xmlstds/eresept/m98/2018-07-01"

_ANTALL = {M98_2015: "AntallUteveringer", M98_2018: "AntallUtleveringer"}
"""The older schema's own spelling is without the l."""


def ingen_resept(namespace: str) -> bytes:
    """The service has no such prescription (rules.md Q15)."""
    return _m98(namespace, "IngenResept", "true")


def antall_utleveringer(namespace: str, antall: int) -> bytes:
    """How many dispensing reports there are of it."""
    return _m98(namespace, _ANTALL[namespace], str(antall))


def pasientreservasjon() -> bytes:
    """The patient has blocked the asker; only the newer version can say so."""
    return _m98(M98_2018, "Pasientreservasjon", "true")


def _m98(namespace: str, name: str, value: str) -> bytes:
    return f'<M98 xmlns="{namespace}"><{name}>{value}</{name}></M98>'.encode()
