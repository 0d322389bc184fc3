"""Backup and restore say what they need, with the exit codes of all commands, and leave nothing half done."""

from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from control_plane.cli.main import main

GOOD = "correct horse battery staple"


def run(directory: Path, *words: str, **environment: str) -> Result:
    env = {"PROXENIA_STATE_DIR": str(directory / "state"), "PROXENIA_TRUST_DOMAIN": "luebeck.example"}
    return CliRunner().invoke(main, list(words), env=env | environment)


@pytest.fixture
def secret(tmp_path: Path) -> str:
    path = tmp_path / "passphrase"
    path.write_text(GOOD)
    path.chmod(0o600)
    return str(path)


@pytest.mark.parametrize("verb", ["backup", "restore"])
def test_without_a_terminal_a_passphrase_comes_from_a_file(tmp_path: Path, verb: str) -> None:
    result = run(tmp_path, verb, str(tmp_path / "file"))

    assert result.exit_code == 2
    assert "--passphrase-file" in result.stderr


def test_a_passphrase_that_others_can_read_is_not_used(tmp_path: Path, secret: str) -> None:
    Path(secret).chmod(0o644)

    result = run(tmp_path, "backup", str(tmp_path / "file"), "--passphrase-file", secret)

    assert result.exit_code == 2
    assert "0600" in result.stderr


def test_a_file_that_exists_is_not_replaced(tmp_path: Path, secret: str) -> None:
    (tmp_path / "file").write_text("something")

    result = run(tmp_path, "backup", str(tmp_path / "file"), "--passphrase-file", secret)

    assert result.exit_code == 1
    assert "file_exists" in result.stderr
    assert (tmp_path / "file").read_text() == "something"


@pytest.mark.usefixtures("socket_enabled")
def test_without_a_database_there_is_no_backup(tmp_path: Path, secret: str) -> None:
    nowhere = f"postgresql:///proxenia?host={tmp_path}"

    result = run(
        tmp_path, "backup", str(tmp_path / "file"), "--passphrase-file", secret, PROXENIA_DATABASE_URL=nowhere
    )

    assert result.exit_code == 3
    assert sorted(path.name for path in tmp_path.iterdir()) == ["passphrase", "state"]


def test_what_is_no_backup_is_not_restored(tmp_path: Path, secret: str) -> None:
    result = run(tmp_path, "restore", secret, "--passphrase-file", secret)

    assert result.exit_code == 1
    assert "not_a_backup" in result.stderr
    assert not (tmp_path / "state").exists()


def test_a_backup_that_is_not_there_is_said_to_be_missing(tmp_path: Path, secret: str) -> None:
    result = run(tmp_path, "restore", str(tmp_path / "none"), "--passphrase-file", secret)

    assert result.exit_code == 1
    assert "No such file" in result.stderr
