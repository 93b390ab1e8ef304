"""The whole lab: three datacentres, the network between them, and the clients' place."""

from __future__ import annotations

import asyncio
import fcntl
import subprocess
import sys
import time
from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import quote

import asyncpg

from loadtest.crash.rig import registers_toml
from loadtest.lab import balancer, leftovers
from loadtest.lab.account import Account
from loadtest.lab.datacentre import COMPONENTS, ENGINES, PORTS, SERVICE, Datacentre, ask
from loadtest.lab.leftovers import LabError, program
from loadtest.lab.network import CENTRES, CLIENTS, PLACES, Network, address
from loadtest.lab.postgresql import DATABASE, ETCD, PORT, REST, ROLE, SUPERUSER, Cluster
from reseptformidler.domain.aktor import Aktor
from reseptformidler.embedded.binaries import programs_for
from reseptformidler.sandbox.pki import Pki
from reseptformidler.sandbox.population import Lege
from reseptformidler.store.keys import FileKek
from reseptformidler.store.migrate import migrate

CHECKOUT = Path(__file__).parents[2]
LOCK = Path("/run/rf-lab.lock")
SECONDS_TO_START = 120.0
SECONDS_TO_SWITCH = 30.0
STANDBYS = {True: ("quorum_standby", "sync_standby"), False: ("replica",)}
"""What Patroni calls the two servers that are not the primary."""


