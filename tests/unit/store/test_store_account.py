import os
from pathlib import Path

import pytest

from control_plane.store.account import Account, blocked_at, own_name

STRANGER = Account("stranger", 54321, 54321, frozenset({54321, 54322}))


@pytest.fixture
def deep(tmp_path: Path) -> Path:
    """A path whose directories, from ``open_`` on, everybody may pass through."""
    path = tmp_path / "open" / "middle" / "leaf"
    path.mkdir(parents=True)
    for directory in (path, *path.parents):
        if directory.is_relative_to(tmp_path):
            directory.chmod(0o711)
    return path


def within(blocked: Path | None, tmp_path: Path) -> Path | None:
    """Only what is below ``tmp_path``: the directories above it are the machine's."""
    return blocked if blocked is None or blocked.is_relative_to(tmp_path) else None


def test_a_path_that_everybody_may_pass_is_not_blocked(deep: Path, tmp_path: Path) -> None:
    assert within(blocked_at(deep, STRANGER), tmp_path) is None


def test_the_topmost_closed_directory_is_named(deep: Path, tmp_path: Path) -> None:
    for directory in (deep, deep.parent):
        directory.chmod(0o700)

    blocked = blocked_at(deep, STRANGER)

    assert blocked is not None
    assert within(blocked, tmp_path) in {None, deep.parent.resolve()}


@pytest.mark.parametrize(
    ("mode", "uid", "groups", "passes"),
    [
        (0o700, os.geteuid(), frozenset[int](), True),
        (0o077, os.geteuid(), frozenset[int](), os.geteuid() == 0),
        (0o710, 54321, frozenset({os.getegid()}), True),
        (0o701, 54321, frozenset({os.getegid()}), False),
        (0o710, 54321, frozenset({54321}), False),
        (0o701, 54321, frozenset({54321}), True),
    ],
)
def test_the_first_class_of_permissions_that_fits_decides(
    tmp_path: Path, mode: int, uid: int, groups: frozenset[int], *, passes: bool
) -> None:
    directory = tmp_path / "d"
    directory.mkdir()
    directory.chmod(mode)

    blocked = blocked_at(directory, Account("x", uid, 54321, groups))

    assert (blocked == directory.resolve()) is (not passes and within(blocked, tmp_path) is not None)
    directory.chmod(0o700)


def test_our_own_user_has_the_name_that_peer_authentication_sees() -> None:
    assert own_name()
