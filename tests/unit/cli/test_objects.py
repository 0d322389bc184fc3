"""Nodes, resources, grants, agreements from the command line: tables, JSON, exit codes."""

import json
from pathlib import Path

import pytest

from tests.unit.admin.world import OWN, PARTNER, certificate, node
from tests.unit.cli.conftest import Terminal

KEY = f"lb-1@{PARTNER}"


def test_a_node_is_added_listed_edited_and_removed(terminal: Terminal) -> None:
    added = terminal.good("node", "add", KEY, "--endpoint", "192.0.2.1:8443", "--label", "zone=a")
    listed = terminal.good("node", "list")
    terminal.good("node", "edit", KEY, "--disable", "--endpoint", "[2001:db8::1]:8443,priority=1,weight=5")
    shown = terminal.good("node", "show", KEY)
    removed = terminal.good("node", "remove", KEY)

    assert added == f"node {KEY} added\n"
    assert listed.splitlines() == [
        "NODE                  ENDPOINTS       ENABLED  TRUST      STATUS   ADMITTED",
        f"{KEY}  192.0.2.1:8443  yes      untrusted  unknown  yes",
    ]
    assert "[2001:db8::1]:8443,priority=1,weight=5" in shown
    assert f"spiffe://{PARTNER}/gateway/lb-1" in shown
    assert removed == f"node {KEY} removed\n"


def test_the_json_is_the_document_of_the_api(terminal: Terminal) -> None:
    added = json.loads(terminal.good("node", "add", KEY, "--endpoint", "192.0.2.1:8443", "-o", "json"))
    shown = json.loads(terminal.good("node", "show", KEY, "-o", "json"))
    listed = json.loads(terminal.good("node", "list", "-o", "json"))

    assert added == shown
    assert (shown.pop("api_version"), shown["node_id"]) == ("v1", "lb-1")
    assert listed == {"api_version": "v1", "items": [shown], "next": None}


def test_nodes_are_imported_from_standard_input(terminal: Terminal) -> None:
    lines = "\n".join(json.dumps(node(f"lb-{number:03}")) for number in range(700))

    loaded = terminal.good("node", "import", "-", stdin=lines)

    assert loaded == "700 nodes loaded\n"
    assert len(terminal.good("node", "list").splitlines()) == 701


def test_a_long_list_is_cut_and_says_so_on_standard_error(terminal: Terminal) -> None:
    terminal.good("node", "import", "-", stdin="\n".join(json.dumps(node(f"lb-{n}")) for n in range(9)))

    result = terminal.run("node", "list", "--limit", "3")

    assert len(result.stdout.splitlines()) == 4
    assert "there are more" in result.stderr


def test_faulty_lines_are_named(terminal: Terminal, tmp_path: Path) -> None:
    file = tmp_path / "nodes.jsonl"
    file.write_text("\n".join(json.dumps(line) for line in (node(enabled=1), node("b", endpoints=[]))))

    result = terminal.run("node", "import", str(file))

    assert result.exit_code == 1
    assert "line 1: " in result.stderr
    assert "line 2: " in result.stderr
    assert len(result.stderr.splitlines()) == 1


def test_a_resource_of_ours_is_offered_and_granted(terminal: Terminal) -> None:
    terminal.good("resource", "add", f"stockfish@{OWN}", "--upstream", "192.0.2.9:8080")
    terminal.good("grant", "add", "stockfish", PARTNER, "--allow", "GET,HEAD /today", "--allow", "/all")
    resources = terminal.good("resource", "list")
    grants = terminal.good("grant", "list")
    refused = terminal.run("resource", "remove", f"stockfish@{OWN}")

    assert f"stockfish@{OWN}  http  stockfish.{OWN}  192.0.2.9:8080" in resources
    assert f"stockfish.{PARTNER}  stockfish  {PARTNER}  GET,HEAD /today; /all" in grants
    assert refused.exit_code == 1
    assert "still_referenced" in refused.stderr


def test_what_was_granted_is_taken_back(terminal: Terminal) -> None:
    terminal.good("resource", "add", f"stockfish@{OWN}", "--upstream", "192.0.2.9:8080")
    terminal.good("grant", "add", "stockfish", PARTNER, "--id", "one")

    terminal.good("grant", "remove", "one")
    terminal.good("resource", "remove", f"stockfish@{OWN}")

    assert json.loads(terminal.good("grant", "list", "-o", "json"))["items"] == []
    assert json.loads(terminal.good("resource", "list", "-o", "json"))["items"] == []


