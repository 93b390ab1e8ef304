"""Whether the manifests fit the code: settings, commands, ports, times, memory. Each check gives what is wrong."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import redirect_stderr
from io import StringIO
from pathlib import PurePosixPath
from urllib.parse import parse_qs, urlsplit

from reseptformidler import __version__
from reseptformidler.__main__ import parser
from reseptformidler.settings import ConfigurationError, Settings, load
from reseptformidler.web import ops
from reseptformidler.web.server import SECONDS_TO_CLOSE
from tests.k8s.manifests import OF_OURS, Manifest, Workload, World, deployments, of_kind, workloads

PATHS = {route.path for route in ops.routes(lambda: "")}
SECONDS_TO_CLOSE_POOLS = 10
"""The longest that the code waits for its database connections to close: two pools, five seconds each (app.py)."""
UNITS = {"Ki": 2**10, "Mi": 2**20, "Gi": 2**30}
WEIGHT = 256 * UNITS["Mi"]
"""What a process weighs before it has any message, generously."""
WEIGHT_OF_A_BODY = 8
"""A body in progress is there as bytes, as a tree, as what was signed and as what is stored."""


def settings(one: Workload, world: World) -> Settings:
    """What the process will read from its environment."""
    return load(one.environment(world))


def settings_that_do_not_fit(world: World) -> Iterator[str]:
    """Each variable is a setting whose value is allowed, and nothing that is required is missing."""
    for one in workloads(world):
        try:
            found = settings(one, world)
        except ConfigurationError as error:
            yield f"{one.name}: {error}"
            continue
        if found.host != "0.0.0.0":
            yield f"{one.name}: listens on {found.host}, where nobody reaches it"


def commands_that_do_not_exist(world: World) -> Iterator[str]:
    """The arguments of each container are a command line of the program."""
    for one in workloads(world):
        try:
            with redirect_stderr(StringIO()):
                given = parser().parse_args(one.container.get("args", []))
        except SystemExit:
            yield f"{one.name}: no command {one.container.get('args')}"
            continue
        if one.is_deployment and given.command not in {"serve", "relay", "sweep"}:
            yield f"{one.name}: {given.command} does not run for ever"


def files_that_are_not_mounted(world: World) -> Iterator[str]:
    """Each file that a setting names lies in a read-only volume, and a volume of single items has that item."""
    for one in workloads(world):
        found = settings(one, world)
        (authority,) = parse_qs(urlsplit(found.database_url.get_secret_value()).query)["sslrootcert"]
        files = [found.kek_file, found.trust_dir, *found.registers, found.receivers, found.safety_rules, authority]
        mounts = {mount["mountPath"]: mount["name"] for mount in one.container["volumeMounts"] if mount["readOnly"]}
        volumes = {volume["name"]: volume["secret"] for volume in one.pod["volumes"]}
        for path in (PurePosixPath(file) for file in files if file is not None):
            folder = str(path) if str(path) in mounts else str(path.parent)
            items = volumes[mounts[folder]].get("items", []) if folder in mounts else []
            if folder not in mounts or (items and path.name not in {item["path"] for item in items}):
                yield f"{one.name}: nothing is mounted at {path}"


def ports_that_nobody_listens_on(world: World) -> Iterator[str]:
    """Only web shows the port of `serve`, the others that of the metrics."""
    for one in deployments(world):
        found = settings(one, world)
        expected = {"http": found.port} if one.container["args"] == ["serve"] else {"metrics": found.metrics_port}
        if one.ports != expected:
            yield f"{one.name}: ports {one.ports} instead of {expected}"


def probes_that_do_not_fit(world: World) -> Iterator[str]:
    """Each process is asked on a port and a path that it has, and is given the time that it may need."""
    for one in deployments(world):
        found = settings(one, world)
        for name, path in (("startupProbe", "/livez"), ("livenessProbe", "/livez"), ("readinessProbe", "/readyz")):
            asked = one.container.get(name, {}).get("httpGet", {})
            if asked.get("path") != path or path not in PATHS or asked.get("port") not in one.ports:
                yield f"{one.name}: {name} asks {asked}"
        if _seconds(one, "startupProbe") <= found.answer_seconds:
            yield f"{one.name}: is ended before it has found a primary"
        if _seconds(one, "livenessProbe") < found.answer_seconds:
            yield f"{one.name}: is ended while it is busy"
        if _seconds(one, "readinessProbe") > found.leave_seconds:
            yield f"{one.name}: still gets traffic when it ends"


def _seconds(one: Workload, probe: str) -> int:
    """How long a probe fails before something follows from it."""
    given = one.container.get(probe, {})
    return int(given.get("periodSeconds", 10) * given.get("failureThreshold", 3))


def ends_that_come_too_early(world: World) -> Iterator[str]:
    """A process is not killed while it finishes what it has begun."""
    for one in deployments(world):
        found = settings(one, world)
        needed = found.leave_seconds + found.drain_seconds + SECONDS_TO_CLOSE + SECONDS_TO_CLOSE_POOLS
        given = one.pod.get("terminationGracePeriodSeconds", 30)
        if given <= needed:
            yield f"{one.name}: {given} s to end, and it may need {needed} s"


def rollouts_that_lose_capacity(world: World) -> Iterator[str]:
    """A new process is ready before an old one ends."""
    for one in deployments(world):
        if one.manifest["spec"].get("strategy", {}).get("rollingUpdate") != {"maxUnavailable": 0, "maxSurge": 1}:
            yield f"{one.name}: rolls out in another way"


def resources_that_are_not_bounded(world: World) -> Iterator[str]:
    """Each process asks for what it needs and has a limit that its own bounds keep it under."""
    for one in workloads(world):
        given = one.container.get("resources", {})
        missing = [f"{kind} {what}" for kind in ("requests", "limits") for what in ("cpu", "memory")
                   if what not in given.get(kind, {})]  # fmt: skip
        yield from (f"{one.name}: no {what}" for what in missing)
        needed = WEIGHT + (settings(one, world).queue_bytes * WEIGHT_OF_A_BODY if one.component == "web" else 0)
        if not missing and octets(given["limits"]["memory"]) < needed:
            yield f"{one.name}: {given['limits']['memory']} is less than it may take"


def octets(quantity: str) -> int:
    """A quantity of memory as Kubernetes writes it."""
    return int(quantity[:-2]) * UNITS[quantity[-2:]]


def images_that_are_not_pinned(world: World) -> Iterator[str]:
    """Ours carries this version or a digest; the database's an exact one."""
    for one in workloads(world):
        image = one.container["image"]
        if "@sha256:" not in image and image.rpartition(":")[2] != __version__:
            yield f"{one.name}: {image} is not version {__version__}"
    for cluster in of_kind(world, "Cluster"):
        image = cluster["spec"].get("imageName", "")
        if "@sha256:" not in image and image.rpartition(":")[2].split("-")[0].count(".") != 1:
            yield f"Cluster: {image} may be another one tomorrow"


