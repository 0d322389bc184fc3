"""Tokens: shown once, stored as hashes."""

import json
import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from control_plane.admin.app import ROUTES
from control_plane.admin.operation import group_of
from control_plane.admin.tokens import (
    GROUPS,
    Holder,
    NoSuchTokenError,
    Role,
    TokenFile,
    TokenFileError,
    last_used,
    new_token,
    revoke_token,
    rotate_token,
)


def test_a_token_is_found_by_what_was_shown_once(tmp_path: Path) -> None:
    path = tmp_path / "tokens.json"
    token = new_token(path, name="ci", role=Role.OPERATOR)

    holder = TokenFile(path).find(token)

    assert holder == Holder("ci", Role.OPERATOR)


def test_the_file_holds_no_token_and_is_closed_to_others(tmp_path: Path) -> None:
    path = tmp_path / "state" / "tokens.json"

    token = new_token(path, name="ci", role=Role.VIEWER)

    assert token not in path.read_text()
    assert token.removeprefix("proxenia_") not in path.read_text()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_no_file_means_that_nobody_is_known(tmp_path: Path) -> None:
    assert TokenFile(tmp_path / "tokens.json").find("proxenia_x") is None


def test_a_token_that_is_removed_from_the_file_is_unknown_at_once(tmp_path: Path) -> None:
    path = tmp_path / "tokens.json"
    first = new_token(path, name="first", role=Role.ADMIN)
    tokens = TokenFile(path)
    assert tokens.find(first)

    path.unlink()
    second = new_token(path, name="second", role=Role.ADMIN)

    assert tokens.find(first) is None
    assert tokens.find(second)


def test_a_name_is_used_once(tmp_path: Path) -> None:
    path = tmp_path / "tokens.json"
    first = new_token(path, name="ci", role=Role.ADMIN)

    with pytest.raises(TokenFileError, match="already"):
        new_token(path, name="ci", role=Role.VIEWER)

    assert TokenFile(path).find(first) == Holder("ci", Role.ADMIN)


@pytest.mark.parametrize("text", ["", "{}", "[1]", '[{"name":"x"}]', "\0"])
def test_a_file_that_is_none_lets_nobody_in(tmp_path: Path, text: str) -> None:
    path = tmp_path / "tokens.json"
    path.write_text(text)
    path.chmod(0o600)

    with pytest.raises(TokenFileError, match="make new tokens"):
        TokenFile(path).find("proxenia_x")


def test_an_entry_with_a_role_that_is_none_makes_the_file_none(tmp_path: Path) -> None:
    path = tmp_path / "tokens.json"
    token = new_token(path, name="ci", role=Role.VIEWER)
    entries = json.loads(path.read_text())
    entries[0]["role"] = "king"
    path.write_text(json.dumps(entries))

    with pytest.raises(TokenFileError):
        TokenFile(path).find(token)


@pytest.mark.parametrize("name", ["", "x" * 300, "a\nb"])
def test_a_name_is_printable_and_short(tmp_path: Path, name: str) -> None:
    with pytest.raises(TokenFileError, match="printable"):
        new_token(tmp_path / "tokens.json", name=name, role=Role.VIEWER)


@pytest.mark.parametrize(
    ("role", "covered"),
    [
        (Role.VIEWER, {Role.VIEWER}),
        (Role.OPERATOR, {Role.VIEWER, Role.OPERATOR}),
        (Role.ADMIN, {Role.VIEWER, Role.OPERATOR, Role.ADMIN}),
    ],
)
def test_a_role_covers_the_ones_before_it(role: Role, covered: set[Role]) -> None:
    assert {needed for needed in Role if role.covers(needed)} == covered


NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


def test_a_token_that_has_ended_is_unknown(tmp_path: Path) -> None:
    path, now = tmp_path / "tokens.json", [NOON]
    token = new_token(path, name="ci", role=Role.VIEWER, expires_at=NOON + timedelta(hours=1))
    tokens = TokenFile(path, now=lambda: now[0])
    assert tokens.find(token)
    assert tokens.stands("ci")

    now[0] += timedelta(hours=1)

    assert tokens.find(token) is None
    assert not tokens.stands("ci")


def test_a_rotated_token_counts_as_long_as_the_overlap(tmp_path: Path) -> None:
    path = tmp_path / "tokens.json"
    old = new_token(path, name="ci", role=Role.VIEWER, groups=("audit",))
    new = rotate_token(path, "ci", overlap=timedelta(seconds=60))
    now = [datetime.now(UTC)]
    tokens = TokenFile(path, now=lambda: now[0])
    both = [tokens.find(token) for token in (old, new)]

    now[0] += timedelta(seconds=61)

    assert both == [Holder("ci", Role.VIEWER, frozenset({"audit"}))] * 2
    assert [tokens.find(token) is None for token in (old, new)] == [True, False]


def test_without_an_overlap_the_old_token_is_unknown_at_once(tmp_path: Path) -> None:
    path = tmp_path / "tokens.json"
    old = new_token(path, name="ci", role=Role.VIEWER)
    tokens = TokenFile(path)
    assert tokens.find(old)

    new = rotate_token(path, "ci")
    assert tokens.find(old) is None
    assert tokens.find(new)

    revoke_token(path, "ci")
    assert tokens.find(new) is None
    with pytest.raises(NoSuchTokenError):
        revoke_token(path, "ci")


def test_when_a_token_was_used_is_written_down_once_a_minute(tmp_path: Path) -> None:
    path, now = tmp_path / "tokens.json", [NOON]
    token = new_token(path, name="ci", role=Role.VIEWER)
    tokens = TokenFile(path, now=lambda: now[0])

    tokens.find(token)
    early = last_used(path)
    now[0] += timedelta(seconds=61)
    tokens.find(token)

    assert (early, tokens.used["ci"], last_used(path)["ci"]) == ({}, now[0], now[0])
    assert stat.S_IMODE((tmp_path / "tokens-used.json").stat().st_mode) == 0o600


@pytest.mark.parametrize(
    "wrong", [{"expires_at": "soon"}, {"expires_at": "2026-01-01"}, {"groups": "audit"}, {"previous": "x"}]
)
def test_an_entry_with_terms_that_are_none_makes_the_file_none(
    tmp_path: Path, wrong: dict[str, object]
) -> None:
    path = tmp_path / "tokens.json"
    token = new_token(path, name="ci", role=Role.VIEWER)
    path.write_text(json.dumps([json.loads(path.read_text())[0] | wrong]))

    with pytest.raises(TokenFileError):
        TokenFile(path).find(token)


def test_groups_are_those_of_the_operations() -> None:
    open_to_all = {"healthz", "readyz", "openapi.json", ".well-known", "api"}

    assert {group_of(route.operation.path) for route in ROUTES} - open_to_all == set(GROUPS)
