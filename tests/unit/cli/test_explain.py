"""Asking why, and what would be allowed, from the command line."""

import pytest

from tests.unit.admin.world import OWN, PARTNER
from tests.unit.cli.conftest import Terminal

LB_1 = f"spiffe://{PARTNER}/gateway/lb-1"


def test_what_stops_something_is_the_first_line_and_the_exit_code(terminal: Terminal) -> None:
    result = terminal.run("explain", f"nothing@{PARTNER}")

    assert result.exit_code == 1
    first, second, *_ = result.stdout.splitlines()
    assert first.startswith(f"unknown_resource: we know no nothing of {PARTNER}")
    assert second.startswith("next: correct the name")


def test_a_code_a_node_and_a_request_are_told_apart(terminal: Terminal) -> None:
    code = terminal.run("explain", "--code", "deny:capability")
    node = terminal.run("explain", "--node", f"lb-9@{PARTNER}")
    request = terminal.run("explain", "00000000-0000-4000-8000-000000000000")
    both = terminal.run("explain", "a@b", "--code", "x")

    assert "method, path or tool" in code.stdout
    assert (code.exit_code, node.exit_code, request.exit_code) == (0, 1, 1)
    assert "node_unknown" in node.stdout
    assert "unknown_request" in request.stdout
    assert both.exit_code == 2


@pytest.mark.parametrize("output", ["table", "json"])
def test_every_kind_of_code_is_shown_and_an_unknown_one_is_bad_usage(terminal: Terminal, output: str) -> None:
    shown = [terminal.run("explain", "--code", code, "-o", output) for code in ("nack", "changed_meanwhile")]
    unknown = terminal.run("explain", "--code", "nothing_like_it", "-o", output)

    assert [result.exit_code for result in shown] == [0, 0]
    assert "Envoy refused a part of its configuration" in shown[0].stdout
    assert "Somebody else changed it" in shown[1].stdout
    assert (unknown.exit_code, unknown.stdout) == (2, "")
    assert "nothing_like_it" in unknown.stderr


def test_asking_the_running_gateway_needs_one_on_this_machine(terminal: Terminal) -> None:
    result = terminal.run("explain", f"orders@{PARTNER}", "--live")

    assert result.exit_code == 1
    assert "no gateway ran in" in result.stderr


def test_what_would_be_denied_ends_with_1_and_says_why(terminal: Terminal) -> None:
    result = terminal.run("authorize", LB_1, f"stockfish@{OWN}", "--method", "PUT", "--path", "/today")

    assert result.exit_code == 1
    assert "denied: we offer no stockfish" in result.stdout


def test_a_call_of_a_tool_is_asked_as_a_message(terminal: Terminal) -> None:
    result = terminal.run("authorize", LB_1, f"stockfish@{OWN}", "--tool", "find", "-o", "json")

    event = terminal.world.audit.events[-1]
    assert result.exit_code == 1
    assert (event.action, event.capability) == ("tools/call", "find")


def test_a_grant_with_hours_an_end_tools_and_an_approval(terminal: Terminal) -> None:
    terminal.good("resource", "add", f"stockfish@{OWN}", "--upstream", "192.0.2.9:8080")

    terminal.good(
        *("grant", "add", "stockfish", PARTNER, "--id", "g", "--tool", "find", "--tool", "sum"),
        *("--hours", "1-5 08:00-17:30", "--until", "2030-01-31T12:00+00:00", "--approval", "council"),
    )
    terminal.good("grant", "approve", "g", "council")

    shown = terminal.good("grant", "show", "g")
    assert "find, sum" in shown
    assert "08:00" in shown
    assert "2030-01-31" in shown
    assert terminal.run("grant", "disapprove", "g", "other").exit_code == 1
