"""``proxenia token``: on the file alone, and over the API; the same in every format."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from control_plane.admin.tokens import TOKEN_FILE, Role, TokenFile
from control_plane.cli.main import main
from tests.unit.cli.conftest import Terminal


@pytest.fixture(params=["file", "api"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> list[str]:
    """Arguments that say where tokens are; and the file that they end up in."""
    if request.param == "file":
        return ["--state-dir", str(tmp_path)]
    terminal: Terminal = request.getfixturevalue("terminal")
    return ["--admin", terminal.socket, "--state-dir", str(terminal.world.directory)]


def run(place: list[str], *arguments: str) -> Result:
    return CliRunner().invoke(main, [*place, "token", *arguments])


def file_of(place: list[str]) -> TokenFile:
    state = Path(place[-1])
    there = state / TOKEN_FILE
    return TokenFile(there if there.exists() else state / "tokens.json")


def test_a_token_lives_from_new_to_revoke(place: list[str]) -> None:
    made = run(place, "new", "ci", "--role", "operator", "--group", "audit", "--days", "2")
    first = made.stdout.strip()
    holder = file_of(place).find(first)
    rotated = run(place, "rotate", "ci", "-o", "json")
    second = json.loads(rotated.stdout)["token"]
    listed = run(place, "list", "-o", "json")
    table = run(place, "list")
    revoked = run(place, "revoke", "ci")

    assert [each.exit_code for each in (made, rotated, listed, table, revoked)] == [0] * 5
    assert holder is not None
    assert (holder.name, holder.role, holder.groups) == ("ci", Role.OPERATOR, frozenset({"audit"}))
    (item,) = [each for each in json.loads(listed.stdout)["items"] if each["name"] == "ci"]
    assert (item["role"], item["groups"], item["expired"]) == ("operator", ["audit"], False)
    assert item["expires_at"]
    assert "ci" in table.stdout
    assert second not in listed.stdout
    assert [file_of(place).find(token) for token in (first, second)] == [None, None]
    assert revoked.stdout == "revoked ci\n"


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("rotate", "nobody"), 1),
        (("revoke", "nobody"), 1),
        (("new", ""), 1),
        (("new", "x", "--days", "0"), 2),
        (("new", "x", "--role", "king"), 2),
    ],
)
def test_what_cannot_be_done_ends_with_its_exit_code_in_every_format(
    place: list[str], arguments: tuple[str, ...], code: int
) -> None:
    told = [run(place, *arguments), run(place, *arguments, "-o", "json")]

    assert [each.exit_code for each in told] == [code, code]
    assert all(each.stdout == "" for each in told)


def test_without_a_control_plane_the_api_is_unreachable(tmp_path: Path) -> None:
    told = run(["--admin", str(tmp_path / "nothing.sock")], "list")

    assert told.exit_code == 3
