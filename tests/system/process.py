"""The service as a process of its own: `reseptformidler serve`, with settings from its environment only."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Any

from reseptformidler.registers.fixed import FixedRegisters
from reseptformidler.sandbox.pki import Pki
from reseptformidler.store.keys import FileKek

SECONDS = 30.0
"""To start or to end, on a busy machine."""


@dataclass(slots=True)
class Serving:
    """A running process."""

    process: subprocess.Popen[bytes]
    log: Path
    """What it wrote, to either stream."""
    address: str = ""

    @property
    def text(self) -> str:
        """All that it wrote so far."""
        return self.log.read_text("utf-8")

    def line(self, event: str) -> dict[str, Any]:
        """The first line of a log with this event, once there is one. AssertionError: the process ended before."""
        ends = time.monotonic() + SECONDS
        while time.monotonic() < ends:
            for line in self.text.splitlines():
                if f'"event": "{event}"' in line:
                    return dict(json.loads(line))
            assert self.process.poll() is None, self.text
            time.sleep(0.02)
        raise AssertionError(f"no {event} in {SECONDS} s: {self.text}")

    def end(self) -> int:
        """SIGTERM, and the exit status."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(SECONDS)


def environment(database_url: str, folder: Path, pki: Pki, registers: FixedRegisters, **more: str) -> dict[str, str]:
    """The RF_* variables of a service; its files are made in `folder`. Nothing else of ours is passed on."""
    kek, register_file = folder / "kek", folder / "registers.toml"
    if not kek.exists():
        FileKek.create(kek)
    register_file.write_text(toml(registers), "utf-8")
    kept = {name: value for name, value in os.environ.items() if not name.startswith("RF_")}
    settings = {
        "RF_DATABASE_URL": database_url,
        "RF_KEK_FILE": str(kek),
        "RF_TRUST_DIR": str(pki.trust_dir),
        "RF_REGISTERS": str(register_file),
        "RF_PORT": "0",
        "RF_LEAVE_SECONDS": "0",
        "RF_LOG_LEVEL": "debug",
    }
    return kept | settings | more


@contextmanager
def serving(environment: dict[str, str], log: Path) -> Iterator[Serving]:
    """`serve`, until the context ends."""
    with log.open("wb") as file:
        process = subprocess.Popen(
            [sys.executable, "-m", "reseptformidler", "serve"], env=environment, stdout=file, stderr=subprocess.STDOUT
        )
    started = Serving(process, log)
    try:
        started.address = f"http://127.0.0.1:{started.line('listening')['port']}"
        yield started
    finally:
        if process.poll() is None:
            process.kill()
        process.wait()


def command(arguments: Sequence[str | Path], **how: Any) -> subprocess.CompletedProcess[str]:
    """Run the command line to its end."""
    return subprocess.run(
        [sys.executable, "-m", "reseptformidler", *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
        **how,
    )


def toml(registers: FixedRegisters) -> str:
    """The register file that holds the same (docs/registers.md)."""
    kort = {hpr: serial for serial, hpr in registers._kort.items()}
    refnr: dict[str, list[str]] = {}
    for number, hpr in registers.refnr:
        refnr.setdefault(hpr, []).append(number)
    tables = [_table("aktor", _fields(aktor)) for aktor in registers.aktorer]
    tables += [
        _table("helsepersonell", _fields(person) | {"kort": [kort[person.hpr]]})
        for person in registers._helsepersonell.values()
    ]
    tables += [_table("refnr", {"hpr": hpr, "numre": numbers}) for hpr, numbers in refnr.items()]
    return "\n".join(tables)


def _fields(value: Any) -> dict[str, Any]:
    fields = {name: getattr(value, name) for name in value.__slots__}
    return {name: field for name, field in fields.items() if field not in (None, "")}


def _table(name: str, fields: dict[str, Any]) -> str:
    return "\n".join([f"[[{name}]]", *(f"{key} = {_literal(value)}" for key, value in fields.items()), ""])


def _literal(value: Any) -> str:
    if isinstance(value, Enum):
        value = value.value
    return value.isoformat() if hasattr(value, "isoformat") else json.dumps(value, ensure_ascii=False)
