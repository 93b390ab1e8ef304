"""A small service with traffic, and a Prometheus that scrapes it."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest
import yaml

from k8s.monitoring import rules
from k8s.monitoring.prometheus import series
from reseptformidler.sandbox.pki import Pki
from tests.conftest import created_database, short_folder, with_database
from tests.system.process import Serving, command, environment, serving
from tests.system.world import FEW_REGISTERS

SECONDS_TO_START = 20.0
DATACENTRE = "oslo"
RECORDED = "datacentre_outcome:reseptformidler_messages:rate30s"


@pytest.fixture(scope="module")
def prometheus(server_url: str, migrated_template: str) -> Iterator[str]:
    """The address of a Prometheus that has scraped `serve`, `relay` and `sweep` under traffic, each second."""
    with ExitStack() as stack:
        folder = stack.enter_context(short_folder())
        name = stack.enter_context(created_database(server_url, template=migrated_template))
        pki = Pki.open(folder / "pki" / "now", datetime.now(UTC))
        given = environment(
            with_database(server_url, name), folder, pki, FEW_REGISTERS, RF_METRICS_PORT="0", RF_SWEEP_SECONDS="1"
        )
        web = stack.enter_context(serving(given, folder / "web.log"))
        others = {job: stack.enter_context(_periodic(job, given, folder)) for job in ("relay", "sweep")}
        address = stack.enter_context(scraped(folder, {"web": web.address, **others}))
        _traffic(web.address, address, folder)
        yield address


@contextmanager
def _periodic(job: str, given: dict[str, str], folder: Path) -> Iterator[str]:
    """`relay` or `sweep`; the address of its figures."""
    log = folder / f"{job}.log"
    with log.open("wb") as file:
        process = subprocess.Popen(
            [sys.executable, "-m", "reseptformidler", job], env=given, stdout=file, stderr=subprocess.STDOUT
        )
    try:
        yield f"http://127.0.0.1:{Serving(process, log).line('listening')['port']}"
    finally:
        process.kill()
        process.wait()


@contextmanager
def scraped(folder: Path, addresses: Mapping[str, str]) -> Iterator[str]:
    """A Prometheus with our rules, and what it scrapes by job; gives its own address."""
    program = shutil.which("prometheus")
    assert program, "prometheus is missing: apt-get install prometheus"
    (folder / "groups.yaml").write_text(rules.text(rules.groups()), "utf-8")
    (folder / "prometheus.yaml").write_text(yaml.safe_dump(_configuration(addresses)), "utf-8")
    log = folder / "prometheus.log"
    arguments = ["--config.file=prometheus.yaml", "--storage.tsdb.path=tsdb", "--web.listen-address=127.0.0.1:0"]
    with log.open("wb") as file:
        process = subprocess.Popen([program, *arguments], cwd=folder, stdout=file, stderr=subprocess.STDOUT)
    try:
        yield f"http://{_listening(process, log)}"
    finally:
        process.terminate()
        process.wait()


def _configuration(addresses: Mapping[str, str]) -> dict[str, object]:
    return {
        "global": {"scrape_interval": "1s", "evaluation_interval": "1s"},
        "rule_files": ["groups.yaml"],
        "scrape_configs": [
            {
                "job_name": job,
                "static_configs": [
                    {"targets": [address.removeprefix("http://")], "labels": {"datacentre": DATACENTRE}}
                ],
            }
            for job, address in addresses.items()
        ],
    }


def _listening(process: subprocess.Popen[bytes], log: Path) -> str:
    ends = time.monotonic() + SECONDS_TO_START
    while time.monotonic() < ends and process.poll() is None:
        if found := re.search(r'msg="Listening on" address=(\S+)', log.read_text("utf-8")):
            return found[1]
        time.sleep(0.05)
    raise AssertionError(log.read_text("utf-8"))


def _traffic(address: str, prometheus: str, folder: Path) -> None:
    """The demonstration twice: every type of message, accepted and refused, each time scraped before the next."""
    for _ in range(2):
        done = command(["demo", "--url", address, "--data-dir", folder])
        assert done.returncode == 0, done.stdout + done.stderr
        before, ends = _scrapes(prometheus), time.monotonic() + SECONDS_TO_START
        while _scrapes(prometheus) < before + 2 and time.monotonic() < ends:
            time.sleep(0.1)
    ends = time.monotonic() + SECONDS_TO_START
    while not series(prometheus, RECORDED, seconds=0) and time.monotonic() < ends:  # its rule comes round every 5 s
        time.sleep(0.1)


def _scrapes(prometheus: str) -> float:
    """How often all of them have been scraped."""
    found = series(prometheus, "min(count_over_time(up[10m]))", seconds=0)
    return found[0].points[-1][1] if found else 0
