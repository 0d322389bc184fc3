"""Groups, drains and circuits from the command line."""

from tests.unit.admin.world import OWN, PARTNER
from tests.unit.cli.conftest import Terminal

KEY = f"lb-1@{PARTNER}"


def add_node(terminal: Terminal) -> None:
    terminal.good("node", "add", KEY, "--endpoint", "192.0.2.1:8443")


def test_a_group_is_added_listed_shown_and_removed(terminal: Terminal) -> None:
    add_node(terminal)
    terminal.good("resource", "add", f"orders@{PARTNER}", "--prefer", "lb-1", "--timeout", "5")

    added = terminal.good("group", "add", f"orders@{OWN}", PARTNER, "--mode", "balance")
    listed = terminal.good("group", "list")
    shown = terminal.good("group", "show", f"orders@{OWN}")
    removed = terminal.good("group", "remove", f"orders@{OWN}")

    assert added == f"group orders@{OWN} added; applications call it as orders.{OWN}\n"
    assert listed.splitlines()[1].split() == [f"orders@{OWN}", f"orders.{OWN}", "balance", PARTNER]
    assert "balance" in shown
    assert removed == f"group orders@{OWN} removed\n"


def test_a_node_is_drained_and_undrained(terminal: Terminal) -> None:
    add_node(terminal)

    drained = terminal.good("node", "drain", KEY, "--reason", "new disks")
    undrained = terminal.good("node", "undrain", KEY)

    assert drained == f"node {KEY} is drained\n"
    assert undrained == f"node {KEY} takes part again\n"


def test_a_circuit_is_opened_shown_and_reset(terminal: Terminal) -> None:
    add_node(terminal)

    opened = terminal.good("circuit", "open", KEY, "--reason", "a drill")
    shown = terminal.good("circuit", "show", KEY)
    reset = terminal.good("circuit", "reset", KEY)
    listed = terminal.good("circuit", "list")

    assert opened == f"the circuit to {KEY} is open\n"
    assert "a drill" in shown
    assert reset == f"the circuit to {KEY} is reset\n"
    assert listed.split() == ["NODE", "GATEWAY", "RESOURCE", "STATE", "REASON", "SINCE", "UNTIL"]


def test_settings_without_effect_are_named_and_are_a_problem(terminal: Terminal) -> None:
    result = terminal.run("circuit", "lint")

    assert result.exit_code == 1
    assert result.stdout == "retries: too many; set it to fewer\n"
