"""``proxenia demo --check -o json``, as a stranger runs it."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.e2e.conftest import room

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(180)]


def processes_in(directory: Path) -> list[str]:
    """Command lines of processes that work in or with ``directory``."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            words = (process / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
            at = (process / "cwd").readlink()
        except OSError:
            continue  # it ended, or is not ours to look at
        if str(directory) in f"{words} {at}":
            found.append(words)
    return found


@pytest.mark.alone
def test_the_demo_holds_and_leaves_nothing_behind() -> None:
    with room() as place:
        check(place)


def check(place: Path) -> None:
    """Run the demo with everything it might write in ``place``."""
    environment = {"PATH": os.environ["PATH"], "HOME": str(place), "TMPDIR": str(place)}

    done = subprocess.run(
        [sys.executable, "-m", "control_plane", "demo", "--check", "-o", "json"],
        env=environment, capture_output=True, text=True, timeout=150, check=False, cwd=Path.cwd(),
    )  # fmt: skip

    assert done.returncode == 0, done.stderr[-6000:]
    report = json.loads(done.stdout)
    assert report["ok"] is True
    assert [step["name"] for step in report["steps"]] == [
        "start", "agree", "granted", "denied", "stranger", "audit", "node-killed", "circuit",
        "control-plane-killed",
    ]  # fmt: skip
    assert all(step["ok"] and step["detail"] and step["seconds"] >= 0 for step in report["steps"])
    assert report["seconds"] < 60
    assert list(place.iterdir()) == []
    assert processes_in(place) == []
