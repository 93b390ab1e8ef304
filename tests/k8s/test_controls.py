"""Each check of the manifests finds the fault that it looks for, planted in a copy of what kustomize built."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy

import pytest

from tests.k8s import gates, places, processes
from tests.k8s.manifests import Manifest, World, database, named, of_kind
from tests.k8s.test_manifests import CHECKS, Check

Fault = Callable[[World], object]


def web(world: World) -> Manifest:
    return named(world, "Deployment", "web-oslo")


def pod(world: World) -> Manifest:
    spec: Manifest = web(world)["spec"]["template"]["spec"]
    return spec


def container(world: World) -> Manifest:
    one: Manifest = pod(world)["containers"][0]
    return one


def security(world: World) -> Manifest:
    given: Manifest = container(world)["securityContext"]
    return given


def labels(world: World) -> Manifest:
    given: Manifest = web(world)["spec"]["template"]["metadata"]["labels"]
    return given


def of_database(world: World, *path: str) -> Manifest:
    place: Manifest = database(world)["spec"]
    for step in path:
        place = place[step]
    return place


def monitor(world: World) -> Manifest:
    spec: Manifest = named(world, "PodMonitor", "reseptformidler")["spec"]
    return spec


def budget(world: World, name: str, **may: int) -> None:
    one = named(world, "PodDisruptionBudget", name)
    one["spec"] = {"selector": one["spec"]["selector"], **may}


def setting(world: World, name: str, value: str) -> None:
    for one in of_kind(world, "ConfigMap"):
        one["data"][name] = value


def url(world: World, old: str, new: str) -> None:
    """Another database URL of web in Oslo."""
    for variable in container(world)["env"]:
        if variable["name"] == "RF_DATABASE_URL":
            variable["value"] = variable["value"].replace(old, new)


def without(world: World, kind: str, name: str) -> None:
    world.remove(named(world, kind, name))


def policy(world: World, name: str) -> Manifest:
    spec: Manifest = named(world, "NetworkPolicy", name)["spec"]
    return spec


FAULTS: dict[Check, dict[str, Fault]] = {
    processes.settings_that_do_not_fit: {
        "unknown": lambda w: setting(w, "RF_DRAINSECONDS", "20"),
        "value": lambda w: setting(w, "RF_POOL_SIZE", "many"),
        "missing": lambda w: setting(w, "RF_KEK_FILE", ""),
        "loopback": lambda w: setting(w, "RF_HOST", "127.0.0.1"),
    },
    processes.commands_that_do_not_exist: {
        "misspelt": lambda w: container(w).update(args=["server"]),
        "ends": lambda w: container(w).update(args=["check"]),
    },
    processes.files_that_are_not_mounted: {
        "folder": lambda w: setting(w, "RF_TRUST_DIR", "/etc/trust"),
        "item": lambda w: setting(w, "RF_KEK_FILE", "/etc/reseptformidler/keys/key"),
    },
    processes.ports_that_nobody_listens_on: {
        "moved": lambda w: setting(w, "RF_PORT", "8081"),
    },
    processes.probes_that_do_not_fit: {
        "path": lambda w: container(w)["livenessProbe"]["httpGet"].update(path="/health"),
        "port": lambda w: container(w)["readinessProbe"]["httpGet"].update(port="metrics"),
        "none": lambda w: container(w).pop("startupProbe"),
        "late": lambda w: container(w)["readinessProbe"].update(periodSeconds=10),
        "hasty": lambda w: container(w)["livenessProbe"].update(failureThreshold=1),
        "impatient": lambda w: setting(w, "RF_ANSWER_SECONDS", "60"),
    },
    processes.ends_that_come_too_early: {
        "killed": lambda w: pod(w).update(terminationGracePeriodSeconds=30),
        "default": lambda w: pod(w).pop("terminationGracePeriodSeconds"),
        "longer": lambda w: setting(w, "RF_DRAIN_SECONDS", "60"),
    },
    processes.rollouts_that_lose_capacity: {
        "down": lambda w: web(w)["spec"].update(strategy={"type": "Recreate"}),
    },
    processes.resources_that_are_not_bounded: {
        "none": lambda w: container(w)["resources"]["limits"].pop("memory"),
        "small": lambda w: setting(w, "RF_QUEUE_BYTES", "268435456"),
    },
    processes.images_that_are_not_pinned: {
        "latest": lambda w: container(w).update(image="reseptformidler:latest"),
        "major": lambda w: of_database(w).update(imageName="postgresql:18"),
    },
    processes.pods_that_may_too_much: {
        "privileged": lambda w: security(w).update(privileged=True),
        "root": lambda w: pod(w)["securityContext"].update(runAsUser=0),
        "writes": lambda w: security(w).pop("readOnlyRootFilesystem"),
        "adds": lambda w: security(w)["capabilities"].update(add=["NET_RAW"]),
        "host": lambda w: pod(w).update(hostNetwork=True),
        "token": lambda w: pod(w).pop("automountServiceAccountToken"),
        "links": lambda w: pod(w).pop("enableServiceLinks"),
        "account": lambda w: pod(w).update(serviceAccountName="default"),
        "rights": lambda w: w.append({"kind": "RoleBinding"}),
        "standard": lambda w: of_kind(w, "Namespace")[0]["metadata"].pop("labels"),
    },
    processes.metrics_that_nobody_reads: {
        "port": lambda w: container(w)["ports"][0].update(name="web"),
        "label": lambda w: labels(w).pop("datacentre"),
        "job": lambda w: monitor(w).pop("jobLabel"),
    },
    places.datacentres_that_lack_something: {
        "web": lambda w: without(w, "Deployment", "web-tromso"),
        "elsewhere": lambda w: pod(w).pop("affinity"),
        "host": lambda w: pod(w).pop("topologySpreadConstraints"),
        "one": lambda w: of_database(w, "affinity").update(podAntiAffinityType="preferred"),
        "two": lambda w: of_database(w).update(instances=2),
    },
    places.commits_that_may_be_lost: {
        "asynchronous": lambda w: of_database(w, "postgresql").pop("synchronous"),
        "preferred": lambda w: of_database(w, "postgresql", "synchronous").update(dataDurability="preferred"),
        "off": lambda w: of_database(w, "postgresql", "parameters").update(synchronous_commit="off"),
        "checksums": lambda w: of_database(w, "bootstrap", "initdb").pop("dataChecksums"),
        "smart": lambda w: of_database(w).pop("smartShutdownTimeout"),
        "volume": lambda w: of_database(w).pop("walStorage"),
        "refused": lambda w: of_database(w, "postgresql", "parameters").update(wal_log_hints="on"),
    },
    places.backups_that_lead_nowhere: {
        "store": lambda w: without(w, "ObjectStore", "reseptformidler-backup"),
        "wal": lambda w: of_database(w)["plugins"][0].update(isWALArchiver=False),
        "never": lambda w: without(w, "ScheduledBackup", "reseptformidler-db"),
        "minute": lambda w: of_kind(w, "ScheduledBackup")[0]["spec"].update(schedule="30 1 * * *"),
    },
    places.servers_that_are_not_found: {
        "host": lambda w: url(w, "-tromso:", "-tromsoe:"),
        "fewer": lambda w: url(w, "reseptformidler-db-tromso:5432", "reseptformidler-db-oslo:5432"),
        "port": lambda w: url(w, "-oslo:5432", "-oslo:5433"),
        "unproven": lambda w: url(w, "verify-full", "require"),
        "readable": lambda w: url(w, "$(DATABASE_PASSWORD)", "letmein"),
        "database": lambda w: url(w, "/reseptformidler?", "/app?"),
        "far": lambda w: setting(w, "RF_NEAR_SERVER", "reseptformidler-db-oslo:5432"),
        "name": lambda w: of_database(w, "certificates")["serverAltDNSNames"].pop(),
    },
    places.connections_that_are_refused: {
        "default": lambda w: of_database(w, "postgresql", "parameters").pop("max_connections"),
        "pools": lambda w: setting(w, "RF_POOL_SIZE", "16"),
        "pods": lambda w: web(w)["spec"].update(replicas=12),
    },
    places.budgets_that_do_not_fit: {
        "all": lambda w: budget(w, "web-oslo", minAvailable=3),
        "none": lambda w: without(w, "PodDisruptionBudget", "relay"),
        "every": lambda w: budget(w, "sweep", maxUnavailable=3),
    },
    places.services_that_lead_nowhere: {
        "label": lambda w: named(w, "Service", "web")["spec"]["selector"].update(app="web"),
        "port": lambda w: named(w, "Service", "web")["spec"]["ports"][0].update(targetPort="web"),
    },
    gates.gates_that_stand_open: {
        "default": lambda w: without(w, "NetworkPolicy", "default-deny"),
        "half": lambda w: policy(w, "default-deny").update(policyTypes=["Ingress"]),
        "everybody": lambda w: policy(w, "senders-to-web")["ingress"][0].pop("from"),
        "ports": lambda w: policy(w, "processes-to-database")["egress"][0].pop("ports"),
        "anywhere": lambda w: policy(w, "relay-to-receivers").update(podSelector={}),
        "senders": lambda w: policy(w, "senders-to-web").update(podSelector={}),
    },
    gates.gates_that_are_missing: {
        "database": lambda w: without(w, "NetworkPolicy", "processes-to-database"),
        "names": lambda w: without(w, "NetworkPolicy", "dns"),
        "metrics": lambda w: without(w, "NetworkPolicy", "monitoring-to-metrics"),
        "port": lambda w: policy(w, "senders-to-web")["ingress"][0]["ports"][0].update(port="web"),
    },
}


PLANTED = [
    pytest.param(check, fault, id=f"{check.__name__}-{name}")
    for check in FAULTS
    for name, fault in FAULTS[check].items()
]


@pytest.mark.parametrize("check, plant", PLANTED)
def test_a_planted_fault_is_found(check: Check, plant: Fault, world: World) -> None:
    """The check says something, and said nothing before."""
    spoilt = deepcopy(world)
    plant(spoilt)
    assert list(check(spoilt)) != []


def test_every_check_has_a_control() -> None:
    """A check that nobody has seen fail proves nothing."""
    assert set(FAULTS) == set(CHECKS)