def test_a_partners_resource_is_imported_with_its_nodes(terminal: Terminal) -> None:
    terminal.good("node", "add", KEY, "--endpoint", "192.0.2.1:8443")

    added = terminal.good("resource", "add", f"orders@{PARTNER}", "--node", "lb-1", "--kind", "grpc")
    shown = terminal.good("resource", "show", f"orders@{PARTNER}")

    assert added.endswith(f"applications call it as orders.{PARTNER}\n")
    assert "grpc" in shown


def test_an_agreement_goes_its_way(terminal: Terminal, tmp_path: Path) -> None:
    anchor, _ = certificate()
    file = tmp_path / "luebeck.pem"
    file.write_text(anchor)

    said = [
        terminal.good("agreement", "add", PARTNER, "--bundle", str(file)),
        terminal.good("agreement", "approve", PARTNER, "--reason", "fingerprint compared"),
        terminal.good("agreement", "pause", PARTNER),
        terminal.good("agreement", "resume", PARTNER),
        terminal.good("agreement", "revoke", PARTNER),
        terminal.good("agreement", "set", PARTNER, "--state", "pending", "--bundle", "-", stdin=anchor),
    ]

    states = [line.rstrip("\n").partition(" is ")[2] for line in said]
    assert states == ["pending", "trusted", "trusted, paused", "trusted", "revoked", "pending"]
    assert "FINGERPRINTS" in terminal.good("agreement", "list")
    assert PARTNER in terminal.good("agreement", "show", PARTNER)


def test_a_bundle_with_a_private_key_is_refused(terminal: Terminal, tmp_path: Path) -> None:
    file = tmp_path / "all.pem"
    file.write_text("".join(certificate()))

    result = terminal.run("agreement", "add", PARTNER, "--bundle", str(file))

    assert result.exit_code == 1
    assert "private_key_in_bundle" in result.stderr
    assert result.stdout == ""


def test_our_own_anchors_are_printed_for_partners(terminal: Terminal) -> None:
    anchor, _ = certificate(OWN)
    terminal.world.anchors = (anchor,)

    printed = terminal.good("bundle", "own")
    listed = terminal.good("bundle", "list")

    assert printed == anchor
    assert f"{OWN}  yes  CN={OWN} test" in listed


@pytest.mark.parametrize(
    "words",
    [
        ("node", "add", "lb-1", "--endpoint", "192.0.2.1:1"),
        ("node", "add", KEY),
        ("node", "add", KEY, "--endpoint", "192.0.2.1"),
        ("node", "add", KEY, "--endpoint", "192.0.2.1:1,colour=red"),
        ("node", "add", KEY, "--endpoint", "192.0.2.1:1", "--label", "zone"),
        ("node", "edit", KEY),
        ("grant", "add", "stockfish", PARTNER, "--allow", "today"),
        ("agreement", "add", PARTNER, "--state", "friendly"),
        ("audit", "list", "--since", "yesterday"),
        ("status", "-o", "xml"),
        ("nothing",),
    ],
)
def test_bad_usage_ends_with_2(terminal: Terminal, words: tuple[str, ...]) -> None:
    result = terminal.run(*words)

    assert result.exit_code == 2
    assert result.stdout == ""


@pytest.mark.parametrize(
    "words",
    [
        ("node", "show", KEY),
        ("node", "remove", KEY),
        ("node", "edit", KEY, "--enable"),
        ("node", "add", KEY, "--endpoint", "192.0.2.1:0"),
        ("resource", "show", "x@y"),
        ("resource", "add", f"orders@{PARTNER}"),
        ("grant", "show", "x"),
        ("grant", "add", "x", PARTNER),
        ("agreement", "approve", PARTNER),
        ("gateway", "deliveries", "x"),
    ],
)
@pytest.mark.parametrize("output", ["table", "json"])
def test_a_refused_request_ends_with_1_and_one_line(
    terminal: Terminal, words: tuple[str, ...], output: str
) -> None:
    result = terminal.run(*words, "-o", output)

    assert result.exit_code == 1
    assert result.stdout == ""
    assert len(result.stderr.splitlines()) == 1


def test_a_key_cannot_climb_out_of_its_path(terminal: Terminal) -> None:
    result = terminal.run("node", "show", "../../status")

    assert result.exit_code == 1
    assert "not_found" in result.stderr
