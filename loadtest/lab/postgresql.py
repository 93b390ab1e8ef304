"""How Patroni, etcd and PostgreSQL are set up: one dictionary, one command line."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from loadtest.lab.network import CENTRES, address

PORT = 21432
REST = 21008
ETCD = 21379
ETCD_PEERS = 21380
SUPERUSER = "postgres"
ROLE = "rf"
DATABASE = "reseptformidler"

PARAMETERS: Mapping[str, Any] = {
    "max_connections": 60,
    "shared_buffers": "64MB",
    "wal_log_hints": "on",
    "wal_keep_size": "128MB",
    "max_wal_size": "192MB",
    "max_slot_wal_keep_size": "256MB",
    "hot_standby_feedback": "on",
    "tcp_user_timeout": 5000,
    "wal_receiver_timeout": "5s",
    "wal_retrieve_retry_interval": "200ms",  # 5 s otherwise until they follow a new primary
    "wal_sender_timeout": "5s",
    "dynamic_shared_memory_type": "mmap",  # on its own disk: a killed server leaves nothing elsewhere
    "timezone": "UTC",
    # A failing statement's detail repeats the values of the row: they are about patients.
    "log_error_verbosity": "terse",
    "log_parameter_max_length": 0,
    "log_parameter_max_length_on_error": 0,
}
"""Small, since three servers share one machine; a peer that is silent is noticed within five seconds."""


def _password() -> str:
    return secrets.token_urlsafe(18)


@dataclass(frozen=True, slots=True)
class Cluster:
    """One PostgreSQL cluster over all datacentres. `synchronous=False` loses data at a failover: that is to be seen."""

    synchronous: bool
    superuser_password: str = field(default_factory=_password, repr=False)
    replication_password: str = field(default_factory=_password, repr=False)
    rewind_password: str = field(default_factory=_password, repr=False)
    role_password: str = field(default_factory=_password, repr=False)

    @property
    def url(self) -> str:
        """All servers, for the service's role."""
        hosts = ",".join(f"{address(place)}:{PORT}" for place in CENTRES)
        return f"postgresql://{ROLE}:{self.role_password}@{hosts}/{DATABASE}"

    def patroni(self, place: str, folder: Path, programs: Path) -> dict[str, Any]:
        """The configuration file of one Patroni, whose own things are in `folder`."""
        here = address(place)
        return {
            "scope": "rf",
            "name": place,
            "log": {"level": "INFO"},
            "restapi": {"listen": f"{here}:{REST}", "connect_address": f"{here}:{REST}"},
            "etcd3": {"hosts": [f"{address(each)}:{ETCD}" for each in CENTRES]},
            "bootstrap": {"dcs": self._shared(), "initdb": _INITDB},
            "postgresql": {
                "listen": f"{here},127.0.0.1:{PORT}",
                "connect_address": f"{here}:{PORT}",
                "bin_dir": str(programs),
                "data_dir": str(folder / "disk" / "data"),
                "pgpass": str(folder / "run" / "pgpass"),
                "authentication": self._authentication(),
                "parameters": {"unix_socket_directories": str(folder / "run")},
                "pg_hba": _PG_HBA,
                # A standby that cannot be rewound is copied anew; nobody is there to do it by hand.
                "remove_data_directory_on_rewind_failure": True,
                "remove_data_directory_on_diverged_timelines": True,
            },
        }

    def _shared(self) -> dict[str, Any]:
        """What holds for the whole cluster. 20 seconds is the shortest lease that Patroni allows."""
        return {
            "ttl": 20,
            "loop_wait": 1,
            "retry_timeout": 3,
            "primary_start_timeout": 0,
            "maximum_lag_on_failover": 1_048_576,
            "synchronous_mode": "quorum" if self.synchronous else False,
            "synchronous_mode_strict": self.synchronous,
            "synchronous_node_count": 1,
            "postgresql": {"use_pg_rewind": True, "use_slots": True, "parameters": dict(PARAMETERS)},
        }

    def _authentication(self) -> dict[str, dict[str, str]]:
        return {
            "superuser": {"username": SUPERUSER, "password": self.superuser_password},
            "replication": {"username": "repl", "password": self.replication_password},
            "rewind": {"username": "rewinder", "password": self.rewind_password},
        }


_INITDB = [
    {"encoding": "UTF8"},
    "data-checksums",
    {"locale-provider": "builtin"},
    {"builtin-locale": "C.UTF-8"},
    {"locale": "C"},
]
_PG_HBA = [
    "local all all trust",  # the socket's folder is open to the account only
    "host all all 127.0.0.1/32 scram-sha-256",
    "host all all 192.0.2.0/24 scram-sha-256",
    "host replication repl 127.0.0.1/32 scram-sha-256",
    "host replication repl 192.0.2.0/24 scram-sha-256",
]


def etcd(place: str, data: Path) -> list[str]:
    """The command line of one etcd."""
    here = f"http://{address(place)}"
    peers = ",".join(f"{each}=http://{address(each)}:{ETCD_PEERS}" for each in CENTRES)
    options = {
        "name": place,
        "data-dir": str(data),
        "heartbeat-interval": "100",
        "election-timeout": "1000",
        "listen-peer-urls": f"{here}:{ETCD_PEERS}",
        "initial-advertise-peer-urls": f"{here}:{ETCD_PEERS}",
        "listen-client-urls": f"{here}:{ETCD}",
        "advertise-client-urls": f"{here}:{ETCD}",
        "initial-cluster": peers,
        "initial-cluster-state": "new",
        "log-level": "warn",
    }
    return [f"--{name}={value}" for name, value in options.items()]
