"""Faults that are planted in the service one at a time: what the model must be able to see.

Each is a small change of a text: of a function of the service, or of one of its statements.
"""

from __future__ import annotations
import __future__

import inspect
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from textwrap import dedent
from typing import Any

from reseptformidler.domain import livslop
from reseptformidler.meldinger import (
    ekspedering,
    innsyn,
    lib,
    m1_resept,
    m3_anmodning,
    m5_tilbakekalling,
    m10_utleveringsrapport,
    m15_soknadssvar,
    m91_reseptliste,
    m93_nedlasting,
    m251_legemiddelliste,
    m271_multidoseansvar,
    nettkunde,
    rapportering,
)
from reseptformidler.store import queries
from reseptformidler.store.batch import Batcher
from reseptformidler.store.encode import Encoder
from tests.model.machine import walk
from tests.model.walk import Count
from tests.model.world import World


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong with it; where (a function, or the name of a statement); the text there, and what it becomes."""

    what: str
    where: Callable[..., Any] | str
    text: str
    becomes: str


_DOCTOR = 'lege.hpr != rekvirent(m.head).ident("HPR")'
FAULTS = (
    Fault("two processes write on one version", "apply.batch", "AND r.versjon = c.versjon - 1", ""),
    Fault("two processes write on one version of a card", "apply.batch", "AND k.versjon = c.versjon - 1", ""),
    Fault(
        "a number is bound to two patients at once", "apply.batch", "AND n.pasient IS NOT DISTINCT FROM b.forrige", ""
    ),
    Fault("a row of history is missing", "apply.batch", "FROM event WHERE nr", "FROM event WHERE versjon <> 4 AND nr"),
    Fault("what is owed is not recorded", "apply.batch", "FROM owed WHERE nr", "FROM owed WHERE lopenr < 2 AND nr"),
    Fault("the sweep takes what is held", "retention.delete_expired", "AND las_her IS NULL", ""),
    Fault("69: what another holds", ekspedering.holdt_av_annen, "resept.las is None or resept.las.her == her", "True"),
    Fault("41: what has expired is downloaded", ekspedering.opptatt, "resept.utloper < dag", "False"),
    Fault("70: a dispatch request binds nobody", ekspedering.opptatt, "resept.ekspanm.binder and", "False and"),
    Fault(
        "75: another patient's number",
        m1_resept._refnr_funn,
        "refnr.pasient not in (None, refnr_pasient(resept), *facts.numre(resept.pasient.ident))",
        "False",
    ),
    Fault("51: a number that is used up", m1_resept._refnr_funn, "and not refnr.aktiv", "and False"),
    Fault(
        "a locked one is listed",
        m91_reseptliste._visible,
        "resept.last and resept.refnr not in sok.gyldige_refnr",
        "False",
    ),
    Fault("an annulment counts twice", m10_utleveringsrapport._dispensed, " and u.annullert_av is None", ""),
    Fault("M20 for each dispensing", rapportering.owed_reports, "resept.siste_utlevering is None", "True"),
    Fault("M8 although it is reserved", rapportering._fastleger, "if rapport.reservert:", "if False:"),
    Fault("M5.2 and M7 are forgotten", rapportering.owed_recall, "after.status is not Status.TILBAKEKALT", "True"),
    Fault("a recall is lost while it waits", livslop.step, "tilbakekalt or resept.tilbakekalt", "tilbakekalt"),
    Fault("323: everybody recalls", m5_tilbakekalling._uten_rett, '"LE" not in person.kategorier', "False"),
    Fault("M9.4 carries what was annulled", m93_nedlasting._answer, " and u.annullert_av is None", ""),
    Fault("98: applied for again", m3_anmodning._applied, "resept.soknad_slv == INNVILGET", "False"),
    Fault("who holds it is not told of the M15", m15_soknadssvar._passed_on, "resept.las is not None", "False"),
    Fault("154: a second pharmacy", m271_multidoseansvar.decide_apotek, "one.her != her and", "False and"),
    Fault("152: any doctor's list", m251_legemiddelliste._uten_ansvar, _DOCTOR, "False"),
    Fault("239: a locked one in a list", lib.resept_funn, "if resept.last:", "if False:"),
    Fault("a block hides nothing", innsyn.er_sperret, "resept.pasient.ident in sperrede_numre(facts)", "False"),
    Fault("N10: a protected address", nettkunde.er_skjermet, "person.gradert for person", "False for person"),
    Fault("a message is not kept byte for byte", Encoder.dokument, ", octets)", ', octets.replace(b"\\n", b" ", 1))'),
    Fault(
        "a repeat is answered anew",
        Batcher._repeat,
        "answers[waiting.item.sender, waiting.item.msg_id]",
        'replace(answers[waiting.item.sender, waiting.item.msg_id], answer=b"<AppRec/>")',
    ),
)


@contextmanager
def planted(fault: Fault) -> Iterator[None]:
    """The service has this fault for as long as the context lasts."""
    where = fault.where
    if isinstance(where, str):
        whole = queries.QUERIES
        assert whole[where].count(fault.text) == 1, fault
        queries.QUERIES = {**whole, where: whole[where].replace(fault.text, fault.becomes)}
        try:
            yield
        finally:
            queries.QUERIES = whole
        return
    code = where.__code__
    where.__code__ = _changed(where, fault)
    try:
        yield
    finally:
        where.__code__ = code


def _changed(function: Callable[..., Any], fault: Fault) -> Any:
    source = dedent(inspect.getsource(function))
    assert source.count(fault.text) == 1, fault
    flags = __future__.annotations.compiler_flag
    made: dict[str, Any] = {}
    exec(  # the text is our own
        compile(source.replace(fault.text, fault.becomes), fault.what, "exec", flags, dont_inherit=True),
        function.__globals__,
        made,
    )
    return made[function.__name__].__code__


def found(world: World, fault: Fault, steps: int, number: int) -> Count:
    """How far the model comes with the fault: `broken` is None if it does not see it within so many messages."""
    count = Count()
    with planted(fault), suppress(Exception):  # however it shows: the model objects, or an invariant of the code
        walk(world, count, steps, number)
    return count
