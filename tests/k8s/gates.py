"""Who may talk to whom. Each check gives what is wrong."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, TypeAlias

from tests.k8s.manifests import FOREVER, Manifest, World, database_pods, deployments, of_kind, selects, workloads

OUTSIDE = {
    "ingress": {"web"},
    "monitoring": {"web", "relay", "sweep", "migrate", "database"},  # migrate has no port that could be read
    "cnpg-system": {"database"},
}
"""Namespaces of others, and what of ours they may open connections to."""
ANYWHERE = {"relay", "database"}
"""Who may open connections to addresses that only the operator knows."""

Flow: TypeAlias = tuple[str, str, dict[str, str], "str | int"]
"""Who, in or out, from or to whom (a namespace of others, labels of ours, or nothing: any address), on which port."""
THE_DATABASE = {"cnpg.io/cluster": "reseptformidler-db"}
FLOWS: tuple[Flow, ...] = (
    ("web", "ingress", {"namespace": "ingress"}, "http"),
    ("relay", "egress", {}, 443),
    ("database", "ingress", {"app.kubernetes.io/name": "reseptformidler"}, 5432),
    ("database", "ingress", THE_DATABASE, 5432),
    ("database", "ingress", THE_DATABASE, 8000),
    ("database", "ingress", {"namespace": "cnpg-system"}, 8000),
    ("database", "ingress", {"namespace": "monitoring"}, 9187),
    ("database", "egress", THE_DATABASE, 5432),
    ("database", "egress", THE_DATABASE, 8000),
    ("database", "egress", {"namespace": "kube-system"}, 53),
    ("database", "egress", {}, 443),
    ("database", "egress", {}, 6443),
)


def gates_that_stand_open(world: World) -> Iterator[str]:
    """What is not named may not be done; what is named has its port and its peer named."""
    policies = of_kind(world, "NetworkPolicy")
    deny = {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}
    if deny not in [one["spec"] for one in policies]:
        yield "NetworkPolicy: nothing is denied by default"
    for one in policies:
        for who in sorted(_chosen(world, one["spec"]["podSelector"])):
            yield from (f"NetworkPolicy/{one['metadata']['name']}: {fault}" for fault in _wide(one["spec"], who))


def _wide(spec: Manifest, who: str) -> Iterator[str]:
    for direction, peers in (("ingress", "from"), ("egress", "to")):
        for rule in spec.get(direction, []):
            if not rule.get(peers) or not rule.get("ports"):
                yield f"{who}: {direction} for everybody or on every port"
            for peer in rule.get(peers, []):
                if "ipBlock" in peer and (direction == "ingress" or who not in ANYWHERE):
                    yield f"{who}: {direction} of any address"
                namespace = _namespace(peer)
                if direction == "ingress" and namespace and who not in OUTSIDE.get(namespace, set()):
                    yield f"{who}: {direction} from {namespace}"


def gates_that_are_missing(world: World) -> Iterator[str]:
    """Whoever must talk to somebody can, on both ends."""
    for who, direction, peer, port in (*FLOWS, *_flows_of_all(world)):
        if not _admits(world, who, direction, peer, port):
            yield f"{who}: no {direction} {peer} {port}"


def _flows_of_all(world: World) -> Iterator[Flow]:
    for who in (*FOREVER, "migrate"):
        yield who, "egress", THE_DATABASE, 5432
        yield who, "egress", {"namespace": "kube-system"}, 53
    for one in deployments(world):
        yield from ((one.component, "ingress", {"namespace": "monitoring"}, port) for port in one.ports)


def _admits(world: World, who: str, direction: str, peer: Mapping[str, str], port: str | int) -> bool:
    """Whether some policy allows it."""
    specs = [
        one["spec"] for one in of_kind(world, "NetworkPolicy") if who in _chosen(world, one["spec"]["podSelector"])
    ]
    rules = [rule for spec in specs for rule in spec.get(direction, [])]
    return any(port in {each["port"] for each in rule["ports"]} and _is_peer(each, peer)
               for rule in rules for each in rule.get("from", rule.get("to", [])))  # fmt: skip


def _is_peer(rule: Manifest, peer: Mapping[str, str]) -> bool:
    if "namespace" in peer:
        return _namespace(rule) == peer["namespace"]
    if not peer:
        return "ipBlock" in rule
    return "namespaceSelector" not in rule and dict(peer) == rule.get("podSelector", {}).get("matchLabels")


def _namespace(peer: Mapping[str, Any]) -> str:
    return str(peer.get("namespaceSelector", {}).get("matchLabels", {}).get("kubernetes.io/metadata.name", ""))


def _chosen(world: World, selector: Mapping[str, Any]) -> set[str]:
    """The components that a selector takes; `database` for the operator's pods."""
    ours = {one.component for one in workloads(world) if selects(selector, one.labels)}
    return ours | {"database" for pod in database_pods(world) if selects(selector, pod)}
