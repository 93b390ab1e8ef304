"""What the parts of an M1 cost when nothing else runs: one thread, everything warm, median of many messages."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from contextlib import redirect_stdout
from pathlib import Path
from statistics import median
from time import perf_counter, perf_counter_ns

from loadtest.m1 import OPERATION, SERVICE, M1Path, Prescribing
from reseptformidler import log
from reseptformidler.receive import Answer
from reseptformidler.web import soap as edge
from reseptformidler.wire import format as wire_format
from reseptformidler.wire import soap
from reseptformidler.wire.msghead import read_head
from reseptformidler.wire.parse import parse

Part = Callable[[Prescribing], object]


def parts_of(path: M1Path) -> dict[str, Part]:
    """The parts in the order of the path; HTTP and the store are measured elsewhere."""
    return {
        "SOAP envelope in": lambda m: soap.read_request(m.body, OPERATION, SERVICE),
        "parse": lambda m: parse(m.octets),
        "head and its rules": lambda m: path.head_findings(m.root, read_head(m.root)),
        "format rules": lambda m: wire_format.findings(m.root),
        "schema": lambda m: path.schemas.errors(m.root),
        "signature": lambda m: path.signed_by(m.root, m.mottatt.head),
        "content and rules": lambda m: path.judged(m.octets, m.root, m.mottatt.head, m.facts),
        "decision": lambda m: path.decided(m.mottatt, m.facts),
        "receipt": lambda m: path.receipt(m.mottatt),
        "compress and seal": lambda m: path.rows(m.decided),
        "SOAP envelope out": lambda m: soap.response(SERVICE, OPERATION, m.octets[:1_500]),
        "log and metrics": _tell,
    }


def _tell(_: Prescribing) -> None:
    answer = Answer(octets=b"", melding="m1", accepted=True, reply=False)
    edge._tell(SERVICE, OPERATION, answer, perf_counter())  # noqa: SLF001 - a part has no name outside


def measured(path: M1Path, walked: Sequence[Prescribing], repeats: int) -> dict[str, float]:
    """Microseconds of each part."""
    with Path(os.devnull).open("w") as nowhere, redirect_stdout(nowhere):
        log.configure()
        return {name: _median(part, walked, repeats) for name, part in parts_of(path).items()}


def _median(part: Part, walked: Sequence[Prescribing], repeats: int) -> float:
    times = []
    for _ in range(repeats):
        for message in walked:
            begun = perf_counter_ns()
            part(message)
            times.append(perf_counter_ns() - begun)
    return median(times) / 1000
