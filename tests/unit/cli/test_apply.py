"""``proxenia apply``: a file, its difference, and what is said when something is wrong with it."""

import json
from pathlib import Path

import pytest

from tests.unit.admin.world import OWN, PARTNER
from tests.unit.cli.conftest import Terminal

YAML = f"""\
nodes:
  - node_id: lb-1
    organisation: {PARTNER}
    endpoints: ["192.0.2.1:8443"]
resources:
  - name: stockfish
    organisation: {OWN}
    upstreams: ["192.0.2.9:8080"]
grants:
  - {{id: luebeck-plays, resource: stockfish, subject: {PARTNER}}}
"""
TOML = f"""\
[[nodes]]
node_id = "lb-1"
organisation = "{PARTNER}"
endpoints = ["192.0.2.1:8443"]
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "federation.yaml"
    path.write_text(YAML)
    return path


def test_a_dry_run_shows_the_difference_and_the_real_one_makes_it(terminal: Terminal, file: Path) -> None:
    asked = terminal.good("apply", "-f", str(file), "--dry-run")
    nothing = json.loads(terminal.good("node", "list", "-o", "json"))
    done = terminal.good("apply", "-f", str(file))
    again = terminal.good("apply", "-f", str(file))

    assert asked.splitlines() == [
        "3 would change, 0 as declared already",
        f"+ node lb-1@{PARTNER}",
        "    node_id: lb-1",
        f"    organisation: {PARTNER}",
        f"    spiffe_id: spiffe://{PARTNER}/gateway/lb-1",
        "    endpoints: 192.0.2.1:8443",
        "    enabled: yes",
        "    rate_limit_per_hour: 10000",
        f"+ resource stockfish@{OWN}",
        "    name: stockfish",
        f"    organisation: {OWN}",
        "    kind: http",
        "    upstreams: 192.0.2.9:8080",
        "+ grant luebeck-plays",
        "    id: luebeck-plays",
        "    resource: stockfish",
        f"    subject: {PARTNER}",
        "    enabled: yes",
    ]
    assert nothing["items"] == []
    assert done.splitlines()[0] == "3 changed, 0 as declared already"
    assert again == "0 changed, 3 as declared already\n"


def test_a_change_shows_before_and_after(terminal: Terminal, file: Path) -> None:
    terminal.good("apply", "-f", str(file))
    file.write_text(YAML.replace("192.0.2.1:8443", "192.0.2.7:8443"))

    assert terminal.good("apply", "-f", str(file), "--dry-run").splitlines() == [
        "1 would change, 2 as declared already",
        f"~ node lb-1@{PARTNER}",
        "    endpoints: 192.0.2.1:8443 -> 192.0.2.7:8443",
    ]


def test_json_is_the_document_of_the_api(terminal: Terminal, file: Path) -> None:
    document = json.loads(terminal.good("apply", "-f", str(file), "--dry-run", "-o", "json"))

    assert document["dry_run"] is True
    assert [change["action"] for change in document["changes"]] == ["create"] * 3


def test_toml_and_standard_input_are_taken_too(terminal: Terminal, tmp_path: Path) -> None:
    file = tmp_path / "federation.toml"
    file.write_text(TOML)

    by_name = terminal.good("apply", "-f", str(file))
    piped = terminal.good("apply", "-f", "-", stdin=YAML)

    assert by_name.splitlines()[0] == "1 changed, 0 as declared already"
    assert piped.splitlines()[0] == "2 changed, 1 as declared already"


@pytest.mark.parametrize(
    ("old", "new", "why"),
    [
        ("nodes:", "nodes: [", "line 2"),
        ("    organisation", "    node_id: x\n    organisation", "line 3: expected each key once"),
        ("nodes:", "node:", "expected nodes, resources, grants, got 'node'"),
        ("192.0.2.1:8443", "luebeck.example:8443", "line 2: /nodes/0/endpoints/0: expected an IP address"),
        ("resource: stockfish", "resource: chess", "line 10: /grants/0: expected a resource of"),
    ],
)
def test_a_fault_is_told_and_nothing_is_changed(
    terminal: Terminal, file: Path, old: str, new: str, why: str
) -> None:
    file.write_text(YAML.replace(old, new, 1))

    result = terminal.run("apply", "-f", str(file))

    assert result.exit_code == 1
    assert why in result.stderr
    assert json.loads(terminal.good("node", "list", "-o", "json"))["items"] == []


def test_exit_codes_are_those_of_all_commands(terminal: Terminal, file: Path, tmp_path: Path) -> None:
    absent = terminal.run("apply", "-f", str(tmp_path / "none.yaml"))
    nobody = terminal.run("apply", "-f", str(file), PROXENIA_ADMIN=str(tmp_path / "none.sock"))
    stranger = terminal.run("apply", "-f", str(file), PROXENIA_ADMIN=terminal.address)

    assert [result.exit_code for result in (absent, nobody, stranger)] == [2, 3, 4]
