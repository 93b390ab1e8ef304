"""Every object against its schema: Kubernetes' own, Prometheus's, and CloudNativePG's where they are at hand."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import pytest

from tests.k8s.manifests import Manifest, World, database, named
from tests.k8s.schemas import CRDS, Validator, of_operators, wrong


def test_every_object_fits_its_schema(world: World, crds: dict[str, Validator]) -> None:
    """Strictly: an unknown name is a fault. Without CloudNativePG's definitions its objects are left out, see below."""
    judged = world if crds else [one for one in world if one not in of_operators(world)]
    assert wrong(judged, crds) == []


def test_it_is_known_what_nobody_has_judged(world: World, crds: dict[str, Validator]) -> None:
    """With the definitions at hand, nothing. In a checkout that stands alone, these; the run's summary says so too."""
    unjudged = {one["kind"] for one in of_operators(world) if one["kind"] not in crds}
    assert unjudged == (set() if CRDS.is_dir() else {"Cluster", "ObjectStore", "ScheduledBackup"})


def test_an_object_without_a_schema_is_refused(world: World) -> None:
    """Not passed over: neither a kind that nobody knows, nor the operator's objects without its definitions."""
    (one,) = (each for each in world if each["kind"] == "Namespace")
    assert wrong([one | {"kind": "Namspace"}], {}) == ["Namspace/reseptformidler: no schema"]
    monitor = named(world, "PodMonitor", "reseptformidler") | {"kind": "PodMonitr"}
    assert wrong([monitor], {}) == ["PodMonitr/reseptformidler: no schema"]
    assert wrong([database(world)], {}) == ["Cluster/reseptformidler-db: no schema"]


MISSPELT: list[tuple[str, str, tuple[str | int, ...], str, Any]] = [
    ("Deployment", "web-oslo", ("spec",), "replcas", 3),
    ("Deployment", "web-oslo", ("spec", "template", "spec", "containers", 0, "readinessProbe"), "periodSecond", 2),
    ("Deployment", "web-oslo", ("spec",), "replicas", "three"),
    ("NetworkPolicy", "senders-to-web", ("spec", "ingress", 0), "form", []),
    ("PodDisruptionBudget", "relay", ("spec",), "maxUnavailble", 1),
    ("PodMonitor", "reseptformidler", ("spec",), "selectr", {}),
    ("PodMonitor", "reseptformidler", ("spec", "podMetricsEndpoints", 0), "prot", "http"),
    ("PrometheusRule", "reseptformidler", ("spec", "groups", 0, "rules", 0), "exprr", "1"),
]
MISSPELT_OF_THE_OPERATOR: list[tuple[str, str, tuple[str | int, ...], str, Any]] = [
    ("Cluster", "reseptformidler-db", ("spec",), "instnces", 3),
    ("Cluster", "reseptformidler-db", ("spec",), "instances", "three"),
    ("Cluster", "reseptformidler-db", ("spec", "postgresql", "synchronous"), "dataDurability", "wanted"),
    ("Cluster", "reseptformidler-db", ("spec", "postgresql", "synchronous"), "failoverQurum", True),
    ("Cluster", "reseptformidler-db", ("spec", "managed", "roles", 0), "inRole", ["pg_monitor"]),
    ("ObjectStore", "reseptformidler-backup", ("spec", "configuration"), "endpointUrl", "https://example.org"),
    ("ScheduledBackup", "reseptformidler-db", ("spec",), "method", "by hand"),
]


@pytest.mark.parametrize("kind, name, path, key, value", MISSPELT)
def test_a_misspelt_name_is_found(
    kind: str, name: str, path: tuple[str | int, ...], key: str, value: object, world: World
) -> None:
    """Negative controls."""
    assert wrong([spoilt(named(world, kind, name), path, key, value)], {}) != []


@pytest.mark.parametrize("kind, name, path, key, value", MISSPELT_OF_THE_OPERATOR)
def test_a_misspelt_name_of_the_operator_is_found(
    kind: str, name: str, path: tuple[str | int, ...], key: str, value: object, world: World, crds: dict[str, Validator]
) -> None:
    """Negative controls; without the definitions each of these objects is refused as a whole."""
    assert wrong([spoilt(named(world, kind, name), path, key, value)], crds) != []


def spoilt(manifest: Manifest, path: tuple[str | int, ...], key: str, value: object) -> Manifest:
    """A copy with one name more, or one value changed."""
    changed = deepcopy(manifest)
    place: Any = changed
    for step in path:
        place = place[step]
    place[key] = value
    return changed
