"""What all commands share: where the API is, and how to show what it answers."""

import os
from dataclasses import dataclass
from pathlib import Path

import click

from control_plane.cli.api import Api
from control_plane.cli.output import JSON, TABLE, output_option, show, show_list

__all__ = ["JSON", "TABLE", "Place", "limit_option", "output_option", "pass_place", "show", "show_list"]

limit_option = click.option(
    "--limit", type=click.IntRange(1), default=1000, show_default=True, help="How many at most."
)


@dataclass(frozen=True, slots=True)
class Place:
    """Where this organisation's control plane is. ``given`` is the state directory, when it was named."""

    given: Path | None
    admin: str
    token: str

    @property
    def state_dir(self) -> Path:
        """The state directory."""
        return self.given or default_state_dir()

    def api(self) -> Api:
        """The admin API."""
        return Api(self.admin or str(self.state_dir / "run" / "admin.sock"), self.token)


pass_place = click.make_pass_decorator(Place)


def default_state_dir() -> Path:
    """Where a deployment keeps its state unless told otherwise."""
    if os.geteuid() == 0:
        return Path("/var/lib/proxenia")
    base = os.environ.get("XDG_STATE_HOME")
    return (Path(base) if base else Path.home() / ".local" / "state") / "proxenia"
