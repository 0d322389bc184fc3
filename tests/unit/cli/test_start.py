"""The command line starts quickly, and hands what runs to those who run it."""

import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest
from click.testing import CliRunner

from control_plane import __version__
from control_plane.app import entry
from control_plane.app.settings import Settings
from control_plane.cli.main import main
from control_plane.cli.processes import SETTINGS
from tests.unit.cli.conftest import Terminal

HEAVY = {
    "aiohttp",
    "alembic",
    "asyncio",
    "asyncpg",
    "cryptography",
    "google",
    "grpc",
    "pydantic",
    "rich",
    "sqlalchemy",
    "structlog",
}
PROGRAM = """
import sys
from control_plane.cli.main import main
main(sys.argv[1:], standalone_mode=False)
print("MODULES", *sorted({name.partition(".")[0] for name in sys.modules}))
"""


@pytest.mark.parametrize("words", [["version"], ["status"], ["node", "list"], ["--help"]])
def test_nothing_heavy_is_imported_to_ask_how_things_are(terminal: Terminal, words: list[str]) -> None:
    command = [sys.executable, "-c", PROGRAM, "--admin", terminal.socket, *words]

    done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=True)

    modules = set(done.stdout.splitlines()[-1].split())
    assert "click" in modules
    assert modules & HEAVY == set()


def test_the_version_is_printed() -> None:
    assert CliRunner().invoke(main, ["version"]).stdout == f"proxenia {__version__}\n"


def test_every_setting_is_an_option() -> None:
    assert set(SETTINGS) == set(Settings.model_fields) - {"state_dir"}


@pytest.mark.parametrize(
    ("words", "function"), [(["up"], "up"), (["serve"], "serve"), (["gateway", "run"], "gateway_run")]
)
def test_processes_are_started_with_what_was_given(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, words: list[str], function: str
) -> None:
    seen: dict[str, object] = {}

    def run(*, config: Path | None, overrides: Mapping[str, object]) -> int:
        seen.update(overrides, config=config)
        return 7

    monkeypatch.setattr(entry, function, run)
    options = ["--trust-domain", "bergen.example", "--config", str(tmp_path / "x.toml")]
    result = CliRunner().invoke(main, ["--state-dir", str(tmp_path), *words, *options])

    assert result.exit_code == 7
    assert seen["trust_domain"] == "bergen.example"
    assert seen["state_dir"] == tmp_path
    assert seen["config"] == tmp_path / "x.toml"
    assert seen["gateway_id"] is None


def test_the_demo_is_started_with_what_was_given(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    seen: list[object] = []

    def run(*, check: bool, output: str, directory: Path | None) -> int:
        seen.extend([check, output, directory])
        return 0

    monkeypatch.setattr(entry, "demo", run)
    result = CliRunner().invoke(main, ["demo", "--check", "-o", "json", "--directory", str(tmp_path)])

    assert result.exit_code == 0
    assert seen == [True, "json", tmp_path]
