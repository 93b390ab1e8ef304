"""The manifests as kustomize builds them, and what the checks ask of them again and again."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import yaml

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "k8s"
DATACENTRES = ("oslo", "trondheim", "tromso")
APPLIED = ("cluster", "migrate", "migrate-post", *(f"overlays/{name}" for name in DATACENTRES))
"""What an operator applies; base and release are only parts of these."""
OF_OURS = {"app.kubernetes.io/name": "reseptformidler"}
ZONE = "topology.kubernetes.io/zone"
FOREVER = ("web", "relay", "sweep")
A_SECRET = "secret"

Manifest: TypeAlias = dict[str, Any]
World: TypeAlias = list[Manifest]
"""Every object of the cluster. Checks take it whole, since most faults stand between two objects."""


@dataclass(frozen=True, slots=True)
class Workload:
    """A Deployment or a Job of ours."""

    manifest: Manifest

    @property
    def name(self) -> str:
        return f"{self.manifest['kind']}/{self.manifest['metadata']['name']}"

    @property
    def is_deployment(self) -> bool:
        return bool(self.manifest["kind"] == "Deployment")

    @property
    def replicas(self) -> int:
        return int(self.manifest["spec"].get("replicas", 1))

    @property
    def most(self) -> int:
        """Pods during a roll-out."""
        strategy = self.manifest["spec"].get("strategy", {})
        return self.replicas + int(strategy.get("rollingUpdate", {}).get("maxSurge", 0))

    @property
    def labels(self) -> dict[str, str]:
        return dict(self.manifest["spec"]["template"]["metadata"].get("labels", {}))

    @property
    def component(self) -> str:
        return self.labels.get("app.kubernetes.io/component", "")

    @property
    def pod(self) -> Manifest:
        spec: Manifest = self.manifest["spec"]["template"]["spec"]
        return spec

    @property
    def container(self) -> Manifest:
        (one,) = self.pod["containers"]
        assert isinstance(one, dict)
        return one

    @property
    def ports(self) -> dict[str, int]:
        return {port["name"]: port["containerPort"] for port in self.container.get("ports", [])}

    def environment(self, world: World) -> dict[str, str]:
        """The variables as the process will see them; what comes from a Secret is the word `secret`."""
        seen: dict[str, str] = {}
        for source in self.container.get("envFrom", []):
            seen |= named(world, "ConfigMap", source["configMapRef"]["name"])["data"]
        for variable in self.container.get("env", []):
            text = variable.get("value", A_SECRET)
            seen[variable["name"]] = re.sub(r"\$\((\w+)\)", lambda match: seen[match[1]], text)
        return seen


def built(folder: str) -> World:
    """What `kubectl apply -k` of that folder would send."""
    kubectl = Path(sys.executable).with_name("kubectl")
    done = subprocess.run([kubectl, "kustomize", FOLDER / folder], check=True, capture_output=True, text=True)
    return [one for one in yaml.safe_load_all(done.stdout) if one]


def of_kind(world: World, *kinds: str) -> World:
    """The objects of these kinds."""
    return [one for one in world if one["kind"] in kinds]


def named(world: World, kind: str, name: str) -> Manifest:
    """The one object of that kind and name."""
    (one,) = (each for each in of_kind(world, kind) if each["metadata"]["name"] == name)
    return one


def database(world: World) -> Manifest:
    """The CloudNativePG Cluster."""
    (one,) = of_kind(world, "Cluster")
    return one


def workloads(world: World) -> list[Workload]:
    """Everything that becomes pods of ours."""
    return [Workload(one) for one in of_kind(world, "Deployment", "Job")]


def deployments(world: World) -> list[Workload]:
    """Those that run for ever."""
    return [one for one in workloads(world) if one.is_deployment]


def database_pods(world: World) -> list[dict[str, str]]:
    """The labels of the pods that CloudNativePG makes, one a zone (Kubernetes adds the zone)."""
    name = database(world)["metadata"]["name"]
    zones = zones_of(database(world)["spec"].get("affinity", {}))
    return [{"cnpg.io/cluster": name, "cnpg.io/podRole": "instance", ZONE: zone} for zone in zones]


def zones_of(affinity: Mapping[str, Any]) -> list[str]:
    """The zones that a node affinity allows."""
    required = affinity.get("nodeAffinity", {}).get("requiredDuringSchedulingIgnoredDuringExecution", {})
    terms = (term for one in required.get("nodeSelectorTerms", []) for term in one["matchExpressions"])
    return [zone for term in terms if term["key"] == ZONE and term["operator"] == "In" for zone in term["values"]]


def selects(selector: Mapping[str, Any], labels: Mapping[str, str]) -> bool:
    """Whether a selector of labels takes a pod. Only matchLabels are used here; an empty selector takes all."""
    assert set(selector) <= {"matchLabels"}, selector
    return dict(selector.get("matchLabels", {})).items() <= labels.items()


def secrets_named(world: World) -> Iterator[tuple[str, str | None]]:
    """Every Secret that something refers to, with its key where one is named."""
    for one in workloads(world):
        for variable in one.container.get("env", []):
            if "valueFrom" in variable:
                reference = variable["valueFrom"]["secretKeyRef"]
                yield reference["name"], reference["key"]
        for volume in one.pod.get("volumes", []):
            for item in volume["secret"].get("items", [{"key": None}]):
                yield volume["secret"]["secretName"], item["key"]
    for store in of_kind(world, "ObjectStore"):
        for reference in store["spec"]["configuration"]["s3Credentials"].values():
            yield reference["name"], reference["key"]
