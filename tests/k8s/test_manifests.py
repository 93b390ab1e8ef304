"""The manifests, built by kustomize, against the code and against what three datacentres need."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

import pytest

from tests.k8s import gates, places, processes
from tests.k8s.manifests import APPLIED, DATACENTRES, FOLDER, FOREVER, World, built, of_kind, secrets_named

Check = Callable[[World], Iterator[str]]
CHECKS: tuple[Check, ...] = (
    processes.settings_that_do_not_fit,
    processes.commands_that_do_not_exist,
    processes.files_that_are_not_mounted,
    processes.ports_that_nobody_listens_on,
    processes.probes_that_do_not_fit,
    processes.ends_that_come_too_early,
    processes.rollouts_that_lose_capacity,
    processes.resources_that_are_not_bounded,
    processes.images_that_are_not_pinned,
    processes.pods_that_may_too_much,
    processes.metrics_that_nobody_reads,
    places.datacentres_that_lack_something,
    places.commits_that_may_be_lost,
    places.backups_that_lead_nowhere,
    places.servers_that_are_not_found,
    places.connections_that_are_refused,
    places.budgets_that_do_not_fit,
    places.services_that_lead_nowhere,
    gates.gates_that_stand_open,
    gates.gates_that_are_missing,
)


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_nothing_is_wrong(check: Check, world: World) -> None:
    """Each check; test_controls.py shows that it sees its fault."""
    assert list(check(world)) == []


def test_base_is_one_datacentres_processes() -> None:
    """It builds by itself too, and overlays add only a place."""
    assert sorted(one["metadata"]["name"] for one in of_kind(built("base"), "Deployment")) == sorted(FOREVER)


def test_nothing_stands_twice(world: World) -> None:
    """What is applied from one folder never overwrites what came from another, and all of it is in our namespace."""
    names = [(one["kind"], one["metadata"]["name"]) for one in world]
    assert len(names) == len(set(names))
    assert {one["metadata"].get("namespace") for one in world if one["kind"] != "Namespace"} == {"reseptformidler"}


def test_the_database_stands_once(parts: dict[str, World]) -> None:
    """In cluster/, not in every datacentre's overlay."""
    kinds = {folder: {one["kind"] for one in part} for folder, part in parts.items()}
    assert [folder for folder in APPLIED if "Cluster" in kinds[folder]] == ["cluster"]
    assert all(kinds[f"overlays/{name}"] == {"ConfigMap", "Deployment", "PodDisruptionBudget"} for name in DATACENTRES)


def test_no_secret_is_in_the_repository_and_each_is_named(world: World) -> None:
    """What an operator must make stands in the README, with its keys."""
    assert of_kind(world, "Secret") == []
    text = (FOLDER / "README.md").read_text("utf-8")
    unnamed = [one for one in secrets_named(world) if not all(f"`{part}`" in text for part in one if part)]
    assert unnamed == []
    assert list(secrets_named(world)) != []


def test_no_setting_of_a_secret_is_in_a_config_map(world: World) -> None:
    """A ConfigMap holds neither the database's URL nor a key."""
    held = {name for one in of_kind(world, "ConfigMap") for name in one["data"]}
    assert held & {"RF_DATABASE_URL"} == set()
    assert not any(re.search("PASSWORD|TOKEN|SECRET", name) for name in held)