class Lab:
    """Everything in one folder. Use it as a context manager."""

    def __init__(
        self,
        folder: Path,
        parties: tuple[Iterable[Lege], Iterable[Aktor]],
        code: Path = CHECKOUT,
        *,
        synchronous: bool = True,
        rules: Sequence[Path] = (),
        receivers: Path | None = None,
    ) -> None:
        """`parties`: who stands in the registers. `rules`: files of alert rules. `synchronous=False` loses data."""
        self.folder = folder
        self.network = Network(folder)
        self.datacentres: dict[str, Datacentre] = {}
        self._parties = parties
        self._code = code
        self._cluster = Cluster(synchronous)
        self._rules = rules
        self._receivers = receivers
        self._open = ExitStack()

    @property
    def address(self) -> str:
        """Where senders send to: the load balancer."""
        return f"http://{address(CLIENTS)}:{balancer.PORT}"

    def __enter__(self) -> Self:
        try:
            self._start()
        except BaseException:
            self._open.close()
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._open.close()

    def _start(self) -> None:
        self._claim_machine()
        self.folder.chmod(0o711)
        self._open.callback(self._stop)
        self.network.start()
        self._account = Account(programs_for(self.folder))
        self._prepare_files()
        for place in CENTRES:
            centre = Datacentre(place, self.folder / place, self.network, self._account, self._cluster)
            centre.code, centre.environment = self._code, self.environment(place)
            centre.prepare()
            self.datacentres[place] = centre
        self._start_all(ENGINES)
        self._start_clients_place()
        self._wait(self.database_healthy, SECONDS_TO_START)
        primary = self.primary()
        assert primary
        self.network.call(CLIENTS, asyncio.run, _create_database(self._cluster, address(primary)))
        self._start_all(SERVICE)
        self.wait_healthy(SECONDS_TO_START)

    def _stop(self) -> None:
        self.network.stop()
        for centre in self.datacentres.values():
            centre.reap()
        leftovers.unmount_all()

    def _claim_machine(self) -> None:
        """One lab at a time; what an earlier one left behind goes. A watcher clears away after us if we are killed."""
        lock = self._open.enter_context(LOCK.open("w"))
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise LabError("another lab runs on this machine") from None
        leftovers.clear(PLACES)
        leftovers.unmount_all()
        watcher = subprocess.Popen(
            [sys.executable, "-m", leftovers.__name__, *PLACES],
            cwd=CHECKOUT,
            stdin=subprocess.PIPE,
            pass_fds=(lock.fileno(),),  # the machine is claimed until all is cleared away
            start_new_session=True,
        )
        self._open.callback(watcher.communicate)

    def _prepare_files(self) -> None:
        """Keys, registers, an authority that signs."""
        registers = registers_toml(*self._parties)
        self._account.file(self.folder / "registers.toml", registers)
        kek = self.folder / "kek"
        FileKek.create(kek)
        self._account.programs.give(kek)
        self.pki = Pki.open(self.folder / "pki", datetime.now(UTC))

    def _start_all(self, components: Iterable[str]) -> None:
        for component in components:
            for centre in self.datacentres.values():
                centre.start(component)

    def _start_clients_place(self) -> None:
        folder = self._account.folder(self.folder / CLIENTS)
        haproxy = self._account.file(folder / "haproxy.cfg", balancer.haproxy())
        prometheus = self._account.file(folder / "prometheus.yaml", balancer.prometheus(self._rules))
        listen = f"--web.listen-address={address(CLIENTS)}:{balancer.PROMETHEUS}"
        options = [f"--config.file={prometheus}", f"--storage.tsdb.path={folder / 'tsdb'}", listen, "--log.level=warn"]
        self._beside("haproxy", [program("haproxy"), "-db", "-f", str(haproxy)])
        self._beside("prometheus", [program("prometheus"), *options])

    def _beside(self, name: str, argv: list[str]) -> None:
        with (self.folder / CLIENTS / f"{name}.log").open("ab") as log:
            process = self.in_clients(
                self._account.command(*argv),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd="/",
                start_new_session=True,
            )
        self._open.callback(process.wait)
        self._open.callback(process.kill)

    def environment(self, place: str) -> dict[str, str]:
        """The settings of the service in one datacentre, without its ports."""
        settings = {
            "RF_DATABASE_URL": self._cluster.url,
            "RF_NEAR_SERVER": f"{address(place)}:{PORT}",
            "RF_HOST": address(place),
            "RF_KEK_FILE": str(self.folder / "kek"),
            "RF_TRUST_DIR": str(self.pki.trust_dir),
            "RF_REGISTERS": str(self.folder / "registers.toml"),
            "RF_LEAVE_SECONDS": "3",
            "RF_RELAY_SECONDS": "0.2",
            "RF_SWEEP_SECONDS": "10",
            "RF_LOG_LEVEL": "warning",
        }
        return settings | ({"RF_RECEIVERS": str(self._receivers)} if self._receivers else {})

    def superuser_url(self, place: str) -> str:
        """One server, for what only its administrator may do."""
        password = quote(self._cluster.superuser_password)
        return f"postgresql://{SUPERUSER}:{password}@{address(place)}:{PORT}/{DATABASE}"

    def primary(self) -> str | None:
        """The datacentre whose Patroni says that it has the primary; of two that say so, the one that came later."""
        claims = []
        for place, centre in self.datacentres.items():
            said = centre.patroni()
            if said.get("role") in ("primary", "master") and said.get("state") == "running":
                claims.append((said.get("timeline", 0), place))
        return max(claims)[1] if claims else None

    def database_healthy(self) -> bool:
        """One primary, and two standbys that stream: both may confirm a commit, if that is asked for."""
        primary = self.primary()
        if primary is None:
            return False
        members = self.datacentres[primary].ask(REST, "/cluster")[1].get("members", [])
        standbys = [
            one for one in members if one["role"] in STANDBYS[self._cluster.synchronous] and one["state"] == "streaming"
        ]
        return len(members) == len(CENTRES) and len(standbys) == len(CENTRES) - 1

    def healthy(self) -> bool:
        """The database as it should be, every process there, three webs ready for the clients, three etcd in touch."""
        centres = self.datacentres.values()
        return (
            all(centre.alive(component) for centre in centres for component in COMPONENTS)
            and all(centre.ask(ETCD, "/health")[0] == 200 for centre in centres)
            and self.database_healthy()
            and all(self.ask(address(centre.place), PORTS["web"], "/readyz")[0] == 200 for centre in centres)
        )

    def ask(self, host: str, port: int, path: str) -> tuple[int, Any]:
        """One HTTP request from the clients' place."""
        return self.network.call(CLIENTS, ask, host, port, path, None, 2.0)

    def wait_healthy(self, seconds: float) -> float:
        """Tend until all is well; how long that took. LabError when it takes longer."""
        return self._wait(self.healthy, seconds)

    def _wait(self, condition: Any, seconds: float) -> float:
        begun = time.monotonic()
        while not condition():
            self.tend()
            if time.monotonic() > begun + seconds:
                raise LabError(f"the lab is not well after {seconds:.0f} s; the logs are in {self.folder}")
            time.sleep(0.2)
        return time.monotonic() - begun

    def tend(self) -> None:
        """Start again what ended by itself. Call it again and again."""
        for centre in self.datacentres.values():
            centre.tend()

    @property
    def unexpected_ends(self) -> list[str]:
        """What ended by itself without a reason that is known."""
        return [end for centre in self.datacentres.values() for end in centre.unexpected_ends]

    def switchover(self) -> None:
        """Make another server the primary, as planned.

        No candidate is named: with one, Patroni lets the others sleep two seconds, and the new primary needs them.
        """
        now = self.primary()
        if now is None:
            raise LabError("there is no primary to take over from")
        status, said = self.datacentres[now].ask(REST, "/switchover", {"leader": now}, SECONDS_TO_SWITCH)
        if status != 200:
            raise LabError(f"Patroni does not switch over from {now}: {status} {said}")

    def in_clients(self, argv: Iterable[str], **more: Any) -> subprocess.Popen[Any]:
        """Run a program where the clients are; `more` is for subprocess.Popen."""
        return self.network.popen(CLIENTS, argv, **more)

    def prometheus_query(self, expression: str) -> list[Any]:
        """The `result` of an instant query."""
        path = f"/api/v1/query?query={quote(expression)}"
        status, said = self.ask(address(CLIENTS), balancer.PROMETHEUS, path)
        if status != 200:
            raise LabError(f"Prometheus does not answer {expression}: {status} {said}")
        result: list[Any] = said["data"]["result"]
        return result


async def _create_database(cluster: Cluster, host: str) -> None:
    """The service's role, which is nobody special, its database, and its tables."""
    connection = await asyncpg.connect(
        host=host, port=PORT, user=SUPERUSER, password=cluster.superuser_password, database="postgres"
    )
    try:
        await connection.execute(f"CREATE ROLE {ROLE} LOGIN PASSWORD '{cluster.role_password}' IN ROLE pg_monitor")
        await connection.execute(f"CREATE DATABASE {DATABASE} OWNER {ROLE}")
    finally:
        await connection.close()
    connection = await asyncpg.connect(
        host=host, port=PORT, user=ROLE, password=cluster.role_password, database=DATABASE
    )
    try:
        await migrate(connection, include_post=True)
    finally:
        await connection.close()
