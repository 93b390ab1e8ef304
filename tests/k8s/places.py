"""Whether a lost datacentre costs nothing. Each check gives what is wrong."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import urlsplit

from reseptformidler.store.servers import urls_of
from tests.k8s.manifests import (
    A_SECRET,
    DATACENTRES,
    FOREVER,
    ZONE,
    Manifest,
    World,
    database,
    database_pods,
    deployments,
    of_kind,
    selects,
    workloads,
    zones_of,
)
from tests.k8s.processes import settings

OF_THE_OPERATOR = {
    "synchronous_standby_names",
    "wal_log_hints",
    "archive_mode",
    "archive_command",
    "hot_standby",
    "port",
}
"""CloudNativePG sets these and refuses a Cluster that sets them too."""
KEPT_FREE = 30
"""Connections for the operator, its figures, the replicas, a backup, an administrator."""


def datacentres_that_lack_something(world: World) -> Iterator[str]:
    """Each has every process, tied to its zone; web stands on several hosts; the database has a server in each."""
    for place in DATACENTRES:
        here = [one for one in deployments(world) if zones_of(one.pod.get("affinity", {})) == [place]]
        missing = set(FOREVER) - {one.component for one in here if one.labels.get("datacentre") == place}
        yield from (f"{place}: no {name}" for name in sorted(missing))
    for one in deployments(world):
        hosts = [rule for rule in one.pod.get("topologySpreadConstraints", [])
                 if rule["topologyKey"] == "kubernetes.io/hostname" and rule["whenUnsatisfiable"] == "DoNotSchedule"
                 and selects(rule["labelSelector"], one.labels)]  # fmt: skip
        if one.replicas > 1 and not hosts:
            yield f"{one.name}: all its pods may be on one host"
    yield from _database_places(database(world)["spec"])


def _database_places(spec: Manifest) -> Iterator[str]:
    affinity = spec.get("affinity", {})
    apart = {"enablePodAntiAffinity": True, "podAntiAffinityType": "required", "topologyKey": ZONE}
    if not apart.items() <= affinity.items() or sorted(zones_of(affinity)) != sorted(DATACENTRES):
        yield "Cluster: its servers may be in one datacentre"
    if spec["instances"] != len(DATACENTRES):
        yield "Cluster: not one server a datacentre"


def commits_that_may_be_lost(world: World) -> Iterator[str]:
    """A commit is in two datacentres before it is answered, and only who has it is promoted."""
    spec = database(world)["spec"]
    wanted = {"method": "any", "number": 1, "dataDurability": "required", "failoverQuorum": True}
    if spec["postgresql"].get("synchronous") != wanted:
        yield "Cluster: commits are answered that a failover may lose"
    if spec["postgresql"]["parameters"].get("synchronous_commit", "on") not in {"on", "remote_apply"}:
        yield "Cluster: synchronous_commit does not wait for a standby's disk"
    if not spec["bootstrap"]["initdb"].get("dataChecksums"):
        yield "Cluster: a rotten page would not be noticed"
    if spec.get("smartShutdownTimeout", 180) >= spec.get("stopDelay", 1800):
        yield "Cluster: no time for a fast shutdown"
    if "walStorage" not in spec:
        yield "Cluster: WAL and data fill one volume"
    if any(parameter in spec["postgresql"]["parameters"] for parameter in OF_THE_OPERATOR):
        yield "Cluster: sets what is the operator's, which refuses it"


def backups_that_lead_nowhere(world: World) -> Iterator[str]:
    """WAL and base backups go to the store that is there."""
    spec = database(world)["spec"]
    stores = {one["metadata"]["name"] for one in of_kind(world, "ObjectStore")}
    archivers = [one for one in spec.get("plugins", []) if one.get("isWALArchiver")]
    if [one["parameters"]["barmanObjectName"] in stores for one in archivers] != [True]:
        yield "Cluster: its WAL is not archived in a store of ours"
    for one in of_kind(world, "ScheduledBackup"):
        plugin = one["spec"]["pluginConfiguration"]["name"]
        if (
            one["spec"]["cluster"]["name"] != database(world)["metadata"]["name"]
            or len(one["spec"]["schedule"].split()) != 6
        ):
            yield "ScheduledBackup: of another cluster, or at no time"
        if plugin not in {archiver["name"] for archiver in archivers}:
            yield "ScheduledBackup: by a plugin that the cluster has not"
    if not of_kind(world, "ScheduledBackup"):
        yield "no base backups"


def servers_that_are_not_found(world: World) -> Iterator[str]:
    """Each host of the database's URL is a Service with one server behind it; the near one stands in the same place."""
    spec = database(world)["spec"]
    names = set(spec["certificates"]["serverAltDNSNames"])
    for one in workloads(world):
        found = settings(one, world)
        url = urlsplit(found.database_url.get_secret_value())
        servers = urls_of(found.database_url.get_secret_value())
        places = {name: _zones(world, *name.split(":")) for name in servers}
        if sorted(places.values()) != sorted([place] for place in DATACENTRES):
            yield f"{one.name}: its hosts do not lead to one server in each datacentre: {places}"
        if not {name.split(":")[0] for name in servers} <= names or "sslmode=verify-full" not in url.query:
            yield f"{one.name}: would not know the right server from a wrong one"
        if (
            not url.netloc.startswith(f"{A_SECRET}:{A_SECRET}@")
            or url.path != f"/{spec['bootstrap']['initdb']['database']}"
        ):
            yield f"{one.name}: another database, or a password that can be read"
        if one.is_deployment and places.get(found.near_server or "") != [one.labels.get("datacentre")]:
            yield f"{one.name}: {found.near_server} is not the server near it"