def pods_that_may_too_much(world: World) -> Iterator[str]:
    """No root, nothing to write on, no privilege, no account of Kubernetes, no variables that it makes up."""
    for one in workloads(world):
        pod, container = one.pod.get("securityContext", {}), one.container.get("securityContext", {})
        demands = {
            "runs as a user that is not root": pod.get("runAsNonRoot") is True and pod.get("runAsUser", 0) > 0,
            "has a seccomp profile": pod.get("seccompProfile") == {"type": "RuntimeDefault"},
            "gains no privilege": container.get("allowPrivilegeEscalation") is False,
            "is not privileged": container.get("privileged") is False,
            "writes nowhere": container.get("readOnlyRootFilesystem") is True,
            "has no capability": container.get("capabilities") == {"drop": ["ALL"]},
            "shares nothing with its host": not any(one.pod.get(f"host{what}") for what in ("Network", "PID", "IPC")),
            "has no token": one.pod.get("automountServiceAccountToken") is False,
            "has no variables of services": one.pod.get("enableServiceLinks") is False,
            "has an account of its own": _account(world, one.pod.get("serviceAccountName", "")) is not None,
        }
        yield from (f"{one.name}: does not hold: {what}" for what, holds in demands.items() if not holds)
    yield from (
        f"{one['kind']}: nobody here needs rights" for one in of_kind(world, "RoleBinding", "ClusterRoleBinding")
    )
    for namespace in of_kind(world, "Namespace"):
        if namespace["metadata"].get("labels", {}).get("pod-security.kubernetes.io/enforce") != "restricted":
            yield "Namespace: takes pods that are not restricted"


def _account(world: World, name: str) -> Manifest | None:
    return next((one for one in of_kind(world, "ServiceAccount") if one["metadata"]["name"] == name), None)


def metrics_that_nobody_reads(world: World) -> Iterator[str]:
    """Every process has a port that a PodMonitor reads, with the labels that the alerts look at."""
    ours = [
        one["spec"] for one in of_kind(world, "PodMonitor") if one["spec"]["selector"].get("matchLabels") == OF_OURS
    ]
    ends = [end for spec in ours for end in spec["podMetricsEndpoints"]]
    for one in deployments(world):
        read = [end for end in ends if end["port"] in one.ports and end["path"] == "/metrics" and end["path"] in PATHS]
        if len(read) != 1:
            yield f"{one.name}: its metrics are read {len(read)} times"
        if "datacentre" not in one.labels:
            yield f"{one.name}: does not say in which datacentre it is"
    for spec in ours:
        if spec.get("jobLabel") != "app.kubernetes.io/component" or "datacentre" not in spec.get("podTargetLabels", []):
            yield "PodMonitor: the alerts look at the labels job and datacentre"
