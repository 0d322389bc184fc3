"""What holds in every process that the command line starts."""

import os
import subprocess
import sys

LOOK = """
import os, sys
from control_plane.app import entry
assert "grpc" not in sys.modules, "imported too early"
from control_plane.app.serve import run
assert "grpc" in sys.modules
pid = os.fork()
if not pid:
    os._exit(0)
assert os.waitpid(pid, 0)[1] == 0
print(os.environ["GRPC_ENABLE_FORK_SUPPORT"])
"""


def test_grpc_is_told_before_it_is_imported_that_nothing_goes_on_in_a_fork() -> None:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("GRPC_")}

    done = subprocess.run(
        [sys.executable, "-c", LOOK],
        check=False,
        capture_output=True,
        text=True,
        timeout=60,
        env=environment,
    )

    assert (done.returncode, done.stdout.strip()) == (0, "0"), done.stderr
