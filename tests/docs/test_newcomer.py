"""A newcomer's path: README, then the quick start, literally, in a clean directory and environment."""

import shlex
import subprocess

import pytest

from tests.docs.blocks import blocks
from tests.docs.conftest import Machine
from tests.docs.pages import ROOT

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(600)]


def test_readme_and_quick_start_lead_to_two_partners(trade: Machine) -> None:
    """Each command was followed and each answer compared on the way (``conftest.py``)."""
    for name in ("luebeck", "novgorod"):
        assert (trade.home / "trade" / name / "ca" / "root.pem").exists()
    assert (trade.home / "proxenia" / "bin" / "proxenia").exists()


def test_what_the_readme_starts_with_is_what_is_run_before_a_change_is_taken() -> None:
    """``make demo`` and ``make test`` take minutes: ``.ci/run`` runs them, and this one holds it to that."""
    run = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    shown = next(block for block in blocks(ROOT / "README.md") if block.words.get("by") == "ci")

    for line in shown.text.splitlines():
        command = line.partition("#")[0].strip()
        assert f"step {command}" in run


@pytest.mark.parametrize(
    "command",
    [
        line.partition("#")[0].strip()
        for block in blocks(ROOT / "README.md")
        if "dry" in block.words
        for line in block.text.splitlines()
    ],
)
def test_what_developers_type_is_what_make_understands(command: str) -> None:
    """They run for minutes, or rewrite the checkout: here make only says what it would do."""
    assert command.startswith("make ")

    told = subprocess.run(
        ["make", "--dry-run", *shlex.split(command)[1:]],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )

    assert told.returncode == 0, told.stderr
    assert told.stdout.strip()
