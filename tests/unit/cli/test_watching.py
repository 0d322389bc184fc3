"""Status, gateways, audit, tokens; and what happens when the API cannot be used."""

import asyncio
import json
import socket
import tempfile
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner

from control_plane.admin.tokens import TOKEN_FILE, Holder, Role, TokenFile
from control_plane.cli.main import main
from control_plane.cli.options import default_state_dir
from control_plane.cli.text import clean, table
from control_plane.model.audit import AuditEvent, EventType
from control_plane.model.change import Kind
from control_plane.model.delivery import Delivery, Refusal
from control_plane.model.gateway import Gateway
from control_plane.model.identity import ObjectId, SpiffeId
from control_plane.model.node import Endpoint
from control_plane.model.problem import Problem
from control_plane.model.xds import CLUSTER, ENDPOINTS
from control_plane.ports.deliveries import GatewayState
from control_plane.ports.objects import Write
from tests.unit.admin.world import OWN, World
from tests.unit.cli.conftest import Terminal

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
REFUSAL = Refusal("to/orders.luebeck.example", "v1", "no such \x1b[31mcluster", 1.0)


def connect(world: World, *, refused: tuple[Refusal, ...] = ()) -> None:
    """Let two gateways be known; one never connected."""
    first = Gateway(
        id=ObjectId("gw-1"),
        spiffe_id=SpiffeId(f"spiffe://{OWN}/gateway/gw-1"),
        ingress=Endpoint("192.0.2.3", 8443),
        egress=Endpoint("127.0.0.1", 15001),
        envoy_version="1.40.0",
    )
    deliveries = (Delivery(CLUSTER, 5, 1, 3, refused, 7), Delivery(ENDPOINTS, 4, 0, 4, (), 7))
    state = GatewayState("gw-1", connected=True, deliveries=deliveries, replica="r", at=NOW)
    asyncio.run(_put(world, first, state))


async def _put(world: World, gateway: Gateway, state: GatewayState) -> None:
    await world.objects.write([Write(Kind.GATEWAY, gateway.key, gateway)], actor="test")
    await world.deliveries.save([state])


def test_the_status_is_the_verdict_and_the_matrix_when_all_is_well(terminal: Terminal) -> None:
    connect(terminal.world)

    lines = terminal.good("status").splitlines()

    assert lines == [
        f"ok: {OWN}: 1 gateway connected, 2 nodes of 0 partners, 0 resources, 0 grants",
        "",
        "GATEWAY  CONNECTED  CLUSTERS         ENDPOINTS",
        "gw-1     yes        3/5 1 in flight  4/4",
    ]


def test_the_status_tells_what_is_wrong_and_ends_with_1(terminal: Terminal) -> None:
    connect(terminal.world, refused=(REFUSAL,))
    terminal.world.overview.problems = (Problem("node x", "disabled", "it is disabled", "enable it"),)

    result = terminal.run("status")

    assert result.exit_code == 1
    lines = result.stdout.splitlines()
    assert lines[0] == f"problem: {OWN}: 1 resource refused by Envoy; 1 problem"
    assert lines[-2] == "refused by gw-1: clusters to/orders.luebeck.example: no such \\x1b[31mcluster"
    assert lines[-1] == "node x: it is disabled (disabled); enable it"


def test_the_status_as_json_is_the_document_with_the_same_exit_code(terminal: Terminal) -> None:
    result = terminal.run("status", "-o", "json")

    assert result.exit_code == 1
    assert json.loads(result.stdout)["verdict"] == "problem"


def test_gateways_are_listed_with_what_they_acknowledged(terminal: Terminal) -> None:
    connect(terminal.world, refused=(REFUSAL,))

    listed = terminal.good("gateway", "list").splitlines()
    deliveries = terminal.good("gateway", "deliveries", "gw-1").splitlines()

    assert listed[1].split() == ["gw-1", "yes", "192.0.2.3:8443", "127.0.0.1:15001", "1.40.0", "7/9", "1"]
    assert deliveries[1] == "gw-1     yes        3/5 1 in flight 1 refused  4/4"


