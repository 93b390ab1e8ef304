"""What stands before and beside the datacentres, in the clients' namespace: HAProxy and Prometheus."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

from loadtest.lab.datacentre import PORTS
from loadtest.lab.network import CENTRES, CLIENTS, address
from loadtest.lab.postgresql import ETCD, REST

PORT = 8080
PROMETHEUS = 9090

# /readyz of a process that drains says 503: it gets no new requests (L7OKC), but those it has may end. One that is
# silent or gone is down, and what waits for it is cut off at once.
HAPROXY = """\
global
  maxconn 2000
  nbthread 1
  tune.bufsize 49152
defaults
  mode http
  timeout connect 700ms
  timeout client 60s
  timeout server 40s
  timeout queue 10s
  timeout check 1s
  retries 3
  retry-on conn-failure
  option redispatch 1
frontend senders
  bind {address}:{port}
  default_backend datacentres
backend datacentres
  balance leastconn
  option httpchk GET /readyz
  http-check expect status 200 error-status L7OKC
  default-server inter 500ms fall 2 rise 1 on-marked-down shutdown-sessions
{servers}
"""


def haproxy() -> str:
    """The configuration of the load balancer."""
    servers = "\n".join(f"  server {place} {address(place)}:{PORTS['web']} check" for place in CENTRES)
    return HAPROXY.format(address=address(CLIENTS), port=PORT, servers=servers)


def prometheus(rules: Iterable[Path]) -> str:
    """The configuration of Prometheus; JSON is YAML."""
    ports = {**PORTS, "patroni": REST, "etcd": ETCD}
    settings = {"scrape_interval": "1s", "scrape_timeout": "1s", "evaluation_interval": "1s"}
    configuration = {
        "global": settings,
        "rule_files": [str(path.absolute()) for path in rules],
        "scrape_configs": [_job(job, port) for job, port in ports.items()],
    }
    return json.dumps(configuration)


def _job(name: str, port: int) -> dict[str, object]:
    return {"job_name": name, "static_configs": [_target(place, port) for place in CENTRES]}


def _target(place: str, port: int) -> dict[str, object]:
    return {"targets": [f"{address(place)}:{port}"], "labels": {"datacentre": place}}