def _zones(world: World, name: str, port: str) -> list[str]:
    """The zones of the database pods behind a port of a Service."""
    found = [one["spec"] for one in of_kind(world, "Service") if one["metadata"]["name"] == name]
    open_ = [spec for spec in found if int(port) in {each["port"] for each in spec["ports"]}]
    return [pod[ZONE] for spec in open_ for pod in database_pods(world) if spec["selector"].items() <= pod.items()]


def connections_that_are_refused(world: World) -> Iterator[str]:
    """One server may have to take every pod's pool and watch; a pod may keep a pool for lists too."""
    each = ((one.most, settings(one, world).pool_size) for one in workloads(world))
    needed = sum(pods * (2 * pool + 1) for pods, pool in each) + KEPT_FREE
    allowed = int(database(world)["spec"]["postgresql"]["parameters"].get("max_connections", 100))
    if allowed < needed:
        yield f"Cluster: {allowed} connections, {needed} may be wanted"


def budgets_that_do_not_fit(world: World) -> Iterator[str]:
    """Each Deployment has one budget, which lets somebody go, and somebody stay."""
    budgets = of_kind(world, "PodDisruptionBudget")
    for one in deployments(world):
        if sum(selects(budget["spec"]["selector"], one.labels) for budget in budgets) != 1:
            yield f"{one.name}: not one budget"
    for budget in budgets:
        spec, name = budget["spec"], budget["metadata"]["name"]
        pods = sum(one.replicas for one in deployments(world) if selects(spec["selector"], one.labels))
        may_go = spec["maxUnavailable"] if "maxUnavailable" in spec else pods - spec["minAvailable"]
        if not 1 <= may_go < pods:
            yield f"PodDisruptionBudget/{name}: {may_go} of {pods} may go"


def services_that_lead_nowhere(world: World) -> Iterator[str]:
    """Each Service has pods in every datacentre that it is for, and a port that they listen on."""
    for one in of_kind(world, "Service"):
        spec = one["spec"]
        ours = [each for each in deployments(world) if spec["selector"].items() <= each.labels.items()]
        theirs = [pod for pod in database_pods(world) if spec["selector"].items() <= pod.items()]
        ends = {port["targetPort"] for port in spec["ports"]}
        if not (ours or theirs) or any(not ends <= each.ports.keys() for each in ours) or (theirs and ends != {5432}):
            yield f"Service/{one['metadata']['name']}: nothing behind it"
