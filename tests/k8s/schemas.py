"""Whether each object is what its API takes. An object without a schema is refused, never passed over in silence."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from copy import deepcopy
from functools import cache
from pathlib import Path
from typing import Any, TypeAlias

import jsonschema
import kubernetes_validate
import yaml
from cloudcoil.models.prometheus_operator import v1 as prometheus_operator

from tests.k8s.manifests import ROOT, Manifest, World

OLDEST = "1.35"
"""The oldest Kubernetes that k8s/README.md promises: it labels pods with their zone."""
CRDS = ROOT.parent / "shared" / "crds"
"""CloudNativePG's definitions, where they are at hand: they are not part of this project."""
kubernetes_validate.utils.schema_contents = cache(kubernetes_validate.utils.schema_contents)
"""It would read the same megabytes again for each object."""
OPERATORS = ("postgresql.cnpg.io/v1", "barmancloud.cnpg.io/v1")

Schema: TypeAlias = dict[str, Any]
Validator: TypeAlias = Callable[[Manifest], Iterator[str]]


def wrong(world: World, crds: dict[str, Validator]) -> list[str]:
    """What is wrong with the objects, by kind and name."""
    return [f"{one['kind']}/{one['metadata']['name']}: {fault}" for one in world for fault in _faults(one, crds)]


def of_operators(world: World) -> World:
    """The objects that only the database operator's own definitions can judge."""
    return [one for one in world if one["apiVersion"] in OPERATORS]


def _faults(one: Manifest, crds: dict[str, Validator]) -> Iterator[str]:
    if one["apiVersion"] in OPERATORS:
        yield from crds[one["kind"]](one) if one["kind"] in crds else ["no schema"]
    elif one["apiVersion"] == "monitoring.coreos.com/v1":
        yield from _of_prometheus(one)
    else:
        yield from _of_kubernetes(one)


def _of_kubernetes(one: Manifest) -> Iterator[str]:
    try:
        kubernetes_validate.validate(one, OLDEST, strict=True)
    except kubernetes_validate.ValidationError as error:
        yield f"{'/'.join(map(str, error.path))}: {error.message:.200}"
    except kubernetes_validate.SchemaNotFoundError:
        yield "no schema"


def _of_prometheus(one: Manifest) -> Iterator[str]:
    """The model itself takes names that it does not know; so its schema is closed, and asked instead."""
    model = getattr(prometheus_operator, one["kind"], None)
    yield from _validator(closed(model.model_json_schema()))(one) if model else ["no schema"]


def validators(folder: Path) -> dict[str, Validator]:
    """A strict validator for each kind whose definition lies in the folder; none when there is no folder."""
    definitions = [yaml.load(path.read_bytes(), yaml.CSafeLoader) for path in sorted(folder.glob("*.yaml"))]
    schemas = {one["spec"]["names"]["kind"]: _schema(one) for one in definitions}
    if "Cluster" in schemas:
        schemas["ObjectStore"] = _object_store(schemas["Cluster"])
    return {kind: _validator(closed(schema)) for kind, schema in schemas.items()}


def _schema(definition: Manifest) -> Schema:
    (served,) = (version for version in definition["spec"]["versions"] if version["name"] == "v1")
    schema: Schema = deepcopy(served["schema"]["openAPIV3Schema"])
    return schema


def _object_store(cluster: Schema) -> Schema:
    """The backup plugin's object: its `configuration` has the shape that the Cluster's own object store had before."""
    configuration = deepcopy(cluster["properties"]["spec"]["properties"]["backup"]["properties"]["barmanObjectStore"])
    spec = {"configuration": configuration, "retentionPolicy": {"type": "string"}}
    top = {"apiVersion": {"type": "string"}, "kind": {"type": "string"}, "metadata": {"type": "object"}}
    return {"type": "object", "properties": {**top, "spec": {"type": "object", "properties": spec}}}


def closed(schema: Schema) -> Schema:
    """The same schema, but a property that it does not know is a fault, as for an API server that is asked strictly."""
    closed_too = {key: closed(value) if isinstance(value, dict) else value for key, value in schema.items()}
    if "properties" in schema:
        closed_too["properties"] = {name: closed(value) for name, value in schema["properties"].items()}
        if not schema.get("x-kubernetes-preserve-unknown-fields"):
            closed_too.setdefault("additionalProperties", False)
    if schema.get("x-kubernetes-int-or-string"):
        closed_too.pop("type", None)
        closed_too["anyOf"] = [{"type": "integer"}, {"type": "string"}]
    return closed_too


def _validator(schema: Schema) -> Validator:
    schema["properties"]["metadata"] = {"type": "object"}  # the API server judges it by itself
    judge = jsonschema.Draft202012Validator(schema)

    def faults(one: Manifest) -> Iterator[str]:
        for error in judge.iter_errors(one):
            yield f"{'/'.join(map(str, error.path))}: {error.message:.200}"

    return faults
