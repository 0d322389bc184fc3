"""``proxenia check`` for people and scripts: ticks, hints, codes, and how long it waits."""

import json
import socket
import threading
from pathlib import Path

import pytest
from click import unstyle
from click.testing import CliRunner

from control_plane.cli.check_report import report_text
from control_plane.cli.main import main
from tests.unit.cli.conftest import Terminal
from tests.unit.cli.test_watching import REFUSAL, connect

PARTNERS = {
    "verdict": "problem",
    "organisation": "bergen.example",
    "summary": "partners: luebeck.example nodes: they say node_offline",
    "groups": [
        {
            "name": "partners",
            "level": "problem",
            "findings": [
                {
                    "subject": "luebeck.example trust",
                    "level": "ok",
                    "detail": "we trust them",
                    "code": "",
                    "hint": "",
                    "theirs": {"level": "ok", "detail": "they trust us", "code": ""},
                },
                {
                    "subject": "luebeck.example nodes",
                    "level": "ok",
                    "detail": "2 nodes",
                    "code": "",
                    "hint": "ask",
                    "theirs": {"level": "problem", "detail": "gw-1 is\x1b[2J away", "code": "node_offline"},
                },
            ],
        }
    ],
}


def test_both_sides_stand_beside_each_other() -> None:
    assert unstyle(report_text(PARTNERS)).splitlines()[2:] == [
        "partners                 from our side  from theirs",
        "\u2713 luebeck.example trust  we trust them  \u2713 they trust us",
        "\u2717 luebeck.example nodes  2 nodes        \u2717 gw-1 is\\x1b[2J away (node_offline)",
        "                         next: ask",
    ]


def test_the_cause_is_in_the_first_line_with_a_next_step_below(terminal: Terminal) -> None:
    connect(terminal.world, refused=(REFUSAL,))

    result = terminal.run("check")

    assert result.exit_code == 1
    lines = result.stdout.splitlines()
    assert lines[0].startswith("problem: bergen.example: ads: gw-1 clusters to/orders.luebeck.example: nack")
    at = next(number for number, line in enumerate(lines) if "(nack)" in line)
    assert "Envoy says: no such \\x1b[31mcluster" in lines[at]
    assert "next: `proxenia diff`" in lines[at + 1]
    assert "database" in lines


def test_short_is_the_verdict_and_what_is_wrong_alone(terminal: Terminal) -> None:
    connect(terminal.world, refused=(REFUSAL,))

    lines = terminal.run("check", "--short").stdout.splitlines()

    assert lines[0].startswith("problem: ")
    assert not [line for line in lines if line.startswith("\u2713")]
    assert [line for line in lines if line.startswith("\u2717")]


def test_names_are_groups_and_codes(terminal: Terminal) -> None:
    result = terminal.run("check", "-o", "name")

    assert result.exit_code == 1
    assert "gateways/no_gateway" in result.stdout.splitlines()


@pytest.mark.parametrize("form", ["table", "json"])
def test_without_a_control_plane_the_cause_is_still_named(tmp_path: Path, form: str) -> None:
    result = CliRunner().invoke(main, ["--state-dir", str(tmp_path / "none"), "check", "-o", form])

    assert result.exit_code == 3
    assert "control_plane_away" in result.stdout
    assert "no_state" in result.stdout


def test_a_socket_without_a_listener_is_told_from_none(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    stopped = CliRunner().invoke(main, ["--state-dir", str(tmp_path), "check"])
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(str(tmp_path / "run" / "admin.sock"))
    killed = CliRunner().invoke(main, ["--state-dir", str(tmp_path), "check"])

    assert "it was stopped" in stopped.stdout
    assert "it was killed" in killed.stdout


def test_who_waits_too_long_gets_5_and_the_last_report(terminal: Terminal) -> None:
    result = terminal.run("check", "--wait", "0.1", "-o", "json")

    assert result.exit_code == 5
    assert json.loads(result.stdout)["verdict"] == "problem"


def test_waiting_ends_as_soon_as_nothing_is_wrong(terminal: Terminal) -> None:
    def start_a_gateway() -> None:
        assert terminal.world.look.asked.wait(20)
        connect(terminal.world)

    thread = threading.Thread(target=start_a_gateway)
    terminal.world.waiting = ("the first read of the database",)
    thread.start()

    def ready() -> None:
        thread.join(20)
        terminal.world.waiting = ()

    readier = threading.Thread(target=ready)
    readier.start()
    result = terminal.run("check", "--wait", "30", "-o", "json")

    readier.join(20)
    assert result.exit_code == 0
    assert json.loads(result.stdout)["verdict"] == "warning"
    assert "database: control plane: starting" in result.stderr


def test_before_the_installation_this_machine_is_looked_at(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        environment = {
            "PROXENIA_INGRESS_LISTEN": f"127.0.0.1:{port}",
            "PROXENIA_ENVOY": str(tmp_path / "envoy"),
            "PROXENIA_DATABASE_URL": f"postgresql://127.0.0.1:{port}/x?host={tmp_path}",
            "PROXENIA_PEERING_ADDRESS": "nobody.invalid:9443",
        }
        result = CliRunner().invoke(
            main, ["--state-dir", str(tmp_path), "check", "--pre", "-o", "json"], env=environment
        )

    assert result.exit_code == 1
    document = json.loads(result.stdout)
    found = {one["code"]: group["name"] for group in document["groups"] for one in group["findings"]}
    assert found["port_taken"] == "ports"
    assert found["no_envoy"] == "envoy"
    assert found["database_away"] == "database"
    assert found["dns_fails"] == "dns"
    assert {group["name"] for group in document["groups"]} >= {"python", "disk", "time", "settings"}


def test_a_setting_that_cannot_be_used_is_named(tmp_path: Path) -> None:
    result = CliRunner().invoke(
        main, ["--state-dir", str(tmp_path), "check", "--pre"], env={"PROXENIA_INGRESS_LISTEN": "nowhere"}
    )

    assert result.exit_code == 1
    assert "ingress_listen" in result.stdout
    assert "bad_setting" in result.stdout.splitlines()[0]
