"""What a gateway should have and has not, from the command line."""

from control_plane.model.delivery import Difference, Progress
from control_plane.model.xds import CLUSTER
from tests.unit.cli.conftest import Terminal


def test_what_is_not_acknowledged_is_told_and_is_the_exit_code(terminal: Terminal) -> None:
    good = Difference(CLUSTER, "to/a", "v1", Progress.ACKNOWLEDGED)
    bad = Difference(CLUSTER, "to/b", "v2", Progress.REFUSED, "no such filter")
    terminal.world.streams.of["gw-1"] = (good, bad)

    result = terminal.run("diff", "gw-1")
    everything = terminal.run("diff", "gw-1", "--all")
    terminal.world.streams.of["gw-1"] = (good,)
    fine = terminal.run("diff", "gw-1")

    assert result.exit_code == 1
    assert "to/b" in result.stdout
    assert "no such filter" in result.stdout
    assert "to/a" not in result.stdout
    assert "acknowledged 1 of 2 resources" in result.stdout
    assert "to/a" in everything.stdout
    assert fine.exit_code == 0


def test_a_gateway_that_is_not_connected_or_not_here_is_said_so(terminal: Terminal) -> None:
    gone = terminal.run("diff", "gw-9")
    nobody = terminal.run("diff")

    assert gone.exit_code == 1
    assert "no gateway 'gw-9' is connected" in gone.stderr
    assert nobody.exit_code == 2


def test_history_and_rollback(terminal: Terminal) -> None:
    terminal.good("resource", "add", "stockfish@bergen.example", "--upstream", "192.0.2.9:8080")
    terminal.good("resource", "remove", "stockfish@bergen.example")

    told = terminal.good("history")
    tried = terminal.good("rollback", "1", "--dry-run")
    done = terminal.good("rollback", "1")

    assert "resource stockfish@bergen.example" in told
    assert tried.splitlines()[0] == "1 object, nothing was changed"
    assert "restored  resource stockfish@bergen.example" in done
    assert "as revision 3" in done
