"""What a page says of machines and directories, and what that is on the machine where the tests run.

An address and its port become a free port of the loopback, and directories of the system directories of the
test: several tests may run at once, and nothing of the machine is touched. What is shown is turned back.
"""

import re
from dataclasses import dataclass, field
from pathlib import Path

from control_plane.app.demo.organisation import free_port

_ADDRESS = re.compile(r"\b((?:\d{1,3}\.){3}\d{1,3}|[a-z0-9-]+(?:\.[a-z0-9-]+)*\.example):(\d{2,5})\b")
_HTTP_SERVER = re.compile(r"(http\.server )(\d+)")
_SYSTEM = re.compile(
    r"(?<![\w.~/-])(/etc/proxenia|/etc/systemd|/var/lib/proxenia|/opt/proxenia|/srv)(?![\w-])"
)
_OURS = ("127.0.0.1", "0.0.0.0")  # noqa: S104 - a text of pages


@dataclass(slots=True)
class Here:
    """``root`` stands for the root of the page's machine; ``states`` are the state directories by name."""

    root: Path
    states: dict[str, Path] = field(default_factory=dict)
    _ports: dict[str, int] = field(default_factory=dict)

    def text(self, text: str) -> str:
        """A text of the page, as it is here."""
        text = _SYSTEM.sub(lambda match: f"{self.root}{match[1]}", text)
        text = _HTTP_SERVER.sub(lambda match: f"{match[1]}{self.port('127.0.0.1', match[2])}", text)
        return _ADDRESS.sub(lambda match: f"127.0.0.1:{self.port(match[1], match[2])}", text)

    def back(self, text: str) -> str:
        """A text of this machine, as the page has it."""
        for address, port in self._ports.items():
            text = text.replace(f"127.0.0.1:{port}", address)
        return text.replace(str(self.root), "")

    def port(self, host: str, port: str) -> int:
        """The port that stands for this one; the same each time."""
        address = f"{'127.0.0.1' if host in _OURS else host}:{port}"
        if address not in self._ports:
            self._ports[address] = free_port()
        return self._ports[address]
