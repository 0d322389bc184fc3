"""The system of the documentation: installed and started as README and quick start say, once for all pages.

What differs from a reader's machine: ports and system directories (``here.py``); packages come from the
environment that the tests run in, not from an index; and heartbeats and draining are quicker.
"""

import os
import signal
import sys
import sysconfig
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.docs.blocks import Block, blocks
from tests.docs.database import database
from tests.docs.here import Here
from tests.docs.pages import ROOT, followed
from tests.docs.terminal import Terminal
from tests.e2e.conftest import room

DOCS = ROOT / "docs"
MACHINES = ("control", "control-2", "gateway")
HURRY = {
    "PROXENIA_ENVOY_CONCURRENCY": "1",
    "PROXENIA_DRAIN_SECONDS": "0.2",
    "PROXENIA_HEARTBEAT_SECONDS": "1",
}


@dataclass(frozen=True, slots=True)
class Machine:
    """Where pages are followed."""

    home: Path
    environment: dict[str, str]
    here: Here

    def terminal(self, directory: Path) -> Terminal:
        """A new terminal that starts in ``directory``."""
        return Terminal(directory, self.environment, self.here)


@pytest.fixture(scope="session")
def machine() -> Iterator[Machine]:
    """A clean one: an empty home, and ``python3``."""
    with room() as directory:
        home, tools = directory / "home", directory / "bin"
        home.mkdir(mode=0o711)
        tools.mkdir()
        (tools / "python3").symlink_to(Path(sys.executable).resolve())
        environment = {
            **HURRY,
            "HOME": str(home),
            "PATH": f"{home}/proxenia/bin:{tools}:{directory}/tools:/usr/local/bin:{os.defpath}:/usr/sbin",
            # The packages that are installed here, in place of an index.
            "PYTHONPATH": sysconfig.get_paths()["purelib"],
            "PIP_NO_INDEX": "1",
            "PIP_NO_COMPILE": "1",
            "PIP_NO_BUILD_ISOLATION": "0",  # pip reads it as the value of --build-isolation
            "PIP_DISABLE_PIP_VERSION_CHECK": "1",
        }
        (directory / "tools").symlink_to(Path(__file__).parent / "standins")
        states = {name: home / "trade" / name for name in ("luebeck", "novgorod")}
        states |= {name: directory / "root" / name / "var/lib/proxenia" for name in MACHINES}
        here = Here(directory / "root", states)
        for name, egress in (("luebeck", "15001"), ("novgorod", "15002")):
            environment[f"STATE_{name}"] = str(states[name])
            environment[f"EGRESS_{name}"] = f"127.0.0.1:{here.port('127.0.0.1', egress)}"
        environment["CHECKOUT"] = str(ROOT)
        yield Machine(home, environment, here)


@pytest.fixture(scope="session")
def installed(machine: Machine) -> Machine:
    """The machine after the README's ``pip install``."""
    found = [block for block in blocks(ROOT / "README.md") if "pip install" in block.text]
    assert len(found) == 1
    with machine.terminal(ROOT) as terminal:
        terminal.follow(found[0])
    return machine


def steps(page: Path) -> tuple[list[Block], list[Block]]:
    """The blocks of a page that are followed, and those below its last heading, which cleans up."""
    last = page.read_text(encoding="utf-8").rpartition("\n## ")[0].count("\n") + 1
    every = followed(page)
    return [block for block in every if block.line < last], [block for block in every if block.line >= last]


@pytest.fixture(scope="session")
def trade(installed: Machine) -> Iterator[Machine]:
    """Two partners, as the quick start leaves them before it cleans up; then it cleans up."""
    forth, back = steps(DOCS / "quickstart.md")
    with installed.terminal(installed.home) as terminal:
        for block in forth:
            terminal.follow(block)
        yield installed
        for block in back:
            terminal.follow(block)
    assert not (installed.home / "trade").exists()


@pytest.fixture(scope="session")
def works(installed: Machine) -> Iterator[Machine]:
    """The machines of a production deployment: empty but for the package, and a database with TLS."""
    here = installed.here
    for name in MACHINES:
        root = here.root / name
        (root / "opt").mkdir(parents=True)
        (root / "opt" / "proxenia").symlink_to(installed.home / "proxenia")
    authority = here.root / "control" / "etc" / "proxenia" / "database-ca.pem"
    port = here.port("db.visby.example", "5432")
    with database(here.root.parent / "db", port, authority) as psql:
        (here.root.parent / "bin" / "psql").symlink_to(psql)
        try:
            yield installed
        finally:
            _stop_units(here.root)


def _stop_units(root: Path) -> None:
    """Stop what ``systemctl`` of the pages started (``standins/systemctl``)."""
    keepers = [int(path.read_text()) for path in root.glob("*/run/*.pid")]
    for pid in keepers:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGTERM)
    deadline = time.monotonic() + 60
    while any(Path(f"/proc/{pid}").exists() for pid in keepers) and time.monotonic() < deadline:
        time.sleep(0.1)
    for process in Path("/proc").glob("[0-9]*"):  # an Envoy whose agent was ended without it
        with suppress(OSError):
            if (process / "cwd").readlink().is_relative_to(root):
                os.kill(int(process.name), signal.SIGTERM)
