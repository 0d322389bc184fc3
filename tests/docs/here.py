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
# Addresses of the same machine; what is on no machine of its own is on the reader's.
_MACHINES = {
    "192.0.2.10": "control",
    "proxenia.visby.example": "control",
    "192.0.2.11": "control-2",
    "192.0.2.20": "gateway",
}
# Ports of a gateway's own loopback, whoever's settings name them.
_BESIDE_GATEWAYS = {"4317"}
_ANY = ("127.0.0.1", "0.0.0.0")  # noqa: S104 - a text of pages


@dataclass(slots=True)
class Here:
    """Below ``root`` are the roots of machines that pages name; ``states`` are state directories by name."""

    root: Path
    states: dict[str, Path] = field(default_factory=dict)
    _ports: dict[tuple[str, str], tuple[str, int]] = field(default_factory=dict)

    def machine(self, at: str) -> Path:
        """The root of a machine; organisations of the quick start share the reader's."""
        return self.root / (at if at in _MACHINES.values() or at == "db" else "reader")

    def text(self, text: str, at: str) -> str:
        """A text of the page, as it is here on the machine ``at``."""
        text = _SYSTEM.sub(lambda match: f"{self.machine(at)}{match[1]}", text)
        text = _HTTP_SERVER.sub(lambda match: f"{match[1]}{self.port('127.0.0.1', match[2], at)}", text)
        return _ADDRESS.sub(lambda match: f"127.0.0.1:{self.port(match[1], match[2], at)}", text)

    def back(self, text: str, at: str) -> str:
        """A text of this machine, as the page has it."""
        for address, port in self._ports.values():
            text = text.replace(f"127.0.0.1:{port}", address)
        return text.replace(str(self.machine(at)), "")

    def port(self, host: str, port: str, at: str = "") -> int:
        """The port that stands for this one; the same each time."""
        at = "gateway" if port in _BESIDE_GATEWAYS else at
        owner = self.machine(at).name if host in _ANY else _MACHINES.get(host, host)
        address = "127.0.0.1" if host in _ANY else host
        return self._ports.setdefault((owner, port), (f"{address}:{port}", free_port()))[1]
