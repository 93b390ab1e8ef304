"""`python -m loadtest.lab`: start three datacentres on this machine, and keep them until Ctrl-C."""

from __future__ import annotations

import argparse
import shutil
import signal
import sys
import tempfile
import time
from pathlib import Path

from loadtest.lab.balancer import PROMETHEUS
from loadtest.lab.lab import Lab
from loadtest.lab.leftovers import LabError
from loadtest.lab.network import CENTRES, CLIENTS, address, namespace
from loadtest.lab.postgresql import REST
from reseptformidler.sandbox.population import APOTEK, LEGER


def main() -> int:
    """Start, show, tend, stop."""
    given = _arguments()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))  # so that everything started is ended
    folder = Path(tempfile.mkdtemp(prefix="rf-lab-", dir="/tmp"))  # short enough for a socket
    print(f"Starting three datacentres in {folder}", flush=True)
    begun = time.monotonic()
    try:
        with Lab(folder, (LEGER, APOTEK), synchronous=not given.asynchronous, rules=given.rules) as lab:
            print(f"Ready after {time.monotonic() - begun:.0f} s\n{how_to_look(lab)}", flush=True)
            _keep(lab)
    except LabError as error:
        print(f"Cannot start: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("Stopped")
    shutil.rmtree(folder)
    return 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser("loadtest.lab", description=__doc__)
    parser.add_argument("--asynchronous", action="store_true", help="commit without a standby: can lose data")
    parser.add_argument(
        "--rules", type=Path, action="append", default=[], metavar="FILE", help="alert rules; repeatable"
    )
    return parser.parse_args()


def how_to_look(lab: Lab) -> str:
    """What one can do with it."""
    inside = f"nsenter --net=/run/netns/{namespace(CLIENTS)}"
    return "\n".join(
        (
            f"senders send to  {inside} curl -s {lab.address}/readyz",
            f"Patroni          {inside} curl -s http://{address(CENTRES[0])}:{REST}/cluster",
            f"Prometheus       {inside} curl -s 'http://{address(CLIENTS)}:{PROMETHEUS}/api/v1/query?query=up'",
            f"databases        {' '.join(lab.superuser_url(place) for place in CENTRES)}",
            f"logs             {lab.folder}/{{{','.join((*CENTRES, CLIENTS))}}}/*.log",
            "Ctrl-C ends it",
        )
    )


def _keep(lab: Lab) -> None:
    told = 0
    while True:
        lab.tend()
        for end in lab.unexpected_ends[told:]:
            print(end, flush=True)
        told = len(lab.unexpected_ends)
        time.sleep(1)


if __name__ == "__main__":
    sys.exit(main())
