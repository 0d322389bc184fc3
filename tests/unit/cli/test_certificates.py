"""``proxenia cert``: the verdict first, then what ends; and the steps of a change of anchors."""

from datetime import UTC, datetime

import pytest

from control_plane.cli.certificates import lasting
from control_plane.model.expiry import DatedKind, Expiring
from tests.unit.cli.conftest import Terminal


def ending(severity: str) -> Expiring:
    return Expiring(
        subject="gateway gw-1",
        kind=DatedKind.LEAF,
        organisation="bergen.example",
        not_after=datetime(2026, 1, 1, 12, tzinfo=UTC),
        breaks="its requests fail",
        seconds_left=7200,
        severity=severity,
    )


@pytest.mark.parametrize(("severity", "code"), [("ok", 0), ("warning", 1), ("expired", 1)])
def test_the_first_line_is_the_verdict_and_so_is_the_exit_code(
    terminal: Terminal, severity: str, code: int
) -> None:
    terminal.world.expiries.items = (ending(severity),)

    result = terminal.run("cert", "list")

    assert result.exit_code == code
    assert result.stdout.startswith(f"{severity}: ")
    assert "2 h" in result.stdout
    assert "its requests fail" in result.stdout


def test_a_rotation_is_driven_from_the_command_line(terminal: Terminal) -> None:
    assert terminal.good("cert", "rotation", "show").startswith("as a test wants it")
    assert terminal.good("cert", "rotation", "start").startswith("announced")
    terminal.good("cert", "rotation", "confirm", "luebeck.example")
    terminal.good("cert", "rotation", "abort")

    assert terminal.world.rotations is not None
    assert [deed[0] for deed in terminal.world.rotations.deeds] == ["start", "confirm", "abort"]


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(30, "30 s"), (119, "119 s"), (120, "2 min"), (7200, "2 h"), (172800, "2 d"), (-7200, "2 h ago")],
)
def test_durations_are_short(seconds: int, text: str) -> None:
    assert lasting(seconds) == text
