"""`python -m loadtest.drill`: faults in three datacentres under load, and the checker's verdict.

Exit status 1 when a promise was broken: something lost, dispensed twice, answered twice or never delivered; a limit of
time or of retries not kept; an alert that did not fire; a query of the dashboard with nothing to show. 2 when the drill
could not go on, since the whole did not heal. With `--control` a fault is planted in the service, and the exit status
is 1 when nothing was found.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
import time
from pathlib import Path
from random import Random, SystemRandom

from loadtest.crash.history import History
from loadtest.crash.senders import DOCTORS, PHARMACIES
from loadtest.drill.alerts import faster, unanswered
from loadtest.drill.controls import CONTROLS, Control
from loadtest.drill.faults import FAULTS
from loadtest.drill.judge import HISTORIES, judge
from loadtest.drill.receivers import receivers_toml
from loadtest.drill.run import Scene, Stuck, drill, order, sending
from loadtest.lab.lab import CHECKOUT, Lab
from loadtest.lab.network import CLIENTS, LabError, address


def main() -> int:
    """Run, judge, report."""
    given = _arguments()
    folder = Path(tempfile.mkdtemp(prefix="rf-drill-", dir="/tmp"))  # short enough for a socket
    folder.chmod(0o711)
    control = CONTROLS[given.control] if given.control else None
    kinds = control.faults if control else order(given.faults, given.rounds, Random(given.seed))
    print(f"seed {given.seed}, {len(kinds)} rounds, everything in {folder}", flush=True)
    try:
        blind = _play(given, folder, kinds, control)
    except (LabError, Stuck) as error:
        print(f"The drill stopped: {error}", file=sys.stderr)
        return 2
    report = judge(f"A drill of {len(kinds)} rounds, seed {given.seed}", [folder], given.report)
    if control:
        found = {one.kind for one in report.violations} & control.finds
        print(f"the planted fault was {'found: ' + ', '.join(sorted(found)) if found else 'NOT FOUND'}")
        return 0 if found else 1
    print("\n".join(blind) or "every query of the dashboard had something to show")
    good = not report.violations and not blind and (given.lenient or not report.broken)
    if good and not given.keep:
        shutil.rmtree(folder)
    return 0 if good else 1


def _play(given: argparse.Namespace, folder: Path, kinds: list[str], control: Control | None) -> list[str]:
    """Gives what the dashboard could not show."""
    receivers = folder / "receivers.toml"
    receivers.write_text(receivers_toml(address(CLIENTS), [one.kontor.her for one in DOCTORS]), "utf-8")
    code = control.patched(CHECKOUT, folder / "patched") if control else CHECKOUT
    begun = time.monotonic()
    with (
        Lab(
            folder,
            (DOCTORS, PHARMACIES),
            code,
            synchronous=control is None or control.synchronous,
            rules=[faster(folder)],
            receivers=receivers,
        ) as lab,
        History(folder / HISTORIES[1], begun) as history,
        sending(lab, folder / HISTORIES[0], begun, given.seed, given.rate) as senders,
    ):
        print(f"healthy after {time.monotonic() - begun:.1f} s", flush=True)
        scene = Scene(lab, senders, history, Random(f"{given.seed} faults"), lambda line: print(line, flush=True))
        drill(scene, kinds)
        for end in lab.unexpected_ends:
            print(f"ended by itself: {end}")
        return unanswered(lab, time.monotonic() - begun)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser("loadtest.drill", description=__doc__)
    parser.add_argument("--rounds", type=int, default=len(FAULTS), help=f"how many faults ({len(FAULTS)}: one of each)")
    parser.add_argument("--seed", type=int, default=SystemRandom().randrange(1_000_000), help="of all random choices")
    parser.add_argument("--faults", type=_kinds, default=list(FAULTS), help="only these, separated by commas")
    parser.add_argument("--rate", type=float, default=35.0, help="messages a second (35)")
    parser.add_argument("--report", type=Path, metavar="FILE.md", help="write the report there, and a picture")
    parser.add_argument("--control", choices=sorted(CONTROLS), help="plant this fault in the service")
    parser.add_argument("--lenient", action="store_true", help="a limit that is not kept is told, and fails nothing")
    parser.add_argument("--keep", action="store_true", help="keep the folder although all is well")
    return parser.parse_args()


def _kinds(text: str) -> list[str]:
    kinds = [kind.strip() for kind in text.split(",")]
    if unknown := sorted({*kinds} - {*FAULTS}):
        raise argparse.ArgumentTypeError(f"no such fault: {', '.join(unknown)}; there are {', '.join(FAULTS)}")
    return kinds


if __name__ == "__main__":
    sys.exit(main())
