"""docker-compose.yml holds together: its settings exist, its files are there, and nothing in it is root."""

import json
import re
from pathlib import Path
from typing import Any

import click
import pytest
import yaml
from pydantic import ValidationError

from control_plane.app.settings import load
from control_plane.cli.main import main
from tests.unit.compose_schema import read

ROOT = Path(__file__).parents[2]
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
OURS = {name: each for name, each in SERVICES.items() if each["image"] == "proxenia:latest"}
RUNNING = {name: each for name, each in OURS.items() if each["command"]}
ONCE = {"luebeck-token"}
EACH = pytest.mark.parametrize("name", SERVICES)


def test_it_is_as_the_compose_specification_says_with_nothing_that_this_does_not_know() -> None:
    found = read(COMPOSE)

    assert found.services.keys() >= {"postgres", "consul", "prometheus", "grafana"}
    wrongs: tuple[dict[str, Any], ...] = (
        {"image": "postgres"},
        {"restart": "sometimes"},
        {"helthcheck": {}},
        {"volumes": ["/:/host"]},
    )
    for wrong in wrongs:
        with pytest.raises(ValidationError):
            read(COMPOSE | {"services": SERVICES | {"postgres": SERVICES["postgres"] | wrong}})


def test_every_image_has_an_exact_version_and_ours_is_built_on_the_same_python() -> None:
    foreign = {each["image"] for name, each in SERVICES.items() if name not in OURS}
    bases = re.findall(r"^FROM (\S+)", (ROOT / "Dockerfile").read_text(), re.MULTILINE)

    assert not [image for image in foreign if image.endswith(":latest")]
    assert {*bases} == {SERVICES["orders"]["image"]}
    assert all(each["build"] == {"context": ".", "dockerfile": "Dockerfile"} for each in OURS.values())


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


def test_consul_is_not_asked_to_change_its_user_and_may_write_where_it_must() -> None:
    """Its image's entry point does both unless told otherwise; without root it then ends (su-exec)."""
    service = SERVICES["consul"]

    assert service["environment"]["CONSUL_DISABLE_PERM_MGMT"]
    assert "/consul/data" in service["tmpfs"]


def test_novgorod_is_what_luebeck_is() -> None:
    """So what is tried by hand with one of them holds for the other (tests/integration/compose)."""

    def as_novgorod(service: dict[str, Any]) -> dict[str, Any]:
        told = json.dumps(service).replace("172.30.8.20", "172.30.8.30")
        for mine, theirs in (("luebeck", "novgorod"), ("LUEBECK", "NOVGOROD")):
            told = told.replace(mine, theirs)
        found: dict[str, Any] = json.loads(told)
        if "networks" in found:
            del found["networks"]["desk"]  # Prometheus and Grafana are Lübeck's
        return found

    for part in ("", "-gateway"):
        assert as_novgorod(SERVICES[f"luebeck{part}"]) == SERVICES[f"novgorod{part}"]


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


@pytest.mark.parametrize("name", ["luebeck", "novgorod"])
def test_each_organisation_comes_to_the_database_as_itself(name: str) -> None:
    """What the logins may do there is tried with the real thing (tests/integration/compose)."""
    settings, given = SERVICES[name]["environment"], SERVICES["postgres"]["environment"]
    password = given[f"{name.upper()}_PASSWORD"]

    for setting, login in (("DATABASE_URL", name), ("DATABASE_OWNER_URL", f"{name}_owner")):
        assert settings[f"PROXENIA_{setting}"] == f"postgresql://{login}:{password}@postgres/{name}"
    assert not [key for key in SERVICES[f"{name}-gateway"]["environment"] if "DATABASE" in key]


def test_every_volume_is_used_and_every_network_and_volume_is_there() -> None:
    named = {volume.partition(":")[0] for each in SERVICES.values() for volume in each.get("volumes", ())}
    joined = {network for each in SERVICES.values() for network in each.get("networks", ())}

    assert {each for each in named if not each.startswith("./")} == COMPOSE["volumes"].keys()
    assert joined == COMPOSE["networks"].keys()
    hosts = {each.get("network_mode", "none").removeprefix("service:") for each in SERVICES.values()}
    assert hosts <= {"none", *SERVICES}


def test_grafana_gets_the_dashboards_and_the_prometheus_that_there_are() -> None:
    mounts = dict(volume.split(":")[:2] for volume in SERVICES["grafana"]["volumes"])
    (source,) = yaml.safe_load((ROOT / "envoy/compose/prometheus-source.yml").read_text())["datasources"]
    (provider,) = yaml.safe_load((ROOT / "envoy/compose/dashboards.yml").read_text())["providers"]
    boards = [json.loads(path.read_text()) for path in (ROOT / "envoy" / "grafana").glob("*.json")]

    assert mounts["./envoy/compose/prometheus-source.yml"].startswith(
        "/etc/grafana/provisioning/datasources/"
    )
    assert mounts["./envoy/compose/dashboards.yml"].startswith("/etc/grafana/provisioning/dashboards/")
    assert provider["options"]["path"] == mounts["./envoy/grafana"]
    assert len({board["uid"] for board in boards}) == len(boards) == 3
    for board in boards:
        (variable,) = board["templating"]["list"]
        assert (variable["type"], variable["query"]) == ("datasource", source["type"])
        used = {each["datasource"]["uid"] for panel in board["panels"] for each in (panel, *panel["targets"])}
        assert used <= {f"${{{variable['name']}}}", source["uid"]}
    assert source["isDefault"]


def test_prometheus_finds_its_rules_and_its_token() -> None:
    mounts = {volume.split(":")[1]: volume.split(":")[0] for volume in SERVICES["prometheus"]["volumes"]}
    config = yaml.safe_load((ROOT / "envoy" / "prometheus" / "prometheus.yml").read_text())

    assert "--config.file=/etc/prometheus/prometheus.yml" in SERVICES["prometheus"]["command"]
    for name in ("prometheus.yml", *config["rule_files"]):
        assert mounts[f"/etc/prometheus/{name}"] == f"./envoy/prometheus/{name}"
    (token,) = {
        job["authorization"]["credentials_file"] for job in config["scrape_configs"] if "authorization" in job
    }
    folder, _, file = token.partition("/")
    volume = mounts[f"/etc/prometheus/{folder}"]
    (script,) = OURS["luebeck-token"]["entrypoint"][2:]
    assert f"{volume}:/var/lib/proxenia/token" in OURS["luebeck-token"]["volumes"]
    assert script.endswith(f"> token/{file}")


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
