"""What the parts of an M1 cost when nothing else runs: one thread, everything warm, median of many messages."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from contextlib import redirect_stdout
from pathlib import Path
from statistics import median
from time import perf_counter_ns

from loadtest.m1 import OPERATION, SERVICE, M1Path, Prescribing
from reseptformidler import log, metrics
from reseptformidler.receive import stage
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
    """The figures of the stages, and what the edge tells of an answered message."""
    for name in ("parse", "envelope", "signature", "rules", "store"):
        with stage(name):
            pass
    seconds = 0.0012345
    metrics.messages.labels("m1", "godtatt").inc()
    metrics.message_duration.labels("m1").observe(seconds)
    log.logger.info(
        "message",
        service=SERVICE,
        operation=OPERATION,
        melding="m1",
        outcome="godtatt",
        reasons=(),
        milliseconds=round(seconds * 1000, 2),
    )


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
