"""Imports go down only, the core is pure, and few speak Envoy's messages: each contract holds, and bites."""

import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest

LINT = "from importlinter.cli import lint_imports_command; lint_imports_command()"
LAYERS = "imports go down only"
PURE = "the core does no input, output, time or chance"
MESSAGES = "only translate and xds speak Envoy's messages"


def lint(folder: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", LINT, "--no-cache"]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, timeout=60)


@pytest.fixture
def copy(root: Path, tmp_path: Path) -> Path:
    shutil.copytree(
        root / "control_plane", tmp_path / "control_plane", ignore=shutil.ignore_patterns("__pycache__")
    )
    shutil.copy(root / "pyproject.toml", tmp_path)
    return tmp_path


@pytest.fixture(scope="module")
def contracts(root: Path) -> dict[str, dict[str, Any]]:
    document = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))
    return {contract["name"]: contract for contract in document["tool"]["importlinter"]["contracts"]}


@pytest.fixture(scope="module")
def layers(contracts: dict[str, dict[str, Any]]) -> list[set[str]]:
    return [{name.strip(" ()") for name in layer.split("|")} for layer in contracts[LAYERS]["layers"]]


@pytest.fixture(scope="module")
def packages(root: Path) -> set[str]:
    return {path.parent.name for path in (root / "control_plane").glob("*/__init__.py")}


def test_every_package_is_in_the_list_of_layers(packages: set[str], layers: list[set[str]]) -> None:
    unlisted = packages - set().union(*layers)

    assert packages
    assert not unlisted


def test_a_layer_in_brackets_is_one_that_is_not_written_yet(
    packages: set[str], contracts: dict[str, dict[str, Any]]
) -> None:
    names = {name.strip() for layer in contracts[LAYERS]["layers"] for name in layer.split("|")}

    written = {name for name in names if name.startswith("(") and name.strip("()") in packages}

    assert not written


def test_every_pure_package_is_held_by_the_purity_contract(
    packages: set[str], layers: list[set[str]], contracts: dict[str, dict[str, Any]]
) -> None:
    core = next(layer for layer in layers if "plan" in layer) | {"model"}
    held = {name.removeprefix("control_plane.") for name in contracts[PURE]["source_modules"]}

    assert core & packages <= held
    assert {"xds.order", "xds.subscription", "xds.session", "audit.events"} <= held


def test_every_package_but_two_is_forbidden_envoys_messages(
    packages: set[str], contracts: dict[str, dict[str, Any]]
) -> None:
    held = {name.removeprefix("control_plane.") for name in contracts[MESSAGES]["source_modules"]}

    assert packages - {"translate", "xds"} == held


def test_the_import_contracts_hold(copy: Path) -> None:
    result = lint(copy)

    assert result.returncode == 0, result.stdout + result.stderr


@pytest.mark.parametrize(
    ("module", "line", "broken"),
    [
        ("model/node.py", "import control_plane.plan", LAYERS),
        ("kit/__init__.py", "import control_plane.model", LAYERS),
        ("plan/__init__.py", "import control_plane.translate", LAYERS),
        ("plan/__init__.py", "import control_plane.ports", LAYERS),
        ("store/__init__.py", "import control_plane.gateway", LAYERS),
        ("gateway/__init__.py", "import control_plane.app", LAYERS),
        ("reconcile/__init__.py", "import control_plane.xds", LAYERS),
        ("model/node.py", "import time", PURE),
        ("plan/__init__.py", "import asyncio", PURE),
        ("translate/__init__.py", "from pathlib import Path", PURE),
        ("pki/__init__.py", "import secrets", PURE),
        ("xds/session.py", "import logging", PURE),
        ("audit/events.py", "import os", PURE),
        ("plan/__init__.py", "from envoy.config.cluster.v3 import cluster_pb2", MESSAGES),
        ("store/__init__.py", "from google.protobuf import any_pb2", MESSAGES),
        ("app/__init__.py", "from xds.type.v3 import typed_struct_pb2", MESSAGES),
    ],
)
def test_an_import_that_a_contract_forbids_breaks_it(copy: Path, module: str, line: str, broken: str) -> None:
    with (copy / "control_plane" / module).open("a", encoding="utf-8") as source:
        source.write(f"\n{line}\n")

    result = lint(copy)

    assert result.returncode != 0
    assert f"{broken} BROKEN" in result.stdout


def test_a_package_that_is_in_no_layer_breaks_the_contract(copy: Path) -> None:
    stray = copy / "control_plane" / "stray"
    stray.mkdir()
    (stray / "__init__.py").write_text('"""Belongs nowhere."""\n', encoding="utf-8")

    result = lint(copy)

    assert result.returncode != 0
    assert "control_plane.stray" in result.stdout