def test_the_audit_is_listed_and_filtered(terminal: Terminal) -> None:
    events = [
        AuditEvent(
            event_id=f"e{number}",
            reporter="gw-1",
            row_id=str(number),
            timestamp=datetime.now(UTC) - timedelta(hours=number),
            event_type=EventType.CROSS_ORG_REQUEST,
            decision="allowed",
            status=200,
            correlation_id=f"c{number}",
        )
        for number in range(4)
    ]
    asyncio.run(terminal.world.audit.append(events))

    listed = terminal.good("audit", "list", "--decision", "allowed")
    recent = json.loads(terminal.good("audit", "list", "--since", "90m", "-o", "json"))
    older = json.loads(
        terminal.good("audit", "list", "--until", events[2].timestamp.isoformat(), "-o", "json")
    )

    assert [line.split()[-1] for line in listed.splitlines()[1:]] == ["c0", "c1", "c2", "c3"]
    assert [item["correlation_id"] for item in recent["items"]] == ["c0", "c1"]
    assert [item["correlation_id"] for item in older["items"]] == ["c3"]


def test_a_token_is_printed_once_and_lets_in_over_tcp(terminal: Terminal, tmp_path: Path) -> None:
    made = CliRunner().invoke(
        main, ["--state-dir", str(tmp_path), "token", "new", "ci", "--role", "operator"]
    )
    role = Role.OPERATOR

    assert made.exit_code == 0
    assert TokenFile(tmp_path / TOKEN_FILE).find(made.stdout.strip()) == Holder("ci", role)
    reached = terminal.run(
        "node", "list", PROXENIA_ADMIN=terminal.address, PROXENIA_TOKEN=terminal.world.tokens[role]
    )
    assert reached.exit_code == 0


def test_a_second_token_of_the_same_name_is_refused(tmp_path: Path) -> None:
    words = ["--state-dir", str(tmp_path), "token", "new", "ci"]
    CliRunner().invoke(main, words)

    again = CliRunner().invoke(main, words)

    assert again.exit_code == 1
    assert "already" in again.stderr


@pytest.mark.parametrize("token", ["", "wrong"])
def test_without_a_good_token_commands_end_with_4(terminal: Terminal, token: str) -> None:
    result = terminal.run("node", "list", PROXENIA_ADMIN=terminal.address, PROXENIA_TOKEN=token)

    assert result.exit_code == 4
    assert "proxenia token new" in result.stderr


def test_a_role_that_is_too_low_ends_with_4(terminal: Terminal) -> None:
    token = terminal.world.tokens[Role.VIEWER]

    result = terminal.run("grant", "remove", "x", PROXENIA_ADMIN=terminal.address, PROXENIA_TOKEN=token)

    assert result.exit_code == 4
    assert "not_permitted" in result.stderr


@pytest.mark.parametrize("output", ["table", "json"])
def test_without_a_control_plane_commands_end_with_3(tmp_path: Path, output: str) -> None:
    result = CliRunner().invoke(main, ["--state-dir", str(tmp_path), "status", "-o", output])

    assert result.exit_code == 3
    assert "proxenia up" in result.stderr
    assert result.stdout == ""


def test_an_address_beyond_the_loopback_without_tls_is_bad_usage() -> None:
    results = [
        CliRunner().invoke(main, ["--admin", address, "status"])
        for address in (
            "http://192.0.2.1:80",
            "https://127.0.0.1:x",
            "http://127.0.0.1:x",
            "http://example.org",
        )
    ]

    assert [result.exit_code for result in results] == [2, 2, 2, 2]


def _answer(listener: socket.socket, text: bytes) -> None:
    """Take one connection, and say ``text``."""
    connection, _ = listener.accept()
    with connection:
        connection.recv(1 << 16)
        connection.sendall(text)


def test_an_answer_that_is_not_http_ends_with_3() -> None:
    with tempfile.TemporaryDirectory(prefix="pxc") as name, socket.socket(socket.AF_UNIX) as listener:
        path = f"{name}/s"
        listener.bind(path)
        listener.listen(1)
        listener.settimeout(10)

        answering = threading.Thread(target=_answer, args=(listener, b"hello\n"))
        answering.start()
        result = CliRunner().invoke(main, ["--admin", path, "status"])
        answering.join(10)

    assert result.exit_code == 3


def test_a_database_that_is_away_is_told(terminal: Terminal) -> None:
    terminal.world.objects.down = True

    result = terminal.run("node", "list")

    assert result.exit_code == 1
    assert "unavailable" in result.stderr


def test_what_comes_from_elsewhere_cannot_move_the_cursor() -> None:
    assert clean("a\x1b[2Jb\r\n\u202ec\u0085") == "a\\x1b[2Jb\\r\\n\\u202ec\\x85"
    assert table(["A"], [["\x07"], [""]]) == "A\n\\x07\n-"


def test_the_state_directory_is_roots_or_the_users(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 0)
    roots = default_state_dir()
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    monkeypatch.setenv("XDG_STATE_HOME", "/state")
    users = default_state_dir()

    assert (roots, users) == (Path("/var/lib/proxenia"), Path("/state/proxenia"))
