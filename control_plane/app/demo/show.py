"""The demo on a terminal, and as one JSON document."""

import json
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Protocol

from rich.console import Console
from rich.markup import escape

from control_plane.app.demo.scene import Scene


@dataclass(frozen=True, slots=True)
class Result:
    """How one step went."""

    name: str
    ok: bool
    seconds: float
    detail: str


@dataclass(frozen=True, slots=True)
class Report:
    """How the demo went."""

    ok: bool
    seconds: float
    steps: tuple[Result, ...]

    def document(self) -> str:
        """One JSON document."""
        return json.dumps(asdict(self), ensure_ascii=False)


class Show(Protocol):
    """Progress for somebody who waits."""

    def begin(self, title: str) -> None:
        """A step starts."""

    def end(self, result: Result) -> None:
        """It ended."""


class TerminalShow:
    """A line a step, with a spinner while it runs; on stderr, so that stdout stays data."""

    def __init__(self) -> None:
        self._console = Console(file=sys.stderr)
        self._status = self._console.status("")

    def begin(self, title: str) -> None:
        """Show what is going on."""
        self._status = self._console.status(escape(title))
        self._status.start()

    def end(self, result: Result) -> None:
        """Replace it by what came of it."""
        self._status.stop()
        mark = "[green]✓[/]" if result.ok else "[red]✗[/]"
        text = f"{mark} [bold]{result.name:<21}[/] {result.seconds:5.1f} s  {escape(result.detail)}"
        self._console.print(text, soft_wrap=True)


def farewell(scene: Scene, directory: Path) -> str:
    """What to try while the demo stays up."""
    novgorod, luebeck = scene.novgorod, scene.luebeck
    out, other_out = novgorod.sites[0].egress, scene.bergen.sites[0].egress
    lines = (
        "",
        "Everything stays up. Try, in another terminal:",
        f"  curl -H 'Host: orders.luebeck.example' http://127.0.0.1:{out}/hello      # allowed",
        f"  curl -H 'Host: orders.luebeck.example' http://127.0.0.1:{other_out}/hello      # denied",
        f"  proxenia --state-dir {luebeck.state_dir} status",
        f"  proxenia --state-dir {luebeck.state_dir} audit list",
        f"  proxenia --state-dir {novgorod.state_dir} node list",
        f"Logs are in {directory}/*/*.log. Ctrl-C stops everything and removes it.",
    )
    return "\n".join(lines)
