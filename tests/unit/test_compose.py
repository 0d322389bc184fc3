"""docker-compose.yml holds together: its settings exist, its files are there, and nothing in it is root."""

import re
from pathlib import Path
from typing import Any

import click
import pytest
import yaml

from control_plane.app.settings import load
from control_plane.cli.main import main

ROOT = Path(__file__).parents[2]
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
OURS = {name: each for name, each in SERVICES.items() if each["image"] == "proxenia:latest"}
RUNNING = {name: each for name, each in OURS.items() if each["command"]}
ONCE = {"luebeck-token"}
EACH = pytest.mark.parametrize("name", SERVICES)


def test_two_organisations_run_our_own_commands() -> None:
    commands = {name: tuple(each["command"]) for name, each in RUNNING.items()}

    assert commands == {
        f"{name}{part}": command
        for name in ("luebeck", "novgorod")
        for part, command in (("", ("serve",)), ("-gateway", ("gateway", "run")))
    }
    for command in commands.values():
        found: Any = main
        for word in command:
            found = found.get_command(click.Context(found), word)
            assert found is not None


@pytest.mark.parametrize("name", RUNNING)
def test_every_variable_is_a_setting_and_all_settings_are_good(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for variable, value in RUNNING[name]["environment"].items():
        monkeypatch.setenv(variable, re.sub(r"\$\{\w+:-(.*?)\}", r"\1", value))
    monkeypatch.setenv("PROXENIA_STATE_DIR", "/var/lib/proxenia")

    settings = load(None, {})

    given = {variable.removeprefix("PROXENIA_").lower() for variable in RUNNING[name]["environment"]}
    assert given <= type(settings).model_fields.keys()


@EACH
def test_everything_is_checked_for_health_and_waits_for_what_it_needs(name: str) -> None:
    service = SERVICES[name]

    assert name in ONCE or service["healthcheck"]["test"]
    for needed, condition in service.get("depends_on", {}).items():
        assert needed in SERVICES
        expected = "service_completed_successfully" if needed in ONCE else "service_healthy"
        assert condition == {"condition": expected}


@EACH
def test_nothing_runs_as_root_or_may_become_it(name: str) -> None:
    service = SERVICES[name]

    assert name in OURS or service["user"] not in {"root", "0", "0:0"}
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service["read_only"] is True
    assert "privileged" not in service


def test_our_image_is_not_run_by_root_and_its_files_are_in_the_context() -> None:
    dockerfile = (ROOT / "Dockerfile").read_text()
    ignored = (ROOT / ".dockerignore").read_text().split()
    copied = [
        word
        for line in re.findall(r"^COPY (?!--)(.+) \S+$", dockerfile, re.MULTILINE)
        for word in line.split()
    ]

    assert re.findall(r"^USER (\S+)$", dockerfile, re.MULTILINE) == ["proxenia"]
    assert copied
    for path in copied:
        assert (ROOT / path).exists()
        assert f"!{path}" in ignored


@EACH
def test_what_is_mounted_exists(name: str) -> None:
    for volume in SERVICES[name].get("volumes", ()):
        source = volume.partition(":")[0]
        if source.startswith("./"):
            assert (ROOT / source).exists(), source
            assert volume.endswith(":ro")
        else:
            assert source in COMPOSE["volumes"]


@pytest.mark.parametrize("name", RUNNING)
def test_all_of_the_state_directory_can_be_written_and_outlives_the_container(name: str) -> None:
    """The rest of the container cannot: keys, heads of the audit, and locks lie side by side there."""
    targets = [volume.split(":")[1] for volume in RUNNING[name]["volumes"]]

    assert "PROXENIA_STATE_DIR=/var/lib/proxenia" in (ROOT / "Dockerfile").read_text()
    assert sorted(targets) == ["/var/lib/proxenia", "/var/lib/proxenia/run"]
    every = {volume for each in RUNNING.values() for volume in each["volumes"]}
    assert len(every) == 6


@EACH
def test_published_ports_are_on_the_loopback_of_this_machine(name: str) -> None:
    assert all(port.startswith("127.0.0.1:") for port in SERVICES[name].get("ports", ()))


@EACH
def test_addresses_are_in_their_networks_and_different(name: str) -> None:
    networks = SERVICES[name].get("networks", {})
    addresses = (
        [each["ipv4_address"] for each in dict(networks).values() if each]
        if isinstance(networks, dict)
        else []
    )

    for address in addresses:
        assert address.rpartition(".")[0] in {"172.30.8", "172.30.9"}
    every = [
        each["ipv4_address"]
        for service in SERVICES.values()
        if isinstance(service.get("networks"), dict)
        for each in service["networks"].values()
        if each
    ]
    assert len(every) == len(set(every))


def test_prometheus_reads_where_the_control_plane_listens() -> None:
    settings = OURS["luebeck"]["environment"]
    prometheus = (ROOT / "envoy" / "prometheus" / "prometheus.yml").read_text()
    source = (ROOT / "envoy" / "compose" / "prometheus-source.yml").read_text()

    assert prometheus.count(settings["PROXENIA_ADMIN_LISTEN"]) == 2
    listen = next(
        word.rpartition("=")[2] for word in SERVICES["prometheus"]["command"] if "listen-address" in word
    )
    assert f"http://{listen}" in source
