"""How M9.22 is written, in its two versions (HIS 3014 6.1.2): changed multidose patients, or that there are none."""

from __future__ import annotations

from collections.abc import Sequence

from reseptformidler.wire.element import simple

M922_2013 = "http://www.kith.no/xmlstds/eresept/m922/2013-10-15"
M922_2019 = "http://www.ehelse.no/xmlstds/eresept/m922/2019-03-01"


def m922(namespace: str, pasienter: Sequence[Sequence[str]]) -> bytes:
    """The payload; each patient by national identity numbers, the present one first."""
    inner = "".join(_pasient(one, med_andre=namespace == M922_2019) for one in pasienter)
    return f'<M922 xmlns="{namespace}">{inner or "<IngenEndring>true</IngenEndring>"}</M922>'.encode()


def _pasient(numre: Sequence[str], *, med_andre: bool) -> str:
    fnr = simple("Fnr", numre[0])
    return f"<Pasient>{fnr}{''.join(simple('AndreFnr', one) for one in numre[1:])}</Pasient>" if med_andre else fnr
