"""What is installed and pinned: nobody overwrites another's files, and the Envoy messages stay visible."""

import os
import re
import tomllib
from collections import defaultdict
from importlib.metadata import distributions
from pathlib import Path

import pytest
from envoy.config.cluster.v3 import cluster_pb2

SHARED = {"envoy/__init__.py"}  # empty in both distributions that have it
PINNED = re.compile(r"(?P<name>[a-z0-9-]+)==(?P<version>[^ ;]+)(?: ;[^\\]+)? \\")
LOCKS = ("constraints.txt", "constraints-dev.txt")


def pins(lock: Path) -> dict[str, str]:
    lines = lock.read_text(encoding="utf-8").splitlines()
    return {match["name"]: match["version"] for line in lines if (match := PINNED.match(line))}


def test_no_two_installed_distributions_own_the_same_file() -> None:
    claimed: dict[str, set[str]] = defaultdict(set)
    for distribution in distributions():
        for file in distribution.files or ():
            if "__pycache__" not in file.parts and str(file) not in SHARED:
                path = os.path.normpath(str(distribution.locate_file(file)))
                claimed[path].add(distribution.metadata["Name"])

    fought_over = {path: names for path, names in claimed.items() if len(names) > 1}

    assert claimed
    assert not fought_over


def test_the_templates_folder_does_not_hide_the_envoy_messages(root: Path) -> None:
    assert not list((root / "envoy").rglob("__init__.py"))
    assert not Path(cluster_pb2.__file__).is_relative_to(root / "envoy")


@pytest.mark.parametrize("name", LOCKS)
def test_every_line_of_a_lock_is_an_exact_version_a_hash_or_a_comment(root: Path, name: str) -> None:
    allowed = re.compile(r" +--hash=sha256:[0-9a-f]{64}(?: \\)?$| *#")

    lines = (root / name).read_text(encoding="utf-8").splitlines()
    other = [line for line in lines if not allowed.match(line) and not PINNED.fullmatch(line)]

    assert len(pins(root / name)) > 30
    assert not other


def test_the_small_lock_is_a_part_of_the_large_one(root: Path) -> None:
    small, large = (pins(root / name) for name in LOCKS)

    assert small.items() <= large.items()


def test_every_declared_dependency_is_pinned(root: Path) -> None:
    project = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))
    extras = project["project"]["optional-dependencies"]
    run = [*project["project"]["dependencies"], *extras["embedded"], *project["dependency-groups"]["build"]]
    names = re.compile(r"[a-z0-9-]+")

    small, large = (pins(root / name) for name in LOCKS)

    assert {match[0] for line in run if (match := names.match(line))} <= set(small)
    assert {match[0] for lines in extras.values() for line in lines if (match := names.match(line))} <= set(
        large
    )


def test_nothing_pinned_overwrites_the_xds_messages(root: Path) -> None:
    assert not [name for name in pins(root / "constraints-dev.txt") if "otlp-proto" in name]


def test_every_dependency_has_its_line_in_the_documentation(root: Path) -> None:
    project = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    asked = [
        *project["dependencies"],
        *(line for extra in project["optional-dependencies"].values() for line in extra),
    ]
    text = (root / "docs" / "dependencies.md").read_text(encoding="utf-8")

    unexplained = [line for line in asked if f"`{re.split(r'[^a-z0-9-]', line)[0]}`" not in text]

    assert not unexplained
