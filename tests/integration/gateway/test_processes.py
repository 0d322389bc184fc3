"""What the kernel says of processes that somebody else may have started."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from control_plane.gateway import processes

pytestmark = pytest.mark.integration


@pytest.fixture
def child(tmp_path: Path) -> Iterator[subprocess.Popen[bytes]]:
    argv = [sys.executable, "-c", "import time; time.sleep(60)", "a (name) with) brackets"]
    with subprocess.Popen(argv, cwd=tmp_path) as process:
        yield process
        process.kill()


def wait_for_exit(pid: int) -> None:
    os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)


def test_a_process_is_found_by_its_directory_and_an_argument(
    child: subprocess.Popen[bytes], tmp_path: Path
) -> None:
    found = processes.find(tmp_path, "a (name) with) brackets")

    assert [process.pid for process in found] == [child.pid]
    assert processes.same_command(found[0], child.args)  # type: ignore[arg-type]  # a list of texts here
    assert processes.find(tmp_path, "another argument") == []
    assert processes.find(tmp_path.parent, "a (name) with) brackets") == []


def test_the_end_of_a_child_is_collected_with_its_cause(child: subprocess.Popen[bytes]) -> None:
    process = processes.describe(child.pid)
    assert process is not None
    running = processes.ended(process)

    processes.send(process, signal.SIGKILL)
    wait_for_exit(child.pid)

    assert running == ""
    assert processes.ended(process) == "signal 9"
    assert processes.ended(process) == "unknown status"
    assert processes.describe(child.pid) is None


def test_another_process_with_a_reused_id_is_neither_ours_nor_signalled(
    child: subprocess.Popen[bytes],
) -> None:
    process = processes.describe(child.pid)
    assert process is not None
    stranger = replace(process, started=process.started - 1)

    processes.send(stranger, signal.SIGKILL)

    assert processes.ended(stranger) == "unknown status"
    assert processes.ended(process) == ""
